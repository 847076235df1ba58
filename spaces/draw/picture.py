"""The public function, `draw`."""

from pathlib import Path

from ..errors import SpaceError
from ..graph.graph import HierarchicalGraph
from .page import compose_page
from .png import to_png
from .svg import to_svg

__all__ = ["draw"]


def draw(network: HierarchicalGraph, path: str | Path | None = None) -> str:
    """Draw an architecture.

    The network runs from top to bottom. A chosen option is one box, `none` is left out, and a skip
    is a dashed line. Each distinct cell of a stack is drawn once, beside or below the network.

    Args:
        network: The result of `architecture.hierarchical_graph()`.
        path: File to write, with the suffix .svg or .png; missing folders are created. None writes
            no file.

    Returns:
        The picture as SVG text.

    Raises:
        SpaceError: The path has another suffix.
        MissingExtra: The path ends in .png and matplotlib is not installed.

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
            f"cannot write a picture to {str(path)!r}: use a name that ends in .svg or .png"
        )
    picture = compose_page(network)
    text = to_svg(picture)
    if file is not None:
        data = to_png(picture) if ending == ".png" else text.encode()
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    return text
