"""Plain convolutional networks."""

from collections.abc import Sequence

from ..nodes.composition import Chain, Repeat
from ..nodes.layer import layer
from ..nodes.node import Node
from ..nodes.primitives import NORMALIZATION
from .arguments import choice_or_value, integer_or_value, select
from .blocks import RELU, conv, head

__all__ = ["cnn"]

_POOLINGS: dict[str, Node] = {
    "max": layer("MaxPooling2D", pool_size=2),
    "average": layer("AveragePooling2D", pool_size=2),
}


def cnn(
    classes: int = 10,
    *,
    stages: int = 3,
    depth: int | tuple[int, int] = (1, 3),
    width: int | Sequence[int] = (8, 16, 32, 64),
    kernel: int | Sequence[int] = (3, 5),
    pooling: str | Sequence[str] = ("max", "average"),
    dropout: float | Sequence[float] = (0.0, 0.2, 0.4),
) -> Chain:
    """Return a space of plain convolutional networks for images.

    Each stage repeats convolution, batch normalization and ReLU. Pooling between stages halves the
    height and width. Global average pooling, dropout and a dense layer follow.

    Args:
        classes: Number of outputs.
        stages: Number of stages.
        depth: Convolutions per stage: a number, or the lower and upper bound.
        width: Channels per stage, one number or several.
        kernel: Kernel size per stage, one or several.
        pooling: "max", "average" or both; one decision for all stages.
        dropout: Dropout rates in [0, 1), one or several.

    Returns:
        A space with the decisions `depth_1`, `width_1`, `kernel_1`, `pooling`, `depth_2`, ...,
        `dropout`; a property with a single value has no decision.

    Raises:
        SpaceError: A pooling is unknown, or an argument is invalid.

    Example:
        >>> from nasbridge.spaces import library
        >>> space = library.cnn(stages=2, width=(8, 16), pooling="max", dropout=0.1)
        >>> space.count()  # (3 x 2 x 2) ** 2
        144
    """
    halving = choice_or_value(select(_POOLINGS, pooling, "pooling"), "pooling")
    parts: list[Node] = []
    for stage in range(1, stages + 1):
        filters = choice_or_value(width, f"width_{stage}")
        block = Chain(
            conv(filters, choice_or_value(kernel, f"kernel_{stage}")), NORMALIZATION, RELU
        )
        if parts:
            parts.append(halving)
        parts.append(Repeat(block, times=integer_or_value(depth, f"depth_{stage}"), tied=True))
    return Chain(*parts, *head(classes, choice_or_value(dropout, "dropout")))
