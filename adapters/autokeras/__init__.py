# pyright: basic
# AutoKeras and Keras Tuner ship no types.
"""The backend `autokeras`: AutoModels, inputs, heads and projects stay AutoKeras' own.

Two doors: `run` drives a whole experiment, and `NASBlock` with `NASTuner` works in a user's own
AutoModel. Both give the same proposals. AutoKeras keeps its trials as Keras Tuner does, in files of
which each trial's own is the truth.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import autokeras
from autokeras.engine.tuner import AutoTuner

from ...engine.driver import Accepted, ExperimentSpec, Observer
from ...spaces import SearchSpace
from ...strategies import History
from ..keras_tuner.history import history_in
from ..keras_tuner.run import project_at, run_project, store_project
from ..keras_tuner.space import from_native, to_native
from ..registry import BACKENDS
from .block import NASBlock
from .compat import mend
from .oracle import space_in
from .space import alone
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

PROJECT = "auto_model"  # where no name is given, as in AutoKeras

mend()


def run(
    experiment: ExperimentSpec,
    directory: Path | None = None,
    jobs: int = 0,
    observer: Observer | None = None,
    project_name: str = PROJECT,
    on_accepted: Accepted | None = None,
) -> History:
    """Run a whole experiment as a project of AutoKeras; one that was interrupted goes on.

    AutoKeras' part in it is the project: its place and name, its files, its trials, their scores.
    AutoKeras has no more to give to an experiment that evaluates by itself: what it does with data,
    with inputs and with heads is in `NASBlock` and `NASTuner`.

    Args:
        experiment: What to run.
        directory: Where the project and the trials' files are; None keeps nothing.
        jobs: Number of worker processes; 0 evaluates in this process.
        observer: Is told what happens.
        project_name: The project's name, as for an AutoModel.
        on_accepted: Called when the storage has accepted the run, before the first trial.

    Returns:
        The whole history.

    Raises:
        BackendError: The project belongs to another experiment, or is in use.
    """
    return _named(run_project(experiment, directory, jobs, observer, project_name, on_accepted))


def load(
    location: Path | str | autokeras.AutoModel | AutoTuner,
    space: SearchSpace | None = None,
    project_name: str = PROJECT,
    objectives: Mapping[str, str] | None = None,
) -> History:
    """Read a finished or half-finished project, one of AutoKeras' own tuners included.

    Args:
        location: The directory of a run, a project's directory, an AutoModel, or a tuner.
        space: The space, where the project's own description is not enough.
        project_name: The project's name, where the location does not say.
        objectives: As `{"val_accuracy": "max"}`, where the project does not say.

    Raises:
        BackendError: There is no such project, or its space or objectives are not known.
    """
    tuner = location.tuner if isinstance(location, autokeras.AutoModel) else location
    found: Any = tuner.project_dir if isinstance(tuner, AutoTuner) else tuner
    project = project_at(Path(found), project_name)
    return _named(alone(history_in(project, space or space_in(project), objectives)))


def store_history(history: History, directory: Path, project_name: str = PROJECT) -> None:
    """Make a project of a history, so that `run` goes on with it as if it had always been here.

    Running trials become interrupted ones, which are repeated.

    Args:
        history: The history, of any backend.
        directory: The new run's directory.
        project_name: The project's name.

    Raises:
        BackendError: There is such a project already, or it cannot be made.
    """
    store_project(history, directory, project_name)


def _named(history: History) -> History:
    return replace(history, metadata={**history.metadata, "backend": "autokeras"})
