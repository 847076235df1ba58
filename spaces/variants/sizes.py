# pyright: basic
# Keras ships no types.
"""What the layers of a model do to the size of the data: all axes but the batch and the last."""

from typing import Any, NamedTuple

from ..keras.layers import keras

__all__ = ["Flow", "changes_size", "ends_size"]

STAND_IN = 96  # for sizes that are open: large, and no prime


class Flow(NamedTuple):
    """A layer, and the symbolic tensors that flow into it and out of it."""

    layer: Any
    taken: Any
    given: Any


def changes_size(flow: Flow) -> bool:
    """Tell whether a layer gives data of another size than it takes, as pooling does."""
    taken, given = tuple(flow.taken.shape), tuple(flow.given.shape)
    if None in taken[1:]:
        taken = (None, *(size or STAND_IN for size in taken[1:-1]), taken[-1])
        try:
            given = flow.layer.compute_output_shape(taken)
        except Exception:  # a layer that cannot tell may do anything
            return True
    return taken[1:-1] != tuple(given)[1:-1]


def ends_size(flow: Flow) -> bool:
    """Tell whether what a layer gives is of one size, whatever it takes, as global pooling does.

    Dense layers do behind Flatten, and recurrent ones that give their last state alone.
    """
    one, is_flat = flow.layer, len(flow.given.shape) == 2
    if isinstance(one, keras.layers.Flatten | keras.layers.Reshape):
        return False
    has_units = hasattr(one, "units") or len(flow.taken.shape) > 2
    return (is_flat and has_units) or type(one).__name__.startswith("Global")
