"""Backend options on the command line: `--option KEY=VALUE`.

Keys, types and descriptions come from the signature of the backend's `run`.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from inspect import Parameter
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, cast, get_args, get_origin

from ..adapters import backend
from ..engine import ExperimentError
from ..engine.options import Option, check_options, options_of

__all__ = ["parse_options", "type_name"]

TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
SCALARS = (int, float, str, bool)
TEXTUAL = (int, float, Path, str)  # a text is their constructor's argument


def parse_options(backend_name: str, texts: Iterable[str]) -> dict[str, Any]:
    """Parse backend options from the command line.

    Args:
        backend_name: The backend.
        texts: One KEY=VALUE each; the last one wins if a key is repeated.

    Raises:
        ExperimentError: A text has no "=", its value has the wrong type, or its key is a parameter
            that every backend has.
        Unsupported: The backend has no such option.
    """
    run = backend(backend_name).run
    known = options_of(run)
    given: dict[str, Any] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals:
            raise ExperimentError(f"--option {text} has no value: give it as KEY=VALUE")
        check_options(backend_name, run, {key: value})
        given[key] = _parsed(known[key], value) if key in known else _guessed(value)
    return given


def type_name(option: Option) -> str:
    """Return the name of an option's type for the help; empty if text cannot express it."""
    if option.annotation is Parameter.empty:
        return "text"
    return " or ".join(_name(member) for member in _members(option.annotation))


def _name(member: Any) -> str:
    names = {bool: "true or false", int: "int", float: "float", Path: "path", str: "text"}
    if get_origin(member) is Literal:
        return " or ".join(str(value) for value in get_args(member))
    if member in names:
        return names[member]
    if isinstance(member, type) and issubclass(member, Enum):
        return " or ".join(member.__members__)
    return "JSON"


def _parsed(option: Option, text: str) -> Any:
    if option.annotation is Parameter.empty:
        return text
    members = _members(option.annotation)
    for member in members:
        try:
            return _read(member, text)
        except (KeyError, ValueError):
            continue
    if not members:
        raise ExperimentError(
            f"--option {option.name}={text}: its value is an object: pass it from Python, as in "
            f"experiment.run(..., {option.name}=...)"
        )
    raise ExperimentError(f"--option {option.name}={text}: expected {type_name(option)}")


def _read(member: Any, text: str) -> object:
    """Return the value of a text as one member of a union.

    Raises:
        KeyError: The text names no value of the type.
        ValueError: As above.
    """
    if get_origin(member) is Literal:
        return {str(value): value for value in get_args(member)}[text]
    if member is bool:
        return TRUTH[text.lower()]
    if issubclass(get_origin(member) or member, Enum):
        return member[text]
    if member in TEXTUAL:
        return member(text)
    value: object = json.loads(text)
    if not _is_of(value, member):
        raise ValueError(text)
    return value


def _is_of(value: object, member: Any) -> bool:
    """Return whether a JSON value has the type of a collection, elements included."""
    parts = [part for part in get_args(member) if part is not ...]
    if _is_mapping(member):
        if not isinstance(value, dict):
            return False
        entries = cast(dict[str, object], value)
        return len(parts) < 2 or all(_is_element(each, parts[1]) for each in entries.values())
    if not isinstance(value, list):
        return False
    elements = cast(list[object], value)
    return not parts or all(_is_element(each, parts[0]) for each in elements)


def _is_element(value: object, kind: Any) -> bool:
    if kind is Any:
        return True
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return type(value) is kind


def _members(annotation: Any) -> list[Any]:
    """Return the types that text can express, strictest first, since str accepts any text."""
    union = get_origin(annotation) in (Union, UnionType)
    members = get_args(annotation) if union else (annotation,)
    return sorted((member for member in members if _is_readable(member)), key=_rank)


def _rank(member: Any) -> int:
    order = (bool, int, float)
    if member in order:
        return 1 + order.index(member)
    if member in (Path, str):
        return 5
    return (
        0 if get_origin(member) is Literal or issubclass(get_origin(member) or member, Enum) else 4
    )


def _is_readable(member: Any) -> bool:
    origin = get_origin(member) or member
    if origin is Literal:
        return True
    if not isinstance(origin, type):
        return False
    if issubclass(origin, Enum) or origin in (bool, *TEXTUAL):
        return True
    parts = [part for part in get_args(member) if part is not ...]
    if not all(part is Any or part in SCALARS for part in parts):
        return False  # a sequence of objects
    return _is_mapping(member) or issubclass(origin, Sequence)


def _is_mapping(member: Any) -> bool:
    return issubclass(get_origin(member) or member, Mapping)


def _guessed(text: str) -> Any:
    """Return the value of an option that the signature does not name: parsed JSON, or the text."""
    try:
        return json.loads(text)
    except ValueError:
        return text
