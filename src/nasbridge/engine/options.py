"""The options of a backend, as the signature of its `run` declares them."""

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .errors import Unsupported

__all__ = ["Option", "accepted_options", "check_options", "options_of"]

COMMON = frozenset(
    ("experiment", "history", "directory", "jobs", "observer", "on_accepted", "location", "space")
)
"""Parameters that `run`, `load` and `store_history` have under every backend."""


@dataclass(frozen=True)
class Option:
    """One option of a backend.

    Attributes:
        name: Its name.
        annotation: Its type, as annotated.
        default: Its default value.
        help: Its description, from the docstring.
    """

    name: str
    annotation: Any
    default: Any
    help: str


def options_of(function: Callable[..., Any]) -> dict[str, Option]:
    """Return the options that `run`, or another function of an adapter, takes.

    Args:
        function: The function, with a docstring in Google's form.
    """
    described = _described(inspect.getdoc(function) or "")
    return {
        name: Option(name, parameter.annotation, parameter.default, described.get(name, ""))
        for name, parameter in _parameters(function).items()
        if name not in COMMON and parameter.kind is not parameter.VAR_KEYWORD
    }


def check_options(backend: str, function: Callable[..., Any], options: Mapping[str, Any]) -> None:
    """Raise `Unsupported` for an option that a function does not take.

    Args:
        backend: The backend's name, for the message.
        function: The function that will be called.
        options: The options, by name.
    """
    if _takes_any(function):
        return
    known = options_of(function)
    for name in options:
        if name not in known:
            listed = ", ".join(known) or "none"
            raise Unsupported(f"backend {backend!r} has no option {name!r}: it has {listed}")


def accepted_options(function: Callable[..., Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of some options that a function takes, as `store_history` takes fewer."""
    if _takes_any(function):
        return dict(options)
    known = options_of(function)
    return {name: value for name, value in options.items() if name in known}


def _parameters(function: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(function, eval_str=True).parameters


def _takes_any(function: Callable[..., Any]) -> bool:
    return any(p.kind is p.VAR_KEYWORD for p in _parameters(function).values())


def _described(docstring: str) -> dict[str, str]:
    """Return the descriptions of the arguments in a docstring, by name."""
    section = re.search(r"^Args:\n(.*?)(?=^\S|\Z)", docstring, re.MULTILINE | re.DOTALL)
    if section is None:
        return {}
    entries = re.findall(r"^ {4}(\w+): (.*?)(?=^ {4}\S|\Z)", section[1], re.MULTILINE | re.DOTALL)
    return {name: " ".join(text.split()) for name, text in entries}
