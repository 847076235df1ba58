"""Shapes and colours of pictures; every file format draws the same shapes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

from .layout import ARROW, Point

__all__ = [
    "COLORS",
    "Curve",
    "DASHES",
    "Head",
    "INK",
    "LINE",
    "MUTED",
    "Picture",
    "Piece",
    "Rect",
    "Shape",
    "THICKNESS",
    "Text",
    "line_shapes",
    "beside",
    "stacked",
]

INK = "#1b1f24"
MUTED = "#4d5560"
LINE = "#5a636e"
THICKNESS = 1.2  # of lines
DASHES = (4.0, 3.0)  # length of dash and gap

# Fill and outline of each family. Boxes also have names, so no information is in colour alone.
COLORS: Mapping[str, tuple[str, str]] = {
    "convolution": ("#d6e6f5", "#2a6399"),
    "pooling": ("#fdebc8", "#a86a00"),
    "dense": ("#d5efe3", "#16755a"),
    "sequence": ("#f3deeb", "#8f4579"),
    "skip": ("#f4f5f6", "#78828c"),
    "other": ("#eceff2", "#78828c"),
    "flow": ("#ffffff", LINE),
    "normal": ("#e9e7f6", "#55499b"),
    "reduction": ("#d0cbe9", "#55499b"),
    "frame": ("#fafbfc", "#c3c9d0"),
}


@dataclass(frozen=True, slots=True)
class Rect:
    """A rectangle with rounded corners, in the colours of a family."""

    x: float
    y: float
    width: float
    height: float
    radius: float
    family: str
    tip: str = ""


@dataclass(frozen=True, slots=True)
class Text:
    """A line of text; x is its middle or start, y its baseline."""

    x: float
    y: float
    text: str
    size: float
    color: str = INK
    anchor: Literal["middle", "start"] = "middle"
    bold: bool = False
    tip: str = ""


Piece = tuple[Literal["M", "L", "C"], tuple[Point, ...]]
"""As in SVG paths: M moves to a point, L draws a line, C a cubic Bézier curve of three points."""


@dataclass(frozen=True, slots=True)
class Curve:
    """A line of several pieces."""

    pieces: tuple[Piece, ...]
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Head:
    """An arrowhead that points down to a place."""

    x: float
    y: float

    @property
    def corners(self) -> tuple[Point, Point, Point]:
        """Corners of the triangle, the tip first."""
        across, top = ARROW / 2, self.y - ARROW
        return (self.x, self.y), (self.x - across, top), (self.x + across, top)


Shape = Rect | Text | Curve | Head


@dataclass(frozen=True, slots=True)
class Picture:
    """Shapes in the order of drawing; lengths are in pixels of 1/96 inch, y grows downwards."""

    width: float
    height: float
    shapes: tuple[Shape, ...]

    def at(self, x: float, y: float) -> tuple[Shape, ...]:
        """Return the shapes, moved so that the upper left corner is at (x, y)."""
        return tuple(_moved(shape, x, y) for shape in self.shapes)


def _moved(shape: Shape, x: float, y: float) -> Shape:
    if not isinstance(shape, Curve):
        return replace(shape, x=shape.x + x, y=shape.y + y)
    pieces: list[Piece] = []
    for kind, points in shape.pieces:
        pieces.append((kind, tuple((px + x, py + y) for px, py in points)))
    return Curve(tuple(pieces), shape.dashed)


def beside(pictures: Sequence[Picture], gap: float) -> Picture:
    """Put pictures side by side, aligned at the top."""
    shapes: list[Shape] = []
    x = -gap
    for picture in pictures:
        shapes += picture.at(x + gap, 0.0)
        x += gap + picture.width
    return Picture(x, max(picture.height for picture in pictures), tuple(shapes))


def stacked(pictures: Sequence[Picture], gap: float) -> Picture:
    """Put pictures below each other, aligned at the left."""
    shapes: list[Shape] = []
    y = -gap
    for picture in pictures:
        shapes += picture.at(0.0, y + gap)
        y += gap + picture.height
    return Picture(max(picture.width for picture in pictures), y, tuple(shapes))


def line_shapes(route: Sequence[Point], dashed: bool, head: bool) -> list[Shape]:
    """Return the shapes of a line of a layout.

    Args:
        route: Points, as in `Layout.routes`.
        dashed: Whether the line is dashed.
        head: Whether the line ends in an arrowhead.
    """
    (x, y), tip = route[-1], ARROW - 1 if head else 0.0
    points = [*route[:-1], (x, y - tip)]
    pieces: list[Piece] = [("M", (points[0],))]
    for number, (start, end) in enumerate(pairwise(points)):
        if number % 2 and start[0] != end[0]:
            halfway = (start[1] + end[1]) / 2
            pieces.append(("C", ((start[0], halfway), (end[0], halfway), end)))
        elif start != end:
            pieces.append(("L", (end,)))
    line = Curve(tuple(pieces), dashed)
    return [line, Head(x, y)] if head else [line]
