"""`nasbridge bench` with small files in place of the real tables."""

import json
import subprocess
from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy
import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]
Refused = Callable[..., str]


@pytest.fixture
def data(folder: Path) -> Path:
    """A folder with a table of all cells, in which more convolutions are better and slower."""
    cells = numpy.array(list(product(range(5), repeat=6)), dtype=numpy.uint8)
    worth = (cells == 3).sum(axis=1) + numpy.linspace(0, 0.5, len(cells))
    accuracy = {f"cifar10_{name}": 60 + 5 * worth for name in ("val12", "test12", "test200")}
    place = folder / "data"
    place.mkdir()
    numpy.savez(
        place / "nb201.npz",
        ops=cells,
        cifar10_val200=60 + 5 * worth[:, None],
        cifar10_train_seconds200=1000 * (1 + worth),
        **accuracy,
    )
    numpy.savez(place / "nb201_hw.npz", cifar10_edgegpu_latency=1 + worth)
    return place


METHODS = (
    "--method",
    "RandomSearch",
    "--method",
    "RegularizedEvolution(population=4,sample=2)",
    "--method",
    "optuna.RandomSampler",
)


def test_a_benchmark_runs_once_and_writes_its_results(
    folder: Path, nasbridge: Run, data: Path
) -> None:
    arguments = ("bench", "nb201-hw", "--data", "data", "--evaluations", 8, *METHODS)
    done = nasbridge(*arguments, "--seeds", 2)
    assert "Share of the hypervolume" in done.stdout
    assert "RegularizedEvolution(population=4, sample=2)  2 " in done.stdout
    for name in ("queries.md", "queries.png", "queries.html"):
        assert (folder / "bench" / name).stat().st_size > 100
    lines = (folder / "bench" / "results.jsonl").read_text().splitlines()
    assert len(lines) == 6
    assert {len(json.loads(line)["rows"]) for line in lines} == {8}
    again = nasbridge(
        *arguments, "--seeds", 3, "--jobs", 0, "--document", "docs/benchmarks/nas_bench.md"
    )
    assert "6 of 9 runs are already complete" in again.stderr
    now = (folder / "bench" / "results.jsonl").read_text().splitlines()
    assert now[:6] == lines
    assert len(now) == 9
    assert (
        "--evaluations 8 --data FOLDER"
        in (folder / "docs" / "benchmarks" / "nas_bench.md").read_text()
    )


def test_a_document_without_markers_is_reported_before_the_first_run(
    folder: Path, refused: Refused, data: Path
) -> None:
    (folder / "mine.md").write_text("# Mine\n", "utf-8")
    limits = ("--evaluations", 8, "--document", "mine.md")
    error = refused("bench", "nb201-hw", "--data", "data", *METHODS, *limits)
    assert "mine.md" in error
    assert "<!-- results: queries -->" in error
    assert not (folder / "bench").exists()


def test_the_cost_protocol_counts_seconds(folder: Path, nasbridge: Run, data: Path) -> None:
    limits = ("--protocol", "cost", "--seconds", 900, "--seeds", 2, "--jobs", 0)
    done = nasbridge("bench", "nb201-cifar10", "--data", "data", *METHODS[:2], *limits)
    assert "Budget: 900 simulated seconds" in done.stdout
    assert "test accuracy 200 of the incumbent" in done.stdout
    assert (folder / "bench" / "cost.md").exists()
    assert not (folder / "bench" / "queries.md").exists()


def test_a_method_that_is_not_installed_is_named(nasbridge: Run, data: Path) -> None:
    methods = (*METHODS[:2], "--method", "smac.HyperparameterOptimization")
    limits = ("--evaluations", 3, "--seeds", 1, "--jobs", 0)
    done = nasbridge("bench", "nb201-hw", "--data", "data", *methods, *limits)
    assert "smac.HyperparameterOptimization is missing: " in done.stderr


def test_a_failing_method_does_not_stop_the_others(nasbridge: Run, data: Path) -> None:
    methods = (*METHODS[:2], "--method", "optuna.TPESampler(nonsense=1)")
    limits = ("--evaluations", 3, "--seeds", 2, "--jobs", 0)
    done = nasbridge("bench", "nb201-hw", "--data", "data", *methods, *limits, code=1)
    assert "RandomSearch  2 " in done.stdout
    assert "optuna.TPESampler(nonsense=1) is missing: 2 runs failed: TypeError" in done.stderr


def test_nothing_is_written_if_every_run_fails(folder: Path, refused: Refused, data: Path) -> None:
    method = ("--method", "optuna.TPESampler(nonsense=1)", "--jobs", 0, "--seeds", 1)
    error = refused("bench", "nb201-hw", "--data", "data", *method)
    assert "no run is complete: 1 run failed: TypeError" in error
    assert not (folder / "bench").exists()


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ("nb201-cifar11", "unknown table 'nb201-cifar11': did you mean 'nb201-cifar1"),
        ("nb201-hw", "pass the folder of nb201.npz and nb201_hw.npz, as --data FOLDER"),
        ("nb201-hw --protocol speed", "unknown protocol 'speed': choose one (cost: short"),
        ("nb201-hw --method Random", "unknown method 'Random': did you mean"),
        (
            "nb201-hw --data data --method RegularizedEvolution(popsize=3)",
            "RegularizedEvolution has no setting 'popsize': use one of population, sample",
        ),
        (
            "nb201-hw --data data --method Bananas(initials=3)",
            "Bananas has no setting 'initials': did you mean 'initial'?",
        ),
        (
            "nb201-hw --data data --method nni.TPE",
            "no method supports these tables: nni.TPE: supports one",
        ),
        ("nb201-hw --data data --seconds 9", "--protocol queries is limited by --evaluations"),
        ("fcnet-naval --protocol cost", "unknown table 'fcnet-naval' with --protocol cost"),
    ],
)
def test_invalid_arguments_are_reported(
    refused: Refused, data: Path, arguments: str, error: str
) -> None:
    assert error in refused("bench", *arguments.split())


def test_help_names_the_tables(nasbridge: Run) -> None:
    assert "nb201-cifar10" in nasbridge("bench", "--help").stdout
