"""NSGA-II: multi-objective evolution by non-dominated sorting."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import final

from numpy.random import Generator

from ..spaces import Architecture, NoFeasible
from .errors import check_count, check_number
from .pareto import dominates
from .strategy import Problem, Strategy
from .trial import Trial

__all__ = ["NSGA2", "NSGA2State", "crowding_distance", "fronts_of"]

Scores = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Individual:
    """A member of a population.

    Attributes:
        architecture: The architecture.
        scores: Its scores, larger is better.
        rank: The number of its front, from 0.
        crowding: Its crowding distance within the front.
    """

    architecture: Architecture
    scores: Scores
    rank: int = 0
    crowding: float = math.inf


@dataclass(frozen=True)
class NSGA2State:
    """State of `NSGA2`: the parents and the current generation.

    Attributes:
        problem: The problem.
        parents: The survivors of the earlier generations; empty during the first.
        children: The finished trials of the current generation.
    """

    problem: Problem
    parents: tuple[Individual, ...] = ()
    children: tuple[Individual, ...] = ()


def fronts_of(scores: Sequence[Scores]) -> list[list[int]]:
    """Sort score vectors into successive Pareto fronts (fast non-dominated sorting).

    Args:
        scores: Score vectors, larger is better.

    Returns:
        The positions in each front, best front first.

    Example:
        >>> fronts_of([(1, 1), (0, 2), (0, 0), (-1, 0)])
        [[0, 1], [2], [3]]

    References:
        Deb et al. 2002, section III.A, doi:10.1109/4235.996017.
    """
    below: list[list[int]] = [[] for _ in scores]
    above = [0] * len(scores)
    for one, score in enumerate(scores):
        for other, other_score in enumerate(scores):
            if dominates(score, other_score):
                below[one].append(other)
                above[other] += 1
    fronts: list[list[int]] = []
    front = [k for k, count in enumerate(above) if count == 0]
    while front:
        fronts.append(front)
        for one in front:
            for other in below[one]:
                above[other] -= 1
        placed = set(front)
        reached = sorted({other for one in front for other in below[one]} - placed)
        front = [k for k in reached if above[k] == 0]
    return fronts


def crowding_distance(scores: Sequence[Scores]) -> list[float]:
    """Return the crowding distance of each point of a front.

    It is the sum over the objectives of the distance between a point's two neighbours, divided by
    the range of the objective. The extreme points have an infinite distance. An objective of equal
    values contributes 0, and so does an unknown one (NaN).

    Args:
        scores: The score vectors of one front.

    Example:
        >>> crowding_distance([(0, 4), (1, 1), (4, 0)])
        [inf, 2.0, inf]

    References:
        Deb et al. 2002, section III.B, doi:10.1109/4235.996017.
    """
    distances = [0.0] * len(scores)
    for column in zip(*scores, strict=True):
        known = (k for k, value in enumerate(column) if not math.isnan(value))
        order = sorted(known, key=lambda k: (column[k], k))
        if not order:
            continue
        span = column[order[-1]] - column[order[0]]
        if span == 0:
            continue
        distances[order[0]] = distances[order[-1]] = math.inf
        for before, here, after in zip(order, order[1:], order[2:], strict=False):
            distances[here] += (column[after] - column[before]) / span
    return distances


def survivors(individuals: Sequence[Individual], number: int) -> tuple[Individual, ...]:
    """Return the best `number` individuals, by front and then by crowding distance."""
    kept: list[Individual] = []
    for rank, front in enumerate(fronts_of([one.scores for one in individuals])):
        distances = crowding_distance([individuals[k].scores for k in front])
        ranked = [
            replace(individuals[k], rank=rank, crowding=distance)
            for k, distance in zip(front, distances, strict=True)
        ]
        if len(kept) + len(ranked) > number:
            ranked.sort(key=lambda one: -one.crowding)
        kept.extend(ranked[: number - len(kept)])
    return tuple(kept)


@final
@dataclass(frozen=True)
class NSGA2(Strategy[NSGA2State]):
    """NSGA-II: elitist evolution by non-dominated sorting and crowding distance.

    The first generation is random. Parents win binary tournaments (lower rank, then larger crowding
    distance). A child is made by uniform crossover of two parents, and by mutation of one decision.
    At the end of a generation, the best `population` of parents and children become the parents.

    A generation ends after `population` finished trials, in any order, so parallel workers never
    wait. A pruned trial joins with the last values that it reported: it is compared by these
    objectives only, and an objective that it lacks adds nothing to its crowding distance. A failed
    trial does not join, nor does one that reported nothing.

    Deviations from the paper: uniform crossover and the mutation of exactly one decision replace
    the operators on real vectors. With one objective it is plain elitist evolution. Once trials
    have failed, `Search` passes over children that would probably fail.

    Args:
        population: Number of survivors, and of trials per generation, at least 2.
        crossover: Probability that a child has two parents, from 0 to 1.
        mutation: Probability that a child of two parents is mutated, from 0 to 1. A child of one
            parent is always mutated.

    Raises:
        StrategyError: A setting is out of bounds.

    Example:
        >>> from nasbridge.spaces import Integer, Space
        >>> from nasbridge.strategies import NSGA2, Search, Trial
        >>> space = Space({"x": Integer(0, 99), "y": Integer(0, 9)})
        >>> search = Search(NSGA2(population=10), space, {"f": "min", "g": "min"}, seed=0)
        >>> for number in range(100):
        ...     a = search.ask(number)
        ...     values = {"f": a["x"] + a["y"], "g": 99 - a["x"] + a["y"]}
        ...     search.tell(Trial(number, a, "complete", values))
        >>> min(search.ask(number)["y"] for number in range(100, 110))
        0

    References:
        Deb et al. 2002, A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II,
        doi:10.1109/4235.996017; Lu et al. 2019, NSGA-Net, arXiv:1810.03522.
    """

    population: int = 20
    crossover: float = 0.9
    mutation: float = 0.8

    def __post_init__(self) -> None:
        check_count(self, "population", least=2)
        check_number(self, "crossover", most=1)
        check_number(self, "mutation", most=1)

    def start(self, problem: Problem) -> NSGA2State:
        return NSGA2State(problem)

    def propose(self, state: NSGA2State, rng: Generator) -> Iterator[Architecture]:
        space = state.problem.space
        while True:
            try:
                yield self._child(state, rng) if state.parents else space.sample(rng)
            except NoFeasible:  # these parents have no feasible child
                yield space.sample(rng)

    def _child(self, state: NSGA2State, rng: Generator) -> Architecture:
        space, child = state.problem.space, _tournament(state.parents, rng)
        is_crossed = rng.random() < self.crossover
        if is_crossed:
            child = space.crossover(child, _tournament(state.parents, rng), rng)
        if not is_crossed or rng.random() < self.mutation:
            child = space.mutate(child, rng)
        return child

    def observe(self, state: NSGA2State, trial: Trial) -> NSGA2State:
        scores = trial.partial_scores(state.problem.objectives)
        if scores is None or all(map(math.isnan, scores)):
            return state
        children = (*state.children, Individual(trial.architecture, scores))
        if len(children) < self.population:
            return replace(state, children=children)
        parents = survivors((*state.parents, *children), self.population)
        return replace(state, parents=parents, children=())


def _tournament(parents: Sequence[Individual], rng: Generator) -> Architecture:
    one, other = (parents[int(k)] for k in rng.integers(len(parents), size=2))
    return min(one, other, key=lambda each: (each.rank, -each.crowding)).architecture
