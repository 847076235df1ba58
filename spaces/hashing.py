"""Stable hashes: equal in every process and on every machine."""

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from hashlib import blake2b
from types import CodeType, FunctionType
from typing import Any, cast

import numpy

__all__ = ["digest", "plain_data"]


def digest(value: object) -> str:
    """Return a short stable hash of a value's canonical JSON.

    Functions and classes count by their qualified names, lambdas and local functions also by
    their code; objects with a `hashed_as` method, by what it returns; others, by their `repr`.

    Args:
        value: Any nesting of dicts, lists, strings, numbers and the objects above.

    Returns:
        16 hexadecimal digits.
    """
    return blake2b(_ENCODER.encode(value).encode(), digest_size=8).hexdigest()


def _as_json(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(cast(Mapping[str, object], value))
    if isinstance(value, type | FunctionType):  # the repr would contain an address
        name = f"{value.__module__}:{value.__qualname__}"
        return [name, *_body(value)] if "<" in name else name
    if isinstance(value, CodeType):
        return [value.co_code.hex(), value.co_names, value.co_consts]
    if hasattr(value, "hashed_as"):
        return cast(Any, value).hashed_as()
    if hasattr(value, "get_config"):  # as in Keras initializers and regularizers
        return [type(value).__qualname__, cast(Any, value).get_config()]
    return repr(value)


def _body(value: type | FunctionType) -> list[object]:
    """Return what distinguishes functions or classes of one name, such as lambdas."""
    if isinstance(value, type):
        return [part for part in vars(value).items() if isinstance(part[1], FunctionType)]
    cells = [cell.cell_contents for cell in value.__closure__ or ()]
    return [value.__code__, value.__defaults__, value.__kwdefaults__, cells]


_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=_as_json)


def plain_data(value: object) -> object:
    """Return a part of a space's description as JSON-ready data, independent of the process.

    Functions, classes and user layers count by their names without the module, which is
    `__main__` in one process and the file's name in the next. Other objects count by their `repr`
    if their class defines one, and by their attributes otherwise.

    Args:
        value: A node, a setting or an option.
    """
    if isinstance(value, numpy.generic):
        value = cast(object, value.item())
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        pairs = cast(Mapping[object, object], value).items()
        return [[plain_data(key), plain_data(part)] for key, part in pairs]
    if isinstance(value, list | tuple):
        return [plain_data(part) for part in cast(list[object], value)]
    if isinstance(value, type | FunctionType):
        return value.__qualname__
    name = type(value).__qualname__
    if is_dataclass(value):
        parts = {f.name: getattr(value, f.name) for f in fields(value) if f.name != "cls"}
        if isinstance(parts.get("operation"), str):
            parts["operation"] = parts["operation"].rpartition(":")[2]
        return [name, plain_data(parts)]
    if hasattr(value, "get_config"):  # as in Keras initializers and regularizers
        return [name, plain_data(cast(Any, value).get_config())]
    if type(value).__repr__ is not object.__repr__:
        return [name, repr(value)]
    return [name, plain_data(getattr(value, "__dict__", {}))]
