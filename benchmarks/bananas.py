# pyright: basic
"""Ablation of a deviation of `Bananas` from the code of its paper, on NAS-Bench-201.

    python benchmarks/bananas.py --data FOLDER       # writes docs/benchmarks/bananas.md

The folder holds `nb201.npz`: `ops`, uint8, shape (15625, 6), the operations of the edges 0-1, 0-2,
1-2, 0-3, 1-3, 2-3 as indices of OPERATIONS; and the validation accuracies of each data set in
percent, as `cifar10_val200`, shape (15625, seeds), with NaN for a missing seed.

The code of BANANAS trains its networks on losses; ours on normal scores of the values. Both are
compared on the accuracies of the table, and with -1e30 as the value of the sixth trial, as of a
training that diverged. The regret counts each trial with its accuracy in the table.
"""

import argparse
import platform
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from unittest.mock import patch

import numpy

from nasbridge import Bananas, Search, Trial, library
from nasbridge.strategies.gaussian_process import normal_scores

OUTPUT = Path(__file__).resolve().parent.parent / "docs" / "benchmarks" / "bananas.md"
OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
EDGES = tuple(f"cell.edge_{edge}" for edge in ("0_1", "0_2", "1_2", "0_3", "1_3", "2_3"))
MARKS = (30, 50, 100)
DIVERGED = 5
TARGETS: dict[str, Callable] = {
    "normal scores (ours)": normal_scores,
    "values, standardized": numpy.array,  # `Ensemble.train` standardizes its targets
}


def accuracies(folder: Path, name: str) -> dict[tuple[str, ...], float]:
    """Return the mean validation accuracy of each cell."""
    with numpy.load(folder / "nb201.npz", allow_pickle=False) as table:
        cells, values = table["ops"].tolist(), numpy.nanmean(table[f"{name}_val200"], axis=1)
    return {
        tuple(OPERATIONS[k] for k in cell): float(value)
        for cell, value in zip(cells, values, strict=True)
    }


def regrets(table: dict[tuple[str, ...], float], seed: int, diverged: bool) -> list[float]:
    """Return the regret after each mark of one search."""
    search = Search(Bananas(), library.nas_bench_201(), {"accuracy": "max"}, seed)
    best, found = max(table.values()), []
    for number in range(MARKS[-1]):
        architecture = search.ask(number)
        value = table[tuple(str(architecture.choices[edge]) for edge in EDGES)]
        found.append(value)
        told = -1e30 if diverged and number == DIVERGED else value
        search.tell(Trial(number, architecture, "complete", {"accuracy": told}))
    return [best - max(found[:mark]) for mark in MARKS]


def row(folder: Path, name: str, diverged: bool, label: str, seeds: int) -> str:
    """Return the row of one kind of targets."""
    table = accuracies(folder, name)
    with patch("nasbridge.strategies.bananas.normal_scores", TARGETS[label]):  # for the ablation
        runs = numpy.array([regrets(table, seed, diverged) for seed in range(seeds)])
    error = runs.std(axis=0, ddof=1) / len(runs) ** 0.5
    cells = " | ".join(f"{m:.2f} ± {e:.2f}" for m, e in zip(runs.mean(axis=0), error, strict=True))
    return f"| {name} | {'yes' if diverged else 'no'} | {label} | {seeds} | {cells} |"


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description="Ablation of Bananas")
    parser.add_argument("--data", type=Path, required=True, help="folder of nb201.npz")
    parser.add_argument("--seeds", type=int, default=10)
    given = parser.parse_args()
    rows = []
    for name in ("cifar10", "cifar100"):
        for diverged in (False, True):
            for label in TARGETS:
                rows.append(row(given.data, name, diverged, label, given.seeds))
                print(rows[-1], flush=True)
    text = f"""# Targets of BANANAS

The code of BANANAS trains its networks on losses. `Bananas` trains them on normal scores, so that
one diverged training has no influence on the differences between the others. Mean regret ± standard
error of the validation accuracy on NAS-Bench-201, in percentage points, after
{", ".join(map(str, MARKS[:-1]))} and {MARKS[-1]} trials; "diverged": the search is
told -1e30 for the sixth trial, which counts with its accuracy in the regret.

| data set | diverged | targets | seeds | {" | ".join(map(str, MARKS))} |
| --- | --- | --- | ---: | {"---: | " * (len(MARKS) - 1)}---: |
{chr(10).join(rows)}

Made by `python benchmarks/bananas.py --data FOLDER --seeds {given.seeds}`; Python
{platform.python_version()}, numpy {version("numpy")}.
"""
    OUTPUT.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
