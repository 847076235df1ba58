"""NAS-Bench-201: cells with an operation on every edge, and their strings."""

import re

from ..errors import InvalidArchitecture, SpaceFormatError
from ..nodes.architecture import Architecture
from ..nodes.cells import Cell, Stack
from ..nodes.composition import Chain, Parallel
from ..nodes.layer import layer
from ..nodes.node import Node
from ..nodes.primitives import NORMALIZATION, Zero
from ..nodes.search_space import SearchSpace
from .parts import RELU, classifier, conv, pool, relu_conv

__all__ = ["from_nas_bench_201_string", "nas_bench_201", "to_nas_bench_201_string"]

_OPERATIONS: dict[str, Node] = {
    "none": Zero(),
    "skip_connect": layer("Identity"),
    "nor_conv_1x1": relu_conv(1),
    "nor_conv_3x3": relu_conv(3),
    "avg_pool_3x3": pool("Average", 3),
}


def nas_bench_201(classes: int = 10, *, repeats: int = 5, width: int = 16, nodes: int = 3) -> Chain:
    """Return the space of NAS-Bench-201: 15,625 cells.

    A 3x3 convolution; three stages of equal cells, with a residual block between them that halves
    the size and doubles the width; batch normalization, ReLU, global average pooling and a dense
    layer. Each node of a cell sums up one operation on each node before it.

    Args:
        classes: Number of outputs.
        repeats: Cells in each stage.
        width: Channels in the first stage.
        nodes: Nodes after the input of a cell.

    Returns:
        A space with the decisions `cell.edge_0_1`, `cell.edge_0_2`, `cell.edge_1_2`, ...: the
        operation from one node to another, in the benchmark's order.

    Example:
        >>> from nasbridge.spaces import library
        >>> library.nas_bench_201().count()
        15625

    References:
        Dong & Yang 2020, NAS-Bench-201, arXiv:2001.00326.
    """
    reduction = Parallel(
        Chain(layer("AveragePooling2D", pool_size=2), conv(kernel=1)),
        Chain(relu_conv(3, strides=2), relu_conv(3, strides=1)),
    )
    cells = Stack(
        Cell(_OPERATIONS, nodes=nodes, name="cell"), reduction, repeats=repeats, width=width
    )
    return classifier(width, cells, NORMALIZATION, RELU, classes=classes)


def from_nas_bench_201_string(text: str, space: SearchSpace | None = None) -> Architecture:
    """Read a cell as the benchmark writes it.

    Args:
        text: For each node its edges, as "|nor_conv_3x3~0|+|none~0|skip_connect~1|+...".
        space: The space it belongs to; `nas_bench_201()` without one.

    Raises:
        SpaceFormatError: The text is damaged, or no cell of the space.

    Example:
        >>> from nasbridge.spaces import library
        >>> text = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|avg_pool_3x3~2|"
        >>> architecture = library.from_nas_bench_201_string(text)
        >>> architecture["cell.edge_2_3"]
        'avg_pool_3x3'
        >>> library.to_nas_bench_201_string(architecture) == text
        True
    """
    space = nas_bench_201() if space is None else space
    values: dict[str, str] = {}
    for node, part in enumerate(str(text).strip().split("+"), 1):
        for source, operation in enumerate(_operations(text, node, part)):
            values[f"cell.edge_{source}_{node}"] = operation
    try:
        return space.architecture(values)
    except InvalidArchitecture as error:
        raise SpaceFormatError(f"{text!r} is no cell of this space: {error}") from error


def _operations(text: str, node: int, part: str) -> tuple[str, ...]:
    """Return the operations on a node's edges, from the first node before it to the last."""
    edges = [rf"([^|~+]+)~{source}" for source in range(node)]
    found = re.fullmatch(r"\|" + r"\|".join(edges) + r"\|", part)
    if found is None:
        form = "|".join(f"operation~{source}" for source in range(node))
        raise SpaceFormatError(f"node {node} of {text!r} is {part!r}: write it as '|{form}|'")
    return found.groups()


def to_nas_bench_201_string(architecture: Architecture) -> str:
    """Write a cell as the benchmark does; `from_nas_bench_201_string` reads it.

    Args:
        architecture: One of `nas_bench_201()`, of any width, depth and number of nodes.

    Raises:
        InvalidArchitecture: It is not of that space.
    """
    nodes = sum(name.startswith("cell.edge_0_") for name in architecture)
    if not nodes:
        raise InvalidArchitecture(
            f"{architecture!r} has no 'cell.edge_0_1': give an architecture of nas_bench_201()"
        )
    edges = (
        [f"{architecture[f'cell.edge_{source}_{node}']}~{source}" for source in range(node)]
        for node in range(1, nodes + 1)
    )
    return "+".join(f"|{'|'.join(into_node)}|" for into_node in edges)
