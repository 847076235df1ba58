"""The space that the trials of a study have used: ranges united, conditions inferred."""

import math
import warnings
from collections.abc import Iterator, Mapping, Sequence

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial, TrialState

__all__ = ["Conditions", "find_conditions", "unite"]

Conditions = Mapping[str, tuple[str, Sequence[object]]]
"""By parameter: another parameter, and its values for which the first one is suggested."""

MOST_VALUES = 1000  # of an integer that others depend on


def unite(rows: Sequence[FrozenTrial]) -> dict[str, BaseDistribution]:
    """Return the parameters of all rows; the range of each contains all its ranges."""
    united: dict[str, BaseDistribution] = {}
    for row in rows:
        for name, one in row.distributions.items():
            known = united.get(name)
            united[name] = one if known is None or known == one else _united(name, known, one)
    return united


def _united(name: str, one: BaseDistribution, other: BaseDistribution) -> BaseDistribution:
    """Return a distribution with the values of both. Optuna allows ranges alone to change."""
    match one, other:
        case IntDistribution(), IntDistribution():
            log = _is_logarithmic(name, one.log, other.log)
            step = 1 if log else math.gcd(one.step, other.step, one.low - other.low)
            return IntDistribution(min(one.low, other.low), max(one.high, other.high), log, step)
        case FloatDistribution(), FloatDistribution():
            log = _is_logarithmic(name, one.log, other.log)
            return FloatDistribution(
                min(one.low, other.low), max(one.high, other.high), log, _step(one, other)
            )
        case _:
            return other


def _step(one: FloatDistribution, other: FloatDistribution) -> float | None:
    """Return the common step of two ranges; None if their values are not on one grid."""
    if one.step is None or one.step != other.step:
        return None
    apart = (one.low - other.low) / one.step
    return one.step if math.isclose(apart, round(apart), abs_tol=1e-9) else None


def _is_logarithmic(name: str, one: bool, other: bool) -> bool:
    if one != other:
        warnings.warn(
            f"some trials of the study suggest {name!r} with log=True and some without: its space "
            "has no logarithm",
            stacklevel=2,
        )
    return one and other


def find_conditions(
    rows: Sequence[FrozenTrial], distributions: Mapping[str, BaseDistribution]
) -> Conditions:
    """Return on which other parameter each parameter depends that some trials lack.

    A condition is a value of a categorical or an integer parameter that all trials with the
    parameter have, and no other trial. Without one the parameter counts as unconditional.

    Args:
        rows: The rows of a study.
        distributions: Its parameters.
    """
    ended = [r for r in rows if r.state in (TrialState.COMPLETE, TrialState.PRUNED) and r.params]
    having = {name: sum(name in row.params for row in ended) for name in distributions}
    found: dict[str, tuple[str, Sequence[object]]] = {}
    for name, count in having.items():
        if 0 < count < len(ended):
            parents = [other for other in having if having[other] > count]
            condition = next(_conditions(name, parents, ended, distributions), None)
            if condition is not None:
                found[name] = condition
    return found


def _conditions(
    name: str,
    parents: Sequence[str],
    rows: Sequence[FrozenTrial],
    distributions: Mapping[str, BaseDistribution],
) -> Iterator[tuple[str, Sequence[object]]]:
    """Yield the parameters, with their values, that explain in which rows a parameter is."""
    for parent in parents:
        values = _values_of(distributions[parent])
        if not all(parent in row.params for row in rows if name in row.params):
            continue
        found = {True: set[int](), False: set[int]()}  # positions of values, by presence of name
        for row in rows:
            if parent in row.params and row.params[parent] in values:
                found[name in row.params].add(values.index(row.params[parent]))
        inside, outside = found[True], found[False]
        if not inside or not outside or inside & outside:
            continue
        if isinstance(distributions[parent], IntDistribution):  # values between those that occur
            seen = inside | outside
            inside = {k for k in range(len(values)) if _nearest(k, seen) in inside}
        yield parent, [values[k] for k in sorted(inside)]


def _nearest(position: int, positions: set[int]) -> int:
    return min(positions, key=lambda other: (abs(other - position), other))


def _values_of(distribution: BaseDistribution) -> Sequence[object]:
    """Return the values of a parameter that others can depend on; none of other parameters."""
    match distribution:
        case CategoricalDistribution(choices=choices):
            return choices
        case IntDistribution(low=low, high=high, step=step):
            return range(low, high + 1, step)[:MOST_VALUES]
        case _:
            return ()
