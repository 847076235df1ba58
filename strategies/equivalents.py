"""`WithEquivalents`: a strategy that evaluates equivalent architectures, too."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, final

from numpy.random import Generator

from ..spaces import Architecture
from .errors import StrategyError
from .strategy import Problem, Strategy
from .trial import Trial

__all__ = ["WithEquivalents"]


@final
@dataclass(frozen=True)
class WithEquivalents(Strategy[Any]):
    """A strategy whose search evaluates architectures that are equivalent to an earlier one.

    Equivalent architectures build the same network, but where an objective is measured on hardware,
    or read from a table of such measurements, their values may differ. `Experiment` wraps its
    strategy in this one if it is given `allow_equivalent=True`.

    Args:
        strategy: The search method.

    Raises:
        StrategyError: The argument is not a strategy.

    Example:
        >>> from nasbridge import Choice, RandomSearch, layer
        >>> from nasbridge.spaces import Skip
        >>> from nasbridge.strategies import Search, WithEquivalents
        >>> space = Choice({"none": Skip(), "also none": Skip(), "relu": layer("ReLU")})
        >>> search = Search(WithEquivalents(RandomSearch()), space, {"loss": "min"})
        >>> len({search.ask(number) for number in range(3)})
        3
    """

    strategy: Strategy[Any]

    def __post_init__(self) -> None:
        if not isinstance(self.strategy, Strategy):
            raise StrategyError(
                f"WithEquivalents has strategy={self.strategy!r}: give an instance of a strategy"
            )

    @property
    def allow_equivalent(self) -> bool:
        """True."""
        return True

    @property
    def avoids_failures(self) -> bool:
        """As the strategy."""
        return self.strategy.avoids_failures

    def start(self, problem: Problem) -> Any:
        return self.strategy.start(problem)

    def propose(self, state: Any, rng: Generator) -> Iterator[Architecture]:
        return self.strategy.propose(state, rng)

    def observe(self, state: Any, trial: Trial) -> Any:
        return self.strategy.observe(state, trial)

    def listing(self, problem: Problem) -> Iterator[Architecture] | None:
        return self.strategy.listing(problem)
