# pyright: basic
# Keras ships no types.
"""One layer of a model that is there already, as a layer of a space."""

import inspect
from collections.abc import Mapping
from typing import Any

from ..errors import BuildError, SpaceError
from ..graph.graph import Operation
from ..keras.ask import ask
from ..keras.layers import call_layer, is_of_keras, keras, make_layer
from ..nodes.layer import Layer, layer
from ..planning.rules import measure
from ..planning.shapes import ShapeMismatch
from .kept import keep, names_within, remake

__all__ = ["WAY_OUT", "described"]

EXACT = 2**24  # up to here every integer is a float32
WAY_OUT = "describe the space with Chain, Parallel and layer(...) instead"


def described(one: Any, taken: Any, given: Any) -> Layer:
    """Describe a layer, with the settings that it does not have anyway.

    Args:
        one: The layer.
        taken: The symbolic tensor that flows into it.
        given: The one that flows out.

    Raises:
        SpaceError: It is none, or cannot be made again.
    """
    if not isinstance(one, keras.layers.Layer):
        raise SpaceError(
            f"{getattr(one, 'name', one)!r} is an operator ({type(one).__name__}) and no layer: "
            "use one of keras.layers in its place, as Rescaling, ReLU or GlobalAveragePooling2D, "
            f"or {WAY_OUT}"
        )
    found = _description(one, taken)
    wanted = tuple(given.shape[1:]), one.count_params()
    try:
        made = _made(found, taken, one.name)
    except (BuildError, ShapeMismatch) as error:
        raise SpaceError(
            f"the layer {one.name!r} ({type(one).__name__}) cannot be made again ({error}): let "
            "get_config() of its class say how, or use another layer"
        ) from error
    if made != wanted:
        raise SpaceError(
            f"the layer {one.name!r} ({type(one).__name__}) gives {wanted[0]} and has {wanted[1]} "
            f"weights, and made again by its settings gives {made[0]} and has {made[1]}: let "
            "get_config() of its class return all that its __init__ takes"
        )
    return found


def _description(one: Any, taken: Any) -> Layer:
    if isinstance(one, keras.Model) or _has_state(one):
        return keep(one, taken)
    if _is_made_its_own_way(type(one)) or not _takes_floats_alike(one, taken):
        return remake(one, taken)
    try:
        found = _with_settings(one)
        make_layer(_operation(found), one.name)
    except Exception:  # as of wrappers of models, whose settings their class alone understands
        return remake(one, taken)
    return found


def _is_made_its_own_way(cls: Any) -> bool:
    """Tell whether a class of the user has a `from_config` of its own."""
    own = cls.from_config.__func__ is not keras.layers.Layer.from_config.__func__
    return own and not is_of_keras(cls)


def _takes_floats_alike(one: Any, taken: Any) -> bool:
    """Tell whether a layer computes the same of floats, which all but copies are given.

    Layers with a kernel of floats do, and an embedding, of indices that are exact as floats.
    """
    if keras.backend.is_float_dtype(taken.dtype) or type(one) is keras.layers.Rescaling:
        return True
    if type(one) is keras.layers.Embedding:
        return bool(one.input_dim <= EXACT)
    return is_of_keras(type(one)) and any("kernel" in weight.name for weight in one.weights)


def _operation(found: Layer) -> Operation:
    return next(found.enumerate()).graph().vertices[-1].operation


def _made(found: Layer, taken: Any, name: str) -> tuple[tuple[int | None, ...], int]:
    """Return the shape and the weights of what a description makes.

    A layer is called if no rule knows it, and where a part of it, as an initializer, is made of a
    description, too. With axes of open size every one is.
    """
    operation, shape = _operation(found), tuple(taken.shape[1:])
    if None not in shape:
        measured = measure(operation, [shape]) or ask(operation, [shape], name)
        if not any(isinstance(value, Mapping) for value in operation.config.values()):
            return measured.shape, measured.parameters
    source = keras.KerasTensor(taken.shape, taken.dtype)
    made, result = call_layer(operation, [source], name)
    return tuple(getattr(result, "shape", ()))[1:], made.count_params()


def _has_state(one: Any) -> bool:
    """Tell whether a layer is worth nothing without its weights.

    It is adapted, it or a part of it is frozen, or it was given a model, as `TimeDistributed` is.
    """
    inner = list(one._flatten_layers(include_self=False))
    models = {part.name for part in inner if isinstance(part, keras.Model)}
    if hasattr(one, "adapt") or (models and models.intersection(_names_in(one))):
        return True
    if any(not own.trainable for part in (one, *inner) for own in part._trainable_variables):
        return True
    has_averages_only = isinstance(one, keras.layers.BatchNormalization) and one.trainable
    return bool(one.weights) and not one.trainable_weights and not has_averages_only


def _names_in(one: Any) -> set[str]:
    """Return the names of the layers among a layer's settings."""
    try:
        return set(names_within(one.get_config()))
    except Exception:  # of a class that cannot tell, which is said when it is to be made again
        return set()


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
