"""Paths through an architecture on the level of its choices, `none` and `skip` included."""

from collections.abc import Iterable, Mapping, Sequence

from ..graph.graph import Graph, Vertex
from .architecture import Architecture
from .wl_graphs import networks_of

__all__ = ["choice_paths"]

Path = tuple[str, ...]
Place = tuple[str, str]
"""The identity of a choice, or of an operation outside a choice, and its label."""


def choice_paths(architecture: Architecture, most: int = 200) -> Mapping[str, frozenset[Path]]:
    """Return the paths from an input to the output of each graph of an architecture.

    A path is the labels of the options on it. In contrast to `wl_graphs`, nothing is simplified:
    `none` and `skip` are options as all others. Operations outside a choice appear by their name;
    sums do not appear.

    Args:
        architecture: Any architecture; one of plain values has no graph.
        most: Largest number of different paths into one operation; longer paths are omitted.

    Returns:
        The paths of each graph by its name, as in `wl_graphs`.

    Example:
        >>> from nasbridge import library
        >>> space = library.nas_bench_201()
        >>> names = [decision.name for decision in space.decisions]
        >>> cell = space.architecture(dict.fromkeys(names, "none") | {names[0]: "skip_connect"})
        >>> for path in sorted(choice_paths(cell)["normal"]):
        ...     print(path)
        ('none',)
        ('none', 'none')
        ('skip_connect', 'none')
        ('skip_connect', 'none', 'none')
    """
    return {
        f"{prefix}{name}": _paths(graph, most)
        for prefix, network in networks_of(architecture).items()
        for name, graph in network.graphs.items()
    }


def _paths(graph: Graph, most: int) -> frozenset[Path]:
    known: dict[int, Iterable[tuple[Place, ...]]] = {}
    for position in sorted(graph.live()):
        vertex = graph.vertices[position]
        into: Sequence[tuple[Place, ...]] = [()]
        if vertex.inputs:
            own = _place(vertex)
            into = list(
                {
                    path if own is None or own in path[-1:] else (*path, own): None
                    for source in vertex.inputs
                    for path in known[source]
                }
            )
        known[position] = sorted(into, key=lambda path: (len(path), path))[:most]
    return frozenset(tuple(label for _, label in path) for path in known[graph.output])


def _place(vertex: Vertex) -> Place | None:
    """Return where a vertex belongs; None if it only connects others."""
    choices = [block for block in vertex.blocks if block.kind == "choice"]
    if choices:
        return choices[-1].path, "/".join(block.label for block in choices)
    if vertex.operation.name in ("add", "Identity"):
        return None
    return vertex.path, vertex.operation.name
