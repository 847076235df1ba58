# pyright: basic
# Keras ships no types.
"""Masks in a functional model: which of them Keras passes on automatically."""

from typing import Any

from ..keras.layers import keras

__all__ = ["is_automatic_mask"]


def is_automatic_mask(mask: Any, node: Any) -> bool:
    """Return whether a call receives the mask that Keras computes for its input anyway.

    Such a mask need not be described: a rebuilt network computes it again. A copied or loaded model
    holds each mask twice, so masks are compared by the operators that compute them.

    Args:
        mask: The `mask` argument of the call.
        node: The Keras node of the call.
    """
    tensors = node.arguments.args[0] if node.arguments.args else node.input_tensors[0]
    return _are_equal(mask, _masks(tensors), {})


def _masks(tensors: Any) -> Any:
    if isinstance(tensors, list | tuple):
        return [_masks(one) for one in tensors]
    return getattr(tensors, "_keras_mask", None)


Compared = dict[tuple[object, ...], bool]
"""Results by pair of tensors: each sum doubles the paths to a tensor, so visit each pair once."""


def _are_equal(one: Any, other: Any, compared: Compared) -> bool:
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        pairs = zip(one, other, strict=False)
        return len(one) == len(other) and all(_are_equal(*pair, compared) for pair in pairs)
    if type(one) is not type(other):
        return False
    if isinstance(one, keras.KerasTensor):
        first, second = _history(one), _history(other)
        key = (*_key(first), *_key(second))
        if key not in compared:
            compared[key] = _have_equal_origin(first, second, compared)
        return compared[key]
    return one is other or (isinstance(one, bool | int | float | str) and one == other)


def _history(tensor: Any) -> Any:
    return tensor._keras_history


def _key(history: Any) -> tuple[object, ...]:
    return id(history.operation), history.node_index, history.tensor_index


def _have_equal_origin(one: Any, other: Any, compared: Compared) -> bool:
    """Return whether two tensors are the same, or computed by equal operators from the same."""
    if one.operation is other.operation:
        return _key(one) == _key(other)
    if isinstance(one.operation, keras.layers.Layer):
        return False
    if type(one.operation) is not type(other.operation) or one.tensor_index != other.tensor_index:
        return False
    nodes = [origin.operation._inbound_nodes[origin.node_index] for origin in (one, other)]
    first, second = (
        [node.arguments.args, _sorted(node.arguments.kwargs), _sorted(_settings(node.operation))]
        for node in nodes
    )
    return _are_equal(first, second, compared)


def _settings(operation: Any) -> dict[str, Any]:
    """Return the settings of a Keras operator, such as the axis of a sum."""
    return {k: v for k, v in vars(operation).items() if k != "name" and k[0] != "_"}


def _sorted(named: dict[str, Any]) -> list[tuple[str, Any]]:
    return sorted(named.items(), key=lambda pair: pair[0])
