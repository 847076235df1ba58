"""What takes part: anything that asks for architectures and is told values."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, final

from ..spaces import Label, SearchSpace
from ..strategies import Objective, Search, SpaceExhausted, Strategy, Trial

__all__ = ["Contender", "Ours", "Task"]


@dataclass(frozen=True, slots=True)
class Task:
    """What a contender has to do.

    Attributes:
        space: Independent decisions of finitely many values.
        objectives: One, or two.
        seed: Fixes what the contender draws.
        evaluations: How many evaluations there will be; 0 where seconds are the limit.
    """

    space: SearchSpace
    objectives: tuple[Objective, ...]
    seed: int
    evaluations: int

    @property
    def objective(self) -> Objective:
        """The first objective, which is the only one for most contenders."""
        return self.objectives[0]


class Contender(Protocol):
    """A search method at work, one evaluation after the other."""

    def ask(self) -> Mapping[str, Label] | None:
        """Return a label or number for each decision; None if there is nothing more to try."""
        ...

    def tell(self, values: Mapping[str, float]) -> None:
        """Take note of the objectives of what was asked last."""
        ...


@final
class Ours:
    """A strategy of this library.

    Args:
        strategy: The strategy.
        task: What it has to do.
    """

    def __init__(self, strategy: Strategy[Any], task: Task) -> None:
        # measured hardware runs what a network does not use, too: there, twins differ
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
