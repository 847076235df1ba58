"""Histories on disk, and earlier trials that `NASSearcher` continues."""

from dataclasses import replace
from pathlib import Path

from ...engine.errors import BackendError
from ...engine.history_store import HISTORY_FILE
from ...spaces import InvalidArchitecture, SearchSpace
from ...strategies import History, Objective, Trial

__all__ = ["load", "moved"]


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
    saved = sorted(path.glob("searcher-state-*.pkl"))
    if not saved:
        raise BackendError(
            f"{path} holds neither a run of nasbridge nor an experiment of Ray with NASSearcher: "
            "give the directory of one"
        )
    return History.load(saved[-1], space)


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
