"""The backend `optuna`: experiments as Optuna studies, with Optuna's storages and pruners.

`run` is the managed run of a whole experiment. `NASSampler` with `suggest` and `Reporter` is the
native integration, for a user's own `study.optimize`. Both give the same proposals. The study is
the only truth, so any number of processes may share one.
"""

from contextlib import ExitStack
from pathlib import Path

import optuna
from optuna.pruners import BasePruner
from optuna.storages import BaseStorage
from optuna.study import Study

from ...engine.driver import Accepted, ExperimentSpec, Observer
from ...engine.errors import BackendError
from ...engine.locks import lock_in
from ...engine.run import run_managed
from ...spaces import SearchSpace
from ...strategies import History
from ...strategies.lock import try_lock
from ..registry import BACKENDS
from .history import read_history, write_history
from .reporting import Reporter
from .sampler import NASSampler
from .space import from_native, to_native
from .storage import (
    STUDY_NAME,
    default_storage,
    describe_error,
    describe_storage,
    find_storage,
    open_for_reading,
    open_storage,
)
from .store import open_store
from .suggesting import suggest

__all__ = [
    "CAPABILITIES",
    "NASSampler",
    "Reporter",
    "from_native",
    "load",
    "run",
    "store_history",
    "suggest",
    "to_native",
]

CAPABILITIES = BACKENDS["optuna"].capabilities


def run(
    experiment: ExperimentSpec,
    directory: Path | None = None,
    jobs: int = 0,
    observer: Observer | None = None,
    storage: str | BaseStorage | None = None,
    study_name: str = STUDY_NAME,
    pruner: BasePruner | str | None = None,
    reclaim: bool = False,
    on_accepted: Accepted | None = None,
) -> History:
    """Run an experiment as an Optuna study, or continue one that was interrupted.

    Args:
        experiment: The experiment.
        directory: The directory of the default storage and of the trials' files.
        jobs: Number of worker processes; 0 evaluates in this process.
        observer: Receives events.
        storage: An Optuna storage or its URL; by default SQLite in `directory`, or memory without a
            directory.
        study_name: The study's name.
        pruner: An Optuna pruner, or one of "median", "successive-halving" and "hyperband"; by
            default the experiment's own pruner, if it has one. Where trials differ in length, use a
            pruner object with its resources as numbers: "auto" infers them from the first trials.
        reclaim: Repeat trials that processes of other hosts have left unfinished. By default such
            processes count as alive. Use it only if all of them have ended, as after a
            container has restarted under another name.
        on_accepted: Called when the study has accepted the run, before the first trial.

    Returns:
        The whole history.

    Raises:
        BackendError: The study belongs to another experiment, or the pruner is unknown.
    """
    opening = open_store(experiment, directory, storage, study_name, pruner, reclaim)
    return run_managed(experiment, directory, jobs, observer, on_accepted, opening)


def load(
    location: Path | str | Study,
    space: SearchSpace | None = None,
    study_name: str = STUDY_NAME,
    storage: str | None = None,
) -> History:
    """Read a study as a history, finished or not.

    Args:
        location: A study, a storage's URL, or the directory of a run.
        space: The space; None for the one stored with the study.
        study_name: The study's name, for a URL.
        storage: The URL of the storage, for the directory of a run that has another one than its
            own database.

    Raises:
        BackendError: There is no such study, or its space is unknown.
    """
    if isinstance(location, Study):
        return read_history(location, space)
    found, study_name = find_storage(location, study_name, storage)
    with open_for_reading(found) as opened:
        try:
            study = optuna.load_study(study_name=study_name, storage=opened or "")
        except Exception as error:  # each storage has its own errors
            raise BackendError(
                f"there is no study {study_name!r} at {describe_storage(found)} "
                f"({describe_error(error)}): pass the storage's URL or the run's "
                "directory, and study_name= if it has another name"
            ) from error
        return read_history(study, space)


def store_history(
    history: History,
    directory: Path | None = None,
    storage: str | BaseStorage | None = None,
    study_name: str = STUDY_NAME,
) -> None:
    """Write a history of any backend into a new study, so that `run` continues it.

    Running trials become interrupted ones, which `run` repeats. State that an Optuna pruner has
    stored itself is not part of a history: with several objectives, and in the rungs of successive
    halving and Hyperband, pruning starts over.

    Args:
        history: The history.
        directory: The directory of the default storage.
        storage: An Optuna storage or its URL; by default SQLite in `directory`.
        study_name: The new study's name.

    Raises:
        BackendError: The study already exists.
    """
    with ExitStack() as stack:
        if directory is not None:
            try_lock(stack.enter_context(lock_in(directory)))
        opened = stack.enter_context(open_storage(default_storage(storage, directory)))
        write_history(history, opened, study_name)
