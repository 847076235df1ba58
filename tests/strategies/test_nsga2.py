# pyright: reportPrivateUsage=false
"""NSGA-II against Deb et al. 2002: fronts, crowding, elitism, the front of ZDT1."""

import math
from itertools import islice

import numpy
import pytest

from nasbridge import NSGA2, Integer, Search, Space, StrategyError, Trial
from nasbridge.strategies import Problem, dominates, non_dominated, objectives_from
from nasbridge.strategies.nsga2 import (
    Individual,
    NSGA2State,
    _tournament,
    crowding_distance,
    fronts_of,
    survivors,
)


def test_each_front_is_non_dominated_among_the_rest() -> None:
    rng = numpy.random.default_rng(0)
    scores = [tuple(map(float, row)) for row in rng.integers(6, size=(60, 3))]
    left = list(range(60))
    for front in fronts_of(scores):
        expected = [left[k] for k in non_dominated([scores[k] for k in left])]
        assert front == expected
        left = [k for k in left if k not in front]
    assert not left


def test_extreme_points_have_infinite_distance_and_flat_objectives_contribute_none() -> None:
    distances = crowding_distance([(0, 10, 7), (1, 8, 7), (4, 4, 7), (10, 0, 7)])
    assert distances[0] == distances[3] == math.inf
    assert distances[1:3] == pytest.approx([0.4 + 0.6, 0.9 + 0.8])


def test_survivors_are_whole_fronts_then_the_least_crowded() -> None:
    space = Space({"a": Integer(0, 9)})
    scores = [(0.0, 4.0), (1.0, 3.0), (1.1, 2.9), (4.0, 0.0), (0.0, 0.0), (-1.0, -1.0)]
    made = [Individual(space.architecture({"a": k}), s) for k, s in enumerate(scores)]
    kept = survivors(made, 3)
    assert {one.scores for one in kept[:2]} == {(0.0, 4.0), (4.0, 0.0)}
    assert kept[2].scores == (1.1, 2.9)  # the less crowded of the two inner points
    kept = survivors(made, 5)
    assert [one.rank for one in kept] == [0, 0, 0, 0, 1]
    assert kept[4].scores == (0.0, 0.0)


def zdt1(trial: int, architecture: dict[str, float]) -> dict[str, float]:
    x = [architecture[f"x{k}"] / 20 for k in range(6)]
    g = 1 + 9 * sum(x[1:]) / 5
    return {"f1": x[0], "f2": g * (1 - math.sqrt(x[0] / g))}


def test_the_front_of_zdt1_is_found_and_covered() -> None:
    """Zitzler et al. 2000, on a grid of 21 values for each of six decisions."""
    space = Space({f"x{k}": Integer(0, 20) for k in range(6)})
    search = Search(NSGA2(population=20), space, {"f1": "min", "f2": "min"}, seed=0)
    points: list[tuple[float, float]] = []
    for number in range(600):
        architecture = search.ask(number)
        values = zdt1(number, dict(architecture))
        search.tell(Trial(number, architecture, "complete", values))
        points.append((-values["f1"], -values["f2"]))
    front = [points[k] for k in non_dominated(points)]
    near = [(-f1, -f2) for f1, f2 in front if -f2 < 1.15 - math.sqrt(-f1)]
    assert len(near) >= 10
    assert min(f1 for f1, _ in near) < 0.1
    assert max(f1 for f1, _ in near) > 0.7


def test_parents_are_never_worse_than_before() -> None:
    """Elitism: no parent of the next generation is dominated by a removed one."""
    strategy = NSGA2(population=6)
    space = Space({"a": Integer(0, 30), "b": Integer(0, 30)})
    search = Search(strategy, space, {"s": "max", "t": "max"}, seed=3)
    before: list[tuple[float, ...]] = []
    changes = 0
    for number in range(90):
        architecture = search.ask(number)
        a, b = architecture["a"], architecture["b"]
        trial = Trial(number, architecture, "complete", {"s": a - b, "t": b - abs(a - 15)})
        search.tell(trial)
        parents = [one.scores for one in search._state.parents]
        first = [p for p in parents if not any(dominates(q, p) for q in parents)]
        if len(first) < 6:  # the front is not truncated: a removed member was dominated
            for lost in {p for p in before if p not in parents}:
                assert any(dominates(p, lost) for p in parents)
        changes += parents != before
        assert not any(
            dominates(old, new) for new in parents for old in before if old not in parents
        )
        before = parents
    assert changes > 5


def individual(value: int, rank: int, crowding: float) -> Individual:
    architecture = Space({"a": Integer(0, 9)}).architecture({"a": value})
    return Individual(architecture, (0.0, 0.0), rank, crowding)


def winners(*parents: Individual) -> list[int]:
    rng = numpy.random.default_rng(0)
    return [_tournament(parents, rng)["a"] for _ in range(2000)]


def test_a_tournament_prefers_the_lower_rank_and_then_the_less_crowded() -> None:
    """The better of two individuals drawn with replacement wins with probability 3/4."""
    for better, worse in (
        (individual(1, 0, 0.1), individual(2, 1, math.inf)),
        (individual(1, 1, 0.7), individual(2, 1, 0.3)),
    ):
        for pair in ((better, worse), (worse, better)):
            assert 0.71 < winners(*pair).count(1) / 2000 < 0.79


def test_a_child_has_decisions_of_both_parents() -> None:
    space = Space({f"x{k}": Integer(0, 9) for k in range(8)})
    problem = Problem(space, objectives_from({"s": "max", "t": "max"}), 0)
    parents = tuple(
        Individual(space.architecture({f"x{k}": value for k in range(8)}), (0.0, 0.0))
        for value in (0, 9)
    )
    rng = numpy.random.default_rng(0)
    only_crossed = NSGA2(crossover=1.0, mutation=0.0)
    proposed = only_crossed.propose(NSGA2State(problem, parents), rng)
    mixed = [set(child.values()) == {0, 9} for child in islice(proposed, 200)]
    assert 80 < sum(mixed) < 120  # half of the pairs are the same parent twice
    only_mutated = NSGA2(crossover=0.0).propose(NSGA2State(problem, parents), rng)
    for child in islice(only_mutated, 50):
        values = list(child.values())
        assert max(values.count(0), values.count(9)) == 7


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"population": 1}, "population=1 of NSGA2: give an int of at least 2"),
        ({"crossover": 1.5}, r"crossover=1.5 of NSGA2: give a number of at least 0 and of at most"),
        ({"mutation": "often"}, "mutation='often' of NSGA2: give a number"),
    ],
)
def test_settings_are_checked(settings: dict[str, float], message: str) -> None:
    with pytest.raises(StrategyError, match=message):
        NSGA2(**settings)  # type: ignore[arg-type]
