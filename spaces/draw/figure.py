"""Figures: diagrams with coordinates and shapes."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from math import ceil

from .diagram import Box, Diagram, Frame
from .layout import Point, arrange
from .shapes import INK, MUTED, Curve, Picture, Rect, Shape, Text, line_shapes
from .text import text_width

__all__ = ["Figure", "draw_diagram", "has_head", "is_dashed", "item_size"]

TITLE = 12.0  # font sizes
DETAIL = 10.0
BASELINE = 0.36  # distance from the middle of a line of text to its baseline, in font sizes
PADDING = 10.0  # between a text and the outline around it
MARGIN = 12.0  # between a diagram and the frame around it
FOOTER = 12.0  # of a frame, where the exit line returns to the centre
STEP = 24.0  # widths of boxes are multiples of it, so that similar boxes have equal widths
HEADER = 22.0  # of a frame, for its title
_HEIGHTS = {"box": (26.0, 39.0), "pill": (22.0, 35.0), "text": (16.0, 16.0)}


@dataclass(frozen=True, slots=True)
class Figure:
    """The picture of a diagram, and the centre of each item."""

    picture: Picture
    middles: tuple[Point, ...]


@lru_cache(maxsize=64)  # a frame needs its size first, and then its picture
def draw_diagram(diagram: Diagram) -> Figure:
    """Lay out and draw a diagram, and those inside its frames."""
    layout = arrange([item_size(item) for item in diagram.items], diagram.edges)
    shapes: list[Shape] = []
    for item, middle in zip(diagram.items, layout.middles, strict=True):
        shapes += _shapes(item, *middle)
    for (source, target), route in zip(diagram.edges, layout.routes, strict=True):
        ends = diagram.items[source], diagram.items[target]
        shapes += line_shapes(route, any(map(is_dashed, ends)), has_head(ends[1]))
    picture = Picture(layout.width, layout.height, tuple(shapes))
    return Figure(picture, tuple(layout.middles))


def is_dashed(item: Box | Frame) -> bool:
    """Return whether lines from and to an item are dashed."""
    return isinstance(item, Box) and item.dashed


def has_head(item: Box | Frame) -> bool:
    """Return whether lines to an item end in an arrowhead."""
    return isinstance(item, Box) and item.shape not in ("text", "point")


def item_size(item: Box | Frame) -> Point:
    """Return the width and height of an item."""
    if isinstance(item, Frame):
        inner = draw_diagram(item.diagram)
        entry = inner.middles[0][0]  # centred, with the title to its left
        title = text_width(item.title, DETAIL) + 2 * PADDING
        half = max(entry + MARGIN, inner.picture.width - entry + MARGIN, title)
        return 2 * round(half), HEADER + inner.picture.height + FOOTER
    if item.shape == "point":
        return 0.0, 0.0
    if item.shape == "circle":
        return 20.0, 20.0
    text = max(text_width(item.title, TITLE), text_width(item.detail, DETAIL))
    padding = 3.0 if item.shape == "text" else PADDING
    across = text + 2 * padding
    if item.shape == "box":
        across = ceil(across / STEP) * STEP
    return across, _HEIGHTS[item.shape][bool(item.detail)]


def _shapes(item: Box | Frame, x: float, y: float) -> Iterator[Shape]:
    """Draw an item around a centre."""
    across, down = item_size(item)
    left, top = x - across / 2, y - down / 2
    if isinstance(item, Frame):
        inner = draw_diagram(item.diagram)
        yield Rect(left, top, across, down, 8.0, "frame")
        yield Text(left + PADDING, top + 16.0, item.title, DETAIL, MUTED, "start")
        start = x - inner.middles[0][0]
        yield Curve((("M", ((x, top),)), ("L", ((x, top + HEADER),))))
        yield from inner.picture.at(start, top + HEADER)
        exit_x, bottom = start + inner.middles[-1][0], top + down
        yield from line_shapes([(exit_x, bottom - FOOTER)] * 2 + [(x, bottom)] * 2, False, False)
        return
    if item.shape == "point":
        return
    if item.shape != "text":
        radius = 4.0 if item.shape == "box" else down / 2
        yield Rect(left, top, across, down, radius, item.family, item.tip)
    lines = [(item.title, TITLE, INK)] + [(item.detail, DETAIL, MUTED)] * bool(item.detail)
    for number, (text, font, color) in enumerate(lines):
        middle = y + (number - (len(lines) - 1) / 2) * 14.0
        yield Text(x, middle + BASELINE * font, text, font, color, tip=item.tip)
