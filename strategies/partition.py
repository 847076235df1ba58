"""Discretization: domains as a few bins, for methods over categories."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from ..spaces import Categorical, IntegerRange, Label, RealGrid, RealRange
from ..spaces.decisions.domains import Domain

__all__ = ["option_of", "partition"]


def partition(domain: Domain, points: int) -> tuple[Domain, ...]:
    """Split a domain into bins, in order.

    Args:
        domain: The domain of a decision.
        points: The maximum number of bins of a range, at least 1. Bins have equal lengths, in the
            logarithm for a logarithmic domain. Each option of a categorical domain, and each
            value of a range in steps of at most `points` values, is a bin.

    Example:
        >>> from nasbridge.spaces import IntegerRange
        >>> [str(part) for part in partition(IntegerRange(1, 100), 2)]
        ['an integer from 1 to 50', 'an integer from 51 to 100']
    """
    match domain:
        case Categorical(labels):
            return tuple(Categorical((label,)) for label in labels)
        case IntegerRange() | RealGrid():
            starts = [*_starts(domain, points), len(domain.values())]
            return tuple(_part(domain, first, after - 1) for first, after in pairwise(starts))
        case RealRange(low, high, log) if low < high:
            edges = domain.values(points + 1)
            return tuple(RealRange(*ends, log) for ends in pairwise(edges))
        case _:
            return (domain,)


def _starts(domain: IntegerRange | RealGrid, points: int) -> Sequence[int]:
    """Return the position of the first value of each bin of a range in steps."""
    values = domain.values()
    if len(values) <= points:
        return range(len(values))
    edges = RealRange(values[0], values[-1] + domain.step, domain.log).values(points + 1)[:-1]
    positions = dict.fromkeys(bisect_left(values, edge) for edge in edges)
    return [position for position in positions if position < len(values)]


def _part(domain: IntegerRange | RealGrid, first: int, last: int) -> Domain:
    if isinstance(domain, IntegerRange):
        return replace(domain, low=domain.values()[first], high=domain.values()[last])
    return replace(domain, low=domain.at(first), high=domain.at(last))


def option_of(parts: Sequence[Domain], value: Label) -> int:
    """Return the position of the bin that contains a value of the domain."""
    first = parts[0]
    if isinstance(first, Categorical):
        return [part.values()[0] for part in parts].index(value)
    return bisect_right(parts, float(value), key=lambda part: float(part.values(1)[0])) - 1
