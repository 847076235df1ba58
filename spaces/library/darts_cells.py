"""The search space of DARTS: cells whose nodes take two of the nodes before them."""

from typing import Literal

from ..nodes.cells import Cell
from ..nodes.composition import Chain
from ..nodes.node import Node
from ..nodes.primitives import Skip
from ..nodes.stack import Stack
from .blocks import classifier, dilated, pool, separable

__all__ = ["darts"]

_OPERATIONS: dict[str, Node] = {
    "max_pool_3x3": pool("Max", 3),
    "avg_pool_3x3": pool("Average", 3),
    "skip_connect": Skip(),
    "sep_conv_3x3": separable(3),
    "sep_conv_5x5": separable(5),
    "dil_conv_3x3": dilated(3),
    "dil_conv_5x5": dilated(5),
}


def darts(classes: int = 10, *, repeats: int = 2, width: int = 16, nodes: int = 4) -> Chain:
    """Return the space of DARTS: 1,037,664,180 normal cells, and as many reduction cells.

    A 3x3 convolution, then three stages of normal cells. A reduction cell before the second and
    the third stage halves the height and width and doubles the channels. Global average pooling and
    a dense layer follow. A cell takes the outputs of the two cells before it. Each of its nodes
    sums operations on two different nodes before it. Its output concatenates all nodes.

    Args:
        classes: Number of outputs.
        repeats: Normal cells per stage, at least 1. The paper searches with 2 (8 cells in all) and
            trains the result with 6 (20 cells) and width 36.
        width: Channels in the first stage.
        nodes: Nodes of a cell, not counting its two inputs.

    Returns:
        A space with the decisions `normal.node_2_inputs`, `normal.edge_0_2`, `normal.edge_1_2`,
        ..., `reduction.node_2_inputs`, ...; an edge is active if its node takes it.

    Raises:
        SpaceError: An argument is invalid.

    Example:
        >>> from nasbridge.spaces import library
        >>> library.darts().count() == 1_037_664_180**2
        True

    References:
        Liu et al. 2019, DARTS, arXiv:1806.09055.
    """

    def cell(name: Literal["normal", "reduction"]) -> Cell:
        return Cell(
            _OPERATIONS,
            nodes=nodes,
            inputs=2,
            choose=2,
            output="concatenate",
            reduction=name == "reduction",
            name=name,
        )

    stack = Stack(cell("normal"), cell("reduction"), repeats=repeats, width=width)
    return classifier(3 * width, stack, classes=classes)
