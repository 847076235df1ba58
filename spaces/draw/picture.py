"""`draw`: an architecture as a picture."""

from pathlib import Path

from ..errors import SpaceError
from ..graph.graph import HierarchicalGraph
from .page import page
from .png import png
from .svg import svg

__all__ = ["draw"]


def draw(outline: HierarchicalGraph, path: str | Path | None = None) -> str:
    """Draw an architecture.

    The network runs from top to bottom. A chosen option is one box, `none` is left out, a skip is
    a dashed line. Each distinct cell of a stack is drawn out once, beside the network.

    Args:
        outline: The architecture's `outline()`.
        path: Where to write it, ending in .svg or .png; missing folders are made. None writes
            nothing.

    Returns:
        The picture as SVG text.

    Raises:
        SpaceError: The path has another ending.
        MissingExtra: A PNG is asked for and matplotlib is not installed.

    Example:
        >>> import numpy
        >>> from nasbridge.spaces import Chain, Choice, layer
        >>> space = Chain(layer("Flatten"), layer("Dense", units=Choice([16, 32])))
        >>> picture = draw(space.sample(numpy.random.default_rng(0)).hierarchical_graph())
        >>> "Flatten" in picture and "Dense" in picture
        True
    """
    file = None if path is None else Path(path)
    ending = ".svg" if file is None else file.suffix.lower()
    if ending not in (".svg", ".png"):
        raise SpaceError(
            f"a picture cannot be written to {str(path)!r}: let the name end in .svg or .png"
        )
    picture = page(outline)
    text = svg(picture)
    if file is not None:
        data = png(picture) if ending == ".png" else text.encode()
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    return text
