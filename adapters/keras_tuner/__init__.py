# pyright: basic
# Keras Tuner ships no types.
"""The backend `keras_tuner`: oracles, directories and results stay Keras Tuner's own.

Two doors: `run` drives a whole experiment, and `NASTuner`, or `NASOracle` in any tuner, works in a
user's own search. Both give the same proposals. The files of the trials are the only truth.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import cast

import keras_tuner
from keras_tuner.engine.base_tuner import BaseTuner

from ...engine.driver import Accepted, ExperimentSpec, Observer
from ...spaces import SearchSpace
from ...strategies import History
from ..registry import BACKENDS
from .driven import Reporter, history_of_oracle
from .history import history_in, objectives_in
from .oracle import NASOracle
from .run import project_at, run_project, store_project
from .space import from_native, suggest, to_native
from .tuner import NASTuner

__all__ = [
    "CAPABILITIES",
    "NASOracle",
    "NASTuner",
    "Reporter",
    "from_native",
    "load",
    "run",
    "store_history",
    "suggest",
    "to_native",
]

CAPABILITIES = BACKENDS["keras_tuner"].capabilities

PROJECT = "nasbridge"  # where no name is given


def run(
    experiment: ExperimentSpec,
    directory: Path | None = None,
    jobs: int = 0,
    observer: Observer | None = None,
    project_name: str = PROJECT,
    on_accepted: Accepted | None = None,
) -> History:
    """Run a whole experiment as a project of Keras Tuner; one that was interrupted goes on.

    Any tuner of Keras Tuner with a `NASOracle` of the same space opens the project afterwards.

    Args:
        experiment: What to run.
        directory: Where the project and the trials' files are; None keeps nothing.
        jobs: Number of worker processes; 0 evaluates in this process.
        observer: Is told what happens.
        project_name: The project's name, as for a tuner.
        on_accepted: Called when the storage has accepted the run, before the first trial.

    Returns:
        The whole history.

    Raises:
        BackendError: The project belongs to another experiment, or is in use.
    """
    return run_project(experiment, directory, jobs, observer, project_name, on_accepted)


def load(
    location: Path | str | keras_tuner.Oracle | BaseTuner,
    space: SearchSpace | None = None,
    project_name: str = PROJECT,
    objectives: Mapping[str, str] | None = None,
) -> History:
    """Read a finished or half-finished project, one of Keras Tuner's own tuners included.

    Args:
        location: The directory of a run or of a tuner, a project's directory, a tuner of any kind,
            or an oracle.
        space: The space, where the project's own description is not enough.
        project_name: The project's name, where the location does not say and holds several.
        objectives: As `{"val_accuracy": "max"}`, where the project does not say.

    Raises:
        BackendError: There is no such project, or its space or objectives are not known.
    """
    if isinstance(location, BaseTuner):
        location = cast(keras_tuner.Oracle, location.oracle)
    if isinstance(location, NASOracle):
        return history_of_oracle(location, space)
    if isinstance(location, keras_tuner.Oracle):
        objectives = objectives or objectives_in(location)
        location = str(location._project_dir)
    return history_in(project_at(Path(location), project_name), space, objectives)


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
