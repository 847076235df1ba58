# pyright: basic
# Keras ships no types.
"""One layer of a model that is there already, as a layer of a space."""

import inspect
from collections.abc import Mapping
from typing import Any

from .._errors import SpaceError
from .._structure import Layer, layer
from ._kept import keep
from ._layers import keras

__all__ = ["WAY_OUT", "described"]

WAY_OUT = "describe the space with Chain, Parallel and layer(...) instead"


def described(one: Any, taken: Any) -> Layer:
    """Describe a layer, with the settings that it does not have anyway.

    Args:
        one: The layer.
        taken: The symbolic tensor that flows into it.

    Raises:
        SpaceError: It is none, or cannot be made again.
    """
    if not isinstance(one, keras.layers.Layer):
        raise SpaceError(
            f"{getattr(one, 'name', one)!r} is an operator ({type(one).__name__}) and no layer: "
            "use one of keras.layers in its place, as Rescaling, ReLU or GlobalAveragePooling2D, "
            f"or {WAY_OUT}"
        )
    if isinstance(one, keras.Model) or _has_state(one):
        return keep(one, taken)
    return _with_settings(one)


def _has_state(one: Any) -> bool:
    """Tell whether a layer is worth nothing without its weights: it is adapted, or frozen."""
    if hasattr(one, "adapt"):
        return True
    has_averages_only = isinstance(one, keras.layers.BatchNormalization) and one.trainable
    return bool(one.weights) and not one.trainable_weights and not has_averages_only


def _with_settings(one: Any) -> Layer:
    cls = type(one)
    defaults = {
        name: parameter.default
        for name, parameter in inspect.signature(cls.__init__).parameters.items()
    }
    policy = keras.dtype_policies.serialize(keras.config.dtype_policy())
    config = {
        name: _setting(value)
        for name, value in one.get_config().items()
        if name != "name"
        and not (name == "trainable" and value)
        and not (name == "dtype" and value in (policy, keras.config.dtype_policy().name))
        and not _is_default(value, defaults.get(name, inspect.Parameter.empty))
    }
    return layer(cls, **config)


def _setting(value: Any) -> Any:
    """Describe the layers in the settings of wrappers; all else Keras understands as it is."""
    if isinstance(value, Mapping) and "class_name" in value:
        kind = getattr(keras.layers, str(value["class_name"]), None)
        if isinstance(kind, type) and issubclass(kind, keras.layers.Layer):
            return _with_settings(keras.layers.deserialize(dict(value)))
    return value


def _is_default(value: Any, default: Any) -> bool:
    if value is None or value == default:
        return value == default
    if value == "linear":
        return default is None
    if isinstance(value, Mapping) and isinstance(default, str):
        try:
            made = keras.initializers.serialize(keras.initializers.get(default))
        except ValueError:
            return False
        return made == value
    return isinstance(value, list) and tuple(value) == default
