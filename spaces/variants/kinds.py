"""Kinds of Keras layers, by the settings that may vary."""

from collections.abc import Sequence
from typing import cast

from ..nodes.layer import Layer

__all__ = [
    "ADAPTIVE_MERGES",
    "HIDDEN_ACTIVATIONS",
    "KERNELS",
    "NORMALIZATIONS",
    "RIGID",
    "WIDTHS",
    "is_rigid",
]

WIDTHS = {
    "Dense": "units",
    **{f"SeparableConv{rank}D": "filters" for rank in (1, 2)},
    **{f"Conv{rank}D": "filters" for rank in (1, 2, 3)},
}
KERNELS = {*WIDTHS, "DepthwiseConv1D", "DepthwiseConv2D"} - {"Dense"}
NORMALIZATIONS = {"BatchNormalization": "batch", "LayerNormalization": "layer"}
RIGID = {"Reshape", "GroupNormalization", "Lambda"}  # they need an input of one width
ADAPTIVE_MERGES = {"MultiHeadAttention", "GroupQueryAttention"}  # they accept any widths
HIDDEN_ACTIVATIONS = (
    *("relu", "gelu", "silu", "swish", "elu", "selu", "tanh", "leaky_relu", "relu6", "mish"),
)


def is_rigid(one: Layer) -> bool:
    """Return whether a layer needs its input as it is in the model, such as a user's class.

    A permutation that moves the channels needs it too, as it turns a width into a size.
    """
    order = cast(Sequence[int], one.config.get("dims", ())) if one.operation == "Permute" else ()
    moves_channels = len(order) > 0 and order[-1] != len(order)
    return one.operation in RIGID or one.cls is not None or moves_channels
