"""Residual convolutional networks."""

from collections.abc import Sequence

from ..nodes.composition import Chain, Repeat, Scope, residual
from ..nodes.layer import layer
from ..nodes.node import Node
from ..nodes.primitives import NORMALIZATION
from ..nodes.values import WIDTH, Choice, Placeholder
from .arguments import choice_or_value, integer_or_value, select
from .blocks import RELU, conv, head

__all__ = ["residual_cnn"]


def residual_cnn(
    classes: int = 10,
    *,
    stages: int = 3,
    depth: int | tuple[int, int] = (1, 3),
    width: int | Sequence[int] = (16, 32, 64),
    kernel: int | Sequence[int] = (3, 5),
    block: str | Sequence[str] = ("basic", "inverted"),
    expansion: int | Sequence[int] = (2, 4),
    dropout: float | Sequence[float] = (0.0, 0.2, 0.4),
) -> Chain:
    """Return a space of residual networks for images.

    A 3x3 convolution, then stages of residual blocks with max pooling between them, then global
    average pooling, dropout and a dense layer. Where the width changes, the shortcut around the
    first block of a stage becomes a 1x1 convolution.

    Args:
        classes: Number of outputs.
        stages: Number of stages.
        depth: Blocks per stage: a number, or the lower and upper bound.
        width: Channels per stage, one number or several.
        kernel: Kernel size per stage, one or several.
        block: "basic" (two convolutions, He et al. 2015), "inverted" (a depthwise convolution
            between two 1x1 convolutions, Sandler et al. 2018), or both.
        expansion: Inner width of an inverted block as a multiple of its width, one or several
            numbers, each at least 1.
        dropout: Dropout rates in [0, 1), one or several.

    Returns:
        A space with the decisions `width_1`, `depth_1`, `block_1`, `kernel_1`, `expansion_1` (of
        inverted blocks), `width_2`, ..., `dropout`; a property with a single value has no decision.

    Raises:
        SpaceError: A kind of block is unknown, or an argument is invalid.

    Example:
        >>> from nasbridge.spaces import library
        >>> space = library.residual_cnn(stages=1, width=(16, 32), depth=2, dropout=0.1)
        >>> space.count()  # 2 x (2 + 2 x 2)
        12

    References:
        He et al. 2015, Deep Residual Learning, arXiv:1512.03385; Sandler et al. 2018, MobileNetV2,
        arXiv:1801.04381.
    """
    factors = (expansion,) if isinstance(expansion, int) else expansion
    widths = {str(factor): WIDTH * factor for factor in factors}
    parts: list[Node] = []
    for stage in range(1, stages + 1):
        size = choice_or_value(kernel, f"kernel_{stage}")
        inner = choice_or_value(widths, f"expansion_{stage}")
        kinds = {"basic": _basic(size), "inverted": _inverted(size, inner)}
        blocks = choice_or_value(select(kinds, block, "block"), f"block_{stage}")
        repeat = Repeat(blocks, times=integer_or_value(depth, f"depth_{stage}"), tied=True)
        entry = (layer("MaxPooling2D", pool_size=2),) if parts else (conv(), NORMALIZATION, RELU)
        filters = choice_or_value(width, f"width_{stage}")
        parts.append(Scope(Chain(*entry, repeat), width=filters))
    return Chain(*parts, *head(classes, choice_or_value(dropout, "dropout")))


def _basic(kernel: int | Choice) -> Node:
    first, second = conv(kernel=kernel), conv(kernel=kernel)
    return Chain(residual(first, NORMALIZATION, RELU, second, NORMALIZATION), RELU)


def _inverted(kernel: int | Choice, inner: Choice | Placeholder) -> Node:
    relu6 = layer("ReLU", max_value=6.0)
    depthwise = layer("DepthwiseConv2D", kernel_size=kernel, padding="same", use_bias=False)
    return residual(
        *(conv(inner, 1), NORMALIZATION, relu6),
        *(depthwise, NORMALIZATION, relu6),
        *(conv(WIDTH, 1), NORMALIZATION),
    )
