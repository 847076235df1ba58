"""Pareto dominance of score vectors, for maximization."""

from collections.abc import Sequence

__all__ = ["dominates", "non_dominated"]


def dominates(one: Sequence[float], other: Sequence[float]) -> bool:
    """Return whether `one` Pareto-dominates `other`: nowhere worse, and somewhere better.

    Args:
        one: Scores, larger is better.
        other: Scores of the same length.

    Example:
        >>> dominates((0.9, -10), (0.8, -10)), dominates((0.9, -10), (0.8, -5))
        (True, False)
    """
    pairs = list(zip(one, other, strict=True))
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
    # in descending order a vector comes after every vector that dominates it, so comparing it with
    # the front found so far is enough
    for position in sorted(range(len(scores)), key=lambda k: tuple(scores[k]), reverse=True):
        if not any(dominates(scores[other], scores[position]) for other in front):
            front.append(position)
    return sorted(front)
