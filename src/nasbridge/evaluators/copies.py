# pyright: basic
# Optimizers, losses and metrics are Keras's.
"""Untrained copies of Keras objects, one per training."""

import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import numpy

from ..engine.errors import ExperimentError

__all__ = ["check_configuration", "fresh_copy"]

# Attributes that Keras sets on use, or that `check_configuration` checks separately.
IGNORED = {
    "built",
    "_built",
    "_build_input_shape",
    "_exclude_from_weight_decay",
    "_exclude_from_weight_decay_cache",
    "_num_labels",
    "_trainable_variables_indices",
}

SMALL = 1000  # numbers in an array that is compared like a list


def fresh_copy(thing: Any) -> Any:
    """Return an untrained copy of a Keras object; return anything else unchanged."""
    if isinstance(thing, list | tuple):
        return [fresh_copy(part) for part in thing]
    if isinstance(thing, dict):
        return {name: fresh_copy(part) for name, part in thing.items()}
    if isinstance(thing, type) or not hasattr(thing, "from_config"):
        return thing
    copy = type(thing).from_config(thing.get_config())
    for old, new in zip(_optimizers(thing), _optimizers(copy), strict=True):
        pattern = getattr(old, "_exclude_from_weight_decay_pattern", None)  # in no get_config()
        if pattern is not None:
            new.exclude_from_weight_decay(var_names=[pattern.pattern])
    return copy


def _optimizers(thing: Any) -> Iterator[Any]:
    """Yield an optimizer and the optimizers that it wraps; yield any other object alone."""
    while thing is not None:
        yield thing
        thing = getattr(thing, "inner_optimizer", None)


def check_configuration(thing: Any) -> None:
    """Refuse an object whose copies would differ from it.

    Raises:
        ExperimentError: The object has no usable configuration, or the configuration omits a value.
    """
    if isinstance(thing, list | tuple | dict):
        for part in thing.values() if isinstance(thing, dict) else thing:
            check_configuration(part)
        return
    fix = (
        "pass a function: of targets and predictions for a loss or metric, of the architecture for "
        "an optimizer"
    )
    try:
        copy = fresh_copy(thing)
    except Exception as error:
        raise ExperimentError(
            f"{thing!r} cannot be copied for each training ({type(error).__name__}: {error}): "
            f"implement get_config(), or {fix}"
        ) from error
    if any(getattr(one, "_exclude_from_weight_decay", None) for one in _optimizers(thing)):
        raise ExperimentError(
            f"{thing!r} excludes variables of one model from weight decay, which no other network "
            'has: name them, as exclude_from_weight_decay(var_names=["bias"])'
        )
    if copy is thing:
        return
    had, has = _settings(thing), _settings(copy)
    lost = [name for name, value in had.items() if name not in has and not _is_empty(value)]
    lost += [name for name, value in has.items() if name in had and had[name] != value]
    if not hasattr(thing, "variables"):  # a loss creates no attribute when it is used
        kept = _held(copy)
        gone = (name for name, value in _held(thing).items() if value is not None)
        lost += [name for name in gone if name not in lost and kept.get(name) is None]
    if lost:
        omitted = {name: _held(thing)[name] for name in lost}
        raise ExperimentError(
            f"get_config() of {thing!r} omits {omitted}, which other trainings would lack: {fix}"
        )


def _held(thing: Any) -> Mapping[str, Any]:
    """Return the attributes of an object and the arguments of the function that it wraps."""
    held = dict(getattr(thing, "__dict__", {}))
    held |= held.pop("_fn_kwargs", {})
    return {name: value for name, value in held.items() if name not in IGNORED}


def _settings(thing: Any) -> Mapping[str, Any]:
    """Return the attributes of an object that can be compared."""
    found: dict[str, Any] = {}
    for name, value in _held(thing).items():
        with suppress(TypeError, RecursionError):  # an object may contain itself
            found[name] = _plain(value)
    return found


def _is_empty(value: Any) -> bool:
    """Return whether only building sets this value, so that an unbuilt copy lacks it."""
    is_blank = isinstance(value, tuple) and all(part is None for part in value)
    return is_blank or bool(value == type(value)())


def _plain(value: Any) -> Any:
    """Return a value in comparable form: lists, tuples, arrays and tensors are alike.

    Raises:
        TypeError: It contains anything else, such as a variable, which training changes.
    """
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return tuple(_plain(one) for one in value)
    if isinstance(value, set | frozenset):
        return {_plain(one) for one in value}
    if not isinstance(value, type) and hasattr(value, "__array__"):
        array = _array(value)
        return _plain(array.tolist()) if array.size <= SMALL else (array.shape, array.tobytes())
    if isinstance(value, float) and math.isnan(value):
        return "nan"  # equal to itself
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"{type(value).__name__} is not plain")


def _array(value: Any) -> Any:
    """Return a constant as an array."""
    if hasattr(value, "assign") or getattr(value, "requires_grad", False):
        raise TypeError("a variable is not plain")
    try:
        array = numpy.asarray(value.cpu() if hasattr(value, "requires_grad") else value)
    except Exception as error:  # a tensor of a graph has no value
        raise TypeError(f"{type(value).__name__} is not plain") from error
    if array.dtype == object:
        raise TypeError("an array of objects is not plain")
    return array
