"""Errors of the search layer, and checks of settings."""

import math

from ..spaces import NasbridgeError

__all__ = ["HistoryError", "SpaceExhausted", "StrategyError", "check_count", "check_number"]


class StrategyError(NasbridgeError, ValueError):
    """A setting of a strategy is invalid, or the strategy does not suit the problem."""


class HistoryError(NasbridgeError, ValueError):
    """A history or a history file is damaged, or belongs to another experiment."""


class SpaceExhausted(NasbridgeError):
    """No untried architecture is left: the search is complete."""


def check_count(settings: object, name: str, least: int) -> None:
    """Raise `StrategyError` unless a setting is an int of at least `least`."""
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
        settings: The object that holds the setting.
        name: The attribute.
        least: Lower bound.
        most: Upper bound, inclusive.
        above: Whether the lower bound is exclusive.
    """
    value: object = getattr(settings, name)
    number = value if isinstance(value, int | float) and type(value) is not bool else math.nan
    if not least <= number <= most or (above and number == least):
        bounds = f"{'above' if above else 'of at least'} {least:g}"
        bounds += "" if math.isinf(most) else f" and of at most {most:g}"
        raise StrategyError(
            f"{name}={value!r} of {type(settings).__name__}: give a number {bounds}"
        )
