"""Pareto dominance, against the definition."""

import numpy

from nasbridge.strategies import dominates, non_dominated


def test_the_front_agrees_with_the_definition() -> None:
    rng = numpy.random.default_rng(0)
    for objectives in (1, 2, 3):
        scores = rng.integers(6, size=(80, objectives)).tolist()  # with ties and duplicates
        slow = [k for k, s in enumerate(scores) if not any(dominates(o, s) for o in scores)]
        assert non_dominated(scores) == slow


def test_equal_scores_do_not_dominate_each_other() -> None:
    assert not dominates((1, 2), (1, 2))
    assert non_dominated([(1, 2), (1, 2)]) == [0, 1]
