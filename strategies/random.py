"""Random search and grid search."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import final

from numpy.random import Generator

from ..spaces import Architecture
from .errors import check_count
from .strategy import Problem, Strategy
from .trial import Trial

__all__ = ["GridSearch", "RandomSearch"]


@final
@dataclass(frozen=True)
class RandomSearch(Strategy[Problem]):
    """Draws every active decision independently and uniformly from its domain.

    Learns nothing from any trial, failed and pruned ones included.

    Example:
        >>> from nasbridge.spaces import Choice, Space
        >>> from nasbridge.strategies import RandomSearch, Search
        >>> search = Search(RandomSearch(), Space({"units": Choice([16, 32])}), {"loss": "min"})
        >>> search.ask(0)["units"] in (16, 32)
        True

    References:
        Bergstra & Bengio 2012, Random Search for Hyper-Parameter Optimization, JMLR 13.
    """

    def start(self, problem: Problem) -> Problem:
        return problem

    def propose(self, state: Problem, rng: Generator) -> Iterator[Architecture]:
        while True:
            yield state.space.sample(rng)

    def observe(self, state: Problem, trial: Trial) -> Problem:
        return state


@final
@dataclass(frozen=True)
class GridSearch(Strategy[Problem]):
    """Tries every architecture once, the last decision changing fastest, and ends by itself.

    Twins (two descriptions of one computation) are tried once. Failed and pruned trials count as
    tried.

    Args:
        points: How many values of each real decision to take, evenly spaced (in the logarithm
            where the decision is logarithmic); needed only for real decisions.

    Raises:
        StrategyError: `points` is below 1.
        SpaceError: At the start, if a decision is real and `points` is not given.

    Example:
        >>> from nasbridge.spaces import Integer, Space
        >>> from nasbridge.strategies import GridSearch, Search
        >>> search = Search(GridSearch(), Space({"layers": Integer(1, 3)}), {"loss": "min"})
        >>> [search.ask(number)["layers"] for number in range(3)]
        [1, 2, 3]
    """

    points: int | None = None

    def __post_init__(self) -> None:
        if self.points is not None:
            check_count(self, "points", least=1)

    def start(self, problem: Problem) -> Problem:
        for decision in problem.space.decisions:
            decision.domain.values(self.points)  # a real one needs points: say so at once
        return problem

    def propose(self, state: Problem, rng: Generator) -> Iterator[Architecture]:
        yield from ()  # the listing is all there is

    def observe(self, state: Problem, trial: Trial) -> Problem:
        return state

    def listing(self, problem: Problem) -> Iterator[Architecture]:
        return problem.space.enumerate(self.points)
