"""Diagrams: items and lines, without coordinates."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["POINT", "Box", "Diagram", "Frame"]


@dataclass(frozen=True, slots=True)
class Box:
    """One item of a diagram.

    Attributes:
        title: The first line of text.
        detail: The second, smaller line; may be empty.
        shape: "box" for operations, "pill" for nodes and ends, "circle" for a sum, "text" for a
            skip, which is a label on a line, and "point" for a place on a line.
        family: Family of operations, which determines the colour.
        tip: Tooltip.
        dashed: Whether lines from and to it are dashed.
    """

    title: str = ""
    detail: str = ""
    shape: Literal["box", "pill", "circle", "text", "point"] = "box"
    family: str = "flow"
    tip: str = ""
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Frame:
    """A diagram inside a frame; its first item is the entry, its last item the exit."""

    title: str
    diagram: "Diagram"


@dataclass(frozen=True, slots=True)
class Diagram:
    """Items, and lines between them.

    Attributes:
        items: The items, in topological order.
        edges: Pairs of positions of items, source first.
    """

    items: tuple[Box | Frame, ...]
    edges: tuple[tuple[int, int], ...]


POINT = Box(shape="point")
"""A place on a line, such as that of a shortcut."""
