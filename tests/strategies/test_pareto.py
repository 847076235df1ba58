"""Pareto dominance, against the definition."""

import math

import numpy

from nasbridge.strategies import dominates, non_dominated


def test_the_front_agrees_with_the_definition() -> None:
    rng = numpy.random.default_rng(0)
    for objectives in (1, 2, 3):
        scores = rng.integers(6, size=(80, objectives)).tolist()  # with ties and duplicates
        slow = [k for k, s in enumerate(scores) if not any(dominates(o, s) for o in scores)]
        assert non_dominated(scores) == slow


def test_unknown_scores_are_compared_by_what_is_known() -> None:
    """NaN: an objective that a pruned trial did not report."""
    nan = math.nan
    assert dominates((0.9, 1), (0.8, nan))
    assert not dominates((0.9, nan), (0.8, 1))
    assert not dominates((0.8, 1), (0.9, nan))
    assert not dominates((0.9, 1), (nan, nan))
    rng = numpy.random.default_rng(1)
    scores = rng.integers(6, size=(80, 2)).astype(float)
    scores[rng.random(scores.shape) < 0.2] = nan
    rows = scores.tolist()
    slow = [k for k, s in enumerate(rows) if not any(dominates(o, s) for o in rows)]
    assert non_dominated(rows) == slow


def test_equal_scores_do_not_dominate_each_other() -> None:
    assert not dominates((1, 2), (1, 2))
    assert non_dominated([(1, 2), (1, 2)]) == [0, 1]
