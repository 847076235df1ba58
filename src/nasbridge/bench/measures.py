"""Measures of records: regret, ranks, evaluations to the optimum, hypervolume shares."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy
from numpy.typing import NDArray

from .hypervolume import hypervolume
from .records import Record
from .table import Table

__all__ = [
    "Mean",
    "value_at",
    "best_rows",
    "trajectory",
    "evaluations_to_optimum",
    "mean_of",
    "mean_ranks",
    "seconds_per_proposal",
]

Trajectory = NDArray[numpy.float64]
LAST = 10  # number of proposals at the end of a run whose CPU time is reported separately


class Mean(NamedTuple):
    """A mean over seeds with its standard error, s / √n.

    Attributes:
        value: The mean.
        error: Its standard error; NaN for one seed.
    """

    value: float
    error: float


def mean_of(values: Sequence[float]) -> Mean:
    """Return the mean over seeds; NaN if a value is NaN.

    Example:
        >>> mean_of([1.0, 2.0, 3.0])
        Mean(value=2.0, error=0.5773502691896258)
    """
    array = numpy.asarray(values, dtype=float)
    if len(array) < 2:
        return Mean(float(array[0]) if len(array) else math.nan, math.nan)
    return Mean(float(array.mean()), float(array.std(ddof=1) / math.sqrt(len(array))))


def best_rows(table: Table, record: Record) -> NDArray[numpy.int_]:
    """Return the row of the incumbent after each evaluation, the earliest of equally good rows.

    Args:
        table: A table with one objective.
        record: The record of a run.
    """
    scores = table.scores(record.rows)
    rows = numpy.asarray(record.rows, dtype=int)
    if not len(rows):
        return rows
    better = numpy.concatenate([[True], scores[1:] > numpy.maximum.accumulate(scores)[:-1]])
    return rows[numpy.maximum.accumulate(numpy.where(better, numpy.arange(len(rows)), 0))]


def trajectory(table: Table, record: Record) -> Trajectory:
    """Return the quality of the search after each evaluation.

    Returns:
        With one objective the regret of the incumbent, |optimum - best so far|; with two the
        hypervolume, as a share of that of the exact Pareto front.
    """
    if len(table.objectives) == 1:
        (objective,) = table.objectives
        return objective.sign * table.optimum - table.scores(best_rows(table, record).tolist())
    points = table.points(record.rows)
    return numpy.array(
        [hypervolume(points[: k + 1]) / table.hypervolume for k in range(len(points))]
    )


def value_at(
    table: Table, record: Record, values: Sequence[float] | Trajectory, mark: float
) -> float:
    """Return the value of a trajectory after a number of evaluations or simulated seconds.

    A run that ended earlier keeps its last value.

    Args:
        table: The table; with a cost column, `mark` is in seconds.
        record: The record of a run.
        values: A value for each evaluation.
        mark: Number of evaluations, or simulated seconds.

    Returns:
        The value; NaN before the end of the first evaluation.
    """
    if table.cost:
        spent = numpy.cumsum(table.columns[table.cost][list(record.rows)])
        ended = int(numpy.searchsorted(spent, mark, side="right"))
    else:
        ended = min(int(mark), len(values))
    return float(values[ended - 1]) if ended else math.nan


def evaluations_to_optimum(regrets: Sequence[Trajectory]) -> float:
    """Return the median number of evaluations to reach the optimum; infinite if not reached.

    Args:
        regrets: The regret after each evaluation, for each seed.

    Example:
        >>> evaluations_to_optimum([numpy.array([0.5, 0.0]), numpy.array([0.5, 0.1, 0.1, 0.0])])
        3.0
    """
    reached = (numpy.flatnonzero(regret <= 0) for regret in regrets)
    counts = [float(places[0]) + 1 if len(places) else math.inf for places in reached]
    return float(numpy.median(counts)) if counts else math.nan


def seconds_per_proposal(records: Sequence[Record]) -> tuple[Mean, Mean]:
    """Return the CPU seconds per proposal: over whole runs, and over their last ten proposals."""
    whole = [float(numpy.mean(record.seconds)) for record in records if record.seconds]
    last = [float(numpy.mean(record.seconds[-LAST:])) for record in records if record.seconds]
    return mean_of(whole), mean_of(last)


def mean_ranks(values: Mapping[str, Mapping[int, float]]) -> dict[str, float]:
    """Return the mean rank of each method over the common seeds; 1 is best.

    Equal values share the mean of their ranks.

    Args:
        values: A value for each method and seed; smaller is better.

    Returns:
        The mean ranks; NaN if there is no common seed.

    Example:
        >>> mean_ranks({"a": {0: 0.1, 1: 0.5}, "b": {0: 0.2, 1: 0.5}, "c": {0: 0.3, 1: 0.6}})
        {'a': 1.25, 'b': 1.75, 'c': 3.0}
    """
    if not values:
        return {}
    seeds = sorted(set[int].intersection(*(set(found) for found in values.values())))
    if not seeds:
        return dict.fromkeys(values, math.nan)
    matrix = numpy.array([[found[seed] for seed in seeds] for found in values.values()])
    below = (matrix[None, :, :] < matrix[:, None, :]).sum(axis=1)
    equal = (matrix[None, :, :] == matrix[:, None, :]).sum(axis=1)
    ranks = (below + (equal + 1) / 2).mean(axis=1)
    return dict(zip(values, map(float, ranks), strict=True))
