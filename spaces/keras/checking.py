# pyright: basic
"""Layers and settings that Keras does not know, found before any network is built."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from ..errors import BuildError, UnknownLayer
from ..graph.graph import Operation
from ..graph.operations import Discoverable, layers_in
from ..planning.steps import described
from .layers import CopiedLayer, is_from_keras, keras, layer_class, make_layer
from .settings import closest, required_settings, wrong_names

__all__ = ["check_layers", "unknown_name"]

REGISTRIES: Mapping[str, Any] = {  # by the end of a setting's name
    "activation": keras.activations,
    "constraint": keras.constraints,
    "initializer": keras.initializers,
    "loss": keras.losses,
    "metric": keras.metrics,
    "optimizer": keras.optimizers,
    "regularizer": keras.regularizers,
}


def check_layers(space: Discoverable, part: str | None = None) -> None:
    """Raise an error for a layer or setting of a space that Keras does not know.

    Every option counts, also one that is never proposed. What depends on several settings or on the
    input, as whether groups divide the filters, is not checked. Classes that are named only, as in
    a document, are skipped as long as their module is not imported.

    Args:
        space: The space.
        part: The name of the network, if a `Space` of a mapping has several; None for all.

    Raises:
        UnknownLayer: There is no such layer or setting; the message names what was probably meant.

    Example:
        >>> from nasbridge.spaces import layer
        >>> check_layers(layer("Dense", units=4))
    """
    for operation, place in layers_in(space, part):
        _check(operation, place)


def _check(operation: Operation, place: str) -> None:
    if ":" in operation.name and operation.cls is None:
        return
    cls = layer_class(operation, place)
    if issubclass(cls, CopiedLayer):
        return
    given, required = operation.config, required_settings(cls)
    if wrong_names(cls, given):
        _rejection(operation, place, given)
    for name, value in given.items():
        for inner in _layers_inside(value):
            _check(inner, f"{place}.{name}")
        if isinstance(value, str) and is_from_keras(cls):
            rejection = _rejection(operation, place, [*required, name])
            if rejection is not None and _rejection(operation, place, required) is None:
                hint = unknown_name(name.rpartition("_")[2], value) or f"unknown: {rejection}"
                what = f"{described(operation, place)}: {name}={value!r}"
                raise UnknownLayer(f"{what} is {hint}") from rejection


def unknown_name(kind: str, value: object) -> str:
    """Return what is wrong with the name of an activation, a loss and so on; empty if nothing is.

    Args:
        kind: A key of `REGISTRIES`; for any other one nothing is wrong.
        value: A setting; only a string can be wrong.
    """
    registry = REGISTRIES.get(kind)
    if registry is None or not isinstance(value, str):
        return ""
    try:
        registry.get(value)
    except Exception:  # Keras raises different errors
        public = {name for name in vars(registry) if not name.startswith("_")}
        close = closest(value, public)
        hint = f"did you mean {close!r}?" if close else f"see {registry.__name__}"
        return f"not a known {kind}: {hint}"
    return ""


def _rejection(operation: Operation, place: str, names: Collection[str]) -> BaseException | None:
    """Return why the constructor rejects some of the settings; None if it accepts them.

    Raises:
        UnknownLayer: It does not know the name of one.
    """
    settings = {name: operation.config[name] for name in names if name in operation.config}
    try:
        make_layer(Operation(operation.name, settings, operation.cls), place)
    except UnknownLayer:
        raise
    except BuildError as error:
        return error.__cause__ or error
    return None


def _layers_inside(value: object) -> Iterator[Operation]:
    """Yield the layers inside a setting."""
    if isinstance(value, Operation):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _layers_inside(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _layers_inside(part)
