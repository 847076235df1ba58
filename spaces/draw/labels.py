"""Labels of operations: short name, main settings, and family."""

from collections.abc import Callable, Mapping, Sequence
from typing import cast

from ..graph.graph import STRUCTURAL, Operation

__all__ = ["cell_title", "family_of", "full_text", "is_minor", "main_settings", "short_name"]

_FAMILIES = {
    "convolution": ("Conv",),
    "pooling": ("Pool", "UpSampling"),
    "dense": ("Dense", "Embedding"),
    "sequence": ("LSTM", "GRU", "RNN", "Attention"),
    "skip": ("Identity", "factorized_reduction"),
}
_MINOR = ("Normalization", "Dropout", "Activation", "ReLU", "ELU", "Softmax", "Identity")
_FLAT = {"1D": 1, "2D": 2, "3D": 3}
_HIDDEN = ("name", "dtype", "trainable", "padding", "data_format", "use_bias")


def short_name(operation: Operation) -> str:
    """Return the short name of an operation, such as "Conv2D" or "MyLayer"."""
    return operation.name.rpartition(":")[2].rpartition(".")[2].replace("_", " ")


def cell_title(subgraph: str) -> str:
    """Return the title of a cell: "normal cell", or "normal cell 2" for "normal 2"."""
    kind, _, number = subgraph.partition(" ")
    return f"{kind} cell {number}".strip()


def family_of(operation: Operation) -> str:
    """Return the family of an operation; a wrapper has the family of the wrapped layer."""
    for inner in operation.config.values():
        if isinstance(inner, Operation) and family_of(inner) != "other":
            return family_of(inner)
    known = (kind for kind, parts in _FAMILIES.items() if _name_contains(operation, parts))
    return next(known, "other")


def is_minor(operation: Operation) -> bool:
    """Return whether an operation only accompanies others, such as an activation."""
    return operation.name in STRUCTURAL or _name_contains(operation, _MINOR)


def main_settings(operation: Operation, channels: bool = True) -> str:
    """Return the most informative settings, such as "32, 3×3, stride 2, relu".

    Args:
        operation: Any operation.
        channels: Whether to show the channels; in a cell they differ from place to place.

    Example:
        >>> main_settings(Operation("Conv2D", {"filters": 32, "kernel_size": 3, "strides": 2}))
        '32, 3×3, stride 2'
    """
    config = operation.config
    hidden = set[str]() if channels else config.keys() & {"filters"}
    known = [key for key in _SETTINGS if key in config and key not in hidden]
    shown = [_SETTINGS[key](config[key], _rank(operation)) for key in known]
    if not known and not hidden and not is_minor(operation):
        plain = [key for key in config if key not in _HIDDEN and _is_plain(config[key])]
        shown = [f"{key} {_value(config[key])}" for key in plain[:2]]
    return ", ".join(part for part in shown if part)


def full_text(operation: Operation) -> str:
    """Return an operation with all its settings, in the syntax of Python."""
    inside = ", ".join(f"{key}={_value(value)}" for key, value in operation.config.items())
    return f"{operation.name}({inside})"


def _name_contains(operation: Operation, parts: Sequence[str]) -> bool:
    short = operation.name.rpartition(":")[2]
    return any(part in short for part in parts)


def _rank(operation: Operation) -> int:
    return next((rank for end, rank in _FLAT.items() if operation.name.endswith(end)), 1)


def _is_plain(value: object) -> bool:
    return isinstance(value, bool | int | float | str | Operation)


def _value(value: object) -> str:
    if isinstance(value, Operation):
        return f"{short_name(value)} {main_settings(value)}".strip()
    if isinstance(value, float):
        return f"{value:g}"
    if callable(value):
        return str(getattr(value, "__name__", type(value).__name__))
    return str(value)


def _size(value: object, rank: int) -> str:
    sides = list(cast(list[object], value)) if isinstance(value, list | tuple) else [value] * rank
    return "×".join(map(_value, sides))


def _text(before: str = "", after: str = "") -> Callable[[object, int], str]:
    return lambda value, rank: "" if value is None else f"{before}{_value(value)}{after}"


def _unless_one(label: str) -> Callable[[object, int], str]:
    def text(value: object, rank: int) -> str:
        size = _size(value, rank)
        sides = size.split("×")
        if set(sides) <= {"1", "None"}:
            return ""
        return f"{label} {sides[0] if len(set(sides)) == 1 else size}"

    return text


def _activation(value: object, rank: int) -> str:
    return "" if value in (None, "linear") else _value(value)


_SETTINGS: Mapping[str, Callable[[object, int], str]] = {
    "layer": _text(),
    "filters": _text(),
    "units": _text(),
    "num_heads": _text(after=" heads"),
    "key_dim": _text("key "),
    "input_dim": _text(),
    "output_dim": _text("to "),
    "kernel_size": _size,
    "pool_size": _size,
    "size": _size,
    "rate": _text(),
    "strides": _unless_one("stride"),
    "dilation_rate": _unless_one("dilation"),
    "groups": _unless_one("groups"),
    "activation": _activation,
}
