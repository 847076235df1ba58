"""What a picture says about an operation: its name, its main settings, its family."""

from collections.abc import Callable, Mapping, Sequence
from typing import cast

from ..graph.graph import STRUCTURAL, Operation

__all__ = ["cell", "family", "is_minor", "name", "settings", "spelled"]

_FAMILIES = {
    "convolution": ("Conv",),
    "pooling": ("Pool", "UpSampling"),
    "dense": ("Dense", "Embedding"),
    "sequence": ("LSTM", "GRU", "RNN", "Attention"),
    "skip": ("Identity", "factorized_reduction"),
}
_MINOR = ("Normalization", "Dropout", "Activation", "ReLU", "ELU", "Softmax", "Identity")
_FLAT = {"1D": 1, "2D": 2, "3D": 3}
_SILENT = ("name", "dtype", "trainable", "padding", "data_format", "use_bias")


def name(operation: Operation) -> str:
    """Return an operation's short name, as "Conv2D" or "MyLayer"."""
    return operation.name.rpartition(":")[2].rpartition(".")[2].replace("_", " ")


def cell(panel: str) -> str:
    """Return what a panel is called: "normal cell", or "normal cell 2" for "normal 2"."""
    kind, _, number = panel.partition(" ")
    return f"{kind} cell {number}".strip()


def family(operation: Operation) -> str:
    """Return the family that decides about the colour; a wrapper's is that of what it wraps."""
    for inner in operation.config.values():
        if isinstance(inner, Operation) and family(inner) != "other":
            return family(inner)
    known = (kind for kind, parts in _FAMILIES.items() if _speaks_of(operation, parts))
    return next(known, "other")


def is_minor(operation: Operation) -> bool:
    """Tell whether it only accompanies others, as normalisations and activations do."""
    return operation.name in STRUCTURAL or _speaks_of(operation, _MINOR)


def settings(operation: Operation, channels: bool = True) -> str:
    """Return the settings that matter to a reader, as "32, 3×3, stride 2, relu".

    Args:
        operation: Any operation.
        channels: Whether to name the channels; in a cell they differ from place to place.

    Example:
        >>> settings(Operation("Conv2D", {"filters": 32, "kernel_size": 3, "strides": 2}))
        '32, 3×3, stride 2'
    """
    config = operation.config
    hidden = set[str]() if channels else config.keys() & {"filters"}
    known = [key for key in _SETTINGS if key in config and key not in hidden]
    said = [_SETTINGS[key](config[key], _rank(operation)) for key in known]
    if not known and not hidden and not is_minor(operation):
        plain = [key for key in config if key not in _SILENT and _is_plain(config[key])]
        said = [f"{key} {_value(config[key])}" for key in plain[:2]]
    return ", ".join(part for part in said if part)


def spelled(operation: Operation) -> str:
    """Return an operation with all its settings, as it would be written."""
    inside = ", ".join(f"{key}={_value(value)}" for key, value in operation.config.items())
    return f"{operation.name}({inside})"


def _speaks_of(operation: Operation, parts: Sequence[str]) -> bool:
    short = operation.name.rpartition(":")[2]
    return any(part in short for part in parts)


def _rank(operation: Operation) -> int:
    return next((rank for end, rank in _FLAT.items() if operation.name.endswith(end)), 1)


def _is_plain(value: object) -> bool:
    return isinstance(value, bool | int | float | str | Operation)


def _value(value: object) -> str:
    if isinstance(value, Operation):
        return f"{name(value)} {settings(value)}".strip()
    if isinstance(value, float):
        return f"{value:g}"
    if callable(value):
        return str(getattr(value, "__name__", type(value).__name__))
    return str(value)


def _size(value: object, rank: int) -> str:
    sides = list(cast(list[object], value)) if isinstance(value, list | tuple) else [value] * rank
    return "×".join(map(_value, sides))


def _said(before: str = "", after: str = "") -> Callable[[object, int], str]:
    return lambda value, rank: "" if value is None else f"{before}{_value(value)}{after}"


def _unless_one(word: str) -> Callable[[object, int], str]:
    def say(value: object, rank: int) -> str:
        size = _size(value, rank)
        sides = size.split("×")
        if set(sides) <= {"1", "None"}:
            return ""
        return f"{word} {sides[0] if len(set(sides)) == 1 else size}"

    return say


def _activation(value: object, rank: int) -> str:
    return "" if value in (None, "linear") else _value(value)


_SETTINGS: Mapping[str, Callable[[object, int], str]] = {
    "layer": _said(),
    "filters": _said(),
    "units": _said(),
    "num_heads": _said(after=" heads"),
    "key_dim": _said("key "),
    "input_dim": _said(),
    "output_dim": _said("to "),
    "kernel_size": _size,
    "pool_size": _size,
    "size": _size,
    "rate": _said(),
    "strides": _unless_one("stride"),
    "dilation_rate": _unless_one("dilation"),
    "groups": _unless_one("groups"),
    "activation": _activation,
}
