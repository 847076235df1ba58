"""Evaluations here, each paired with a process that NNI has started for the trial.

NNI shows how that process ended, and our history must agree. If the process ends first, NNI's
status counts, whatever the evaluation returns afterwards: a process that a user killed, in the web
UI, by `nnictl trial kill` or by a signal, makes a pruned trial; one that crashed a failed trial.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from typing import final

from ...engine.evaluation import Outcome, Report, Task
from ...engine.executor import Executor
from ...engine.pool import Pool
from ...strategies import Step
from .store import NNIStore, TrialProcessEnded
from .trials import STATES

__all__ = ["NNIExecutor"]


@final
class NNIExecutor:
    """An executor that evaluates a trial once NNI has started its process.

    Args:
        executor: Where trials are evaluated.
        store: The store, which watches the processes.
    """

    def __init__(self, executor: Executor, store: NNIStore) -> None:
        self._executor, self._store = executor, store
        self._failed: deque[Outcome] = deque()
        self._values: dict[int, dict[str, float]] = {}  # latest values of running trials
        if isinstance(executor, Pool):  # the serial executor stops a trial at its next report
            executor.is_cancelled = store.is_lost

    @property
    def slots(self) -> int:
        return self._executor.slots

    def submit(self, task: Task) -> None:
        """Wait for the trial's process here rather than in `begin`, so that Ctrl-C interrupts."""
        try:
            stored = self._store.take(task.number, task.architecture)
        except TrialProcessEnded as error:
            self._failed.append(Outcome(task.number, "failed", notes={"error": str(error)}))
        else:
            self._executor.submit(replace(task, architecture=stored))

    def wait(self, report: Report) -> Outcome:
        if self._failed:
            return self._failed.popleft()

        def passed(number: int, step: Step) -> bool:
            if self._store.is_lost(number):  # NNI would not receive it
                return True
            self._values.setdefault(number, {}).update(step.metrics)
            return report(number, step)

        outcome = self._executor.wait(passed)
        values = self._values.pop(outcome.number, {})
        return self._ended(outcome, values) if self._store.is_lost(outcome.number) else outcome

    def close(self) -> None:
        self._executor.close()

    def _ended(self, outcome: Outcome, values: Mapping[str, float]) -> Outcome:
        """Return the outcome of a trial whose process has ended; equals what `load` reads."""
        status = self._store.end_status(outcome.number)
        reason = f"NNI's process of the trial ended ({status}) before the evaluation"
        if STATES.get(status) == "pruned":
            reason += ": it was killed in the web UI, by nnictl or by a signal"
            if values:
                return replace(outcome, state="pruned", values=values, notes={"stopped": reason})
        return replace(
            outcome, state="failed", values={}, notes={"error": f"ProcessError: {reason}"}
        )
