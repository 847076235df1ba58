# pyright: basic
# Keras Tuner ships no types.
"""The workers of an oracle: their trials and timeouts."""

import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, cast, final

import keras_tuner
from keras_tuner.engine.trial import Trial as Row
from keras_tuner.src.engine.oracle import LOCKS, THREADS

__all__ = ["Workers", "exclusive"]


@contextmanager
def exclusive(oracle: keras_tuner.Oracle) -> Generator[None]:
    """Hold the lock that Keras Tuner's own methods take, and release it also after an error.

    The lock is reentrant: Keras Tuner recognizes the thread that holds it by its name.
    """
    name = threading.current_thread().name
    if THREADS[oracle] == name:
        yield
        return
    with LOCKS[oracle]:
        cast(dict[Any, Any], THREADS)[oracle] = name
        try:
            yield
        finally:
            THREADS[oracle] = None


@final
class Workers:
    """The workers of one oracle, of which there is one unless a chief shares the search.

    Args:
        timeout: Seconds without a message until a worker has timed out.

    Attributes:
        trials: The trial of each worker that has one.
        last_seen: When each worker sent its last message, on the clock of `time.monotonic`.
    """

    def __init__(self, timeout: float) -> None:
        self.trials: dict[str, Row] = {}
        self.last_seen: dict[str, float] = {}
        self._timeout = timeout
        self._names: set[str] = set()

    @property
    def names(self) -> set[str]:
        """The workers that have begun and not ended; a chief waits for them.

        A worker that has timed out is removed once it has no trial.
        """
        self._names -= {w for w in self._names - self.trials.keys() if self._has_timed_out(w)}
        return self._names

    @names.setter
    def names(self, names: set[str]) -> None:
        self._names = names

    def seen(self, worker: str) -> None:
        """Record that a worker has sent a message."""
        self.last_seen[worker] = time.monotonic()

    def owner(self, trial_id: str) -> str | None:
        """Return the worker that has a trial; None if no worker has it."""
        return next((w for w, row in self.trials.items() if row.trial_id == trial_id), None)

    def adopt(self, worker: str, row: Row) -> None:
        """Leave a trial to the worker that has it from another chief."""
        self.seen(worker)
        self.trials[worker] = row
        self._names.add(worker)

    def release_timed_out(self) -> Row | None:
        """Take a trial away from a worker that has timed out, if there is one."""
        late = next(filter(self._has_timed_out, self.trials), None)
        return None if late is None else self.trials.pop(late)

    def _has_timed_out(self, worker: str) -> bool:
        now = time.monotonic()
        return now - self.last_seen.get(worker, now) > self._timeout
