"""Pareto dominance of score vectors, for maximization."""

import math
from collections.abc import Sequence

__all__ = ["dominates", "non_dominated"]


def dominates(one: Sequence[float], other: Sequence[float]) -> bool:
    """Return whether `one` Pareto-dominates `other`: nowhere worse, and somewhere better.

    NaN is an unknown score. Only the known scores of `other` are compared, and an unknown score of
    `one` is no better than any.

    Args:
        one: Scores, larger is better.
        other: Scores of the same length.

    Example:
        >>> dominates((0.9, -10), (0.8, -10)), dominates((0.9, -10), (0.8, -5))
        (True, False)
        >>> dominates((0.9, -10), (0.8, math.nan)), dominates((0.9, math.nan), (0.8, -10))
        (True, False)
    """
    pairs = [(a, b) for a, b in zip(one, other, strict=True) if not math.isnan(b)]
    return all(a >= b for a, b in pairs) and any(a > b for a, b in pairs)


def non_dominated(scores: Sequence[Sequence[float]]) -> list[int]:
    """Return the positions of the non-dominated scores, in ascending order.

    Args:
        scores: Score vectors of one length, larger is better. Of equal vectors, all are returned.

    Example:
        >>> non_dominated([(1, 0), (0, 1), (0, 0)])
        [0, 1]
    """
    front: list[int] = []
    # in descending order, unknown scores last, a vector comes after every vector that dominates it,
    # so comparing it with the front found so far is enough
    descending = [tuple(-math.inf if math.isnan(s) else s for s in vector) for vector in scores]
    for position in sorted(range(len(scores)), key=descending.__getitem__, reverse=True):
        if not any(dominates(scores[other], scores[position]) for other in front):
            front.append(position)
    return sorted(front)
