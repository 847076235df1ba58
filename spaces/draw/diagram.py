"""Diagrams: what is to be drawn, before any coordinates."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["POINT", "Box", "Diagram", "Frame"]


@dataclass(frozen=True, slots=True)
class Box:
    """One thing in a picture.

    Attributes:
        title: The first line.
        detail: The second, smaller line; empty for none.
        shape: "box" for operations, "pill" for nodes and ends, "circle" for a sum, "text" for a
            skip, which is a label on a line, and "point" for a place that a line goes through.
        family: Decides about the colour.
        tip: What a reader sees who points at it.
        dashed: Whether lines from it and to it are dashed.
    """

    title: str = ""
    detail: str = ""
    shape: Literal["box", "pill", "circle", "text", "point"] = "box"
    family: str = "flow"
    tip: str = ""
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Frame:
    """A diagram in a frame; its first item is the way in, its last one the way out."""

    title: str
    diagram: "Diagram"


@dataclass(frozen=True, slots=True)
class Diagram:
    """Items and the lines between them.

    Attributes:
        items: In topological order.
        edges: Positions of two items each; a line goes from the first to the second.
    """

    items: tuple[Box | Frame, ...]
    edges: tuple[tuple[int, int], ...]


POINT = Box(shape="point")
"""A place that a line goes through, as a shortcut's."""
