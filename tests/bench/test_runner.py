"""Running benchmarks: paired seeds, resumption, and baselines that are not installed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from nasbridge import RandomSearch, Search, Trial
from nasbridge.bench import (
    BenchError,
    Budget,
    Records,
    Run,
    Table,
    execute,
    read_method,
    run_all,
    schedule,
)
from nasbridge.bench.method import Task

EVOLUTION = "RegularizedEvolution(population=3, sample=2)"


def by_hand(table: Table, seed: int, evaluations: int) -> list[int]:
    search = Search(RandomSearch(), table.space, table.objectives, seed)
    rows: list[int] = []
    for number in range(evaluations):
        architecture = search.ask(number)
        rows.append(table.row(architecture.choices))
        search.tell(Trial(number, architecture, "complete", table.values(rows[-1])))
    return rows


@pytest.mark.parametrize("seed", [0, 5])
def test_a_strategy_proposes_the_same_as_a_search(table: Table, budget: Budget, seed: int) -> None:
    record = execute(table, Run("toy", read_method("RandomSearch"), seed, budget))
    assert list(record.rows) == by_hand(table, seed, 6)
    assert len(record.seconds) == 6
    assert min(record.seconds) >= 0


def test_seeds_are_paired(table: Table, budget: Budget, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, int]] = []

    class Spy:
        def __init__(self, strategy: Any, task: Task) -> None:
            seen.append((type(strategy).__name__, task.seed))

        def ask(self) -> None:
            return None

        def tell(self, values: Mapping[str, float]) -> None:
            raise AssertionError

    monkeypatch.setattr("nasbridge.bench.specs.StrategyMethod", Spy)
    specs = [read_method("RandomSearch"), read_method(EVOLUTION)]
    runs = schedule([table], specs, range(3), {"toy": budget})
    for run in runs:
        execute(table, run)
    names = ("RandomSearch", "RegularizedEvolution")
    assert seen == [(name, seed) for seed in range(3) for name in names]


def test_an_exhausted_space_ends_a_run(table: Table) -> None:
    record = execute(table, Run("toy", read_method("RandomSearch"), 0, Budget("queries", 99)))
    assert sorted(record.rows) == list(range(12))


def test_a_budget_in_seconds_is_met(costly: Table) -> None:
    record = execute(costly, Run("toy", read_method("RandomSearch"), 0, Budget("cost", 100)))
    spent = [costly.columns["seconds"][row] for row in record.rows]
    every = by_hand(costly, 0, 12)
    assert list(record.rows) == every[: len(spent)]
    assert sum(spent) <= 100 < sum(spent) + costly.columns["seconds"][every[len(spent)]]


def test_each_run_is_executed_once(
    table: Table, budget: Budget, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    executed: list[Run] = []

    def counted(table: Table, run: Run) -> Any:
        executed.append(run)
        return execute(table, run)

    monkeypatch.setattr("nasbridge.bench.runner.execute", counted)
    file = tmp_path / "results.jsonl"
    specs = [read_method("RandomSearch"), read_method(EVOLUTION)]

    def bench(seeds: int, budget: Budget = budget) -> int:
        executed.clear()
        runs = schedule([table], specs, range(seeds), {"toy": budget})
        assert run_all([table], runs, Records(file), jobs=0) == []
        return len(executed)

    assert bench(2) == 4
    lines = file.read_text().splitlines()
    assert bench(2) == 0
    assert bench(3) == 2  # the third seed
    assert file.read_text().splitlines()[:4] == lines
    assert bench(1, Budget("queries", 5)) == 2  # another budget is another run
    with file.open("a") as damaged:
        damaged.write('{"table": "toy", "pro')  # killed while writing
    assert bench(3) == 0
    assert len(file.read_text().splitlines()) == 8


def test_an_invalid_file_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "results.jsonl"
    for line in ("[]", '{"a": 1}', "nonsense"):
        file.write_text(line + "\n")
        with pytest.raises(BenchError, match=r"results\.jsonl, line 1: invalid record"):
            Records(file)


def test_worker_processes_give_equal_records(table: Table, budget: Budget, tmp_path: Path) -> None:
    specs = [read_method("RandomSearch"), read_method(EVOLUTION)]
    runs = schedule([table], specs, range(3), {"toy": budget})
    here, there = (Records(tmp_path / name) for name in ("here", "there"))
    done: list[int] = []
    run_all([table], runs, here, jobs=0)
    assert run_all([table], runs, there, jobs=2, done=lambda: done.append(1)) == []
    assert len(done) == 6
    assert {r.key: r.rows for r in here} == {r.key: r.rows for r in there}
    assert {r.key: r.rows for r in Records(tmp_path / "there")} == {r.key: r.rows for r in here}


def test_a_failed_run_is_not_recorded(table: Table, budget: Budget, tmp_path: Path) -> None:
    broken = read_method("optuna.TPESampler(no_such_setting=1)")
    runs = schedule([table], [broken, read_method("RandomSearch")], [0], {"toy": budget})
    records = Records(tmp_path / "results.jsonl")
    (failure,) = run_all([table], runs, records, jobs=0)
    assert failure.run.spec == broken
    assert "no_such_setting" in failure.error
    assert [record.method for record in records] == ["RandomSearch"]


@pytest.mark.parametrize("sampler", ["TPESampler(n_startup_trials=3)", "NSGAIISampler"])
def test_a_baseline_runs(table: Table, budget: Budget, sampler: str) -> None:
    run = Run("toy", read_method(f"optuna.{sampler}"), 1, budget)
    record = execute(table, run)
    assert len(record.rows) == 6
    assert record.rows == execute(table, run).rows
    assert record.rows != execute(table, Run("toy", run.spec, 2, budget)).rows


def test_a_baseline_supports_two_objectives(pair: Table, budget: Budget) -> None:
    assert len(execute(pair, Run("toy", read_method("optuna.NSGAIISampler"), 0, budget)).rows) == 6


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = set[str]()

    def find_spec(name: str) -> str | None:
        return name if name in installed else None

    monkeypatch.setattr("nasbridge.bench.specs.find_spec", find_spec)
    assert read_method("keras_tuner.RandomSearch").obstacle(1) == (
        "keras_tuner is not installed: pip install keras-tuner"
    )
    assert read_method("RandomSearch").obstacle(1) == ""
    installed.add("nni")
    assert read_method("nni.TPE").obstacle(1) == ""
    assert read_method("nni.TPE").obstacle(2) == "supports one objective only"
    installed.add("optuna")
    assert read_method("optuna.TPESampler").obstacle(1) == ""
    assert read_method("optuna.GPSampler").obstacle(1) == (
        "torch is not installed: pip install torch"
    )


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("RandomSerch", "did you mean 'RandomSearch'"),
        ("optuna.TPE", "did you mean 'optuna.TPESampler'"),
        ("RegularizedEvolution(10)", "write it as Name or Name"),
        ("RegularizedEvolution(", "write it as Name or Name"),
        ("RegularizedEvolution(size=10)", "no setting 'size': use one of population, sample"),
        ("RegularizedEvolution(sample=Strategy())", "unknown strategy 'Strategy'"),
        ("__import__('os').system('true')", "write it as Name or Name"),
    ],
)
def test_invalid_methods_are_errors(text: str, error: str) -> None:
    with pytest.raises(BenchError, match=error.replace("(", r"\(")):
        read_method(text)
