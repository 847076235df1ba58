# pyright: basic
# AutoKeras and Keras Tuner ship no types.
"""The backend `autokeras`: experiments as projects of AutoKeras, whose files are Keras Tuner's.

`run` is a managed run: nasbridge drives the experiment, and AutoKeras' project stores it.
`NASBlock` and `NASTuner` in an AutoModel are the native integration. Both propose the same.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import autokeras
from autokeras.engine.tuner import AutoTuner

from ...engine.driver import Accepted, ExperimentSpec, Observer
from ...engine.run import run_managed
from ...spaces import SearchSpace
from ...strategies import History
from ..keras_tuner.extend import (
    from_native,
    history_in,
    open_store,
    project_at,
    store_project,
    to_native,
)
from ..registry import BACKENDS
from .block import NASBlock
from .compat import patch_shapes
from .oracle import space_in
from .space import unwrapped
from .tuner import NASTuner

__all__ = [
    "CAPABILITIES",
    "NASBlock",
    "NASTuner",
    "from_native",
    "load",
    "run",
    "store_history",
    "to_native",
]

CAPABILITIES = BACKENDS["autokeras"].capabilities

PROJECT = "auto_model"  # the default name of a project in AutoKeras

patch_shapes()


def run(
    experiment: ExperimentSpec,
    directory: Path | None = None,
    jobs: int = 0,
    observer: Observer | None = None,
    project_name: str = PROJECT,
    on_accepted: Accepted | None = None,
) -> History:
    """Run an experiment as a project of AutoKeras, or resume it.

    AutoKeras provides the project: its location and name, its files, its trials and their scores.
    The experiment evaluates the architectures. AutoKeras' data pipelines, inputs and heads are
    available with `NASBlock` and `NASTuner`.

    Args:
        experiment: What to run.
        directory: Where the project and the trials' files are; None keeps nothing.
        jobs: Number of worker processes; 0 evaluates in this process.
        observer: Receives events.
        project_name: The project's name, as for an AutoModel.
        on_accepted: Called when the project has accepted the run, before the first trial.

    Returns:
        The whole history.

    Raises:
        BackendError: The project belongs to another experiment, or is in use.
        TooManyFailures: As many trials in a row failed as the experiment allows.
    """
    opening = open_store(experiment, directory, project_name)
    return _named(run_managed(experiment, directory, jobs, observer, on_accepted, opening))


def load(
    location: Path | str | autokeras.AutoModel | AutoTuner,
    space: SearchSpace | None = None,
    project_name: str = PROJECT,
    objectives: Mapping[str, str] | None = None,
) -> History:
    """Read a finished or unfinished project, including one of AutoKeras' own tuners.

    Args:
        location: The directory of a run, a project's directory, an AutoModel, or a tuner.
        space: The space, if the project does not describe it.
        project_name: The project's name, if the location does not store it.
        objectives: As `{"val_accuracy": "max"}`, if the project does not store them.

    Raises:
        BackendError: There is no such project, or its space or objectives are unknown.
    """
    tuner = location.tuner if isinstance(location, autokeras.AutoModel) else location
    found: Any = tuner.project_dir if isinstance(tuner, AutoTuner) else tuner
    project = project_at(Path(found), project_name)
    return _named(unwrapped(history_in(project, space or space_in(project), objectives)))


def store_history(history: History, directory: Path, project_name: str = PROJECT) -> None:
    """Write a history as a project that `run` resumes; running trials are repeated.

    Args:
        history: The history, of any backend.
        directory: The directory of the new run.
        project_name: The project's name.

    Raises:
        BackendError: The project exists, or cannot be created.
    """
    store_project(history, directory, project_name)


def _named(history: History) -> History:
    return replace(history, metadata={**history.metadata, "backend": "autokeras"})
