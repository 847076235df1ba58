"""Symbolic shapes: tokens that are equal only for equal shapes, without an input shape."""

from collections.abc import Sequence
from typing import NamedTuple, cast

from ..hashing import digest
from .graph import Operation

__all__ = [
    "SOMETIMES_IDENTITY",
    "ShapeToken",
    "concatenated",
    "is_identity",
    "result_shape",
    "sum_shape",
    "zero_shape",
]


class ShapeToken(NamedTuple):
    """A shape without numbers.

    Attributes:
        size: The spatial axes: equal only for equal sizes.
        channels: Number of channels, or a string that is equal only for equal numbers.
    """

    size: str
    channels: int | str


_ELEMENTWISE = frozenset(
    [
        "linear",
        "relu",
        "relu6",
        "leaky_relu",
        "elu",
        "selu",
        "celu",
        "gelu",
        "silu",
        "swish",
        "softplus",
        "softsign",
        "tanh",
        "sigmoid",
        "hard_sigmoid",
        "hard_silu",
        "hard_swish",
        "mish",
        "exponential",
        "log_sigmoid",
        "softmax",
        "log_softmax",
        "hard_tanh",
        "tanh_shrink",
        "hard_shrink",
        "soft_shrink",
        "squareplus",
        "sparse_plus",
        "threshold",
    ]
)
"""Activations that keep the shape; "glu", for one, halves the channels."""

_KEEPING = frozenset(
    [
        "BatchNormalization",
        "LayerNormalization",
        "GroupNormalization",
        "RMSNormalization",
        "UnitNormalization",
        "Dropout",
        "SpatialDropout1D",
        "SpatialDropout2D",
        "SpatialDropout3D",
        "AlphaDropout",
        "GaussianDropout",
        "GaussianNoise",
        "ReLU",
        "LeakyReLU",
        "PReLU",
        "ELU",
        "Softmax",
        "Rescaling",
    ]
)
"""Layers that keep the shape."""

_WINDOWS = {
    f"{kind}{rank}D": (kernel, strides)
    for kind, kernel, strides in (
        ("Conv", "kernel_size", 1),
        ("SeparableConv", "kernel_size", 1),
        ("DepthwiseConv", "kernel_size", 1),
        ("MaxPooling", "pool_size", None),
        ("AveragePooling", "pool_size", None),
    )
    for rank in (1, 2, 3)
}
"""Layers that move a window: the setting with its size, and their default strides."""

SOMETIMES_IDENTITY = frozenset(
    {"Activation", "Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D"}
)
"""Layers that are the identity for some settings."""


def is_identity(operation: Operation) -> bool:
    """Return whether an operation returns its input unchanged."""
    if operation.cls is not None:
        return False  # a user's layer may have the name of one of Keras
    match operation.name:
        case "Identity":
            return True
        case "Activation":
            return operation.config.get("activation") in (None, "linear")
        case "Dropout" | "SpatialDropout1D" | "SpatialDropout2D" | "SpatialDropout3D":
            return operation.config.get("rate") == 0
        case _:
            return False


def result_shape(operation: Operation, name: str, sources: Sequence[ShapeToken]) -> ShapeToken:
    """Return the shape of a layer's result.

    Args:
        operation: The layer.
        name: A digest of it: layers of one digest map equal shapes to equal shapes.
        sources: The shapes of its inputs.
    """
    source = sources[0]
    config = operation.config
    unknown = digest([name, sources])
    if operation.cls is not None or len(sources) > 1 or config.get("data_format"):
        return ShapeToken(unknown, unknown)
    if operation.name == "factorized_reduction":
        return ShapeToken(_strided(2, source.size), cast(int, config["filters"]))
    activation = config.get("activation")
    if activation is not None and not (isinstance(activation, str) and activation in _ELEMENTWISE):
        return ShapeToken(unknown, unknown)
    if operation.name in _KEEPING or operation.name == "Activation":
        return source
    if operation.name in _WINDOWS:
        channels = _window_channels(operation, source.channels, unknown)
        return ShapeToken(_window_size(operation, source.size), channels)
    if operation.name == "Dense" and isinstance(units := config.get("units"), int):
        return ShapeToken(source.size, units)
    return ShapeToken(unknown, unknown)


def _window_channels(operation: Operation, channels: int | str, unknown: str) -> int | str:
    if "Pooling" in operation.name:
        return channels
    if operation.name.startswith("Depthwise"):
        return channels if operation.config.get("depth_multiplier", 1) == 1 else unknown
    filters = operation.config.get("filters")
    return filters if isinstance(filters, int) else unknown


def _window_size(operation: Operation, size: str) -> str:
    """Return the size after a window has moved; padding "same" depends on the strides only."""
    config = operation.config
    setting, default = _WINDOWS[operation.name]
    window = config.get(setting, 2)
    strides = config.get("strides") or (window if default is None else default)
    padding = config.get("padding", "valid")
    if padding == "same" or _is_one(window):
        return _strided(strides, size)
    return digest([window, strides, padding, config.get("dilation_rate", 1), size])


def _is_one(value: object) -> bool:
    parts = cast("Sequence[object]", value) if isinstance(value, list | tuple) else (value,)
    return all(part == 1 for part in parts)


def _strided(strides: object, size: str) -> str:
    if _is_one(strides):
        return size
    parts = cast("Sequence[object]", strides) if isinstance(strides, list | tuple) else (strides,)
    return digest(["strided", parts[0] if len(set(parts)) == 1 else parts, size])


def zero_shape(operation: Operation, source: ShapeToken) -> ShapeToken:
    """Return the shape of zeros, which may subsample."""
    return ShapeToken(_strided(operation.config.get("stride", 1), source.size), source.channels)


def sum_shape(terms: Sequence[ShapeToken]) -> ShapeToken:
    """Return the shape of a sum: the smallest size, and the channels of the last term."""
    return ShapeToken(_smallest(terms), terms[-1].channels)


def concatenated(parts: Sequence[ShapeToken]) -> ShapeToken:
    """Return the shape of a concatenation along the channels."""
    widths = [part.channels for part in parts]
    numbers = [width for width in widths if isinstance(width, int)]
    channels = sum(numbers) if len(numbers) == len(widths) else digest(widths)
    return ShapeToken(_smallest(parts), channels)


def _smallest(parts: Sequence[ShapeToken]) -> str:
    sizes = {part.size for part in parts}
    return sizes.pop() if len(sizes) == 1 else digest(["smallest", sorted(sizes)])
