"""Executors evaluate trials; `SerialExecutor` does so in this process."""

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
        """Number of tasks that may run at a time."""
        ...

    def submit(self, task: Task) -> None:
        """Begin a task; at most `slots` are submitted at a time."""
        ...

    def wait(self, report: Report) -> Outcome:
        """Wait until a task has ended, and pass on reports in the meantime."""
        ...

    def close(self) -> None:
        """Kill running tasks, and release all resources."""
        ...


@final
class SerialExecutor:
    """Evaluates one task at a time in this process.

    Args:
        evaluate: The user's function.
        objectives: Metrics that it must return.
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
