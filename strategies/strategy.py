"""What a strategy is: settings, and three pure functions over an explicit state."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from numpy.random import Generator

from ..spaces import Architecture, SearchSpace
from .trial import Objective, Trial

__all__ = ["Problem", "Strategy"]

State = TypeVar("State")


@dataclass(frozen=True, slots=True)
class Problem:
    """What is searched, for what.

    Attributes:
        space: The space.
        objectives: What is to be maximised or minimised.
        seed: The experiment's seed.
        twins: Whether two descriptions of one computation count as different.
    """

    space: SearchSpace
    objectives: tuple[Objective, ...]
    seed: int
    allow_equivalent: bool = False

    def form(self, architecture: Architecture) -> str:
        """Return what two architectures have in common if only one of them is worth a trial."""
        return architecture.key if self.allow_equivalent else architecture.canonical


class Strategy(ABC, Generic[State]):
    """A search method; a frozen dataclass of its settings.

    A strategy keeps nothing: its state is passed in and returned, and is a fold of `observe` over
    the trials in the order in which they finished. Nothing but the given generator is random, so
    the same trials and number give the same proposal in any process, on any day.
    """

    @abstractmethod
    def start(self, problem: Problem) -> State:
        """Return the state before the first trial."""

    @abstractmethod
    def propose(self, state: State, rng: Generator) -> Iterator[Architecture]:
        """Yield candidates, the most wanted first; the first one that is new is taken.

        An endless stream is fine, and usual. One that ends says that the strategy has nothing
        more to propose itself: the search goes on in the order of `listing`.

        Args:
            state: What is known; running trials have been observed, too, as "running".
            rng: The only source of randomness; keyed by the seed and the trial's number.
        """

    @abstractmethod
    def observe(self, state: State, trial: Trial) -> State:
        """Return the state after one more trial: complete, pruned, failed, or still running."""

    def listing(self, problem: Problem) -> Iterator[Architecture] | None:
        """List what is left to try when `propose` ends; None if the space cannot be listed."""
        sizes = [decision.domain.size for decision in problem.space.decisions]
        return None if math.inf in sizes else problem.space.enumerate()
