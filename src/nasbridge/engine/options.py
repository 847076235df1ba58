"""The options of a backend, as the signature of its `run` declares them."""

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .errors import ExperimentError, Unsupported

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
        annotation: Its type, as annotated; `Parameter.empty` if it cannot be evaluated.
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
        name: Option(
            name,
            _evaluated(parameter.annotation, function),
            parameter.default,
            described.get(name, ""),
        )
        for name, parameter in _parameters(function).items()
        if _is_option(parameter)
    }


def check_options(backend: str, function: Callable[..., Any], options: Mapping[str, Any]) -> None:
    """Raise an error for an option that a function does not take.

    Args:
        backend: The backend's name, for the message.
        function: The function that will be called.
        options: The options, by name.

    Raises:
        ExperimentError: An option has the name of a parameter that every backend has.
        Unsupported: The function does not take an option.
    """
    for name in options:
        if name in COMMON:
            raise ExperimentError(
                f"{name!r} is not an option of backend {backend!r}: it is a parameter of every "
                f"backend; give {name}= to experiment.run, or --{name} on the command line, if "
                "they have it"
            )
    if _takes_any(function):
        return
    known = _names(function)
    for name in options:
        if name not in known:
            listed = ", ".join(known) or "none"
            raise Unsupported(f"backend {backend!r} has no option {name!r}: it has {listed}")


def accepted_options(function: Callable[..., Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of some options that a function takes, as `store_history` takes fewer."""
    if _takes_any(function):
        return dict(options)
    known = _names(function)
    return {name: value for name, value in options.items() if name in known}


def _parameters(function: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(function).parameters


def _is_option(parameter: inspect.Parameter) -> bool:
    return parameter.name not in COMMON and parameter.kind is not parameter.VAR_KEYWORD


def _names(function: Callable[..., Any]) -> list[str]:
    """Return the names of the options; annotations may not be evaluable at run time."""
    return [name for name, parameter in _parameters(function).items() if _is_option(parameter)]


def _evaluated(annotation: Any, function: Callable[..., Any]) -> Any:
    if not isinstance(annotation, str):
        return annotation
    try:
        names = getattr(inspect.unwrap(function), "__globals__", {})
        return eval(annotation, names)  # the backend's own source, as eval_str=True
    except Exception:  # any expression, such as a name that only type checkers import
        return inspect.Parameter.empty


def _takes_any(function: Callable[..., Any]) -> bool:
    return any(p.kind is p.VAR_KEYWORD for p in _parameters(function).values())


def _described(docstring: str) -> dict[str, str]:
    """Return the descriptions of the arguments in a docstring, by name."""
    section = re.search(r"^Args:\n(.*?)(?=^\S|\Z)", docstring, re.MULTILINE | re.DOTALL)
    if section is None:
        return {}
    entries = re.findall(r"^ {4}(\w+): (.*?)(?=^ {4}\S|\Z)", section[1], re.MULTILINE | re.DOTALL)
    return {name: " ".join(text.split()) for name, text in entries}
