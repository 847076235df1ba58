"""Pareto dominance; scores are always such that larger is better."""

from collections.abc import Sequence

__all__ = ["dominates", "non_dominated"]


def dominates(one: Sequence[float], other: Sequence[float]) -> bool:
    """Tell whether one is at least as good everywhere and better somewhere.

    Example:
        >>> dominates((0.9, -10), (0.8, -10)), dominates((0.9, -10), (0.8, -5))
        (True, False)
    """
    pairs = list(zip(one, other, strict=True))
    return all(a >= b for a, b in pairs) and any(a > b for a, b in pairs)


def non_dominated(scores: Sequence[Sequence[float]]) -> list[int]:
    """Return the positions that no other one dominates, in order.

    Example:
        >>> non_dominated([(1, 0), (0, 1), (0, 0)])
        [0, 1]
    """
    front: list[int] = []
    # what dominates a score comes before it in this order, and so does one of the front
    for position in sorted(range(len(scores)), key=lambda k: tuple(scores[k]), reverse=True):
        if not any(dominates(scores[other], scores[position]) for other in front):
            front.append(position)
    return sorted(front)
