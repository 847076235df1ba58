"""Random search and grid search."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import final

from numpy.random import Generator

from ..spaces import Architecture, SpaceError
from .errors import check_count
from .strategy import Problem, Strategy
from .trial import Trial

__all__ = ["GridSearch", "RandomSearch"]


@final
@dataclass(frozen=True)
class RandomSearch(Strategy[Problem]):
    """Random search: draws every active decision independently from its domain.

    A decision is uniform, or log-uniform if it is logarithmic. Results of trials have no influence.

    Example:
        >>> from nasbridge.spaces import Choice, Space
        >>> from nasbridge.strategies import RandomSearch, Search
        >>> search = Search(RandomSearch(), Space({"units": Choice([16, 32])}), {"loss": "min"})
        >>> search.ask(0)["units"] in (16, 32)
        True

    References:
        Bergstra & Bengio 2012, Random Search for Hyper-Parameter Optimization, JMLR 13.
    """

    @property
    def avoids_failures(self) -> bool:
        """False: results of trials have no influence."""
        return False

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
    """Grid search: evaluates every architecture once, then raises `SpaceExhausted`.

    The last decision changes fastest. Equivalent architectures are evaluated once. Failed and
    pruned trials are not repeated.

    Args:
        points: Number of values of each real decision, at least 1, evenly spaced between the
            bounds, or in the logarithm for a logarithmic decision. Needed only for real decisions.

    Raises:
        StrategyError: `points` is below 1 or no int.
        SpaceError: From `start`, if a decision is real and `points` is None.

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

    @property
    def avoids_failures(self) -> bool:
        """False: results of trials have no influence."""
        return False

    def start(self, problem: Problem) -> Problem:
        for decision in problem.space.decisions:
            try:
                decision.domain.values(self.points)
            except SpaceError as error:
                raise SpaceError(f"decision {decision.name!r} is {error}") from error
        return problem

    def propose(self, state: Problem, rng: Generator) -> Iterator[Architecture]:
        yield from ()  # `Search` continues with `listing`

    def observe(self, state: Problem, trial: Trial) -> Problem:
        return state

    def listing(self, problem: Problem) -> Iterator[Architecture]:
        return problem.space.enumerate(self.points)
