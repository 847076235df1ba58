"""The architecture that NNI's parameters stand for, whoever has proposed them."""

import math
from collections.abc import Mapping
from typing import Any, cast

import numpy

from ...spaces import (
    Architecture,
    Decision,
    IntegerRange,
    InvalidArchitecture,
    Label,
    RealRange,
    SearchSpace,
)
from .space import NAME
from .webui import OURS, place_of

__all__ = ["architecture_from"]

NEAR = 1e-9  # relative; what differs by less is the same number, computed otherwise


def architecture_from(parameters: Mapping[str, Any], space: SearchSpace) -> Architecture:
    """Return the architecture that NNI's parameters stand for.

    Args:
        parameters: What `nni.get_next_parameter()` has returned: ours, or those of NNI's own
            tuners on `to_native(space)` or on a team's own search space.
        space: The space.

    Raises:
        InvalidArchitecture: They are of another space.
    """
    nested: object = parameters.get(place_of(space))
    known = dict(cast(Mapping[str, Any], nested)) if isinstance(nested, Mapping) else {}
    if known.pop(NAME, None) == OURS:
        known = {name.removeprefix("~"): value for name, value in known.items()}
        return space.architecture(known)
    known = dict(_flattened(parameters))
    choices: dict[str, Label] = {}
    for decision in space.decisions:
        if decision.name in known and decision.is_active(choices):
            value = decision.label_of(_near(known[decision.name], decision))
            choices[decision.name] = cast(Label, value)
    return space.architecture(choices)


def _near(value: object, decision: Decision) -> object:
    """Return what a number of NNI's stands for: it draws `round(x / q) * q`, as 3 * 0.1.

    So it gives 0.30000000000000004, and a logarithmic range may end a rounding below its low.
    """
    if isinstance(value, numpy.generic):
        value = cast(object, value.item())
    if not isinstance(value, int | float) or isinstance(value, bool):
        return value
    match decision.domain:
        case IntegerRange():
            return round(value) if _is_near(value, round(value)) else value
        case RealRange(low=low, high=high):
            inside = min(max(value, low), high)
            return inside if _is_near(value, inside) else value
        case _:
            numbers = [
                option
                for option in decision.options
                if isinstance(option, int | float) and not isinstance(option, bool)
            ]
            # of 1 and 1.0 the one of its own type; NNI's manager writes 1 for both
            nearest = min(
                numbers, key=lambda o: (abs(o - value), type(o) is not type(value)), default=value
            )
            return nearest if _is_near(value, nearest) else value


def _is_near(value: float, other: float) -> bool:
    return math.isclose(value, other, rel_tol=NEAR, abs_tol=NEAR * NEAR)


def _flattened(parameters: Mapping[str, Any], path: str = "") -> list[tuple[str, Any]]:
    """Return nested parameters by the names that `from_native` gives them."""
    found: list[tuple[str, Any]] = []
    for name, value in parameters.items():
        if isinstance(value, Mapping):
            inner = dict(cast(Mapping[str, Any], value))
            if NAME not in inner:
                raise InvalidArchitecture(
                    f"the parameter {path}{name} is {value!r}, without {NAME!r}: give what NNI's "
                    "tuners or NASTuner have proposed"
                )
            label = inner.pop(NAME)
            found += [(f"{path}{name}", label)]
            found += _flattened(inner, f"{path}{name}.{label}.")
        else:
            found.append((f"{path}{name}", value))
    return found
