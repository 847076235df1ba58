"""Weisfeiler-Lehman graphs of architectures, and the decisions that they represent."""

from collections.abc import Mapping

from ..graph.graph import HierarchicalGraph
from ..graph.wl_features import WLGraph
from .architecture import Architecture

__all__ = ["networks_of", "operation_choices", "wl_graphs"]


def wl_graphs(architecture: Architecture) -> Mapping[str, WLGraph]:
    """Return the Weisfeiler-Lehman graphs of an architecture's networks and of their cells.

    Args:
        architecture: Any architecture; one of plain values has no graph.

    Returns:
        The graphs by name: "network" for the network as a whole, and one for each distinct cell.
        They are shared between architectures and must not be changed.

    Example:
        >>> import numpy
        >>> from nasbridge import library
        >>> space = library.nas_bench_201()
        >>> graphs = wl_graphs(space.sample(numpy.random.default_rng(0)))
        >>> list(graphs)
        ['network', 'normal', 'reduction']
        >>> graphs["normal"].labels
        ['input 0', 'avg_pool_3x3', 'nor_conv_3x3', 'nor_conv_1x1', 'output']
    """
    cache, choices = architecture.space.wl_cache, architecture.choices
    graphs = cache.wl_graphs(choices)
    if graphs is None:
        graphs = cache.learn(networks_of(architecture)).wl_graphs(choices)
    assert graphs is not None  # the templates were just made from these choices
    return graphs


def operation_choices(architecture: Architecture) -> set[str]:
    """Return the names of the decisions whose labels are operations in the graph.

    Args:
        architecture: Any architecture.
    """
    graphs = (g for network in networks_of(architecture).values() for g in network.graphs.values())
    blocks = (block for graph in graphs for vertex in graph.vertices for block in vertex.blocks)
    return {block.path for block in blocks if block.kind == "choice"}


def networks_of(architecture: Architecture) -> dict[str, HierarchicalGraph]:
    """Return the networks by the prefix of the names of their graphs."""
    parts = architecture.space.resolve(architecture.choices, compact=True)
    return {
        f"{name}." if len(parts) > 1 else "": part
        for name, part in parts.items()
        if isinstance(part, HierarchicalGraph)
    }
