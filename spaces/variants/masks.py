# pyright: basic
# Keras ships no types.
"""Masks in a model that is there already: which ones Keras hands on by itself."""

from typing import Any

from ..keras.layers import keras

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
    return _are_alike(given, _masks(tensors), {})


def _masks(tensors: Any) -> Any:
    if isinstance(tensors, list | tuple):
        return [_masks(one) for one in tensors]
    return getattr(tensors, "_keras_mask", None)


Known = dict[tuple[object, ...], bool]
"""Pairs of places in a graph that have been compared: ways to one place multiply with each sum."""


def _are_alike(one: Any, other: Any, known: Known) -> bool:
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        pairs = zip(one, other, strict=False)
        return len(one) == len(other) and all(_are_alike(*pair, known) for pair in pairs)
    if type(one) is not type(other):
        return False
    if isinstance(one, keras.KerasTensor):
        first, second = _place(one), _place(other)
        key = (*_key(first), *_key(second))
        if key not in known:
            known[key] = _same(first, second, known)
        return known[key]
    return one is other or (isinstance(one, bool | int | float | str) and one == other)


def _place(tensor: Any) -> Any:
    return tensor._keras_history


def _key(place: Any) -> tuple[object, ...]:
    return id(place.operation), place.node_index, place.tensor_index


def _same(one: Any, other: Any, known: Known) -> bool:
    """Tell whether two places in a graph are one, or are reached by the same operators."""
    if one.operation is other.operation:
        return _key(one) == _key(other)
    if isinstance(one.operation, keras.layers.Layer):
        return False
    if type(one.operation) is not type(other.operation) or one.tensor_index != other.tensor_index:
        return False
    nodes = [place.operation._inbound_nodes[place.node_index] for place in (one, other)]
    first, second = (
        [node.arguments.args, _sorted(node.arguments.kwargs), _sorted(_settings(node.operation))]
        for node in nodes
    )
    return _are_alike(first, second, known)


def _settings(operation: Any) -> dict[str, Any]:
    """Return what tells an operator of Keras from others, as the axis of a sum."""
    return {k: v for k, v in vars(operation).items() if k != "name" and k[0] != "_"}


def _sorted(named: dict[str, Any]) -> list[tuple[str, Any]]:
    return sorted(named.items(), key=lambda pair: pair[0])
