"""Reading a framework's values as labels and architectures of a space.

Frameworks change values on their way: 2 comes back as 2.0, 0.3 as 0.1 * 3, an end of a range a
rounding error past it. Python's equality cannot undo this, since 1 == True == 1.0. A value is
matched in this order:

1. a label of the decision, as text;
2. an option of the same type that is equal; of several, the one of the same text. For containers,
   also one that is equal in JSON, which has no tuples;
3. for numbers, but not for truth values: the nearest number of the domain, within a tolerance. Of
   equally near options, the one of the same type.
"""

import math
from collections.abc import Mapping, Sequence
from typing import TypeGuard, assert_never, cast

import numpy

from ..spaces import (
    Architecture,
    Categorical,
    Decision,
    GeometricRange,
    IntegerRange,
    Label,
    RealGrid,
    RealRange,
    SearchSpace,
)
from .errors import BackendError

__all__ = [
    "TOLERANCE",
    "AnyDomain",
    "domain_of",
    "list_values",
    "read_architecture",
    "read_label",
]

TOLERANCE = 1e-9  # relative
OF_WHOLE = 1e-3  # absolute, for integers: a relative tolerance of large ones would reach fractions
MOST_OPTIONS = 10_000  # of a list passed to a framework
CONTAINERS = (list, tuple, dict)
AT_ZERO = 1e-12  # absolute, for options: nothing is relatively near to 0

AnyDomain = Categorical | IntegerRange | RealRange | RealGrid | GeometricRange
"""Every kind of domain, so that a `match` can end with `assert_never`."""


def domain_of(decision: Decision) -> AnyDomain:
    """Return a decision's domain, typed as one of the kinds that there are."""
    return cast(AnyDomain, decision.domain)


def list_values(decision: Decision) -> list[Label]:
    """Return all values of a decision, for frameworks without its kind of steps.

    Raises:
        BackendError: There are too many.
    """
    if decision.domain.size > MOST_OPTIONS:
        raise BackendError(
            f"the decision {decision.name!r} is {decision.domain}, which this framework can only "
            f"express as a list, and it has more than {MOST_OPTIONS} values: use a larger step"
        )
    return list(decision.domain.values())


def read_label(decision: Decision, value: object, tolerance: float = TOLERANCE) -> Label:
    """Return the label that a framework's value stands for.

    Args:
        decision: The decision.
        value: A label, an option, or a number that is nearly one.
        tolerance: Relative difference up to which two numbers are the same; a number also differs
            by at most 0.001 from the integer that it is read as.

    Raises:
        ValueError: The value is outside the decision's domain.

    Example:
        >>> from nasbridge import Choice, Space
        >>> from nasbridge.engine.native_values import read_label
        >>> (decision,) = Space({"rate": Choice([0.1, 0.3])}).decisions
        >>> read_label(decision, 0.1 * 3)
        '0.3'
    """
    if isinstance(value, numpy.generic):
        value = cast(object, value.item())
    label = decision.label_of(value)
    if label is value and _is_number(value):
        label = _nearest(decision, value, tolerance)
    elif label is value and type(value) in CONTAINERS:
        label = _listed(decision, value)
    return decision.domain.check(label)


def read_architecture(
    values: Mapping[str, object], space: SearchSpace, tolerance: float = TOLERANCE
) -> Architecture:
    """Return the architecture that a framework's values stand for.

    Args:
        values: Values by name; those of inactive decisions and of other names are ignored.
        space: The space.
        tolerance: As for `read_label`.

    Raises:
        InvalidArchitecture: The value of an active decision is missing, or outside its domain.

    Example:
        >>> from nasbridge import Choice, Integer, Space
        >>> from nasbridge.engine.native_values import read_architecture
        >>> space = Space({"units": Choice([16, 32]), "layers": Integer(1, 4)})
        >>> read_architecture({"units": 32, "layers": 2.0, "epochs": 9}, space)["layers"]
        2
    """
    active: dict[str, object] = {}
    choices: dict[str, Label] = {}
    for decision in space.decisions:
        name = decision.name
        if name not in values or not decision.is_active(choices):
            continue
        try:
            active[name] = choices[name] = read_label(decision, values[name], tolerance)
        except ValueError:
            active[name] = values[name]  # space.architecture names the decision and its domain
            break
    return space.architecture(active)


def _nearest(decision: Decision, value: float, tolerance: float) -> object:
    """Return the label of the nearest number of a domain; the value itself if none is near."""
    domain = domain_of(decision)
    match domain:
        case IntegerRange():
            whole = round(value) if math.isfinite(value) else value
            limit = min(tolerance * abs(value), OF_WHOLE)
            return whole if abs(value - whole) <= limit else value
        case RealRange(low=low, high=high):
            inside = min(max(value, low), high)
            return inside if math.isclose(value, inside, rel_tol=tolerance) else value
        case RealGrid():
            step = domain.nearest(value) if math.isfinite(value) else value
            limit = tolerance * domain.step
            return step if math.isclose(value, step, rel_tol=tolerance, abs_tol=limit) else value
        case GeometricRange():
            step = domain.nearest(value) if math.isfinite(value) else value
            return step if math.isclose(value, step, rel_tol=tolerance) else value
        case Categorical(labels):
            near = [
                (abs(option - value), type(option) is not type(value), label)
                for label, option in zip(labels, decision.options, strict=False)
                if _is_number(option) and _is_near(option, value, tolerance)
            ]
            return min(near, key=lambda one: one[:2])[2] if near else value
        case _:
            assert_never(domain)


def _listed(decision: Decision, value: object) -> object:
    """Return the label of the first option that is the same container in JSON."""
    options = decision.options if isinstance(decision.domain, Categorical) else ()
    for label, option in zip(decision.domain.values(), options, strict=False):
        if type(option) in CONTAINERS and _in_json(option) == _in_json(value):
            return label
    return value


def _in_json(value: object) -> object:
    """Return a value with lists instead of tuples, and text as the keys of dicts."""
    if isinstance(value, list | tuple):
        return [_in_json(part) for part in cast(Sequence[object], value)]
    if isinstance(value, dict):
        items = cast(dict[object, object], value).items()
        return {str(key): _in_json(part) for key, part in items}
    return value


def _is_near(option: float, value: float, tolerance: float) -> bool:
    if math.isnan(option) and math.isnan(value):  # a NaN is no different from another
        return True
    return math.isclose(option, value, rel_tol=tolerance, abs_tol=AT_ZERO)


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
