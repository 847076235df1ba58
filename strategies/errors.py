"""Errors of the search layer."""

import math

from ..spaces import NasbridgeError

__all__ = ["HistoryError", "SpaceExhausted", "StrategyError", "check_count", "check_number"]


class StrategyError(NasbridgeError, ValueError):
    """A strategy's settings have no meaning, or do not fit the problem."""


class HistoryError(NasbridgeError, ValueError):
    """A history, or a file of one, is damaged or does not fit."""


class SpaceExhausted(NasbridgeError):
    """Every architecture of a finite space has been tried: the search is complete."""


def check_count(settings: object, name: str, least: int) -> None:
    """Raise `StrategyError` unless a setting is an int that is large enough."""
    value: object = getattr(settings, name)
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise StrategyError(
            f"{name}={value!r} of {type(settings).__name__}: give an int of at least {least}"
        )


def check_number(
    settings: object, name: str, least: float = 0.0, most: float = math.inf, above: bool = False
) -> None:
    """Raise `StrategyError` unless a setting is a finite number within bounds.

    Args:
        settings: What holds it.
        name: Its name there.
        least: The lower bound.
        most: The upper bound.
        above: Whether the lower bound itself is excluded.
    """
    value: object = getattr(settings, name)
    number = value if isinstance(value, int | float) and type(value) is not bool else math.nan
    if not least <= number <= most or (above and number == least):
        bounds = f"{'above' if above else 'of at least'} {least:g}"
        bounds += "" if math.isinf(most) else f" and of at most {most:g}"
        raise StrategyError(
            f"{name}={value!r} of {type(settings).__name__}: give a number {bounds}"
        )
