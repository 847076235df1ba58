"""Building blocks that several of the ready spaces share."""

from ..nodes.composition import Chain
from ..nodes.layer import Layer, layer
from ..nodes.node import Node
from ..nodes.primitives import NORMALIZATION
from ..nodes.values import STRIDE, WIDTH, Choice, Placeholder

__all__ = [
    "NORMALIZATIONS",
    "RELU",
    "classifier",
    "conv",
    "dilated",
    "head",
    "pool",
    "relu_conv",
    "separable",
]

RELU = layer("ReLU")

NORMALIZATIONS: dict[str, Node] = {
    "none": layer("Identity"),
    "batch": NORMALIZATION,
    "layer": layer("LayerNormalization"),
}


def conv(
    filters: int | Choice | Placeholder = WIDTH,
    kernel: int | tuple[int, int] | Choice = 3,
    strides: object = 1,
) -> Layer:
    """Return a 2D convolution without a bias, to be followed by normalization."""
    return layer(
        "Conv2D",
        filters=filters,
        kernel_size=kernel,
        strides=strides,
        padding="same",
        use_bias=False,
    )


def relu_conv(kernel: int, strides: object = STRIDE) -> Chain:
    """Return ReLU, convolution, batch normalization: the order in the cells of all papers."""
    return Chain(RELU, conv(kernel=kernel, strides=strides), NORMALIZATION)


def separable(kernel: int) -> Chain:
    """Return a depthwise-separable convolution, applied twice as in the papers."""

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
    """Return a depthwise-separable convolution with dilation 2.

    The pointwise convolution has the stride, which skips the same pixels: no Keras layer takes
    both a stride and a dilation.
    """
    depthwise = layer(
        "DepthwiseConv2D", kernel_size=kernel, dilation_rate=2, padding="same", use_bias=False
    )
    return Chain(RELU, depthwise, conv(kernel=1, strides=STRIDE), NORMALIZATION)


def pool(kind: str, size: int) -> Layer:
    """Return a pooling operation of a cell; `kind` is "Average" or "Max"."""
    return layer(f"{kind}Pooling2D", pool_size=size, strides=STRIDE, padding="same")


def head(classes: int, dropout: float | Choice | None = None) -> tuple[Node, ...]:
    """Return the classification head: global average pooling, dropout and a dense layer."""
    rest = () if dropout is None else (layer("Dropout", rate=dropout),)
    dense = layer("Dense", units=classes, activation="softmax")
    return (layer("GlobalAveragePooling2D"), *rest, dense)


def classifier(stem: int, *body: Node, classes: int) -> Chain:
    """Return a classifier of images: a 3x3 convolution as stem, a body, and the head.

    Args:
        stem: Filters of the stem.
        *body: The parts between stem and head.
        classes: Number of outputs.
    """
    return Chain(conv(stem), NORMALIZATION, *body, *head(classes))
