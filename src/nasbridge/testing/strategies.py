"""Strategies of the conformance suite."""

from collections.abc import Mapping
from typing import Any

from .. import strategies
from ..strategies import Strategy

__all__ = ["CASES", "FEW_CASES", "STRATEGIES", "strategy"]

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
"""Settings of each strategy for a few dozen trials. A new strategy joins the suite by one line."""

CASES: tuple[tuple[str, str], ...] = (
    *((name, "chain") for name in STRATEGIES),
    *(
        (name, space)
        for name in ("BayesianOptimization", "RegularizedEvolution")
        for space in ("cell", "flat")
    ),
)
"""Pairs of strategy and space that cover all strategies and all spaces."""


FEW_CASES: tuple[tuple[str, str], ...] = (
    ("BayesianOptimization", "flat"),
    ("RegularizedEvolution", "cell"),
)
"""Cases for a backend whose store is tested with all of `CASES` elsewhere."""


def strategy(name: str) -> Strategy[Any]:
    """Return a strategy with the settings of `STRATEGIES`.

    Example:
        >>> strategy("RandomSearch")
        RandomSearch()
    """
    made: Strategy[Any] = getattr(strategies, name)(**STRATEGIES[name])
    return made
