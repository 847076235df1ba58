# pyright: basic
# Ray's types are of little use from outside.
"""The form of a `param_space`: how architectures become configs of Ray, and how they are read back.

A form is JSON as far as the constants in the options are. Unlike the `param_space`, it is stored
with the history, so that a restored search returns configs of the same form.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, cast

from ray.tune.search import sample

from ...engine.native_values import read_architecture, read_label
from ...spaces import Architecture, Decision, SearchSpace

__all__ = [
    "GRID",
    "Form",
    "architecture_in",
    "config_from",
    "form_of",
    "is_open",
    "is_stored",
]

GRID = "grid_search"
FIXED, OPEN = "fixed", "open"

Form = dict[str, Any]
"""For each key with open values: None for a value of the space; a form for a dict; for a choice
with open values in its options, a list with the constants and the form of each option."""


def is_open(value: object) -> bool:
    """Return whether a value of a search space, or a part of it, is still to be chosen."""
    if isinstance(value, Mapping):
        return GRID in value or any(is_open(part) for part in value.values())
    if isinstance(value, list | tuple):
        return any(is_open(part) for part in value)
    return isinstance(value, sample.Domain)


def form_of(native: Mapping[str, Any]) -> Form:
    """Return the form of a search space that `from_native` accepts."""
    return {key: _form_of(value) for key, value in native.items() if is_open(value)}


def _form_of(value: Any) -> Any:
    if isinstance(value, Mapping) and GRID not in value:
        return form_of(value)
    options: Any = value[GRID] if isinstance(value, Mapping) else getattr(value, "categories", ())
    if not any(map(is_open, options)):
        return None
    return [
        {FIXED: _fixed(option), OPEN: form_of(option) if isinstance(option, Mapping) else {}}
        for option in options
    ]


def _fixed(value: Any) -> Any:
    """Return the constants of an option."""
    if not isinstance(value, Mapping) or not is_open(value):
        return value
    parts = {key: part for key, part in value.items() if not is_open(part)}
    inner = {
        key: _fixed(part)
        for key, part in value.items()
        if is_open(part) and isinstance(part, Mapping) and GRID not in part
    }
    return parts | inner


def is_stored(form: Form) -> bool:
    """Return whether a form is the same after a passage through JSON."""
    try:
        return bool(json.loads(json.dumps(form)) == form)
    except (TypeError, ValueError):
        return False


def config_from(architecture: Architecture, form: Form, path: str = "") -> dict[str, Any]:
    """Return the values that an architecture gives the open values of a search space.

    Args:
        architecture: An architecture of `from_native(native)`.
        form: `form_of(native)`.
        path: Prefix of the names in it.
    """
    made: dict[str, Any] = {}
    for key, part in form.items():
        name = f"{path}{key}"
        if part is None:
            made[key] = architecture[name]
        elif isinstance(part, dict):
            made[key] = config_from(architecture, part, f"{name}.")
        else:
            label = str(architecture.choices[name])
            option = part[int(label)]
            inner = config_from(architecture, option[OPEN], f"{name}.{label}.")
            made[key] = _merged(option[FIXED], inner) if inner else option[FIXED]
    return made


def _merged(fixed: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return constants and chosen values in one dict."""
    made = dict(fixed)
    for key, value in values.items():
        known = made.get(key)
        if isinstance(known, Mapping) and isinstance(value, Mapping):
            value = _merged(known, value)
        made[key] = value
    return made


def architecture_in(config: Mapping[str, Any], form: Form, space: SearchSpace) -> Architecture:
    """Return the architecture in a config of a search space; the inverse of `config_from`.

    Args:
        config: The config, with or without its constants. Dotted names are read, too.
        form: The form of the search space.
        space: Its space.

    Raises:
        InvalidArchitecture: The config is of another search space.
    """
    known = {decision.name: decision for decision in space.decisions}
    return read_architecture({**config, **dict(_labels(config, form, known, ""))}, space)


def _labels(
    config: Mapping[str, Any], form: Form, known: Mapping[str, Decision], path: str
) -> Iterator[tuple[str, object]]:
    """Yield names of decisions with the labels or values that a config has for them."""
    for key, part in form.items():
        if key not in config:
            continue  # `read_architecture` names the missing decision
        name, value = f"{path}{key}", config[key]
        if isinstance(part, dict) and isinstance(value, Mapping):
            yield from _labels(value, part, known, f"{name}.")
            continue
        fitting = part if isinstance(part, list) else ()
        places = [k for k, option in enumerate(fitting) if _fits(option, value, known, name, k)]
        if not places:
            yield name, value
            continue
        # Equal options, such as 1 and 1.0, differ by their text.
        place = min(
            places, key=lambda k: repr(_constants(value, part[k][OPEN])) != repr(part[k][FIXED])
        )
        yield name, str(place)
        if part[place][OPEN]:
            yield from _labels(cast(Any, value), part[place][OPEN], known, f"{name}.{place}.")


def _fits(
    option: Mapping[str, Any], value: Any, known: Mapping[str, Decision], name: str, place: int
) -> bool:
    """Return whether a value of a config is this option of a nested choice."""
    if not option[OPEN]:
        return _is_equal(value, option[FIXED])
    if not isinstance(value, Mapping) or not _has_keys(value, option[OPEN]):
        return False
    if not _is_equal(_constants(value, option[OPEN]), option[FIXED]):
        return False
    for inner, chosen in _labels(value, option[OPEN], known, f"{name}.{place}."):
        try:
            read_label(known[inner], chosen)
        except ValueError:
            return False
    return True


def _has_keys(value: Mapping[str, Any], form: Form) -> bool:
    return all(
        key in value
        and not (isinstance(part, dict) and not isinstance(value[key], Mapping))
        and (not isinstance(part, dict) or _has_keys(value[key], part))
        for key, part in form.items()
    )


def _constants(value: Any, form: Form) -> Any:
    """Return a value of a config without what the form leaves open."""
    if not isinstance(value, Mapping):
        return value
    return {
        key: _constants(part, form.get(key) or {})
        for key, part in value.items()
        if key not in form or isinstance(form[key], dict)
    }


def _is_equal(one: Any, other: Any) -> bool:
    try:
        return bool(one == other)
    except ValueError:  # arrays have no truth value
        return repr(one) == repr(other)
