# pyright: basic
"""From operation to layer: which class is meant, and an instance of it."""

import sys
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, cast

from .._errors import BuildError, MissingExtra
from .._graph import Operation

try:
    import keras
except ImportError as error:  # Keras itself, or the Keras backend that KERAS_BACKEND names
    missing = (error.name or "keras").partition(".")[0]
    extra = missing if missing in ("jax", "torch") else "tensorflow"
    raise MissingExtra(missing, extra, "building a network") from error

__all__ = ["call_layer", "keras", "layer_class", "make_layer"]


def make_layer(operation: Operation, path: str, name: str | None) -> Any:
    """Make the layer that an operation describes.

    Args:
        operation: A Keras layer or a layer of the user, with its settings.
        path: Where it stands, for messages.
        name: The layer's name; Keras finds one for None.

    Raises:
        BuildError: There is no such layer, or it refuses its settings.
    """
    cls = operation.cls or layer_class(operation.name, path)
    config = {key: _setting(value, path) for key, value in operation.config.items()}
    if name is not None:
        config["name"] = name
    try:
        return cls(**config)
    except Exception as error:  # whatever a layer's constructor raises is about its settings
        said = ", ".join(f"{key}={value!r}" for key, value in operation.config.items())
        raise BuildError(
            f"the layer {path!r} refuses its settings: {operation.name}({said}): "
            f"{type(error).__name__}: {error}; mend them in the space"
        ) from error


def _setting(value: object, path: str) -> object:
    """Make the layers that stand in a setting."""
    if isinstance(value, Operation):
        return make_layer(value, path, name=None)
    if isinstance(value, Mapping):
        return {key: _setting(part, path) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_setting(part, path) for part in cast(list[object], value))
    return value


def call_layer(layer: Any, sources: list[Any], path: str) -> Any:
    """Call a layer on symbolic tensors.

    Raises:
        BuildError: The layer cannot take them.
    """
    try:
        return layer(sources[0] if len(sources) == 1 else sources)
    except Exception as error:  # layers of users raise what they like
        shapes = " and ".join(str(tuple(source.shape[1:])) for source in sources)
        raise BuildError(
            f"the layer {path!r}, a {type(layer).__name__}, cannot take the input {shapes}: "
            f"{type(error).__name__}: {error}"
        ) from error


def layer_class(name: str, path: str) -> type:
    """Find a layer's class, without importing anything that a document names.

    Args:
        name: A name in `keras.layers` or of a registered class, or `module:Class`.
        path: Where the layer stands, for messages.

    Raises:
        BuildError: There is none.
    """
    module, _, qualname = name.rpartition(":")
    found = _imported(module, qualname) if module else getattr(keras.layers, name, None)
    if found is None:
        found = next(
            filter(_is(module, qualname), keras.saving.get_custom_objects().values()), None
        )
    if isinstance(found, type) and issubclass(found, keras.layers.Layer):
        return found
    if module:
        raise BuildError(
            f"the layer {path!r} is of the class {name!r}, which is not known here: import your "
            f"module first (import {module}), or describe the space with the class itself"
        )
    known = [other for other, cls in vars(keras.layers).items() if isinstance(cls, type)]
    close = get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]!r}?" if close else "use a name in keras.layers, or a class"
    raise BuildError(f"the layer {path!r} is a {name!r}, which Keras has not: {hint}")


def _imported(module: str, qualname: str) -> object:
    found: object = sys.modules.get(module)
    for part in qualname.split("."):
        found = getattr(found, part, None)
    return found


def _is(module: str, qualname: str) -> Any:
    def matches(cls: Any) -> bool:
        return (not module or cls.__module__ == module) and cls.__qualname__ == qualname

    return matches
