# pyright: basic
# Keras ships no types.
"""Descriptions: one layer of an existing model, as a layer of a space."""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..errors import BuildError, SpaceError
from ..graph.graph import Operation
from ..keras.inference import infer_with_keras
from ..keras.layers import call_layer, is_from_keras, keras, make_layer
from ..nodes.layer import Layer, layer
from ..planning.rules import measure
from ..planning.shapes import ShapeMismatch
from .copied import copy_config, copy_with_weights, names_within
from .parts import Flow

__all__ = ["ALTERNATIVE", "describe", "describe_merge"]

LARGEST_EXACT = 2**24  # a float32 holds every integer up to here
ALTERNATIVE = "describe the space with Network and layer(...) instead"
OPERATORS = {"Add", "Maximum", "Minimum", "Multiply", "Subtract"}
"""Operators that do what a layer does with tensors of as many axes."""


def describe(flow: Flow) -> Layer:
    """Describe a layer of a model; settings at their defaults are left out.

    The description is checked: it must rebuild the layer with the same shape and weights.

    Raises:
        SpaceError: It is not a layer, or cannot be rebuilt.
    """
    one = flow.layer
    scaling = None if isinstance(one, keras.layers.Layer) else _scaling(one)
    if scaling is not None:
        return scaling
    _check_layer(one)
    found = _description(one, flow.input)
    _check_rebuilt(found, flow, ())
    return found


def _scaling(operator: Any) -> Layer | None:
    """Return the layer that does what arithmetic with a tensor and a number does, if any."""
    passed = operator._inbound_nodes[0].arguments.args
    numbers = [one for one in passed if isinstance(one, int | float)]
    if len(passed) != 2 or len(numbers) != 1 or isinstance(numbers[0], bool):
        return None
    (number,), is_first = numbers, isinstance(passed[0], int | float)
    match type(operator).__name__, is_first:
        case "Multiply", _:
            return layer("Rescaling", scale=number)
        case "Add", _:
            return layer("Rescaling", scale=1.0, offset=number)
        case "Subtract", False:
            return layer("Rescaling", scale=1.0, offset=-number)
        case "Subtract", True:
            return layer("Rescaling", scale=-1.0, offset=number)
        case (("TrueDivide" | "Divide"), False):
            return layer("Rescaling", scale=1 / number)
        case _:
            return None


def describe_merge(flow: Flow, arguments: tuple[str, ...]) -> str | Layer:
    """Describe how a layer or operator merges its inputs.

    Args:
        flow: The layer.
        arguments: The argument of its call for each input; empty for a list.

    Returns:
        "add" or "concatenate" where a space does the same; otherwise the layer.

    Raises:
        SpaceError: It cannot be described or rebuilt.
    """
    one = flow.layer
    kind, shapes = type(one).__name__, [tuple(tensor.shape) for tensor in flow.inputs]
    if is_from_keras(type(one)) and _has_global_policy(one):
        if kind == "Add" and len(set(shapes)) == 1:
            return "add"
        if kind == "Concatenate" and one.axis in (-1, len(shapes[0]) - 1):
            return "concatenate"
    is_operator = not isinstance(one, keras.layers.Layer) and kind in OPERATORS
    if is_operator and len(set(map(len, shapes))) == 1:
        return layer(kind)
    _check_layer(one)
    found = _description(one, flow.input)
    _check_rebuilt(found, flow, arguments)
    return found


def _has_global_policy(one: Any) -> bool:
    policy = getattr(one, "dtype_policy", None)
    return policy is None or policy == keras.config.dtype_policy()


def _check_layer(one: Any) -> None:
    if not isinstance(one, keras.layers.Layer):
        raise SpaceError(
            f"{getattr(one, 'name', one)!r} is an operator ({type(one).__name__}), not a layer: "
            "use one of keras.layers instead, such as Rescaling, ReLU or GlobalAveragePooling2D, "
            f"or {ALTERNATIVE}"
        )


def _check_rebuilt(found: Layer, flow: Flow, arguments: tuple[str, ...]) -> None:
    one = flow.layer
    wanted = tuple(flow.output.shape[1:]), one.count_params()
    try:
        rebuilt = _rebuilt(found, flow.inputs, one.name, arguments)
    except (BuildError, ShapeMismatch) as error:
        raise SpaceError(
            f"the layer {one.name!r} ({type(one).__name__}) cannot be rebuilt ({error}): let "
            "get_config() of its class return all arguments of its __init__, or use another layer"
        ) from error
    if rebuilt != wanted:
        raise SpaceError(
            f"the layer {one.name!r} ({type(one).__name__}) has output shape {wanted[0]} and "
            f"{wanted[1]} weights, but rebuilt from its settings it has {rebuilt[0]} and "
            f"{rebuilt[1]}: let get_config() of its class return all arguments of its __init__"
        )


def _description(one: Any, source: Any) -> Layer:
    if isinstance(one, keras.Model) or _has_state(one):
        return copy_with_weights(one, source)
    if _has_own_from_config(type(one)) or not _accepts_floats(one, source):
        return copy_config(one, source)
    try:
        found = _with_settings(one)
        make_layer(_operation(found), one.name)
    except Exception:  # such as a wrapper of a model: only its class can read its settings
        return copy_config(one, source)
    return found


def _has_own_from_config(cls: Any) -> bool:
    """Return whether a class of the user overrides `from_config`."""
    own = cls.from_config.__func__ is not keras.layers.Layer.from_config.__func__
    return own and not is_from_keras(cls)


def _accepts_floats(one: Any, source: Any) -> bool:
    """Return whether a layer computes the same from floats, which all but copies receive.

    A layer with a float kernel does, and so does an embedding whose indices are exact as floats.
    """
    if keras.backend.is_float_dtype(source.dtype) or type(one) is keras.layers.Rescaling:
        return True
    if type(one) is keras.layers.Embedding:
        return bool(one.input_dim <= LARGEST_EXACT)
    return is_from_keras(type(one)) and any("kernel" in weight.name for weight in one.weights)


def _operation(found: Layer) -> Operation:
    return next(found.enumerate()).graph().vertices[-1].operation


def _rebuilt(
    found: Layer, sources: Sequence[Any], name: str, arguments: tuple[str, ...]
) -> tuple[tuple[int | None, ...], int]:
    """Return output shape and number of weights of the layer that a description builds.

    The layer is called if no rule knows it, if an input axis has an unknown size, or if a setting
    is itself a description, such as an initializer: a rule does not notice a wrong one.
    """
    operation = replace(_operation(found), names=arguments)
    shapes = [tuple(source.shape[1:]) for source in sources]
    if not any(None in shape for shape in shapes):
        measured = measure(operation, shapes) or infer_with_keras(operation, shapes, name)
        if not any(isinstance(value, Mapping) for value in operation.config.values()):
            return measured.shape, measured.parameters
    tensors = [keras.KerasTensor(source.shape, source.dtype) for source in sources]
    made, result = call_layer(operation, tensors, name)
    return tuple(getattr(result, "shape", ()))[1:], made.count_params()


def _has_state(one: Any) -> bool:
    """Return whether a layer is useless without its weights.

    It is adapted, it or an inner layer is frozen, or it wraps a model, as `TimeDistributed` may.
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
    except Exception:  # a class without a valid get_config is reported when it is rebuilt
        return set()


def _with_settings(one: Any) -> Layer:
    """Describe a layer by those of its settings that differ from the defaults."""
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
    """Describe layers in the settings of wrappers; Keras reads all other settings as they are."""
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
