"""The backend `local`: no framework at all; a history file is the storage."""

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...engine.driver import ExperimentSpec, Observer, Silent, drive, executor_for
from ...engine.history_store import HistoryStore, settings_of, strategy_in
from ...spaces import SearchSpace, from_json
from ...strategies import HISTORY_FILE, History, HistoryFile
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
    """Return a space as this backend's own description, which is ours: JSON."""
    return space.to_json()


def from_native(native: str) -> SearchSpace:
    """Read a space from its JSON."""
    return from_json(native)


def run(
    experiment: ExperimentSpec,
    directory: Path | None = None,
    jobs: int = 0,
    observer: Observer | None = None,
    **options: Any,
) -> History:
    """Run a whole experiment; one that was interrupted goes on where it was.

    Args:
        experiment: What to run.
        directory: Where `history.jsonl` and the trials' files are; None keeps all in memory.
        jobs: Number of worker processes; 0 evaluates in this process.
        observer: Is told what happens.
        **options: None; other backends have some.

    Returns:
        The whole history.

    Raises:
        Unsupported: An option is given.
        HistoryError: The directory belongs to another experiment, or is in use.
    """
    CAPABILITIES.check_options("local", options)
    if directory is not None:
        experiment = experiment.with_original_strategy(strategy_in(directory / HISTORY_FILE))
    settings = settings_of(experiment, "local")
    executor = executor_for(experiment, jobs)
    with ExitStack() as stack:
        file = None
        if directory is not None:
            file = stack.enter_context(HistoryFile(directory / HISTORY_FILE, settings))
        store = HistoryStore(experiment, settings, file)
        return drive(experiment, store, executor, directory, observer or Silent())


def load(location: Path | str, space: SearchSpace | None = None) -> History:
    """Read a finished or half-finished experiment.

    Args:
        location: The experiment's directory, or its history file.
        space: The space, where the file's own description is not enough.

    Raises:
        HistoryError: There is no history, or it is damaged.
    """
    path = Path(location)
    return History.load(path / HISTORY_FILE if path.is_dir() else path, space)


def store_history(history: History, directory: Path, **options: Any) -> None:
    """Write a history where `run` goes on with it as if it had always been here.

    Running trials become interrupted ones, which are repeated.

    Args:
        history: The history, of any backend.
        directory: The new run's directory.
        **options: None; other backends have some.

    Raises:
        HistoryError: The directory holds a history already.
    """
    CAPABILITIES.check_options("local", options)
    replace(history, metadata={**history.metadata, "backend": "local"}).save(
        directory / HISTORY_FILE
    )
