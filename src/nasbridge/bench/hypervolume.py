"""Exact hypervolume of two objectives."""

import numpy
from numpy.typing import NDArray

__all__ = ["front_of", "hypervolume"]

Points = NDArray[numpy.float64]


def front_of(points: Points) -> Points:
    """Return the distinct non-dominated points, sorted by the first coordinate.

    Args:
        points: Points to minimize, shape (n, 2).

    Returns:
        The front, shape (m, 2): the first coordinate increases, the second decreases.

    Example:
        >>> front_of(numpy.array([[0.0, 2.0], [1.0, 1.0], [1.0, 2.0]])).tolist()
        [[0.0, 2.0], [1.0, 1.0]]
    """
    ordered = points[numpy.lexsort((points[:, 1], points[:, 0]))]
    lowest = numpy.minimum.accumulate(ordered[:, 1])
    falls = numpy.concatenate([[True], lowest[1:] < lowest[:-1]])
    front: Points = ordered[falls[: len(ordered)]]
    return front


def hypervolume(points: Points, reference: tuple[float, float] = (1.0, 1.0)) -> float:
    """Return the area that points dominate, bounded by a reference point.

    For the front x_1 < ... < x_m, y_1 > ... > y_m inside the reference point (r, s), and
    y_0 = s, it is the sum of (r - x_k) (y_(k-1) - y_k).

    Args:
        points: Points to minimize, shape (n, 2); points outside the reference contribute 0.
        reference: The reference point.

    Example:
        >>> hypervolume(numpy.array([[0.0, 0.5], [0.5, 0.0]]))
        0.75

    References:
        Zitzler & Thiele 1999, Multiobjective Evolutionary Algorithms: A Comparative Case Study
        and the Strength Pareto Approach, doi:10.1109/4235.797969.
    """
    inside = points[(points < numpy.array(reference)).all(axis=1)]
    front = front_of(inside)
    heights = -numpy.diff(front[:, 1], prepend=reference[1])
    return float(((reference[0] - front[:, 0]) * heights).sum())
