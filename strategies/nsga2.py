"""NSGA-II: evolution toward the whole Pareto front."""

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

__all__ = ["NSGA2", "Generation", "crowding_distance", "fronts_of"]

Scores = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Individual:
    """An architecture in a population.

    Attributes:
        architecture: What it is.
        scores: Larger is better.
        rank: The front that it is in, from 0.
        crowding: How far its neighbours in that front are.
    """

    architecture: Architecture
    scores: Scores
    rank: int = 0
    crowding: float = math.inf


@dataclass(frozen=True)
class Generation:
    """Parents, and the children that have finished.

    Attributes:
        problem: What is searched.
        parents: The survivors of all earlier generations; none in the first.
        children: The present generation.
    """

    problem: Problem
    parents: tuple[Individual, ...] = ()
    children: tuple[Individual, ...] = ()


def fronts_of(scores: Sequence[Scores]) -> list[list[int]]:
    """Sort into fronts: each is dominated only by those before it (fast non-dominated sorting).

    Args:
        scores: Larger is better.

    Returns:
        Positions, front after front.

    Example:
        >>> fronts_of([(1, 1), (0, 2), (0, 0), (-1, 0)])
        [[0, 1], [2], [3]]

    References:
        Deb et al. 2002, section III.A.
    """
    below: list[list[int]] = [[] for _ in scores]
    above = [0] * len(scores)
    for one, ours in enumerate(scores):
        for other, theirs in enumerate(scores):
            if dominates(ours, theirs):
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
    """Sum up over the objectives how far apart the neighbours of each are, as shares of the range.

    The ends of the front are infinitely far; an objective in which all are equal counts nothing.

    Args:
        scores: Those of one front.

    Example:
        >>> crowding_distance([(0, 4), (1, 1), (4, 0)])
        [inf, 2.0, inf]

    References:
        Deb et al. 2002, section III.B.
    """
    distances = [0.0] * len(scores)
    for column in zip(*scores, strict=True):
        order = sorted(range(len(column)), key=lambda k: (column[k], k))
        span = column[order[-1]] - column[order[0]]
        if span == 0:
            continue
        distances[order[0]] = distances[order[-1]] = math.inf
        for before, here, after in zip(order, order[1:], order[2:], strict=False):
            distances[here] += (column[after] - column[before]) / span
    return distances


def survivors(individuals: Sequence[Individual], number: int) -> tuple[Individual, ...]:
    """Keep the best fronts whole, and of the last one that fits, those in the least crowd."""
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
class NSGA2(Strategy[Generation]):
    """Elitist evolution by non-dominated sorting, with the crowding distance to spread out.

    Parents are chosen by binary tournaments (lower rank, then less crowded); a child takes each
    decision from either of two parents and then changes one. After each generation, parents and
    children together are cut down to the population. With one objective it is plain elitist
    evolution. A generation ends when as many trials have finished as the population counts, in
    whatever order. A pruned trial joins with its last values; a failed one does not join.

    Args:
        population: Number of survivors, and of trials in a generation, at least 2.
        crossover: Chance that a child has two parents, from 0 to 1.
        mutation: Chance that a child is mutated, from 0 to 1; one without a second parent always
            is.

    Raises:
        StrategyError: A setting is out of its bounds.

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
        doi:10.1109/4235.996017; Lu et al. 2019, NSGA-Net, arXiv:1810.03522. Uniform crossover and
        the mutation of exactly one decision take the place of operators on real vectors.
    """

    population: int = 20
    crossover: float = 0.9
    mutation: float = 0.8

    def __post_init__(self) -> None:
        check_count(self, "population", least=2)
        check_number(self, "crossover", most=1)
        check_number(self, "mutation", most=1)

    def start(self, problem: Problem) -> Generation:
        return Generation(problem)

    def propose(self, state: Generation, rng: Generator) -> Iterator[Architecture]:
        space = state.problem.space
        while True:
            try:
                yield self._child(state, rng) if state.parents else space.sample(rng)
            except NoFeasible:  # these parents have no child that the constraints allow
                yield space.sample(rng)

    def _child(self, state: Generation, rng: Generator) -> Architecture:
        space, child = state.problem.space, _tournament(state.parents, rng)
        is_crossed = rng.random() < self.crossover
        if is_crossed:
            child = space.crossover(child, _tournament(state.parents, rng), rng)
        if not is_crossed or rng.random() < self.mutation:
            child = space.mutate(child, rng)
        return child

    def observe(self, state: Generation, trial: Trial) -> Generation:
        scores = trial.scores(state.problem.objectives)
        if scores is None:
            return state
        children = (*state.children, Individual(trial.architecture, scores))
        if len(children) < self.population:
            return replace(state, children=children)
        parents = survivors((*state.parents, *children), self.population)
        return replace(state, parents=parents, children=())


def _tournament(parents: Sequence[Individual], rng: Generator) -> Architecture:
    one, other = (parents[int(k)] for k in rng.integers(len(parents), size=2))
    return min(one, other, key=lambda each: (each.rank, -each.crowding)).architecture
