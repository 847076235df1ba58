# pyright: basic
# Ray's types are of little use from outside.
"""The form of a `param_space`: how architectures become configs of Ray, and how they are read back.

A form is JSON as far as the constants in the options are. Unlike the `param_space`, it is stored
with the history, so that a restored search returns configs of the same form.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ray.tune.search import sample

from ...engine.errors import BackendError
from ...engine.native_values import read_architecture, read_label
from ...spaces import Architecture, Categorical, Decision, SearchSpace

__all__ = [
    "GRID",
    "Form",
    "architecture_in",
    "config_from",
    "form_of",
    "form_without_constants",
    "is_open",
    "is_stored",
    "parts_of",
]

GRID = "grid_search"
CHOICE, LIST, TUPLE = "choice", "list", "tuple"
FIXED, OPEN = "fixed", "open"

Form = dict[str, Any]
"""The form of each key with open values.

None is a value of the space, a dict the form of a dict. `[LIST, form, constants]` is a list whose
open parts have a form by their position, as text, and `[CHOICE, options]` a choice with open values
in its options, with the constants and the form of each option.
"""


def is_open(value: object) -> bool:
    """Return whether a value of a search space, or a part of it, is still to be chosen."""
    if isinstance(value, Mapping):
        return GRID in value or any(is_open(part) for part in value.values())
    if isinstance(value, list | tuple):
        return any(is_open(part) for part in value)
    return isinstance(value, sample.Domain)


def parts_of(value: object) -> Mapping[str, Any] | None:
    """Return the parts of a dict by key, and of a list by position as text; None for others."""
    if isinstance(value, Mapping):
        return None if GRID in value else value
    return {str(k): v for k, v in enumerate(value)} if isinstance(value, list | tuple) else None


def form_of(native: Mapping[str, Any]) -> Form:
    """Return the form of a search space that `from_native` accepts."""
    return {key: _form_of(value) for key, value in native.items() if is_open(value)}


def form_without_constants(native: Mapping[str, Any]) -> Form:
    """Return the form of a dict of domains, which may not have constants.

    Raises:
        BackendError: There is a constant; trials would not receive it.
    """
    for name, value in native.items():
        if not is_open(value) or (isinstance(value, Mapping) and _fixed(value)):
            raise BackendError(
                f"the space has the constant {name!r}: {value!r}, which only a param_space passes "
                "to trials: move it there"
            )
    return form_of(native)


def _form_of(value: Any) -> Any:
    parts = parts_of(value)
    if parts is not None:
        form = form_of(parts)
        if isinstance(value, Mapping):
            return form
        return [TUPLE if isinstance(value, tuple) else LIST, form, _fixed(value)]
    options: Any = value[GRID] if isinstance(value, Mapping) else getattr(value, "categories", ())
    if isinstance(value, Mapping) and any(isinstance(option, Mapping) for option in options):
        raise BackendError(
            f"{value!r} has options that are dicts, to which Ray would add the key {GRID!r}: use "
            "tune.choice"
        )
    if not any(map(is_open, options)):
        return None
    return [CHOICE, [{FIXED: _fixed(o), OPEN: _form_of(o) if is_open(o) else {}} for o in options]]


def _fixed(value: Any) -> Any:
    """Return the constants of an option; None in the place of an open part of a list."""
    parts = parts_of(value)
    if not is_open(value):
        return value
    if parts is None:
        return None
    kept = {k: _fixed(v) for k, v in parts.items() if not is_open(v) or parts_of(v) is not None}
    return kept if isinstance(value, Mapping) else [kept.get(k) for k in parts]


def is_stored(form: Form) -> bool:
    """Return whether a form is the same after a passage through JSON."""
    try:
        return bool(json.loads(json.dumps(form)) == form)
    except (TypeError, ValueError):
        return False


def config_from(architecture: Architecture, form: Form) -> dict[str, Any]:
    """Return the values that an architecture gives the open values of a search space.

    Args:
        architecture: An architecture of `from_native(native)`.
        form: `form_of(native)`.
    """
    return {key: _value(architecture, part, str(key)) for key, part in form.items()}


def _value(architecture: Architecture, form: Any, name: str) -> Any:
    if form is None:
        return architecture[name]
    if isinstance(form, dict):
        return {key: _value(architecture, part, f"{name}.{key}") for key, part in form.items()}
    if form[0] != CHOICE:
        made = _merged(form[2], _value(architecture, form[1], name))
        return tuple(made) if form[0] == TUPLE else made
    label = str(architecture.choices[name])
    option = form[1][int(label)]
    if not option[OPEN]:
        return option[FIXED]
    return _merged(option[FIXED], _value(architecture, option[OPEN], f"{name}.{label}"))


def _merged(fixed: Any, values: Any) -> Any:
    """Return constants and chosen values in one dict or list."""
    if not isinstance(values, Mapping):
        return values
    if isinstance(fixed, list):
        return [
            _merged(part, values[str(k)]) if str(k) in values else part
            for k, part in enumerate(fixed)
        ]
    known = fixed if isinstance(fixed, Mapping) else {}
    return {**known, **{key: _merged(known.get(key), part) for key, part in values.items()}}


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


def _inner(form: Any) -> Form | None:
    """Return the form of the parts of a dict or a list."""
    if isinstance(form, dict):
        return form
    return None if form is None or form[0] == CHOICE else form[1]


def _labels(
    config: Mapping[str, Any], form: Form, known: Mapping[str, Decision], path: str
) -> Iterator[tuple[str, object]]:
    """Yield names of decisions with the labels or values that a config has for them."""
    for key, part in form.items():
        if key not in config:
            continue  # `read_architecture` names the missing decision
        name, value, inner = f"{path}{key}", config[key], _inner(part)
        parts = parts_of(value)
        if inner is not None and parts is not None:
            yield from _labels(parts, inner, known, f"{name}.")
        elif part is None or inner is not None:
            yield name, value
        else:
            yield from _option(value, part[1], known, name)


def _option(
    value: Any, options: Sequence[Any], known: Mapping[str, Decision], name: str
) -> Iterator[tuple[str, object]]:
    """Yield the label of the option that a value is, and what the option leaves open.

    Options may be equal for Python, such as 1 and 1.0; the one with most types in common is taken.
    """
    found = [_mismatches(option, value, known, f"{name}.{k}.") for k, option in enumerate(options)]
    fitting = [(number, k) for k, number in enumerate(found) if number is not None]
    if not fitting:
        yield name, value
        return
    _, place = min(fitting)
    yield name, str(place)
    inner = _inner(options[place][OPEN]) or {}
    yield from _labels(parts_of(value) or {}, inner, known, f"{name}.{place}.")


def _mismatches(
    option: Mapping[str, Any], value: Any, known: Mapping[str, Decision], path: str
) -> int | None:
    """Return how many parts of a value have another type than in an option; None if it differs."""
    form = option[OPEN]
    constants = _constants(value, form)
    if not _has_keys(value, form) or not _is_equal(constants, option[FIXED]):
        return None
    number = int(repr(constants) != repr(option[FIXED]))
    for name, chosen in _labels(parts_of(value) or {}, _inner(form) or {}, known, path):
        try:
            label = read_label(known[name], chosen)
        except ValueError:
            return None
        is_label = isinstance(known[name].domain, Categorical) and label == chosen
        number += not is_label and type(known[name].meaning(label)) is not type(chosen)
    return number


def _has_keys(value: Any, form: Any) -> bool:
    inner, parts = _inner(form), parts_of(value)
    if not inner:
        return True
    return parts is not None and all(
        key in parts and _has_keys(parts[key], part) for key, part in inner.items()
    )


def _constants(value: Any, form: Any) -> Any:
    """Return a value of a config without what the form leaves open; see `_fixed`."""
    inner, parts = _inner(form), parts_of(value)
    if inner is None:
        return None
    if not inner or parts is None:
        return value
    kept = {
        key: _constants(part, inner[key]) if key in inner else part
        for key, part in parts.items()
        if key not in inner or _inner(inner[key]) is not None
    }
    return kept if isinstance(value, Mapping) else [kept.get(key) for key in parts]


def _is_equal(one: Any, other: Any) -> bool:
    try:
        return bool(one == other)
    except ValueError:  # arrays have no truth value
        return repr(one) == repr(other)
