"""The backend `optuna`: studies, storages, pruners and the dashboard stay Optuna's own.

Two doors: `run` drives a whole experiment, and `NASSampler` with `suggest` and `Reporter` works in
a user's own `study.optimize`. Both give the same proposals. The study is the only truth, so any
number of processes may share one.
"""

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import optuna
from optuna.pruners import BasePruner
from optuna.storages import BaseStorage
from optuna.study import Study

from ...engine.driver import Accepted, ExperimentSpec, Observer, Silent, drive, executor_for
from ...engine.errors import BackendError
from ...engine.locks import lock_in
from ...spaces import SearchSpace
from ...strategies import History
from ...strategies.lock import share_lock, try_lock
from ..registry import BACKENDS
from .history import fill_study, history_of, study_of
from .reporting import Reporter, pruner_named
from .sampler import NASSampler
from .space import from_native, suggest, to_native
from .storage import Storage, name_of, opened
from .store import StudyStore

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

STUDY_NAME = "nasbridge"  # where none is given
DATABASE = "study.db"


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
    """Run a whole experiment as an Optuna study; one that was interrupted goes on where it was.

    Args:
        experiment: What to run.
        directory: Where the default storage and the trials' files are.
        jobs: Number of worker processes; 0 evaluates in this process.
        observer: Is told what happens.
        storage: Any storage of Optuna, or its URL; by default SQLite in `directory`, or memory
            without one.
        study_name: The study's name.
        pruner: Any pruner of Optuna, or its name, as "median", "successive-halving" and
            "hyperband"; by default none, or the experiment's own. Where trials differ in length,
            give it its resources as numbers: "auto" takes them from the trials that it finds.
        reclaim: Repeat what processes of other hosts have left unfinished. They are believed to
            live, so say this only when none of them works on the study any more: as after a
            container was started anew, under another name.
        on_accepted: Called when the storage has accepted the run, before the first trial.

    Returns:
        The whole history.

    Raises:
        BackendError: The study belongs to another experiment, or the pruner has no such name.
    """
    if isinstance(pruner, str):
        pruner = pruner_named(pruner)
    executor = executor_for(experiment, jobs)
    with ExitStack() as stack:
        lock = None if directory is None else stack.enter_context(lock_in(directory))
        free = lock is not None and try_lock(lock)
        if lock is not None and not free:
            share_lock(lock)  # whoever came first has then seen to what was interrupted
        alone = free and storage is None
        source = stack.enter_context(opened(_storage(storage, directory)))
        study = study_of(experiment, source, study_name, pruner)
        store = StudyStore(experiment, study, alone, reclaim)
        stack.callback(store.close)
        if lock is not None:
            share_lock(lock)
        return drive(
            experiment,
            store,
            executor,
            directory,
            observer or Silent(),
            on_accepted=on_accepted,
        )


def load(
    location: Path | str | Study, space: SearchSpace | None = None, study_name: str = STUDY_NAME
) -> History:
    """Read a finished or half-finished study.

    Args:
        location: A study, a storage's URL, or the directory of a run.
        space: The space, where the study's own description is not enough.
        study_name: The study's name, where the location does not say.

    Raises:
        BackendError: There is no such study, or no space is known for it.
    """
    if isinstance(location, Study):
        return history_of(location, space)
    storage, study_name = _found(location, study_name)
    with opened(storage) as source:
        try:
            study = optuna.load_study(study_name=study_name, storage=source or "")
        except Exception as error:  # each storage has errors of its own
            raise BackendError(
                f"there is no study {study_name!r} at {name_of(storage)} "
                f"({type(error).__name__}: {error}): give the storage's URL or the run's "
                "directory, and study_name= if it has another name"
            ) from error
        return history_of(study, space)


def _found(location: Path | str, study_name: str) -> tuple[Storage, str]:
    """Return the storage and study that a URL, or a run's directory, speaks of."""
    if "://" in str(location):
        return str(location), study_name
    note, database = Path(location) / "run.json", Path(location) / DATABASE
    options: dict[str, Any] = {}
    left_out: list[str] = []
    if note.exists():
        try:
            document = json.loads(note.read_text())
            options, left_out = document["options"], document["left_out"]
        except (ValueError, KeyError, TypeError) as error:
            raise BackendError(f"{note} is damaged ({error!r}): remove it") from error
    storage = options.get("storage") or database
    if storage == database and "storage" in left_out:
        raise BackendError(
            f"the trials of {location} are in a storage that was an object of your program, and "
            "not in the directory: write them to a file there, as "
            "nasbridge.adapters.optuna.load(optuna.load_study(study_name="
            f"{options.get('study_name', study_name)!r}, storage=...)).save('history.jsonl'), "
            "from which reports and moves begin"
        )
    if storage == database and not database.exists():
        raise BackendError(
            f"{location} holds no study: it has no {DATABASE}; give the directory= of a run, a "
            "storage's URL, or a study"
        )
    return storage, options.get("study_name", study_name)


def store_history(
    history: History,
    directory: Path | None = None,
    storage: str | BaseStorage | None = None,
    study_name: str = STUDY_NAME,
) -> None:
    """Make a study of a history, so that `run` goes on with it as if it had always been here.

    Running trials become interrupted ones, which are repeated. What a pruner of Optuna has noted
    itself begins anew: the rungs of successive halving and Hyperband, and all with several
    objectives. All else goes on as it was.

    Args:
        history: The history, of any backend.
        directory: Where the default storage is.
        storage: Any storage of Optuna, or its URL; by default SQLite in `directory`.
        study_name: The new study's name.

    Raises:
        BackendError: There is such a study already.
    """
    with ExitStack() as stack:
        if directory is not None:
            try_lock(stack.enter_context(lock_in(directory)))
        source = stack.enter_context(opened(_storage(storage, directory)))
        fill_study(history, source, study_name)


def _storage(storage: str | BaseStorage | None, directory: Path | None) -> Storage:
    return directory / DATABASE if storage is None and directory is not None else storage
