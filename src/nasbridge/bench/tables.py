"""The tables of the benchmark, by name."""

from difflib import get_close_matches
from pathlib import Path
from typing import Literal

from . import fcnet, nas_bench_201
from .errors import BenchError
from .table import Table

__all__ = ["PROTOCOLS", "Protocol", "load_table", "seconds_of", "table_names"]

Protocol = Literal["cost", "queries"]

PROTOCOLS: dict[Protocol, str] = {
    "cost": "short trainings within a budget of simulated seconds",
    "queries": "final quality by the number of evaluations",
}
"""The protocols; results of different protocols are not comparable."""

HARDWARE = "nb201-hw"
USUAL = "cifar10-edgegpu_latency"

SECONDS = {"cifar10": 12_000.0, "cifar100": 24_000.0, "imagenet16": 72_000.0}
"""Default budgets: 12,000 s on CIFAR-10 as in the paper, others in proportion to training time."""


def table_names(protocol: Protocol) -> list[str]:
    """Return the names of all tables of a protocol."""
    plain = [f"nb201-{dataset}" for dataset in nas_bench_201.DATASETS]
    if protocol == "cost":
        return plain
    hardware = [
        f"{HARDWARE}-{dataset}-{device}"
        for dataset in nas_bench_201.DATASETS
        for device in nas_bench_201.DEVICES
    ]
    return [*plain, *(f"fcnet-{dataset}" for dataset in fcnet.DATASETS), HARDWARE, *hardware]


def load_table(name: str, protocol: Protocol = "queries", data: Path | None = None) -> Table:
    """Load a table.

    Args:
        name: One of `table_names(protocol)`; "nb201-hw" stands for
            "nb201-hw-cifar10-edgegpu_latency".
        protocol: The protocol.
        data: A folder with `nb201.npz` and `nb201_hw.npz`; needed for hardware tables and for the
            protocol "cost".

    Raises:
        BenchError: The table does not exist, or needs a folder.
        MissingExtra: The package with the tables is not installed.
    """
    names = table_names(protocol)
    if name not in names:
        raise BenchError(_unknown(name, protocol))
    family, _, rest = name.partition("-")
    if family == "fcnet":
        return fcnet.queries(rest)
    if protocol == "queries" and not name.startswith(HARDWARE):
        return nas_bench_201.queries(rest, data)
    if data is None:
        raise BenchError(
            f"the table {name!r} with --protocol {protocol} needs data files: pass the folder of "
            "nb201.npz and nb201_hw.npz, as --data FOLDER"
        )
    kind, _, what = rest.partition("-")
    if kind == "hw":
        dataset, device = (what or USUAL).split("-")
        return nas_bench_201.hardware(dataset, device, data)
    return nas_bench_201.costs(rest, data)


def _unknown(name: str, protocol: Protocol) -> str:
    names = table_names(protocol)
    start = f"unknown table {name!r}"
    if name in table_names("queries"):
        return f"{start} with --protocol {protocol}: use one of {', '.join(names)}"
    close = get_close_matches(name, names, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    few = [known for known in names if not known.startswith(f"{HARDWARE}-")]
    devices = f", {HARDWARE}-DATASET-DEVICE" if len(few) < len(names) else ""
    return f"{start}: {hint}use one of {', '.join(few)}{devices}"


def seconds_of(table: Table) -> float:
    """Return the default budget of the protocol "cost", in simulated seconds."""
    return SECONDS[table.name.removeprefix("nb201-")]
