"""The search spaces of NASNet and ENAS: cells whose nodes choose their inputs freely."""

from collections.abc import Mapping
from typing import Literal

from ..nodes.cells import NodeCell
from ..nodes.composition import Chain
from ..nodes.node import Node
from ..nodes.primitives import NORMALIZATION, Skip
from ..nodes.stack import Stack
from ..nodes.values import STRIDE
from .blocks import RELU, classifier, conv, dilated, pool, relu_conv, separable

__all__ = ["enas_micro", "nasnet"]

Combine = Literal["add", "concatenate"]


def _rectangular(size: int) -> Chain:
    """Return a 1xn and an nx1 convolution, each with the stride along its direction."""
    first = conv(kernel=(1, size), strides=(1, STRIDE))
    second = conv(kernel=(size, 1), strides=(STRIDE, 1))
    return Chain(RELU, first, second, NORMALIZATION)


_NASNET: dict[str, Node] = {
    "skip_connect": Skip(),
    "conv_3x1_1x3": _rectangular(3),
    "conv_7x1_1x7": _rectangular(7),
    "dil_conv_3x3": dilated(3),
    "avg_pool_3x3": pool("Average", 3),
    "max_pool_3x3": pool("Max", 3),
    "max_pool_5x5": pool("Max", 5),
    "max_pool_7x7": pool("Max", 7),
    "conv_1x1": relu_conv(1),
    "conv_3x3": relu_conv(3),
    "sep_conv_3x3": separable(3),
    "sep_conv_5x5": separable(5),
    "sep_conv_7x7": separable(7),
}

_ENAS: dict[str, Node] = {
    "sep_conv_3x3": separable(3),
    "sep_conv_5x5": separable(5),
    "avg_pool_3x3": pool("Average", 3),
    "max_pool_3x3": pool("Max", 3),
    "skip_connect": Skip(),
}


def nasnet(classes: int = 10, *, repeats: int = 2, width: int = 32, nodes: int = 5) -> Chain:
    """Return the space of NASNet: 13 operations, nodes that add or concatenate.

    A 3x3 convolution, then three stages of normal cells. A reduction cell before the second and
    the third stage halves the height and width and doubles the channels. ReLU, global average
    pooling and a dense layer follow. A cell takes the outputs of the two cells before it. Each of
    its nodes applies two operations, each to any node before it, and merges the results. The output
    concatenates the nodes that no other node takes.

    The operations have the names and details of Radosavovic et al. 2019: the dilated convolution
    is depthwise-separable, and a skip with stride 2 is a factorized reduction.

    Args:
        classes: Number of outputs.
        repeats: Normal cells per stage (N in the paper), at least 1.
        width: Channels in the first stage.
        nodes: Nodes of a cell, not counting its two inputs (B in the paper).

    Returns:
        A space with the decisions `normal.node_2_input_0`, `normal.node_2_operation_0`,
        `normal.node_2_input_1`, `normal.node_2_operation_1`, `normal.node_2_combine`, ...,
        `reduction.node_2_input_0`, ...

    Raises:
        SpaceError: An argument is invalid.

    Example:
        >>> from nasbridge.spaces import library
        >>> library.nasnet(nodes=1).count()  # (2 x 13 x 2 x 13 x 2) ** 2
        1827904

    References:
        Zoph et al. 2018, NASNet, arXiv:1707.07012; Radosavovic et al. 2019, On Network Design
        Spaces for Visual Recognition, arXiv:1905.13214.
    """
    return _network(_NASNET, ("add", "concatenate"), classes, repeats, width, nodes)


def enas_micro(classes: int = 10, *, repeats: int = 2, width: int = 20, nodes: int = 5) -> Chain:
    """Return the micro space of ENAS: 5 operations, nodes that add.

    Cells and stages are as in `nasnet`. The operations are in the order of the authors' code.

    Args:
        classes: Number of outputs.
        repeats: Normal cells per stage, at least 1. The authors search with 2 and train the result
            with 5 and width 36.
        width: Channels in the first stage.
        nodes: Nodes of a cell, not counting its two inputs (B in the paper counts them).

    Returns:
        A space with the decisions `normal.node_2_input_0`, `normal.node_2_operation_0`,
        `normal.node_2_input_1`, `normal.node_2_operation_1`, ..., `reduction.node_2_input_0`, ...

    Raises:
        SpaceError: An argument is invalid.

    Example:
        >>> from nasbridge.spaces import library
        >>> library.enas_micro(nodes=1).count()  # (2 x 5 x 2 x 5) ** 2
        10000

    References:
        Pham et al. 2018, ENAS, arXiv:1802.03268.
    """
    return _network(_ENAS, ("add",), classes, repeats, width, nodes)


def _network(
    operations: Mapping[str, Node],
    combine: tuple[Combine, ...],
    classes: int,
    repeats: int,
    width: int,
    nodes: int,
) -> Chain:
    def cell(name: Literal["normal", "reduction"]) -> NodeCell:
        return NodeCell(
            operations, nodes=nodes, combine=combine, reduction=name == "reduction", name=name
        )

    stack = Stack(cell("normal"), cell("reduction"), repeats=repeats, width=width)
    return classifier(3 * width, stack, RELU, classes=classes)
