"""The strategies of the conformance suite."""

from collections.abc import Mapping
from typing import Any

from .. import strategies
from ..strategies import Strategy

__all__ = ["STRATEGIES", "strategy"]

STRATEGIES: Mapping[str, Mapping[str, Any]] = {
    "Bananas": {"initial": 6, "batch": 30, "candidates": 20, "networks": 2},
    "BayesianOptimization": {"initial": 6},
    "GridSearch": {"points": 3},
    "LocalSearch": {"improvement": "first"},
    "NSGA2": {"population": 8},
    "PolicyGradient": {"batch": 10, "units": 32},
    "RandomSearch": {},
    "RegularizedEvolution": {"population": 10, "sample": 5},
}
"""Every strategy with settings for a few dozen trials: a strategy joins the suite by one line."""


def strategy(name: str) -> Strategy[Any]:
    """Return a strategy of the table."""
    made: Strategy[Any] = getattr(strategies, name)(**STRATEGIES[name])
    return made
