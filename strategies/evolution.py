"""Regularized (aging) evolution."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import final

from numpy.random import Generator

from ..spaces import Architecture
from .errors import check_count
from .mutation import mutated
from .pareto import non_dominated
from .strategy import Problem, Strategy
from .trial import Trial

__all__ = ["EvolutionState", "RegularizedEvolution"]

Member = tuple[Architecture, tuple[float, ...]]


@dataclass(frozen=True)
class EvolutionState:
    """State of `RegularizedEvolution`: the population.

    Attributes:
        problem: The problem.
        members: Architectures with their scores (larger is better), oldest first.
        running: Number of running trials.
    """

    problem: Problem
    members: tuple[Member, ...] = ()
    running: int = 0


@final
@dataclass(frozen=True)
class RegularizedEvolution(Strategy[EvolutionState]):
    """Regularized (aging) evolution: tournament selection, mutation, removal of the oldest.

    The first `population` architectures are random. Then each proposal is a mutation of the winner
    of a tournament: the best of `sample` members, drawn with replacement. A finished trial joins
    the population, and the oldest member is removed.

    A pruned trial joins with the last values that it reported, objective by objective. A failed
    trial does not join, nor does one that reported nothing.

    Deviations from the paper: a mutation changes one decision of any space, and with several
    objectives the parent is drawn from the non-dominated members of the tournament. Once trials
    have failed, `Search` passes over children that would probably fail.

    Args:
        population: Number of members (P in the paper), at least 1. Choose it well below the number
            of trials, because the search is random until the population is full.
        sample: Number of members in a tournament (S in the paper), at least 1.

    Raises:
        StrategyError: A setting is below 1 or no int.

    Example:
        >>> from nasbridge.spaces import Integer, Space
        >>> from nasbridge.strategies import RegularizedEvolution, Search, Trial
        >>> space = Space({"a": Integer(0, 9), "b": Integer(0, 9)})
        >>> strategy = RegularizedEvolution(population=10, sample=5)
        >>> search = Search(strategy, space, {"sum": "max"}, seed=1)
        >>> best = 0
        >>> for number in range(60):
        ...     architecture = search.ask(number)
        ...     value = architecture["a"] + architecture["b"]
        ...     search.tell(Trial(number, architecture, "complete", {"sum": value}))
        ...     best = max(best, value)
        >>> best
        18

    References:
        Real et al. 2019, Regularized Evolution for Image Classifier Architecture Search,
        arXiv:1802.01548.
    """

    population: int = 100
    sample: int = 25

    def __post_init__(self) -> None:
        check_count(self, "population", least=1)
        check_count(self, "sample", least=1)

    def start(self, problem: Problem) -> EvolutionState:
        return EvolutionState(problem)

    def propose(self, state: EvolutionState, rng: Generator) -> Iterator[Architecture]:
        space, members = state.problem.space, state.members
        while True:
            if not members or len(members) + state.running < self.population:
                yield space.sample(rng)
            else:
                yield mutated(space, self._parent(members, rng), rng)

    def _parent(self, members: tuple[Member, ...], rng: Generator) -> Architecture:
        drawn = [members[int(k)] for k in rng.integers(len(members), size=self.sample)]
        if len(drawn[0][1]) == 1:
            return max(drawn, key=lambda member: member[1])[0]
        front = non_dominated([scores for _, scores in drawn])
        return drawn[front[int(rng.integers(len(front)))]][0]

    def observe(self, state: EvolutionState, trial: Trial) -> EvolutionState:
        if trial.state == "running":
            return replace(state, running=state.running + 1)
        scores = trial.partial_scores(state.problem.objectives)
        if scores is None or all(map(math.isnan, scores)):
            return state
        members = (*state.members, (trial.architecture, scores))
        return replace(state, members=members[-self.population :])
