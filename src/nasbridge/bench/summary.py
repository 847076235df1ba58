"""Summaries of results, which every form of output shows."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, final

import numpy

from .measures import (
    Mean,
    best_rows,
    evaluations_to_optimum,
    mean_of,
    mean_ranks,
    seconds_per_proposal,
    trajectory,
    value_at,
)
from .records import Budget, Record
from .specs import MethodSpec
from .table import Column, Table

__all__ = ["MARKS", "Line", "Summary", "summarize"]

MARKS = (30, 50, 75, 100, 200)
"""Numbers of evaluations at which the incumbent is reported."""

PARTS = (0.25, 0.5, 1.0)
POINTS = 100  # points of a line, if the budget is in seconds


@final
@dataclass(frozen=True, slots=True)
class Line:
    """The progress of a method: mean over seeds and standard error.

    Attributes:
        label: The method.
        is_strategy: Whether it is a strategy of nasbridge.
        x: Evaluations, or simulated seconds.
        mean: Mean regret, or mean share of the hypervolume.
        error: Standard error of the mean.
    """

    label: str
    is_strategy: bool
    x: Column
    mean: Column
    error: Column


@final
@dataclass(frozen=True)
class Summary:
    """The results on one table.

    Attributes:
        name: Name of the table.
        about: A sentence on the table and the measure.
        measure: The measure of the lines.
        unit: The unit of the budget.
        regret: Whether the measure is a regret, shown on a logarithmic axis.
        columns: Headings.
        rows: Cells, the best method first.
        lines: The trajectories, in the order of the rows.
        missing: Why methods did not run, by label.
    """

    name: str
    about: str
    measure: str
    unit: str
    regret: bool
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]
    lines: list[Line]
    missing: dict[str, str] = field(default_factory=dict[str, str])


def summarize(
    table: Table,
    budget: Budget,
    specs: Sequence[MethodSpec],
    records: Sequence[Record],
    failures: Mapping[str, str],
) -> Summary:
    """Summarize the records of one table.

    Args:
        table: The table.
        budget: The budget; records with another one are ignored.
        specs: The methods.
        records: All records.
        failures: Errors of failed methods, by label.
    """
    missing = {spec.label: spec.obstacle(len(table.objectives)) for spec in specs}
    missing = {label: why for label, why in {**missing, **failures}.items() if why}
    regret = len(table.objectives) == 1
    marks = _marks(budget)
    finished = [
        runs for runs in (_runs(table, budget, spec, records) for spec in specs) if runs.records
    ]
    finals = {runs.spec.label: runs.at(table, marks[-1]) for runs in finished}
    sign = 1 if regret else -1
    ranks = mean_ranks(
        {
            runs.spec.label: {
                r.seed: sign * value
                for r, value in zip(runs.records, finals[runs.spec.label], strict=True)
            }
            for runs in finished
        }
    )
    finished.sort(key=lambda runs: sign * mean_of(finals[runs.spec.label]).value)
    return Summary(
        name=table.name,
        about=_about(table, budget),
        measure="regret" if regret else "share of the hypervolume",
        unit="simulated seconds" if table.cost else "evaluations",
        regret=regret,
        columns=_columns(table, marks),
        rows=[_row(table, runs, marks, ranks[runs.spec.label]) for runs in finished],
        lines=[_line(table, runs, budget) for runs in finished],
        missing=missing,
    )


class _Runs(NamedTuple):
    """The records of a method on one table, with their trajectories."""

    spec: MethodSpec
    records: list[Record]
    trajectories: list[Column]

    def at(self, table: Table, mark: float) -> list[float]:
        pairs = zip(self.records, self.trajectories, strict=True)
        return [value_at(table, record, values, mark) for record, values in pairs]


def _runs(table: Table, budget: Budget, spec: MethodSpec, records: Sequence[Record]) -> _Runs:
    mine = (table.name, budget.protocol, budget.limit, spec.label)
    found = [record for record in records if record.key[:4] == mine]
    return _Runs(spec, found, [trajectory(table, record) for record in found])


def _marks(budget: Budget) -> list[float]:
    if budget.protocol == "cost":
        return [part * budget.limit for part in PARTS]
    return [*(mark for mark in MARKS if mark < budget.limit), budget.limit]


def _about(table: Table, budget: Budget) -> str:
    if len(table.objectives) == 2:
        return (
            f"Share of the hypervolume of the exact Pareto front, {table.front_size} points and "
            f"{table.hypervolume:.5f}, in {' and '.join(o.metric for o in table.objectives)}."
        )
    (objective,) = table.objectives
    text = f"Regret of the incumbent in {objective.metric}; the optimum is {table.optimum:.6g}."
    if table.cost:
        text += f" Budget: {budget.limit:,.0f} simulated seconds of training."
    return text


def _columns(table: Table, marks: Sequence[float]) -> tuple[str, ...]:
    unit = " s" if table.cost else ""
    single = len(table.objectives) == 1
    return (
        "method",
        "seeds",
        *(f"{mark:,.0f}{unit}" for mark in marks),
        *(f"{name.replace('_', ' ')} of the incumbent" for name in table.shown),
        "mean rank",
        *(["evaluations to the optimum"] if single else []),
        "CPU ms a proposal",
        "CPU ms at the end",
    )


def _row(table: Table, runs: _Runs, marks: Sequence[float], rank: float) -> tuple[str, ...]:
    values = [mean_of(runs.at(table, mark)) for mark in marks]
    shown = [
        mean_of([_shown(table, record, name, marks[-1]) for record in runs.records])
        for name in table.shown
    ]
    whole, last = seconds_per_proposal(runs.records)
    median = [_median(runs)] if len(table.objectives) == 1 else []
    return (
        runs.spec.label,
        str(len(runs.records)),
        *map(_with_error, (*values, *shown)),
        f"{rank:.2f}",
        *median,
        f"{1000 * whole.value:.3g}",
        f"{1000 * last.value:.3g}",
    )


def _shown(table: Table, record: Record, name: str, mark: float) -> float:
    return value_at(table, record, table.columns[name][best_rows(table, record)], mark)


def _with_error(mean: Mean) -> str:
    """Format a mean with the digits that its standard error justifies.

    Example:
        >>> _with_error(Mean(0.30871, 0.0213)), _with_error(Mean(94.2, float("nan")))
        ('0.309 ± 0.021', '94.2')
    """
    value, error = mean
    if math.isnan(value):
        return "–"
    if math.isnan(error) or error == 0:
        return f"{value:.4g}"
    digits = max(1 - math.floor(math.log10(error)), 0)
    if digits > 6:
        return f"{value:.3g} ± {error:.1e}"
    return f"{value:.{digits}f} ± {error:.{digits}f}"


def _median(runs: _Runs) -> str:
    median = evaluations_to_optimum(runs.trajectories)
    longest = max(len(record.rows) for record in runs.records)
    return f"{median:.0f}" if math.isfinite(median) else f"> {longest}"


def _line(table: Table, runs: _Runs, budget: Budget) -> Line:
    steps = POINTS if table.cost else int(budget.limit)
    x = numpy.linspace(budget.limit / steps, budget.limit, steps)
    mean, error = numpy.array([mean_of(runs.at(table, float(mark))) for mark in x]).T
    return Line(runs.spec.label, runs.spec.is_strategy, x, mean, error)
