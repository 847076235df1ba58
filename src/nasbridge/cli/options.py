"""Backend options on the command line: `--option KEY=VALUE`.

Keys, types and descriptions come from the signature of the backend's `run`.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from types import NoneType, UnionType
from typing import Any, Union, cast, get_args, get_origin

from ..adapters import backend
from ..engine import ExperimentError
from ..engine.options import Option, check_options, options_of

__all__ = ["parse_options", "type_name"]

TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
SCALARS = (int, float, str, bool)


def parse_options(backend_name: str, texts: Iterable[str]) -> dict[str, Any]:
    """Parse backend options from the command line.

    Args:
        backend_name: The backend.
        texts: One KEY=VALUE each; the last one wins if a key is repeated.

    Raises:
        ExperimentError: A text has no "=", or its value has the wrong type.
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
    names = {int: "int", float: "float", str: "text", bool: "true or false"}
    kinds = _kinds(option.annotation)
    return " or ".join(names.get(kind, "JSON") for kind in kinds)


def _parsed(option: Option, text: str) -> Any:
    kinds = _kinds(option.annotation)
    for kind in kinds:
        try:
            return _read(kind, text)
        except (KeyError, ValueError):
            continue
    if not kinds:
        raise ExperimentError(
            f"--option {option.name}={text}: its value is an object: pass it from Python, as in "
            f"experiment.run(..., {option.name}=...)"
        )
    raise ExperimentError(f"--option {option.name}={text}: expected {type_name(option)}")


def _read(kind: type, text: str) -> object:
    if kind is bool:
        return TRUTH[text.lower()]
    if kind in SCALARS:
        return kind(text)
    value: object = json.loads(text)
    if not isinstance(value, dict if kind is dict else list):
        raise ValueError(text)
    return cast(object, value)


def _kinds(annotation: Any) -> list[type]:
    """Return the types that text can express, strictest first, since str accepts any text."""
    members = (
        get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
    )
    found = {kind for member in members if (kind := _kind(member)) is not None}
    return [kind for kind in (bool, int, float, dict, list, str) if kind in found]


def _kind(member: object) -> type | None:
    if isinstance(member, type) and member in SCALARS:
        return member
    parts = [part for part in get_args(member) if part not in (..., NoneType)]
    if not all(part is Any or part in SCALARS for part in parts):
        return None  # a sequence of objects
    origin = get_origin(member) or member
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return dict
    return list if isinstance(origin, type) and issubclass(origin, Sequence) else None


def _guessed(text: str) -> Any:
    """Return the value of an option without a declared type: parsed JSON, or the text."""
    try:
        return json.loads(text)
    except ValueError:
        return text
