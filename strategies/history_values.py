"""Values in the events of a history file, checked."""

import math
from collections.abc import Mapping
from reprlib import repr as shortened
from typing import Any, cast

from .errors import HistoryError

__all__ = ["mapping", "metrics", "seconds", "whole"]

LARGEST = 2**63 - 1
_NOT_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}  # JSON has no numbers for them


def whole(value: object, what: str) -> int:
    """Return an int of at least 0.

    Raises:
        HistoryError: It is something else.
    """
    if type(value) is not int or not 0 <= value <= LARGEST:
        raise HistoryError(f"invalid {what} {shortened(value)}: it must be an int of at least 0")
    return value


def mapping(value: object, what: str) -> dict[str, Any]:
    """Return a dict.

    Raises:
        HistoryError: It is something else.
    """
    if not isinstance(value, dict):
        raise HistoryError(f"invalid {what} {shortened(value)}: it must be a JSON object")
    return cast(dict[str, Any], value)


def metrics(value: object, what: str) -> dict[str, float]:
    """Return numbers by the names of metrics.

    Raises:
        HistoryError: It is something else.
    """
    named: Mapping[str, object] = mapping(value, what)
    return {name: _number(part, f"value of {name!r}") for name, part in named.items()}


def seconds(value: object, what: str) -> float | None:
    """Return a time or a duration, or None.

    Raises:
        HistoryError: It is something else.
    """
    return None if value is None else _number(value, what)


def _number(value: object, what: str) -> float:
    if isinstance(value, str) and value in _NOT_FINITE:
        return _NOT_FINITE[value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:  # an int of hundreds of digits
            pass
    raise HistoryError(f"invalid {what} {shortened(value)}: it must be a number")
