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
    return [
        position
        for position, score in enumerate(scores)
        if not any(dominates(other, score) for other in scores)
    ]
