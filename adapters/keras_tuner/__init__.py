# pyright: basic
# Keras Tuner ships no types.
"""The backend `keras_tuner`: experiments as projects of Keras Tuner.

`run` is a managed run: nasbridge drives the experiment, and Keras Tuner's project stores it.
`NASTuner`, and `NASOracle` in any tuner, are the native integration. Both propose the same.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import cast

import keras_tuner
from keras_tuner.engine.base_tuner import BaseTuner

from ...engine.driver import Accepted, ExperimentSpec, Observer
from ...engine.run import run_managed
from ...spaces import SearchSpace
from ...strategies import History
from ..registry import BACKENDS
from .history import history_in, project_at, store_project
from .objectives import objectives_in
from .oracle import NASOracle
from .reporting import ReportEpochs
from .space import from_native, suggest, to_native
from .store import open_store
from .tuner import NASTuner

__all__ = [
    "CAPABILITIES",
    "NASOracle",
    "NASTuner",
    "ReportEpochs",
    "from_native",
    "load",
    "run",
    "store_history",
    "suggest",
    "to_native",
]

CAPABILITIES = BACKENDS["keras_tuner"].capabilities

PROJECT = "nasbridge"  # the default name of a project


def run(
    experiment: ExperimentSpec,
    directory: Path | None = None,
    jobs: int = 0,
    observer: Observer | None = None,
    project_name: str = PROJECT,
    on_accepted: Accepted | None = None,
) -> History:
    """Run an experiment as a project of Keras Tuner, or resume it.

    Any tuner of Keras Tuner with a `NASOracle` of the same space opens the project afterwards.

    Args:
        experiment: What to run.
        directory: Where the project and the trials' files are; None keeps nothing.
        jobs: Number of worker processes; 0 evaluates in this process.
        observer: Receives events.
        project_name: The project's name, as for a tuner.
        on_accepted: Called when the project has accepted the run, before the first trial.

    Returns:
        The whole history.

    Raises:
        BackendError: The project belongs to another experiment, or is in use.
        TooManyFailures: As many trials in a row failed as the experiment allows.
    """
    opening = open_store(experiment, directory, project_name)
    return run_managed(experiment, directory, jobs, observer, on_accepted, opening)


def load(
    location: Path | str | keras_tuner.Oracle | BaseTuner,
    space: SearchSpace | None = None,
    project_name: str = PROJECT,
    objectives: Mapping[str, str] | None = None,
) -> History:
    """Read a finished or unfinished project, including one of Keras Tuner's own tuners.

    Args:
        location: The directory of a run or of a tuner, a project's directory, a tuner of any kind,
            or an oracle.
        space: The space, if the project does not describe it.
        project_name: The project's name, if the location holds several and does not store it.
        objectives: As `{"val_accuracy": "max"}`, if the project does not store them.

    Raises:
        BackendError: There is no such project, or its space or objectives are unknown.
    """
    if isinstance(location, BaseTuner):
        location = cast(keras_tuner.Oracle, location.oracle)
    if isinstance(location, NASOracle) and space is None:
        return location.history
    if isinstance(location, keras_tuner.Oracle):
        objectives = objectives or objectives_in(location)
        location = str(location._project_dir)
    return history_in(project_at(Path(location), project_name), space, objectives)


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
