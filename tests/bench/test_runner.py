"""Playing: paired seeds, nothing twice, and peers that are not there."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from nasbridge import RandomSearch, Search, Trial
from nasbridge.bench import (
    BenchError,
    Budget,
    Match,
    Records,
    Table,
    play,
    read_spec,
    run,
    schedule,
)
from nasbridge.bench.contender import Task

OURS = "RegularizedEvolution(population=3, sample=2)"


def by_hand(table: Table, seed: int, evaluations: int) -> list[int]:
    search = Search(RandomSearch(), table.space, table.objectives, seed)
    rows: list[int] = []
    for number in range(evaluations):
        architecture = search.ask(number)
        rows.append(table.row(architecture.choices))
        search.tell(Trial(number, architecture, "complete", table.values(rows[-1])))
    return rows


@pytest.mark.parametrize("seed", [0, 5])
def test_a_strategy_proposes_what_a_search_does(table: Table, budget: Budget, seed: int) -> None:
    record = play(table, Match("toy", read_spec("RandomSearch"), seed, budget))
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

    monkeypatch.setattr("nasbridge.bench.specs.Ours", Spy)
    specs = [read_spec("RandomSearch"), read_spec(OURS)]
    matches = schedule([table], specs, range(3), {"toy": budget})
    for match in matches:
        play(table, match)
    names = ("RandomSearch", "RegularizedEvolution")
    assert seen == [(name, seed) for seed in range(3) for name in names]


def test_a_used_up_space_ends_a_run(table: Table) -> None:
    record = play(table, Match("toy", read_spec("RandomSearch"), 0, Budget("queries", 99)))
    assert sorted(record.rows) == list(range(12))


def test_seconds_are_a_limit(costly: Table) -> None:
    record = play(costly, Match("toy", read_spec("RandomSearch"), 0, Budget("cost", 100)))
    spent = [costly.columns["seconds"][row] for row in record.rows]
    every = by_hand(costly, 0, 12)
    assert list(record.rows) == every[: len(spent)]
    assert sum(spent) <= 100 < sum(spent) + costly.columns["seconds"][every[len(spent)]]


# ---------------------------------------------------------------------- resume


def test_nothing_is_run_twice(
    table: Table, budget: Budget, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    played: list[Match] = []

    def counted(table: Table, match: Match) -> Any:
        played.append(match)
        return play(table, match)

    monkeypatch.setattr("nasbridge.bench.runner.play", counted)
    file = tmp_path / "results.jsonl"
    specs = [read_spec("RandomSearch"), read_spec(OURS)]

    def bench(seeds: int, budget: Budget = budget) -> int:
        played.clear()
        matches = schedule([table], specs, range(seeds), {"toy": budget})
        assert run([table], matches, Records(file), jobs=0) == []
        return len(played)

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


def test_a_foreign_file_is_told(tmp_path: Path) -> None:
    file = tmp_path / "results.jsonl"
    for line in ("[]", '{"a": 1}', "nonsense"):
        file.write_text(line + "\n")
        with pytest.raises(BenchError, match=r"line 1 of .*results\.jsonl is no result"):
            Records(file)


def test_processes_play_the_same(table: Table, budget: Budget, tmp_path: Path) -> None:
    specs = [read_spec("RandomSearch"), read_spec(OURS)]
    matches = schedule([table], specs, range(3), {"toy": budget})
    here, there = (Records(tmp_path / name) for name in ("here", "there"))
    done: list[int] = []
    run([table], matches, here, jobs=0)
    assert run([table], matches, there, jobs=2, done=lambda: done.append(1)) == []
    assert len(done) == 6
    assert {r.key: r.rows for r in here} == {r.key: r.rows for r in there}
    assert {r.key: r.rows for r in Records(tmp_path / "there")} == {r.key: r.rows for r in here}


# ---------------------------------------------------------------------- contenders


def test_what_fails_is_told_and_tried_again(table: Table, budget: Budget, tmp_path: Path) -> None:
    broken = read_spec("optuna.TPESampler(no_such_setting=1)")
    matches = schedule([table], [broken, read_spec("RandomSearch")], [0], {"toy": budget})
    records = Records(tmp_path / "results.jsonl")
    (failure,) = run([table], matches, records, jobs=0)
    assert failure.match.spec == broken
    assert "no_such_setting" in failure.error
    assert [record.contender for record in records] == ["RandomSearch"]


@pytest.mark.parametrize("sampler", ["TPESampler(n_startup_trials=3)", "NSGAIISampler"])
def test_a_real_peer_plays(table: Table, budget: Budget, sampler: str) -> None:
    match = Match("toy", read_spec(f"optuna.{sampler}"), 1, budget)
    record = play(table, match)
    assert len(record.rows) == 6
    assert record.rows == play(table, match).rows
    assert record.rows != play(table, Match("toy", match.spec, 2, budget)).rows


def test_a_peer_takes_two_objectives(pair: Table, budget: Budget) -> None:
    assert len(play(pair, Match("toy", read_spec("optuna.NSGAIISampler"), 0, budget)).rows) == 6


def test_a_missing_peer_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = set[str]()

    def find_spec(name: str) -> str | None:
        return name if name in installed else None

    monkeypatch.setattr("nasbridge.bench.specs.find_spec", find_spec)
    assert read_spec("keras_tuner.RandomSearch").obstacle(1) == (
        "keras_tuner is not installed: pip install keras-tuner"
    )
    assert read_spec("RandomSearch").obstacle(1) == ""
    installed.add("nni")
    assert read_spec("nni.TPE").obstacle(1) == ""
    assert read_spec("nni.TPE").obstacle(2) == "takes one objective only"
    installed.add("optuna")
    assert read_spec("optuna.TPESampler").obstacle(1) == ""
    assert read_spec("optuna.GPSampler").obstacle(1) == (
        "torch is not installed: pip install torch"
    )


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("RandomSerch", "did you mean 'RandomSearch'"),
        ("optuna.TPE", "did you mean 'optuna.TPESampler'"),
        ("RegularizedEvolution(10)", "write it as Name or Name"),
        ("RegularizedEvolution(", "write it as Name or Name"),
        ("RegularizedEvolution(size=10)", "no setting 'size': take one of population, sample"),
        ("RegularizedEvolution(sample=Strategy())", "no strategy 'Strategy'"),
        ("__import__('os').system('true')", "write it as Name or Name"),
    ],
)
def test_bad_contenders_are_told(text: str, error: str) -> None:
    with pytest.raises(BenchError, match=error.replace("(", r"\(")):
        read_spec(text)
