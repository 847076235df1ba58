"""Sketches of architectures, and which decisions they show."""

from collections.abc import Mapping

from ..graph.sketch import Sketch
from ..graph.walk import HierarchicalGraph
from .architecture import Architecture

__all__ = ["operation_choices", "sketches"]


def sketches(architecture: Architecture) -> Mapping[str, Sketch]:
    """Sketch the networks of an architecture and each of their cells.

    Args:
        architecture: Any architecture; one of plain values has no sketch.

    Returns:
        Sketches by name: that of the network as a whole, and those of its cells. Architectures
        share them, so they must not be changed.

    Example:
        >>> import numpy
        >>> from nasbridge import library
        >>> space = library.nas_bench_201()
        >>> drawn = sketches(space.sample(numpy.random.default_rng(0)))
        >>> list(drawn)
        ['network', 'normal', 'reduction']
        >>> drawn["normal"].labels
        ['input 0', 'avg_pool_3x3', 'nor_conv_3x3', 'nor_conv_1x1', 'output']
    """
    space, choices = architecture.space, architecture.choices
    drawn = space.templates.sketches(choices)
    if drawn is None:
        drawn = space.templates.learn(_outlines(architecture)).sketches(choices)
    assert drawn is not None  # a template knows the fillings that it was made with
    return drawn


def operation_choices(architecture: Architecture) -> set[str]:
    """Return the names of the decisions whose labels are operations of the graph."""
    graphs = (g for outline in _outlines(architecture).values() for g in outline.graphs.values())
    blocks = (block for graph in graphs for vertex in graph.vertices for block in vertex.blocks)
    return {block.path for block in blocks if block.kind == "choice"}


def _outlines(architecture: Architecture) -> dict[str, HierarchicalGraph]:
    """Return the networks, by what the names of their sketches begin with."""
    parts = architecture.space.resolve(architecture.choices, compact=True)
    return {
        f"{name}." if len(parts) > 1 else "": part
        for name, part in parts.items()
        if isinstance(part, HierarchicalGraph)
    }
