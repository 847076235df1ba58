# pyright: basic
# Keras ships no types.
"""How layers change the size of data: all axes except the batch and the channels."""

from ..keras.layers import keras
from .parts import Flow

__all__ = ["changes_size", "fixes_size"]

STAND_IN = 96  # for axes of unknown size: large, and divisible by common strides


def changes_size(flow: Flow) -> bool:
    """Return whether a layer's output differs in size from its input, as after pooling."""
    taken, given = tuple(flow.input.shape), tuple(flow.output.shape)
    if None in taken[1:]:
        taken = (None, *(size or STAND_IN for size in taken[1:-1]), taken[-1])
        try:
            given = flow.layer.compute_output_shape(taken)
        except Exception:  # unknown, so assume that it does
            return True
    return taken[1:-1] != tuple(given)[1:-1]


def fixes_size(flow: Flow) -> bool:
    """Return whether a layer's output has one size for inputs of any size, as global pooling.

    So do dense layers after Flatten, and recurrent layers that return their last state only.
    """
    one, is_flat = flow.layer, len(flow.output.shape) == 2
    if isinstance(one, keras.layers.Flatten | keras.layers.Reshape):
        return False
    has_units = hasattr(one, "units") or len(flow.input.shape) > 2
    return (is_flat and has_units) or type(one).__name__.startswith("Global")
