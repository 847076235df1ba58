"""The default strategy."""

from collections.abc import Iterator
from functools import cache
from itertools import product, starmap
from typing import Any

from .bayesian import BayesianOptimization
from .equivalents import WithEquivalents
from .strategy import Strategy

__all__ = [
    "default_strategy",
    "is_default",
    "with_original_strategy",
]

LEAST, MOST = 4, 10  # bounds of the number of random initial architectures


def default_strategy(trials: int | None, allow_equivalent: bool = False) -> Strategy[Any]:
    """Return the default strategy, the same for managed runs and native integrations.

    It is `BayesianOptimization`: on NAS-Bench-201 it leads from 30 trials on (see
    docs/benchmarks/nas_bench.md), it supports several objectives, conditional and numeric
    decisions, and it needs no tuning. A fifth of the trials, but 4 to 10, are random.

    Args:
        trials: The planned number of trials; None if it is not known.
        allow_equivalent: Whether to evaluate equivalent architectures, too.

    Example:
        >>> default_strategy(30)
        BayesianOptimization(initial=6, acquisition='ei')
    """
    initial = MOST if trials is None else min(max(trials // 5, LEAST), MOST)
    return _bayesian(initial, allow_equivalent)


@cache  # `is_default` identifies a default strategy by object identity
def _bayesian(initial: int, allow_equivalent: bool) -> Strategy[Any]:
    strategy = BayesianOptimization(initial)
    return WithEquivalents(strategy) if allow_equivalent else strategy


def _defaults() -> Iterator[Strategy[Any]]:
    return starmap(_bayesian, product(range(LEAST, MOST + 1), (False, True)))


def is_default(strategy: object) -> bool:
    """Return whether a strategy was returned by `default_strategy`, not given by the user."""
    return any(strategy is one for one in _defaults())


def with_original_strategy(strategy: Strategy[Any], before: str) -> Strategy[Any]:
    """Return the strategy to resume a search with.

    The default strategy depends on the number of trials, which may be raised on resume. A resumed
    search keeps the default that it started with; a strategy given by the user is returned as is.

    Args:
        strategy: The strategy of the resuming run.
        before: The `repr` of the strategy that the search started with.
    """
    begun = next((one for one in _defaults() if repr(one) == before), None)
    is_same_kind = begun is not None and begun.allow_equivalent == strategy.allow_equivalent
    return begun if begun is not None and is_same_kind and is_default(strategy) else strategy
