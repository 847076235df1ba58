"""Runners: where evaluations happen; here, in this process."""

from collections import deque
from collections.abc import Sequence
from typing import Protocol, final

from ..strategies import Objective
from .evaluation import Evaluate, Outcome, Report, Task, evaluate_task

__all__ = [
    "Executor",
    "SerialExecutor",
]


class Executor(Protocol):
    """Evaluates tasks, up to `slots` at a time."""

    @property
    def slots(self) -> int:
        """How many tasks may be under way."""
        ...

    def submit(self, task: Task) -> None:
        """Begin a task, or put it first in the queue."""
        ...

    def wait(self, report: Report) -> Outcome:
        """Wait until a task has ended, passing on what is reported meanwhile."""
        ...

    def close(self) -> None:
        """End at once whatever is under way, and free everything."""
        ...


@final
class SerialExecutor:
    """Evaluates one task at a time in this process.

    Args:
        evaluate: The user's function.
        objectives: Metrics that must be among its answer.
    """

    slots = 1

    def __init__(self, evaluate: Evaluate, objectives: Sequence[Objective]) -> None:
        self._evaluate = evaluate
        self._objectives = objectives
        self._waiting: deque[Task] = deque()

    def submit(self, task: Task) -> None:
        self._waiting.append(task)

    def wait(self, report: Report) -> Outcome:
        task = self._waiting.popleft()
        return evaluate_task(self._evaluate, task, self._objectives, report)

    def close(self) -> None:
        self._waiting.clear()
