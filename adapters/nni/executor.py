"""Evaluations here, for each of which a process of NNI's stands: what ends it, ends the evaluation.

NNI shows of a trial how its process ended. A process that was ended by a user, in the web UI, with
`nnictl trial kill` or by a signal, has stopped its trial as a pruner would have, and one that has
broken down has failed it: whatever the evaluation says afterwards, NNI's word is what counts.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from typing import final

from ...engine.evaluation import Outcome, Report, Task
from ...engine.executor import Executor
from ...engine.pool import Pool
from ...strategies import Step
from .history import STATES
from .store import Lost, NNIStore

__all__ = ["Standing"]


@final
class Standing:
    """A runner for trials whose processes NNI starts.

    Args:
        runner: Where they are evaluated.
        store: Knows of their processes.
    """

    def __init__(self, executor: Executor, store: NNIStore) -> None:
        self._executor, self._store = executor, store
        self._failed: deque[Outcome] = deque()
        self._values: dict[int, dict[str, float]] = {}  # what running trials have reported last
        if isinstance(executor, Pool):  # in this process they end with their next report
            executor.is_cancelled = store.is_lost

    @property
    def slots(self) -> int:
        return self._executor.slots

    def submit(self, task: Task) -> None:
        """Wait for the trial's process, unlike `begin` where Ctrl-C may interrupt it."""
        try:
            given = self._store.take(task.number, task.architecture)
        except Lost as error:
            self._failed.append(Outcome(task.number, "failed", notes={"error": str(error)}))
        else:
            self._executor.submit(replace(task, architecture=given))

    def wait(self, report: Report) -> Outcome:
        if self._failed:
            return self._failed.popleft()

        def passed(number: int, step: Step) -> bool:
            if self._store.is_lost(number):  # NNI will not hear of it
                return True
            self._values.setdefault(number, {}).update(step.metrics)
            return report(number, step)

        outcome = self._executor.wait(passed)
        values = self._values.pop(outcome.number, {})
        return self._ended(outcome, values) if self._store.is_lost(outcome.number) else outcome

    def close(self) -> None:
        self._executor.close()

    def _ended(self, outcome: Outcome, values: Mapping[str, float]) -> Outcome:
        """Return how a trial has ended whose process was lost: as `load` would read it."""
        word = self._store.word(outcome.number)
        said = f"NNI's process of the trial has ended ({word}) before the trial had"
        if STATES.get(word) == "pruned":
            said += ": it was killed, in the web UI, by nnictl or by a signal"
            if values:
                return replace(outcome, state="pruned", values=values, notes={"stopped": said})
        return replace(outcome, state="failed", values={}, notes={"error": f"ProcessError: {said}"})
