"""The search space of NAS-Bench-201: cells with an operation on every edge."""

from ..nodes.cells import Cell
from ..nodes.composition import Chain, Parallel
from ..nodes.layer import layer
from ..nodes.node import Node
from ..nodes.primitives import NORMALIZATION, Zero
from ..nodes.stack import Stack
from .blocks import RELU, classifier, conv, pool, relu_conv

__all__ = ["nas_bench_201"]

_OPERATIONS: dict[str, Node] = {
    "none": Zero(),
    "skip_connect": layer("Identity"),
    "nor_conv_1x1": relu_conv(1),
    "nor_conv_3x3": relu_conv(3),
    "avg_pool_3x3": pool("Average", 3),
}


def nas_bench_201(classes: int = 10, *, repeats: int = 5, width: int = 16, nodes: int = 3) -> Chain:
    """Return the space of NAS-Bench-201: 15,625 cells.

    A 3x3 convolution, then three stages of equal cells. A residual block between stages halves the
    height and width and doubles the channels. Batch normalization, ReLU, global average pooling and
    a dense layer follow. Each node of a cell sums one operation on each node before it.

    Args:
        classes: Number of outputs.
        repeats: Cells per stage, at least 1.
        width: Channels in the first stage.
        nodes: Nodes of a cell, not counting its input.

    Returns:
        A space with the decisions `cell.edge_0_1`, `cell.edge_0_2`, `cell.edge_1_2`, ...: the
        operation on the edge from one node to another, in the order of the benchmark.

    Raises:
        SpaceError: An argument is invalid.

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
