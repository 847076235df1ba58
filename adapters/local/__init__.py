"""The backend `local`: no framework; a history file is the storage."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from ...engine.driver import Accepted, ExperimentSpec, Observer
from ...engine.history_store import HISTORY_FILE, open_history_store, save_history
from ...engine.run import OpenStore, run_managed
from ...spaces import SearchSpace, from_json
from ...strategies import History
from ..registry import BACKENDS

__all__ = [
    "CAPABILITIES",
    "from_native",
    "load",
    "run",
    "store_history",
    "to_native",
]

CAPABILITIES = BACKENDS["local"].capabilities


def to_native(space: SearchSpace) -> str:
    """Return a space as this backend describes it: our own JSON."""
    return space.to_json()


def from_native(native: str) -> SearchSpace:
    """Return a space from its JSON."""
    return from_json(native)


@contextmanager
def open_store(experiment: ExperimentSpec, directory: Path | None) -> Generator[OpenStore]:
    """Open the history file of a run; see `run_managed`."""
    with open_history_store(experiment, directory, "local") as store:
        yield OpenStore(store)


def run(
    experiment: ExperimentSpec,
    directory: Path | None = None,
    jobs: int = 0,
    observer: Observer | None = None,
    on_accepted: Accepted | None = None,
) -> History:
    """Run an experiment; an interrupted run continues.

    Args:
        experiment: The experiment.
        directory: Holds `history.jsonl` and the trials' files; None keeps the trials in memory.
        jobs: Number of worker processes; 0 evaluates in this process.
        observer: Receives events.
        on_accepted: Called when the storage has accepted the run, before the first trial.

    Returns:
        The whole history, earlier runs included.

    Raises:
        HistoryError: The directory belongs to another experiment, or is in use.
        TooManyFailures: As many trials in a row failed as the experiment allows.
    """
    opening = open_store(experiment, directory)
    return run_managed(experiment, directory, jobs, observer, on_accepted, opening)


def load(location: Path | str, space: SearchSpace | None = None) -> History:
    """Return the history of a run, finished or not.

    Args:
        location: The run's directory, or its history file.
        space: The space; needed if it holds functions or classes.

    Raises:
        HistoryError: There is no history, or it is damaged.
    """
    path = Path(location)
    return History.load(path / HISTORY_FILE if path.is_dir() else path, space)


def store_history(history: History, directory: Path) -> None:
    """Store a history so that `run` continues it.

    Running trials become interrupted ones, which are repeated.

    Args:
        history: The history, of any backend.
        directory: The new run's directory.

    Raises:
        HistoryError: The directory holds a history already.
    """
    save_history(history, directory, "local")
