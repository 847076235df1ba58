"""An experiment under Ray Tune as the driver sees it: its history file, and lost workers."""

from dataclasses import replace
from typing import final

from ...engine.history_store import HistoryStore
from ...strategies import History, Step, Trial

__all__ = ["RayStore"]


@final
class RayStore:
    """The trials of an experiment in its history file.

    A trial whose worker was lost begins anew, and what it had reported is forgotten; the driver,
    which knows nothing of this, still counts it.

    Args:
        journal: The history file.
    """

    def __init__(self, journal: HistoryStore) -> None:
        self._journal = journal
        self._reported: dict[int, int] = {}  # steps, by the trial's number
        self._void: dict[int, int] = {}  # those of lost workers

    def history(self) -> History:
        return self._journal.history()

    def begin(self, limit: float) -> Trial | None:
        return self._journal.begin(limit)

    def report(self, trial: Trial, step: Step) -> bool:
        self._reported[trial.number] = len(trial.curve)
        return self._journal.report(self._valid(trial), step)

    def restart(self, number: int) -> None:
        """Take note that a running trial begins anew.

        Args:
            number: The trial's number.
        """
        self._void[number] = self._reported.get(number, 0)
        self._journal.restart(number)

    def finish(self, trial: Trial) -> None:
        self._journal.finish(self._valid(trial))
        self._reported.pop(trial.number, None)
        self._void.pop(trial.number, None)

    def _valid(self, trial: Trial) -> Trial:
        return replace(trial, curve=trial.curve[self._void.get(trial.number, 0) :])
