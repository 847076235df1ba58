"""Layout: the position of every item of a diagram, and the routes of its lines."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from .coordinates import x_coordinates
from .layering import Edge, LayeredGraph, assign_layers

__all__ = ["ARROW", "Layout", "Point", "arrange"]

APART = 18.0  # horizontal distance between two items of a layer
GAP = (20.0, 54.0)  # least and largest distance between two layers
SLOPE = 0.12  # how much a gap grows with the longest horizontal distance of a line in it
ARROW = 7.0  # length of the straight end of a line, for its arrowhead

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Layout:
    """Positions in pixels; y grows downwards.

    Attributes:
        middles: Centre of each item.
        routes: Points of the line of each edge. Segments alternate between straight and curved,
            the first is straight. Straight segments are vertical, and curves end vertically.
        width: Total width.
        height: Total height.
    """

    middles: list[Point]
    routes: list[list[Point]]
    width: float
    height: float


def arrange(sizes: Sequence[Point], edges: Sequence[Edge]) -> Layout:
    """Lay out items from top to bottom.

    Args:
        sizes: Width and height of each item.
        edges: Pairs of items, source first; sources have the smaller number.

    Returns:
        A layout in which no two items overlap, and no line touches an item other than its ends.
    """
    arranged = assign_layers([width for width, _ in sizes], edges)
    full = [*sizes, *[(0.0, 0.0)] * (len(arranged.ranks) - len(sizes))]
    thin = {vertex for vertex, (width, _) in enumerate(full) if not width}
    xs = x_coordinates(arranged, [width for width, _ in full], APART, thin)
    bands = _bands(arranged, full, xs)
    band = {vertex: bands[rank] for vertex, rank in arranged.ranks.items()}
    middles = [(xs[v], sum(band[v]) / 2) for v in range(len(sizes))]
    routes = [_route(path, full, xs, band) for path in arranged.paths]
    width = max((x + w / 2 for x, (w, _) in zip(xs, full, strict=True)), default=0.0)
    return Layout(middles, routes, width, bands[-1][1] if bands else 0.0)


def _bands(
    arranged: LayeredGraph, sizes: Sequence[Point], xs: Sequence[float]
) -> list[tuple[float, float]]:
    """Return the top and bottom of each layer."""
    rank = arranged.ranks
    sideways = [0.0] * len(arranged.layers)
    for upper, lower in arranged.links:
        sideways[rank[lower]] = max(sideways[rank[lower]], abs(xs[upper] - xs[lower]))
    bands: list[tuple[float, float]] = []
    bottom = 0.0
    for layer, way in zip(arranged.layers, sideways, strict=True):
        gap = min(GAP[0] + SLOPE * way, GAP[1]) + ARROW if bands else 0.0
        top = bottom + gap
        bottom = top + max(sizes[v][1] for v in layer)
        bands.append((top, bottom))
    return bands


def _route(
    path: Sequence[int],
    sizes: Sequence[Point],
    xs: Sequence[float],
    band: dict[int, tuple[float, float]],
) -> list[Point]:
    """Return the points of a line from the bottom of its source to the top of its target."""
    source, target = path[0], path[-1]
    points = [(xs[source], sum(band[source]) / 2 + sizes[source][1] / 2)]
    for upper, lower in pairwise(path):
        points += [(xs[upper], band[upper][1]), (xs[lower], band[lower][0] - ARROW)]
    return [*points, (xs[target], sum(band[target]) / 2 - sizes[target][1] / 2)]
