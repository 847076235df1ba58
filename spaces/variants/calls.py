# pyright: basic
# Keras ships no types.
"""How the layers of a functional model are called: what flows into each of them."""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ..errors import SpaceError
from ..keras.layers import keras
from .description import ALTERNATIVE
from .masks import is_automatic_mask
from .parts import Flow

__all__ = ["Call", "calls_of", "flows_of"]


class Call(NamedTuple):
    """What flows into a layer.

    Attributes:
        sources: Names of the layers whose results flow in; empty for an input.
        arguments: The argument of the call for each source; empty if they are one tensor or a list.
        tensors: The symbolic tensors of the sources.
    """

    sources: tuple[str, ...]
    arguments: tuple[str, ...]
    tensors: tuple[Any, ...]


def flows_of(network: Any) -> dict[str, Flow]:
    """Return the layers of a functional model with their inputs and outputs, by name."""
    nodes = (node for nodes in network._nodes_by_depth.values() for node in nodes)
    return {
        node.operation.name: Flow(node.operation, tuple(node.input_tensors), node.output_tensors[0])
        for node in nodes
        if node.input_tensors
    }


def calls_of(network: Any, outputs: Sequence[str]) -> dict[str, Call]:
    """Return the calls of the layers that the outputs depend on, by name.

    Operators that only compute masks are not among them: a rebuilt network computes its own masks.

    Args:
        network: A functional model.
        outputs: Names of the output layers.

    Raises:
        SpaceError: A layer is called several times, or with more than tensors.
    """
    nodes: dict[str, list[Any]] = {}
    for depth in network._nodes_by_depth.values():
        for node in depth:
            nodes.setdefault(node.operation.name, []).append(node)
    found: dict[str, Call] = {}
    waiting = list(outputs)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = _call(nodes[name])
            waiting += found[name].sources
    return found


def _call(nodes: Sequence[Any]) -> Call:
    one = nodes[0].operation
    if len(nodes) > 1:
        raise SpaceError(
            f"the layer {one.name!r} is called {len(nodes)} times, but layers of a space do not "
            f"share weights: {ALTERNATIVE}"
        )
    if isinstance(one, keras.layers.InputLayer):
        return Call((), (), ())
    passed = nodes[0].arguments
    named = {
        k: v for k, v in passed.kwargs.items() if k != "mask" or not is_automatic_mask(v, nodes[0])
    }
    if isinstance(one, keras.layers.Layer):
        return _checked_call(one, passed.args, named)
    return _call_of(tuple(_tensors([passed.args, named])), ())


def _checked_call(one: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Call:
    """Return what flows into a layer; raise SpaceError if its call passes more than tensors.

    `training=False` is accepted: a call of the whole network sets `training` for all layers.
    """
    signature = inspect.signature(one.call)
    bound = signature.bind(*args, **kwargs).arguments
    first = next(iter(signature.parameters))
    flowing = {name: value for name, value in bound.items() if any(True for _ in _tensors(value))}
    for name, value in bound.items():
        if name in flowing:
            is_single = len(flowing) == 1 or isinstance(value, keras.KerasTensor)
            is_harmless = first in bound and name != "mask" and is_single and _is_symbolic(value)
        else:
            is_harmless = _is_default(value, signature.parameters[name].default)
            is_harmless = is_harmless or (name == "training" and value is False)
        if not is_harmless:
            raise SpaceError(
                f"the layer {one.name!r} ({type(one).__name__}) is called with {name}={value!r}, "
                "which a space cannot express: use a subclass whose call() sets it, or "
                f"{ALTERNATIVE}"
            )
    arguments = tuple(flowing) if len(flowing) > 1 else ()
    return _call_of(tuple(_tensors(list(flowing.values()))), arguments)


def _call_of(tensors: tuple[Any, ...], arguments: tuple[str, ...]) -> Call:
    names = tuple(str(tensor._keras_history.operation.name) for tensor in tensors)
    return Call(names, arguments, tensors)


def _is_default(value: Any, default: Any) -> bool:
    is_plain = value is None or isinstance(value, bool | int | float | str)
    return value is None or value is default or (is_plain and bool(value == default))


def _is_symbolic(value: Any) -> bool:
    """Return whether an argument consists of symbolic tensors, without constants."""
    if isinstance(value, list | tuple):
        return all(map(_is_symbolic, value))
    return isinstance(value, keras.KerasTensor)


def _tensors(value: Any) -> Iterator[Any]:
    if isinstance(value, keras.KerasTensor):
        yield value
        return
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for part in value:
            yield from _tensors(part)
