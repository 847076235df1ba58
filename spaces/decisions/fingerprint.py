"""What a space says, as plain data that is the same in every process."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from types import FunctionType
from typing import Any, cast

import numpy

__all__ = ["plain_data"]


def plain_data(value: object) -> object:
    """Return a part of a description as JSON-ready data that holds nothing of its process.

    Functions, classes and layers of the user count by their names, without the module, which is
    `__main__` in one process and the file's name in the next; other objects, by what they print,
    if they print anything of their own, or else by what they consist of.

    Args:
        value: A node, a setting, an option.
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
    if hasattr(value, "get_config"):  # as Keras's initializers and regularizers have it
        return [name, plain_data(cast(Any, value).get_config())]
    if type(value).__repr__ is not object.__repr__:
        return [name, repr(value)]
    return [name, plain_data(getattr(value, "__dict__", {}))]
