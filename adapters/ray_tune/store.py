"""The store of a managed run under Ray Tune.

What is written, in this order, and what a kill before the next write leaves:

| event | written | left by a kill |
| --- | --- | --- |
| trial begins | `start` in `history.jsonl` | a running trial, which is repeated |
| worker starts | Ray's directory `ray/<number>` | a directory, which the repetition removes |
| report | `report` in `history.jsonl` | a shorter curve in Ray's files; repeated |
| | a line of Ray's `result.json` | a running trial, which is repeated |
| worker is lost | `start` in `history.jsonl`, which discards the reports | a running trial |
| trial ends | `finish` in `history.jsonl` | a trial that Ray's files lack |
| now and then | Ray's `experiment_state-*.json` | the next run adds what it lacks |

The history file is the truth; Ray's files are derived from it.
"""

from dataclasses import replace
from typing import final

from ...engine.history_store import HistoryStore
from ...strategies import History, Step, Trial

__all__ = ["RayStore"]


@final
class RayStore:
    """A history file whose trials may begin again on another worker.

    The driver does not know that a worker was lost, so its trial keeps the reports of the lost
    attempt at the head of its curve; they are cut off here.

    Args:
        file: The history file.
    """

    def __init__(self, file: HistoryStore) -> None:
        self._file = file
        self._reported: dict[int, int] = {}  # number of reports, by trial
        self._void: dict[int, int] = {}  # of these, those of lost workers

    def history(self) -> History:
        return self._file.history()

    def begin(self, limit: float) -> Trial | None:
        return self._file.begin(limit)

    def report(self, trial: Trial, step: Step) -> bool:
        self._reported[trial.number] = len(trial.curve)
        return self._file.report(self._valid(trial), step)

    def restart(self, number: int) -> None:
        """Discard the reports of a running trial, which begins again."""
        self._void[number] = self._reported.get(number, 0)
        self._file.restart(number)

    def finish(self, trial: Trial) -> None:
        self._file.finish(self._valid(trial))
        self._reported.pop(trial.number, None)
        self._void.pop(trial.number, None)

    def _valid(self, trial: Trial) -> Trial:
        void = self._void.get(trial.number, 0)
        return replace(trial, curve=trial.curve[void:]) if void else trial
