"""Measures against values computed by hand."""

import math

import numpy
import pytest

from nasbridge.bench import Budget, Record, Table, read_method, summarize
from nasbridge.bench.measures import (
    best_rows,
    evaluations_to_optimum,
    mean_of,
    mean_ranks,
    seconds_per_proposal,
    trajectory,
    value_at,
)


def record(rows: tuple[int, ...], seed: int = 0, method: str = "RandomSearch") -> Record:
    """A record of the toy table; the k-th proposal took k + 1 ms."""
    seconds = tuple((k + 1) / 1000 for k in range(len(rows)))
    return Record("toy", "queries", 6, method, seed, rows, seconds)


def test_regret_of_the_incumbent(table: Table) -> None:
    found = record((4, 0, 8, 8, 9, 11))  # losses 5, 9, 1.5, 1.5, 1, .25
    assert best_rows(table, found).tolist() == [4, 4, 8, 8, 9, 11]
    assert trajectory(table, found).tolist() == [4.75, 4.75, 1.25, 1.25, 0.75, 0.0]
    assert len(trajectory(table, record(()))) == 0


def test_values_after_a_number_of_evaluations(table: Table) -> None:
    found = record((4, 8))
    values = trajectory(table, found)
    assert [value_at(table, found, values, mark) for mark in (1, 2, 6)] == [4.75, 1.25, 1.25]
    assert math.isnan(value_at(table, found, values, 0))


def test_values_after_a_number_of_seconds(costly: Table) -> None:
    found = record((3, 0, 8))  # 40, 10 and 10 s
    values = trajectory(costly, found)
    marks = {39.9: math.nan, 40: 5.75, 50: 5.75, 59.9: 5.75, 60: 1.25}
    for mark, value in marks.items():
        assert value_at(costly, found, values, mark) == pytest.approx(value, nan_ok=True)


def test_share_of_the_hypervolume(pair: Table) -> None:
    values = trajectory(pair, record(tuple(range(12))))
    assert values[0] == 0.0  # the worst loss lies on the boundary
    assert (numpy.diff(values) >= 0).all()
    assert values[-1] == pytest.approx(1.0)
    single = (1 - (5.0 - 0.25) / 8.75) * (1 - 4 / 11)
    assert trajectory(pair, record((4,)))[0] == pytest.approx(single / pair.hypervolume)


def test_median_evaluations_to_the_optimum() -> None:
    early, late, never = ([1.0, 0.0], [1.0, 1.0, 1.0, 0.0, 0.0], [1.0, 1.0])
    assert evaluations_to_optimum([numpy.array(early), numpy.array(late)]) == 3.0
    assert evaluations_to_optimum([numpy.array(k) for k in (early, late, never)]) == 4.0
    assert evaluations_to_optimum([numpy.array(k) for k in (early, never, never)]) == math.inf


def test_standard_errors_and_ranks() -> None:
    assert mean_of([1.0, 3.0]) == pytest.approx((2.0, 1.0))
    assert math.isnan(mean_of([1.0]).error)
    ranks = mean_ranks(
        {"a": {0: 1.0, 1: 5.0, 2: 0.0}, "b": {1: 4.0, 0: 2.0}, "c": {0: 2.0, 1: 9.0}}
    )
    assert ranks == {"a": 1.5, "b": 1.75, "c": 2.75}  # seed 2 is not in all
    assert math.isnan(mean_ranks({"a": {0: 1.0}, "b": {1: 1.0}})["a"])


def test_seconds_per_proposal() -> None:
    whole, last = seconds_per_proposal([record(tuple(range(12))), record((1,))])
    assert whole.value == pytest.approx((0.0065 + 0.001) / 2)
    assert last.value == pytest.approx((0.0075 + 0.001) / 2)


def test_a_summary_ranks_methods(table: Table, budget: Budget) -> None:
    methods = [read_method(name) for name in ("RandomSearch", "optuna.TPESampler", "nni.TPE")]
    records = [
        record((4, 0, 8, 8, 9, 11)),
        record((4, 8), seed=1),
        record((11,), method="optuna.TPESampler"),
        record((11,), seed=1, method="optuna.TPESampler"),
        Record("toy", "queries", 99, "nni.TPE", 0, (11,), (0.0,)),  # another budget
        Record("toy", "cost", 6, "nni.TPE", 0, (11,), (0.0,)),  # another protocol
    ]
    summary = summarize(table, budget, methods, records, {"nni.TPE": "why"})
    assert summary.columns[:4] == ("method", "seeds", "6", "mean rank")
    assert [row[0] for row in summary.rows] == ["optuna.TPESampler", "RandomSearch"]
    assert summary.rows[0][1:5] == ("2", "0", "1.25", "1")
    assert summary.rows[1][1:5] == ("2", "0.62 ± 0.62", "1.75", "> 6")
    assert summary.missing["nni.TPE"] == "why"
    assert [line.is_strategy for line in summary.lines] == [False, True]
    assert summary.lines[1].mean[0] == 4.75


def test_hidden_columns_are_reported(costly: Table) -> None:
    budget = Budget("cost", 60)
    found = Record("toy", "cost", 60, "RandomSearch", 0, (3, 0, 8), (0.0, 0.0, 0.0))
    summary = summarize(costly, budget, [read_method("RandomSearch")], [found], {})
    cells = dict(zip(summary.columns, summary.rows[0], strict=True))
    assert (cells["15 s"], cells["30 s"], cells["60 s"]) == ("–", "–", "1.25")
    assert cells["test of the incumbent"] == "98.5"
