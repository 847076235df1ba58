"""The strategy interface: settings, and three pure functions over an explicit state."""

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
    """What a search optimizes: everything but the strategy.

    Attributes:
        space: The search space.
        objectives: The metrics to maximize or minimize.
        seed: The seed of the experiment.
        allow_equivalent: Whether equivalent architectures may both be evaluated.
    """

    space: SearchSpace
    objectives: tuple[Objective, ...]
    seed: int
    allow_equivalent: bool = False

    def form(self, architecture: Architecture) -> str:
        """Return the identity of an architecture: at most one of equal form is proposed.

        The form is `architecture.canonical`, or `architecture.key` with `allow_equivalent`.
        """
        return architecture.key if self.allow_equivalent else architecture.canonical


class Strategy(ABC, Generic[State]):
    """Base class of search methods: a frozen dataclass of settings without mutable state.

    A strategy describes how to search. `Search` runs it, and calls its methods in this order:

    1. `start` once, with the problem. It returns the initial state and raises `StrategyError` if
       the strategy does not suit the problem.
    2. `observe` for each running trial, in the order of their numbers, on a temporary state. The
       strategy can so spread out the proposals of parallel workers.
    3. `propose` with that temporary state. The first new architecture that it yields is taken.
    4. `observe` for each finished trial, in the order in which the trials finished. Its result
       replaces the state.

    Steps 2 to 4 repeat for every trial. On resume, `Search.replay` repeats step 4 for the stored
    trials.

    All three methods are pure: they neither modify their arguments nor keep anything between
    calls, and all randomness comes from the given generator, which is keyed by the seed and the
    trial number. A state may hold a memo of values that follow from the space alone. Hence the
    state is a fold of `observe` over the finished trials, and the next proposal is determined by
    the settings, the space, the seed, the finished and running trials, and the trial number, in
    every process and under every backend.

    `Search` does the rest, which a strategy should not repeat: it skips candidates that equal a
    finished, failed or running trial or are equivalent to one, and candidates that break a
    constraint; it passes over candidates that would probably fail, unless `avoids_failures` is
    False; it falls back to random sampling and enumeration when a strategy repeats itself, and
    raises `SpaceExhausted` when nothing is left.

    Example:
        A hill climber: it mutates the best architecture so far.

        >>> from collections.abc import Iterator
        >>> from dataclasses import dataclass
        >>> from nasbridge.spaces import Integer, Space
        >>> from nasbridge.strategies import Problem, Search, Strategy, Trial
        >>> @dataclass(frozen=True)
        ... class HillClimber(Strategy[tuple]):
        ...     def start(self, problem):
        ...         return problem, None
        ...
        ...     def propose(self, state, rng):
        ...         problem, best = state
        ...         while True:
        ...             yield (
        ...                 problem.space.mutate(best[1], rng)
        ...                 if best
        ...                 else problem.space.sample(rng)
        ...             )
        ...
        ...     def observe(self, state, trial):
        ...         problem, best = state
        ...         scores = trial.scores(problem.objectives)
        ...         if scores is None or best and scores <= best[0]:
        ...             return state
        ...         return problem, (scores, trial.architecture)
        >>> search = Search(HillClimber(), Space({"x": Integer(0, 99)}), {"x": "max"}, seed=0)
        >>> for number in range(60):
        ...     architecture = search.ask(number)
        ...     search.tell(Trial(number, architecture, "complete", {"x": architecture["x"]}))
        >>> search.ask(60)["x"] in range(100)
        True
    """

    @abstractmethod
    def start(self, problem: Problem) -> State:
        """Return the state before the first trial.

        Args:
            problem: The space, the objectives and the seed.

        Raises:
            StrategyError: The strategy does not suit the problem, such as several objectives.
        """

    @abstractmethod
    def propose(self, state: State, rng: Generator) -> Iterator[Architecture]:
        """Yield candidates in order of preference; `Search` takes the first new one.

        The iterator is usually endless. If it ends, the strategy has no further candidates, and
        the search continues with the first untried architecture of `listing`, or in an infinite
        space with random samples.

        Args:
            state: The state after all finished trials and, as "running", the running ones.
            rng: The only source of randomness, keyed by the seed and the trial number.
        """

    @abstractmethod
    def observe(self, state: State, trial: Trial) -> State:
        """Return the state after one more trial.

        Args:
            state: The state before; it is not modified.
            trial: A complete, pruned or failed trial; or a running one, before a proposal.
        """

    @property
    def allow_equivalent(self) -> bool:
        """Whether equivalents of earlier architectures are evaluated; by default, they are not."""
        return False

    @property
    def avoids_failures(self) -> bool:
        """Whether `Search` passes over candidates that would probably fail; by default, it does."""
        return True

    def listing(self, problem: Problem) -> Iterator[Architecture] | None:
        """Return all architectures in a fixed order; None if the space is infinite.

        `Search` takes the first untried one when `propose` yields no new candidate.
        """
        sizes = [decision.domain.size for decision in problem.space.decisions]
        return None if math.inf in sizes else problem.space.enumerate()
