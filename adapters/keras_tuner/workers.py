# pyright: basic
# Keras Tuner ships no types.
"""An oracle whose trials are shared among workers: who has which, and who is still alive."""

import copy
import time
from datetime import datetime
from typing import Any

from keras_tuner.engine.trial import Trial as Row
from keras_tuner.engine.trial import TrialStatus
from keras_tuner.src.distribute.utils import is_chief_oracle

from ...spaces import SearchSpace
from ...strategies import Strategy
from .files import DurableOracle

__all__ = ["SharedOracle", "stopped"]

WORKER = "worker"  # in the note of a trial that a chief has given out


class SharedOracle(DurableOracle):
    """An oracle that knows of its workers.

    A trial's file says which worker has it. A chief that takes another's place therefore leaves it
    where it is: the worker may well be training, and has noticed nothing.

    Args:
        strategy: The search method.
        space: What is searched; None where it grows with what models declare.
        seed: Fixes every proposal.
        patience: Seconds without a word from a worker, until it counts as dead.
        **settings: As for every oracle.
    """

    def __init__(
        self,
        strategy: Strategy[Any],
        space: SearchSpace | None,
        seed: int,
        patience: float,
        **settings: Any,
    ) -> None:
        self._last_word: dict[str, float] = {}  # of each worker
        self._patience = patience
        super().__init__(strategy, space, seed, **settings)

    @property
    def tuner_ids(self) -> set[str]:
        """The workers that have begun and not ended; a chief waits for them."""
        now = time.monotonic()
        silent = {w for w in self._workers if now - self._last_word.get(w, now) > self._patience}
        self._workers -= silent - self.ongoing_trials.keys()
        return self._workers

    @tuner_ids.setter
    def tuner_ids(self, workers: set[str]) -> None:
        self._workers = workers

    def _started(self, row: Row, worker: str) -> None:
        """Note that a worker begins a trial; a chief's successor reads who has it."""
        note = self.notes.setdefault(row.trial_id, {})
        note["started"] = time.time()
        if not self._is_fixed:
            note["grown"] = True
        if is_chief_oracle():
            note[WORKER] = worker

    def _interrupted(self, row: Row) -> None:
        worker = self.notes[row.trial_id].get(WORKER)
        if worker is None or not is_chief_oracle():
            super()._interrupted(row)
            return
        self._heard(worker)
        self.ongoing_trials[worker] = row
        self.tuner_ids.add(worker)
        self._display.trial_start.setdefault(
            row.trial_id, datetime.now()
        )  # it has seen no beginning
        self._display.trial_number.setdefault(row.trial_id, int(row.trial_id) + 1)

    def _heard(self, worker: str) -> None:
        self._last_word[worker] = time.monotonic()

    def _owner(self, trial_id: str) -> str | None:
        owners = (w for w, row in self.ongoing_trials.items() if row.trial_id == trial_id)
        return next(owners, None)

    def _take_from_the_dead(self) -> bool:
        """Put the trial of a worker that has fallen silent up for others."""
        now = time.monotonic()
        for worker, row in list(self.ongoing_trials.items()):
            if now - self._last_word.get(worker, now) > self._patience:
                del self.ongoing_trials[worker]
                self._restart(row)
                self._retry_queue.append(row.trial_id)
                return True
        return False

    def _none(self, tuner_id: str, status: str = TrialStatus.STOPPED) -> Row:
        if status == TrialStatus.STOPPED:
            self.tuner_ids.discard(tuner_id)
        return Row(self.hyperparameters.copy(), trial_id="none", status=status)


def stopped(row: Row) -> Row:
    """Return a copy of a trial that tells its worker to end it."""
    told = copy.copy(row)
    told.status = TrialStatus.STOPPED
    return told
