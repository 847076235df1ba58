"""Search methods under test: the ask-and-tell protocol, and the strategies of nasbridge."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, final

from ..spaces import Label, SearchSpace
from ..strategies import Objective, Search, SpaceExhausted, Strategy, Trial

__all__ = ["Method", "StrategyMethod", "Task"]


@dataclass(frozen=True, slots=True)
class Task:
    """The problem that a method solves in one run.

    Attributes:
        space: A space of independent decisions with finitely many values.
        objectives: One or two objectives.
        seed: The seed of the method.
        evaluations: The number of evaluations; 0 if the budget is in seconds.
    """

    space: SearchSpace
    objectives: tuple[Objective, ...]
    seed: int
    evaluations: int

    @property
    def objective(self) -> Objective:
        """The first objective; the only one for single-objective methods."""
        return self.objectives[0]


class Method(Protocol):
    """A running search method, with sequential evaluations."""

    def ask(self) -> Mapping[str, Label] | None:
        """Return a label or number for each decision; None if the search has ended."""
        ...

    def tell(self, values: Mapping[str, float]) -> None:
        """Report the objectives of the architecture that was asked last."""
        ...


@final
class StrategyMethod:
    """A strategy of nasbridge.

    Args:
        strategy: The strategy.
        task: The problem.
    """

    def __init__(self, strategy: Strategy[Any], task: Task) -> None:
        # in tables of measured hardware (two objectives), equivalent networks have different values
        allow_equivalent = len(task.objectives) > 1
        self._search = Search(strategy, task.space, task.objectives, task.seed, allow_equivalent)
        self._number = 0

    def ask(self) -> Mapping[str, Label] | None:
        try:
            return self._search.ask(self._number).choices
        except SpaceExhausted:
            return None

    def tell(self, values: Mapping[str, float]) -> None:
        architecture = self._search.running[self._number]
        self._search.tell(Trial(self._number, architecture, "complete", values))
        self._number += 1
