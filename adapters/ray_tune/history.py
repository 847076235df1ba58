"""Histories on disk, and earlier trials that `NASSearcher` continues."""

from dataclasses import replace
from pathlib import Path

from ...engine.errors import BackendError
from ...engine.history_store import HISTORY_FILE
from ...spaces import InvalidArchitecture, SearchSpace
from ...strategies import History, Objective, Trial

__all__ = ["latest_state", "load", "moved"]


def load(location: Path | str, space: SearchSpace | None = None) -> History:
    """Return the history of a run, or of an experiment of Ray with `NASSearcher`.

    Args:
        location: The run's directory, its history file, or Ray's experiment directory.
        space: The space; needed if it holds functions or classes.

    Raises:
        BackendError: The directory holds neither.
        HistoryError: The history is damaged.
    """
    path = Path(location)
    if (path / HISTORY_FILE).is_file() or not path.is_dir():
        return History.load(path / HISTORY_FILE if path.is_dir() else path, space)
    return History.load(latest_state(path, space), space)


def latest_state(directory: Path, space: SearchSpace | None) -> Path:
    """Return the latest file that `NASSearcher.save` wrote in an experiment of Ray.

    Ray names these files by the time at which a driver started. A clock that was set back gives a
    later driver an earlier name, so the file with most trials counts.

    Args:
        directory: Ray's experiment directory.
        space: The space; needed if it holds functions or classes.

    Raises:
        BackendError: The directory holds no such file.
    """
    saved = sorted(directory.glob("searcher-state-*.pkl"))
    if not saved:
        raise BackendError(
            f"{directory} holds neither a run of nasbridge nor an experiment of Ray with "
            "NASSearcher: give the directory of one"
        )
    if len(saved) == 1:
        return saved[0]

    def size(file: Path) -> tuple[int, int, str]:
        trials = History.load(file, space)
        return len(trials), len(trials) - len(trials.of_state("running")), file.name

    return max(saved, key=size)


def moved(
    history: History, space: SearchSpace, objectives: tuple[Objective, ...]
) -> tuple[Trial, ...]:
    """Return the finished trials of a history, as trials of the search that continues it.

    Args:
        history: The history.
        space: The space of that search.
        objectives: Its objectives.

    Raises:
        BackendError: The history is of another space, or of other objectives.
    """
    if history.objectives != objectives:
        raise BackendError(
            f"history= has the objectives {history.objectives}, and this search has {objectives}: "
            "give the same, or leave out history="
        )
    trials: list[Trial] = []
    for trial in history.of_state("complete", "pruned", "failed"):
        try:
            architecture = space.architecture(dict(trial.architecture.choices))
        except InvalidArchitecture as error:
            raise BackendError(
                f"history= is of another space: its trial {trial.number} is not in this one "
                f"({error}); give the same space, or leave out history="
            ) from error
        trials.append(replace(trial, architecture=architecture))
    return tuple(trials)
