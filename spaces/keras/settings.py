# pyright: basic
"""The settings that a layer's constructor takes, and which name was meant by an unknown one."""

import inspect
from collections.abc import Collection
from difflib import get_close_matches

__all__ = ["closest", "required_settings", "wrong_names"]


def closest(name: str, known: Collection[str]) -> str | None:
    """Return the known name that was probably meant; case and underscores do not count.

    Example:
        >>> closest("max_pool2d", ["MaxPooling1D", "MaxPooling2D"])
        'MaxPooling2D'
    """
    plain = {_plain(one): one for one in sorted(known)}
    close = get_close_matches(_plain(name), plain, n=1)
    return plain[close[0]] if close else None


def _plain(name: str) -> str:
    return name.replace("_", "").lower()


def wrong_names(cls: type, given: Collection[str]) -> dict[str, str]:
    """Return what is wrong with the names of settings, as "has no setting 'unit'", by name.

    A constructor that takes any keyword may accept an unknown name, so ask it first.

    Args:
        cls: The class of a layer.
        given: The names.
    """
    accepted = _accepted(cls)
    unknown = {
        name: f"has no setting {name!r}{_meant(name, accepted)}"
        for name in given
        if name not in accepted
    }
    missing = {name: f"needs {name}=" for name in required_settings(cls) if name not in given}
    return unknown | missing


def required_settings(cls: type) -> list[str]:
    """Return the settings of a class that have no default."""
    return [name for name, is_required in _accepted(cls).items() if is_required]


def _accepted(cls: type) -> dict[str, bool]:
    """Return the settings that constructors name, with whether they are required."""
    found: dict[str, bool] = {}
    for base in cls.__mro__:
        if "__init__" not in vars(base):
            continue
        parameters = list(inspect.signature(vars(base)["__init__"]).parameters.values())[1:]
        is_called = not found  # a subclass gives its bases what they require
        for parameter in parameters:
            if parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
                is_required = is_called and parameter.default is parameter.empty
                found.setdefault(parameter.name, is_required)
        if all(parameter.kind is not parameter.VAR_KEYWORD for parameter in parameters):
            break
    return found


def _meant(name: str, known: Collection[str]) -> str:
    close = closest(name, known)
    return f" (did you mean {close!r}?)" if close else f" (it has {', '.join(known)})"
