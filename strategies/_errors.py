"""Errors of the search layer."""

from ..spaces import NasbridgeError

__all__ = ["HistoryError", "SpaceExhausted", "StrategyError"]


class StrategyError(NasbridgeError, ValueError):
    """A strategy's settings have no meaning, or do not fit the problem."""


class HistoryError(NasbridgeError, ValueError):
    """A history, or a file of one, is damaged or does not fit."""


class SpaceExhausted(NasbridgeError):
    """Every architecture of a finite space has been tried: the search is complete."""
