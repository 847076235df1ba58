"""Coordinates: the horizontal position of the vertices of ordered layers.

Lines that should be straight join their vertices in columns. Columns are positioned so that all
other lines are short: a quadratic program with a least distance between neighbours.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy
from numpy.typing import NDArray

from .layering import Edge, LayeredGraph

__all__ = ["x_coordinates"]

NEAR = 10.0  # lines with a smaller horizontal offset are straightened
RELAXATION = 1.7  # over-relaxation of the solver, in [1, 2)
ROUNDS = 500  # largest number of rounds of the solver
TOLERANCE = 1e-3  # the solver stops when a round changes less


def x_coordinates(
    arranged: LayeredGraph, widths: Sequence[float], apart: float, thin: set[int]
) -> list[float]:
    """Return the centre of each vertex; the leftmost edge is at 0.

    Args:
        arranged: The vertices in layers.
        widths: Width of each vertex.
        apart: Least distance between two vertices of a layer.
        thin: Vertices that are only a place of a line. Their lines are straightened after those
            between boxes.
    """
    straight = _tied(arranged, _middle_links(arranged, thin))
    middles = _placed(arranged, widths, apart, _columns(arranged, straight))
    near = [link for link in arranged.links if abs(middles[link[0]] - middles[link[1]]) < NEAR]
    straight = _tied(arranged, [*straight, *near])  # so that no line is slightly bent
    middles = _placed(arranged, widths, apart, _columns(arranged, straight))
    start = min((m - w / 2 for m, w in zip(middles, widths, strict=True)), default=0.0)
    return [middle - start for middle in middles]


def _middle_links(arranged: LayeredGraph, thin: set[int]) -> list[Edge]:
    """Return the links that are the middle one at both ends, those of long lines first."""

    def middle(vertices: list[int]) -> int | None:
        counted = [v for v in vertices if v not in thin] or vertices
        ordered = sorted(counted, key=place.__getitem__)
        return ordered[len(ordered) // 2] if len(ordered) % 2 else None

    above, below, place = arranged.above, arranged.below, arranged.places
    links = [(u, v) for u, v in arranged.links if middle(below[u]) == v and middle(above[v]) == u]
    return sorted(links, key=lambda link: (link[0] not in thin) + (link[1] not in thin))


def _tied(arranged: LayeredGraph, wanted: Sequence[Edge]) -> list[Edge]:
    """Return the links that can all be straight: none crosses or touches an earlier one."""
    place, rank = arranged.places, arranged.ranks
    tied: dict[int, list[Edge]] = {}
    for upper, lower in wanted:
        others = tied.setdefault(rank[upper], [])
        if all((place[upper] - place[u]) * (place[lower] - place[v]) > 0 for u, v in others):
            others.append((upper, lower))
    return [link for links in tied.values() for link in links]


def _columns(arranged: LayeredGraph, straight: Sequence[Edge]) -> list[int]:
    """Return the column of each vertex: straight links join their ends in one column."""
    column = list(range(len(arranged.ranks)))
    for upper, lower in sorted(straight, key=lambda link: arranged.ranks[link[0]]):
        column[lower] = column[upper]
    first, last = arranged.layers[0], arranged.layers[-1]
    if len(first) == len(last) == 1:  # align input and output if possible
        start, end = column[first[0]], column[last[0]]
        if column.count(start) == 1 or column.count(end) == 1:
            column = [start if c == end else c for c in column]
    numbers = {name: number for number, name in enumerate(dict.fromkeys(column))}
    return [numbers[name] for name in column]


def _placed(
    arranged: LayeredGraph, widths: Sequence[float], apart: float, column: Sequence[int]
) -> list[float]:
    """Return the centre of each vertex, given the columns."""
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

    The dual is solved one multiplier at a time (Hildreth 1957, A Quadratic Programming Procedure).
    Remaining violations are then removed by moving columns to the right.

    Args:
        pull: P, positive definite, shape (columns, columns).
        least: Least distance of each pair of columns.

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
            step = RELAXATION * (distances[row] - dual[row] @ forces) / dual[row, row]
            step = max(step, -forces[row])
            forces[row] += step
            change = max(change, abs(step) * dual[row, row])
        if change < TOLERANCE:
            break
    placed = reach @ forces
    for _ in range(len(pull)):
        for (left, right), distance in least.items():
            placed[right] = max(placed[right], placed[left] + distance)
    return placed
