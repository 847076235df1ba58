"""Coordinates: where the vertices of ordered layers stand from left to right.

Lines that should be straight tie their vertices into columns. The columns are placed so that the
other lines are short: a least-squares problem with distances that must be kept.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy
from numpy.typing import NDArray

from .layers import Edge, Layered

__all__ = ["abscissas"]

NEAR = 10.0  # how far from upright a line may be to be made so
HASTE = 1.7  # over-relaxation, from 1 to below 2
ROUNDS = 500  # of the solver
EXACT = 1e-3  # what a round may still change at the end


def abscissas(
    arranged: Layered, widths: Sequence[float], apart: float, thin: set[int]
) -> list[float]:
    """Return the middle of each vertex, from left to right, the leftmost edge being at 0.

    Args:
        arranged: The vertices in layers.
        widths: The width of each vertex.
        apart: The smallest distance between two vertices of a layer.
        thin: Vertices that are only a place of a line; lines between boxes are kept straight
            before theirs.
    """
    straight = _tied(arranged, _middle_links(arranged, thin))
    middles = _placed(arranged, widths, apart, _columns(arranged, straight))
    near = [link for link in arranged.links if abs(middles[link[0]] - middles[link[1]]) < NEAR]
    straight = _tied(arranged, [*straight, *near])  # a line is straight, or clearly is not
    middles = _placed(arranged, widths, apart, _columns(arranged, straight))
    start = min((m - w / 2 for m, w in zip(middles, widths, strict=True)), default=0.0)
    return [middle - start for middle in middles]


def _middle_links(arranged: Layered, thin: set[int]) -> list[Edge]:
    """Return the links that are the middle one at both their ends, long lines first."""

    def middle(vertices: list[int]) -> int | None:
        counted = [v for v in vertices if v not in thin] or vertices
        ordered = sorted(counted, key=place.__getitem__)
        return ordered[len(ordered) // 2] if len(ordered) % 2 else None

    above, below, place = arranged.above, arranged.below, arranged.places
    links = [(u, v) for u, v in arranged.links if middle(below[u]) == v and middle(above[v]) == u]
    return sorted(links, key=lambda link: (link[0] not in thin) + (link[1] not in thin))


def _tied(arranged: Layered, wanted: Sequence[Edge]) -> list[Edge]:
    """Return the links that can be straight together: none crosses an earlier one or meets it."""
    place, rank = arranged.places, arranged.ranks
    tied: dict[int, list[Edge]] = {}
    for upper, lower in wanted:
        others = tied.setdefault(rank[upper], [])
        if all((place[upper] - place[u]) * (place[lower] - place[v]) > 0 for u, v in others):
            others.append((upper, lower))
    return [link for links in tied.values() for link in links]


def _columns(arranged: Layered, straight: Sequence[Edge]) -> list[int]:
    """Return the number of each vertex's column: straight links join vertices in one."""
    column = list(range(len(arranged.ranks)))
    for upper, lower in sorted(straight, key=lambda link: arranged.ranks[link[0]]):
        column[lower] = column[upper]
    first, last = arranged.layers[0], arranged.layers[-1]
    if len(first) == len(last) == 1:  # the way in stands above the way out, if nothing forbids it
        start, end = column[first[0]], column[last[0]]
        if column.count(start) == 1 or column.count(end) == 1:
            column = [start if c == end else c for c in column]
    numbers = {name: number for number, name in enumerate(dict.fromkeys(column))}
    return [numbers[name] for name in column]


def _placed(
    arranged: Layered, widths: Sequence[float], apart: float, column: Sequence[int]
) -> list[float]:
    """Return the middle of each vertex, given which of them share a column."""
    count = max(column, default=-1) + 1
    pull = 1e-2 * numpy.eye(count)
    for upper, lower in arranged.links:
        if column[upper] != column[lower]:
            push = numpy.zeros(count)
            push[column[upper]], push[column[lower]] = 1, -1
            pull += numpy.outer(push, push)
    least: dict[Edge, float] = {}
    for layer in arranged.layers:
        for left, right in pairwise(layer):
            pair = column[left], column[right]
            distance = (widths[left] + widths[right]) / 2 + apart
            least[pair] = max(least.get(pair, 0.0), distance)
    solved = _solved(pull, least)
    return [round(float(solved[c]), 1) for c in column]


def _solved(pull: NDArray[numpy.float64], least: Mapping[Edge, float]) -> NDArray[numpy.float64]:
    r"""Minimise x^T P x / 2 subject to x_right - x_left >= distance.

    The dual is solved one multiplier at a time (Hildreth 1957); what the last round leaves of a
    violation is then removed by moving to the right.

    Args:
        pull: P, positive definite, shape (columns, columns).
        least: Distance of each pair of columns.

    Returns:
        x, shape (columns,).
    """
    distances = numpy.array(list(least.values()))
    matrix = numpy.zeros((len(least), len(pull)))
    for row, (left, right) in enumerate(least):
        matrix[row, left], matrix[row, right] = -1, 1
    reach = numpy.linalg.solve(pull, matrix.T)
    dual = matrix @ reach
    forces = numpy.zeros(len(least))
    for _ in range(ROUNDS):
        change = 0.0
        for row in range(len(least)):
            step = HASTE * (distances[row] - dual[row] @ forces) / dual[row, row]
            step = max(step, -forces[row])
            forces[row] += step
            change = max(change, abs(step) * dual[row, row])
        if change < EXACT:
            break
    placed = reach @ forces
    for _ in range(len(pull)):
        for (left, right), distance in least.items():
            placed[right] = max(placed[right], placed[left] + distance)
    return placed
