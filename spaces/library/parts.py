"""Pieces that several of the ready spaces are made of."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar, cast

from ..errors import SpaceError
from ..nodes.composition import Chain
from ..nodes.layer import Layer, layer
from ..nodes.node import Node
from ..nodes.primitives import NORMALIZATION
from ..nodes.values import STRIDE, WIDTH, Choice, Integer, Placeholder

__all__ = [
    "RELU",
    "between",
    "classifier",
    "conv",
    "dilated",
    "head",
    "one_of",
    "pool",
    "relu_conv",
    "separable",
    "some_of",
]

T = TypeVar("T")

RELU = layer("ReLU")


# ---------------------------------------------------------------- arguments


def one_of(options: Any, name: str, shared: bool = False) -> Any:
    """Return a choice, or the value itself where there is only one.

    Args:
        options: A value, several in a sequence, or several with labels in a mapping.
        name: The decision's name.
        shared: One decision in all repetitions.
    """
    if isinstance(options, str) or not isinstance(options, Sequence | Mapping):
        return options
    several = cast(Sequence[Any] | Mapping[str, Any], options)
    if len(several) == 1:
        return next(iter(several.values() if isinstance(several, Mapping) else several))
    return Choice(several, name=name, shared=shared)


def some_of(known: Mapping[str, T], names: str | Sequence[str], what: str) -> dict[str, T]:
    """Return what is known under one or several names.

    Raises:
        SpaceError: A name is unknown.
    """
    wanted = [names] if isinstance(names, str) else names
    for name in wanted:
        if name not in known:
            raise SpaceError(f"there is no {what} {name!r}: take some of {list(known)}")
    return {name: known[name] for name in wanted}


def between(bounds: int | tuple[int, int], name: str) -> int | Integer:
    """Return an open integer, or a fixed one where only one is given.

    Args:
        bounds: A number, or the least and the largest.
        name: The decision's name.
    """
    return bounds if isinstance(bounds, int) else Integer(*bounds, name=name)


# ---------------------------------------------------------------- operations


def conv(
    filters: int | Choice | Placeholder = WIDTH,
    kernel: int | tuple[int, int] | Choice = 3,
    strides: object = 1,
) -> Layer:
    """Describe a 2D convolution without a bias, as normalization follows."""
    return layer(
        "Conv2D",
        filters=filters,
        kernel_size=kernel,
        strides=strides,
        padding="same",
        use_bias=False,
    )


def relu_conv(kernel: int, strides: object = STRIDE) -> Chain:
    """Describe ReLU, convolution, batch normalization: the order in the cells of all papers."""
    return Chain(RELU, conv(kernel=kernel, strides=strides), NORMALIZATION)


def separable(kernel: int) -> Chain:
    """Describe a depthwise-separable convolution, which the papers apply twice."""

    def once(strides: object) -> tuple[Node, ...]:
        convolution = layer(
            "SeparableConv2D",
            filters=WIDTH,
            kernel_size=kernel,
            strides=strides,
            padding="same",
            use_bias=False,
        )
        return RELU, convolution, NORMALIZATION

    return Chain(*once(STRIDE), *once(1))


def dilated(kernel: int) -> Chain:
    """Describe a depthwise-separable convolution with dilation 2.

    The pointwise half has the stride, and so leaves out the same pixels: Keras does not join
    stride and dilation in one layer.
    """
    depthwise = layer(
        "DepthwiseConv2D", kernel_size=kernel, dilation_rate=2, padding="same", use_bias=False
    )
    return Chain(RELU, depthwise, conv(kernel=1, strides=STRIDE), NORMALIZATION)


def pool(kind: str, size: int) -> Layer:
    """Describe a pooling in a cell; `kind` is "Average" or "Max"."""
    return layer(f"{kind}Pooling2D", pool_size=size, strides=STRIDE, padding="same")


# ---------------------------------------------------------------- networks


def head(classes: int, dropout: float | Choice | None = None) -> tuple[Node, ...]:
    """Describe what makes a class of an image's features: their average and a dense layer."""
    rest = () if dropout is None else (layer("Dropout", rate=dropout),)
    dense = layer("Dense", units=classes, activation="softmax")
    return (layer("GlobalAveragePooling2D"), *rest, dense)


def classifier(stem: int, *body: Node, classes: int) -> Chain:
    """Put a network of cells together.

    Args:
        stem: Filters of the 3x3 convolution that everything starts with.
        *body: What stands between it and the global average pooling.
        classes: Number of outputs.
    """
    return Chain(conv(stem), NORMALIZATION, *body, *head(classes))
