"""Stable hashes: equal in every process and on every machine."""

import json
import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import partial
from hashlib import blake2b
from types import CellType, CodeType, FunctionType, MethodType
from typing import Any, cast

import numpy

from .errors import SpaceError

__all__ = ["LATER", "digest", "plain_data"]

LATER = {"later": True}
"""Metadata of fields added to a node later: their defaults leave fingerprints as they are."""


def digest(value: object) -> str:
    """Return a short stable hash of a value's canonical JSON.

    Functions and classes count by their qualified names, lambdas and local functions also by
    their code; methods and partial functions by their parts; objects with a `hashed_as` method or
    a `get_config` method, by what these return; others by their `repr`, or by their attributes if
    the `repr` is the default one.

    Args:
        value: Any nesting of dicts, lists, strings, numbers and the objects above.

    Returns:
        16 hexadecimal digits.

    Raises:
        SpaceError: An object has no stable form: its text contains its address.
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
    if isinstance(value, partial):
        made = cast("partial[object]", value)
        return ["partial", made.func, made.args, made.keywords]
    if isinstance(value, MethodType):
        return ["method", value.__func__, value.__self__]
    if isinstance(value, set | frozenset):  # their order differs between processes
        return ["set", *sorted(map(digest, cast("set[object]", value)))]
    if isinstance(value, numpy.ndarray):  # the repr leaves out the middle of a large array
        array = cast(Any, value)
        return ["array", str(array.dtype), array.shape, array.tobytes().hex()]
    return _text(value)


def _text(value: object) -> object:
    if type(value).__repr__ is object.__repr__ and hasattr(value, "__dict__"):
        return [type(value), vars(value)]
    text = repr(value)
    if _ADDRESS.search(text):
        raise SpaceError(
            f"{text} has no stable form, because its text contains its address: use a named "
            "function, or give its class get_config() or __repr__()"
        )
    return text


def _body(value: type | FunctionType) -> list[object]:
    """Return what distinguishes functions or classes of one name, such as lambdas."""
    if isinstance(value, type):
        return [part for part in vars(value).items() if isinstance(part[1], FunctionType)]
    cells = [_content(cell, value) for cell in value.__closure__ or ()]
    return [value.__code__, value.__defaults__, value.__kwdefaults__, cells]


def _content(cell: CellType, of: FunctionType) -> object:
    """Return what a closure holds; a function may hold itself, or not yet hold anything."""
    try:
        content: object = cell.cell_contents
    except ValueError:
        return None
    return "itself" if content is of else content


_ADDRESS = re.compile(r"\bat 0x[0-9a-fA-F]+")
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
        for added in fields(value):
            if "later" in added.metadata and parts[added.name] == added.default:
                del parts[added.name]
        if isinstance(parts.get("operation"), str):
            parts["operation"] = parts["operation"].rpartition(":")[2]
        return [name, plain_data(parts)]
    if hasattr(value, "get_config"):  # as in Keras initializers and regularizers
        return [name, plain_data(cast(Any, value).get_config())]
    if type(value).__repr__ is not object.__repr__:
        return [name, repr(value)]
    return [name, plain_data(getattr(value, "__dict__", {}))]
