"""Shapes, and how the settings of layers determine them.

All shapes are of one example: without the batch axis, channels last.
"""

import operator
from collections.abc import Mapping, Sequence
from typing import NamedTuple, SupportsIndex, cast

__all__ = [
    "Config",
    "Measure",
    "ShapeMismatch",
    "Shape",
    "axes",
    "count",
    "counts",
    "flag",
    "integers",
    "pairs",
    "spatial",
    "windows",
]

Shape = tuple[int, ...]
Config = Mapping[str, object]

_AXES = {1: "(features,)", 2: "(steps, channels)", 3: "(height, width, channels)"}
_AXES[4] = "(depth, height, width, channels)"


class ShapeMismatch(Exception):
    """A layer's settings do not fit its input; the message gives the reason, but not the layer."""


class Measure(NamedTuple):
    """The result and the cost of a layer.

    Attributes:
        shape: Shape of the result.
        parameters: Number of weights.
        frozen: Number of weights that no optimizer updates, such as moving averages.
        flops: Multiply-additions for one example; adding a bias counts as one.
    """

    shape: Shape
    parameters: int = 0
    frozen: int = 0
    flops: int = 0


def spatial(shape: Shape, rank: int) -> Shape:
    """Return the sizes of the spatial axes.

    Raises:
        ShapeMismatch: Their number is not `rank`.
    """
    if len(shape) != rank + 1:
        raise ShapeMismatch(f"its input must have the axes {_AXES[rank + 1]}")
    return shape[:-1]


def count(config: Config, name: str, default: int | None = None) -> int:
    """Return a setting that is a positive integer.

    Raises:
        ShapeMismatch: It is missing or invalid.
    """
    value = config.get(name, default)
    if value is None:
        raise ShapeMismatch(f"{name}= is missing")
    return _positive(value, name)


def _positive(value: object, name: str) -> int:
    try:
        number = operator.index(cast(SupportsIndex, value))
    except TypeError:
        raise ShapeMismatch(f"{name}={value!r} is not an integer") from None
    if number < 1:
        raise ShapeMismatch(f"{name}={value!r} is less than 1")
    return number


def counts(config: Config, name: str, rank: int, default: object = None) -> Shape:
    """Return a setting of one positive integer for each spatial axis, or one for all.

    Raises:
        ShapeMismatch: It is missing or invalid.
    """
    value = config.get(name)
    value = default if value is None else value
    if value is None:
        raise ShapeMismatch(f"{name}= is missing")
    if not isinstance(value, list | tuple):
        return (_positive(value, name),) * rank
    values = cast(Sequence[object], value)
    if len(values) != rank:
        raise ShapeMismatch(f"{name}={value!r} must have {rank} entries")
    return tuple(_positive(part, name) for part in values)


def pairs(config: Config, name: str, rank: int, default: int) -> tuple[tuple[int, int], ...]:
    """Return a setting for both ends of each spatial axis, such as a padding.

    Raises:
        ShapeMismatch: The setting is neither an integer, nor one or two integers for each axis.
    """
    value = config.get(name, default)
    if isinstance(value, list | tuple):
        parts = cast(Sequence[object], value)
        if rank == 1:
            parts = (parts,)
    else:
        parts = (value,) * rank
    ends: list[tuple[int, int]] = []
    for part in parts:
        both = cast(Sequence[object], part) if isinstance(part, list | tuple) else (part, part)
        if len(both) != 2 or not all(isinstance(end, int) and end >= 0 for end in both):
            raise ShapeMismatch(
                f"{name}={value!r} must have a number or a pair of numbers for each axis"
            )
        ends.append(cast(tuple[int, int], tuple(both)))
    if len(ends) != rank:
        raise ShapeMismatch(f"{name}={value!r} must have {rank} entries")
    return tuple(ends)


def flag(config: Config, name: str, default: bool = True) -> bool:
    """Return a boolean setting."""
    return bool(config.get(name, default))


def integers(config: Config, name: str, default: Shape = ()) -> Shape:
    """Return a setting of one or several integers of any sign.

    Raises:
        ShapeMismatch: It is invalid.
    """
    value = config.get(name)
    if value is None:
        return default
    listed = cast(Sequence[object], value) if isinstance(value, list | tuple) else (value,)
    try:
        return tuple(operator.index(cast(SupportsIndex, part)) for part in listed)
    except TypeError:
        raise ShapeMismatch(f"{name}={value!r} must contain integers only") from None


def axes(config: Config, shape: Shape) -> Shape:
    """Return the sizes of the axes given by `axis`; the batch is axis 0.

    Raises:
        ShapeMismatch: An axis does not exist.
    """
    named = integers(config, "axis", (-1,))
    sizes = (0, *shape)
    if not all(-len(shape) <= axis <= len(shape) and axis for axis in named):
        raise ShapeMismatch(
            f"axis={config['axis']!r} is not among its axes, where the batch is axis 0"
        )
    return tuple(sizes[axis] for axis in named)


def windows(sizes: Shape, config: Config, window: Shape, strides: Shape) -> Shape:
    """Return the number of windows along each axis; below 1 if a window does not fit.

    For n pixels, stride s, dilation d and a window of k pixels, the number is ceil(n / s) with
    padding "same" or "causal", and floor((n - d (k - 1) - 1) / s) + 1 with padding "valid".

    Raises:
        ShapeMismatch: The padding or the dilation is invalid.
    """
    padding = config.get("padding", "valid")
    how = padding.lower() if isinstance(padding, str) else padding
    if how in ("same", "causal"):
        return tuple(-(-n // s) for n, s in zip(sizes, strides, strict=True))
    if how != "valid":
        raise ShapeMismatch(f'padding={padding!r} is unknown: use "valid" or "same"')
    dilations = counts(config, "dilation_rate", len(sizes), 1)
    return tuple(
        (n - d * (k - 1) - 1) // s + 1
        for n, d, k, s in zip(sizes, dilations, window, strides, strict=True)
    )
