"""The page: the network in columns, with its cells beside or below it."""

from dataclasses import replace
from itertools import pairwise
from math import ceil, log

from ..graph.graph import Graph, HierarchicalGraph
from .diagram import POINT, Box, Diagram
from .figure import Figure, draw_diagram, is_dashed, item_size
from .graph_to_diagram import diagram_of
from .labels import cell_title
from .layout import Point
from .shapes import Curve, Picture, Piece, Rect, Shape, Text, beside, stacked
from .text import text_width

__all__ = ["compose_page"]

TALLEST = 900.0  # height of a column
GUTTER = 44.0  # between columns, and between the network and its cells
TURN = 16.0  # space below and above columns, for the line to the next column
ROUND = 6.0  # radius of the corners of that line
BORDER = 16.0  # around the page, and between a cell and its frame
HEADER = 40.0  # of a cell's frame, for its title
TITLE = 13.0  # font size
ASPECT = 1.4  # desired ratio of width to height


def compose_page(network: HierarchicalGraph) -> Picture:
    """Return the picture of an architecture: its network, and each distinct cell once."""
    names = network.graph.input_names or ("input",)
    whole = _columns(diagram_of(network.graph, [Box(name, shape="pill") for name in names]))
    cells = [_cell(name, graph) for name, graph in network.subgraphs.items()]
    if cells:
        ways = [beside([whole, join(cells, BORDER)], GUTTER) for join in (beside, stacked)]
        whole = min(ways, key=lambda picture: abs(log(picture.width / picture.height / ASPECT)))
    across, down = ceil(whole.width + 2 * BORDER), ceil(whole.height + 2 * BORDER)
    return Picture(across, down, whole.at(BORDER, BORDER))


def _cell(name: str, graph: Graph) -> Picture:
    """Draw a cell in a frame with its title."""
    count = len(graph.inputs)
    inputs = [
        Box(f"input {k}" if count > 1 else "input", f"from cell k−{count - k}", "pill")
        for k in range(count)
    ]
    inner = draw_diagram(diagram_of(graph, inputs, channels=False)).picture
    title = cell_title(name)
    across = max(inner.width, text_width(title, TITLE) * 1.1) + 2 * BORDER  # bold is wider
    down = inner.height + HEADER + BORDER
    shapes = inner.at((across - inner.width) / 2, HEADER)
    frame = Rect(0.0, 0.0, across, down, 8.0, "frame")
    header = Text(BORDER, 24.0, title, TITLE, anchor="start", bold=True)
    return Picture(across, down, (frame, header, *shapes))


def _columns(diagram: Diagram) -> Picture:
    """Draw a network from top to bottom, in several columns if it is long."""
    whole = draw_diagram(diagram)
    columns = ceil(whole.picture.height / TALLEST)
    if columns == 1:
        return whole.picture
    pieces = [_piece(diagram, *ends) for ends in pairwise(_breaks(diagram, whole, columns))]
    figures = [draw_diagram(piece) for piece in pieces]
    picture = beside([f.picture for f in figures], GUTTER)
    x, links = 0.0, list[Shape]()
    for (upper, lower), (piece, following) in zip(pairwise(figures), pairwise(pieces), strict=True):
        source = piece.items[-1]
        start = x + upper.middles[-1][0], upper.middles[-1][1] + item_size(source)[1] / 2
        x += upper.picture.width + GUTTER
        end = x + lower.middles[0][0], lower.middles[0][1]
        begun = [following.items[b] for a, b in following.edges if a == 0]
        dashed = is_dashed(source) or all(map(is_dashed, begun))
        links.append(_link(start, end, x - GUTTER / 2, dashed))
    shapes = Picture(picture.width, picture.height, (*picture.shapes, *links))
    return Picture(picture.width, picture.height + 2 * TURN, shapes.at(0.0, TURN))


def _breaks(diagram: Diagram, whole: Figure, columns: int) -> list[int]:
    """Return the first item of each column, and the number of items; heights are similar."""
    cuts = [
        k + 1
        for k in range(len(diagram.items) - 1)
        if {a for a, b in diagram.edges if a <= k < b} == {k}
    ]
    wanted = [whole.picture.height * k / columns for k in range(1, columns)]
    chosen = {min(cuts, key=lambda k: abs(whole.middles[k - 1][1] - y)) for y in wanted if cuts}
    return [0, *sorted(chosen), len(diagram.items)]


def _piece(diagram: Diagram, start: int, stop: int) -> Diagram:
    """Return a range of a diagram's items; lines from earlier items start at a point."""
    if start == 0:
        return Diagram(diagram.items[:stop], tuple(e for e in diagram.edges if e[1] < stop))
    ways = [(max(a - start + 1, 0), b - start + 1) for a, b in diagram.edges if start <= b < stop]
    entry = replace(POINT, dashed=is_dashed(diagram.items[start - 1]))
    return Diagram((entry, *diagram.items[start:stop]), tuple(ways))


def _link(start: Point, end: Point, x: float, dashed: bool) -> Curve:
    """Draw the line from the bottom of a column to the top of the next; it rises at x."""
    corners = [(start[0], start[1] + TURN), (x, start[1] + TURN)]
    corners += [(x, end[1] - TURN), (end[0], end[1] - TURN)]
    pieces: list[Piece] = [("M", (start,))]
    for before, corner, after in zip([start, *corners], corners, [*corners[1:], end], strict=False):
        pieces.append(("L", (_toward(corner, before),)))
        pieces.append(("C", (corner, corner, _toward(corner, after))))
    return Curve((*pieces, ("L", (end,))), dashed)


def _toward(corner: Point, other: Point) -> Point:
    """Return the point at the radius of a corner from it, towards another point."""
    across, down = other[0] - corner[0], other[1] - corner[1]
    share = min(ROUND / max(abs(across) + abs(down), ROUND), 0.5)
    return corner[0] + share * across, corner[1] + share * down
