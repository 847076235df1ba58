# pyright: basic
# Keras ships no types.
"""Masks in a model that is there already: which ones Keras hands on by itself."""

from typing import Any

from ._layers import keras

__all__ = ["is_own_mask"]


def is_own_mask(given: Any, node: Any) -> bool:
    """Tell whether a layer is given the mask of what flows into it, as Keras gives it.

    Such a mask need not be told: a layer like it, in a network like it, is given its own. A model
    that is copied or loaded computes each mask twice, so they are compared by what makes them.

    Args:
        given: The argument `mask` of the layer's call.
        node: The call.
    """
    tensors = node.arguments.args[0] if node.arguments.args else node.input_tensors[0]
    return _are_alike(given, _masks(tensors))


def _masks(tensors: Any) -> Any:
    if isinstance(tensors, list | tuple):
        return [_masks(one) for one in tensors]
    return getattr(tensors, "_keras_mask", None)


def _are_alike(one: Any, other: Any) -> bool:
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_are_alike, one, other))
    if type(one) is not type(other):
        return False
    if isinstance(one, keras.KerasTensor):
        return _same(_place(one), _place(other))
    return bool(one == other)


def _place(tensor: Any) -> Any:
    return tensor._keras_history


def _same(one: Any, other: Any) -> bool:
    """Tell whether two places in a graph are one, or are reached by the same operators."""
    if one.operation is other.operation:
        return bool(one == other)
    if isinstance(one.operation, keras.layers.Layer) or _made_as(one) != _made_as(other):
        return False
    first, second = (place.operation._inbound_nodes[place.node_index] for place in (one, other))
    named = [list(node.arguments.kwargs.items()) for node in (first, second)]
    return _are_alike(first.arguments.args, second.arguments.args) and _are_alike(*named)


def _made_as(place: Any) -> list[Any]:
    """Return what tells an operator of Keras from others, as the axis of a sum."""
    settings = {k: v for k, v in vars(place.operation).items() if k != "name" and k[0] != "_"}
    return [type(place.operation), settings, place.tensor_index]
