"""Plain convolutional networks."""

from collections.abc import Sequence

from ..nodes.composition import Chain, Repeat
from ..nodes.layer import layer
from ..nodes.node import Node
from ..nodes.primitives import NORMALIZATION
from .parts import RELU, between, conv, head, one_of, some_of

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
    """Return a space of plain convolutional networks, for images.

    Stages of convolution, batch normalization and ReLU, with pooling between them that halves the
    size; then global average pooling, dropout and a dense layer.

    Args:
        classes: Number of outputs.
        stages: Number of stages.
        depth: Convolutions in each stage, or the least and the largest number.
        width: Channels in each stage, one number or several.
        kernel: Sizes of the kernel in each stage, one or several.
        pooling: "max", "average" or both; one decision for all stages.
        dropout: Dropout rates from 0 to below 1, one or several.

    Returns:
        A space with the decisions `depth_1`, `width_1`, `kernel_1`, `pooling`, `depth_2`, ...,
        `dropout`, as far as they are open.

    Raises:
        SpaceError: A pooling is unknown, or an argument has no meaning.

    Example:
        >>> from nasbridge.spaces import library
        >>> space = library.cnn(stages=2, width=(8, 16), pooling="max", dropout=0.1)
        >>> space.count()  # (3 x 2 x 2) ** 2
        144
    """
    halving = one_of(some_of(_POOLINGS, pooling, "pooling"), "pooling")
    parts: list[Node] = []
    for stage in range(1, stages + 1):
        convolution = conv(one_of(width, f"width_{stage}"), one_of(kernel, f"kernel_{stage}"))
        block = Chain(convolution, NORMALIZATION, RELU)
        if parts:
            parts.append(halving)
        parts.append(Repeat(block, times=between(depth, f"depth_{stage}"), tied=True))
    return Chain(*parts, *head(classes, one_of(dropout, "dropout")))
