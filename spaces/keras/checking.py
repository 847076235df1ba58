# pyright: basic
"""Layers and settings that Keras does not know, found before any network is built."""

import inspect
from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from ..errors import BuildError, UnknownLayer
from ..graph.graph import Operation
from ..graph.operations import Discoverable, layers_in
from ..planning.steps import described
from .layers import CopiedLayer, is_from_keras, keras, layer_class, make_layer

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
    what, given, accepted = described(operation, place), operation.config, _accepted(cls)
    required = [name for name, is_required in accepted.items() if is_required]
    faults = [
        f"has no setting {name!r}{_meant(name, accepted)}" for name in given if name not in accepted
    ]
    faults += [f"needs {name}=" for name in required if name not in given]
    if faults and _rejection(operation, place, given) is not None:
        raise UnknownLayer(f"{what} {'; it '.join(faults)}")
    for name, value in given.items():
        for inner in _layers_inside(value):
            _check(inner, f"{place}.{name}")
        if isinstance(value, str) and is_from_keras(cls):
            rejection = _rejection(operation, place, [*required, name])
            if rejection is not None and _rejection(operation, place, required) is None:
                hint = unknown_name(name.rpartition("_")[2], value) or f"unknown: {rejection}"
                raise UnknownLayer(f"{what}: {name}={value!r} is {hint}") from rejection


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
        close = get_close_matches(value, public | {name.lower() for name in public}, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"see {registry.__name__}"
        return f"not a known {kind}: {hint}"
    return ""


def _accepted(cls: type) -> dict[str, bool]:
    """Return the settings that constructors name, with whether they are required."""
    found: dict[str, bool] = {}
    for base in cls.__mro__:
        if "__init__" not in vars(base):
            continue
        parameters = list(inspect.signature(vars(base)["__init__"]).parameters.values())[1:]
        is_called = not found  # a subclass gives its bases what they require
        for parameter in parameters:
            if parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
                is_required = is_called and parameter.default is parameter.empty
                found.setdefault(parameter.name, is_required)
        if all(parameter.kind is not parameter.VAR_KEYWORD for parameter in parameters):
            break
    return found


def _rejection(operation: Operation, place: str, names: Collection[str]) -> BaseException | None:
    """Return why the constructor rejects some of the settings; None if it accepts them."""
    settings = {name: operation.config[name] for name in names if name in operation.config}
    try:
        make_layer(Operation(operation.name, settings, operation.cls), place)
    except UnknownLayer:
        raise
    except BuildError as error:
        return error.__cause__ or error
    return None


def _meant(name: str, known: Collection[str]) -> str:
    close = get_close_matches(name, known, n=1)
    return f" (did you mean {close[0]!r}?)" if close else f" (it has {', '.join(known)})"


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
