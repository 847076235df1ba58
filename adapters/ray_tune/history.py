"""Histories that `NASSearcher` of Ray Tune begins with, and those that are found again."""

from dataclasses import replace
from pathlib import Path

from ...engine.errors import BackendError
from ...engine.history_store import HISTORY_FILE
from ...spaces import InvalidArchitecture, SearchSpace
from ...strategies import History, Objective, Trial

__all__ = ["load", "moved"]


def load(location: Path | str, space: SearchSpace | None = None) -> History:
    """Read a finished or half-finished experiment.

    Args:
        location: A run's directory, or that of an experiment of Ray with `NASSearcher`.
        space: The space, where its own description is not enough.

    Raises:
        BackendError: There is no experiment.
        HistoryError: It is damaged.
    """
    path = Path(location)
    if (path / HISTORY_FILE).is_file() or not path.is_dir():
        return History.load(path / HISTORY_FILE if path.is_dir() else path, space)
    saved = sorted(path.glob("searcher-state-*.pkl"))
    if not saved:
        raise BackendError(
            f"{path} holds neither a run of ours nor an experiment of Ray with NASSearcher: give "
            "such a directory"
        )
    return History.load(saved[-1], space)


def moved(
    history: History, space: SearchSpace, objectives: tuple[Objective, ...]
) -> tuple[Trial, ...]:
    """Return the finished trials of a history, as trials of the search that goes on with them.

    Args:
        history: The history.
        space: What is searched now.
        objectives: What is optimized now.

    Raises:
        BackendError: It is of another space, or of other objectives.
    """
    if history.objectives != objectives:
        raise BackendError(
            f"history= is of a search with the objectives {history.objectives}, and this one has "
            f"{objectives}: give the same, or leave history= out"
        )
    trials: list[Trial] = []
    for trial in history.of_state("complete", "pruned", "failed"):
        try:
            architecture = space.architecture(dict(trial.architecture.choices))
        except InvalidArchitecture as error:
            raise BackendError(
                f"history= is of another space, for trial {trial.number} is none of this one "
                f"({error}): give the same space, or leave history= out"
            ) from error
        trials.append(replace(trial, architecture=architecture))
    return tuple(trials)
