"""Whether a surrogate of graphs should know where operations stand.

    python benchmarks/positions.py --data FOLDER     # writes docs/benchmarks/positions.md

The folder holds `nb201.npz`.
"""

import argparse
import platform
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from unittest.mock import patch

import numpy

from nasbridge import (
    Architecture,
    BayesianOptimization,
    Chain,
    Choice,
    Trial,
    layer,
)
from nasbridge.bench.table import Table
from nasbridge.bench.tables import load_table
from nasbridge.spaces import SearchSpace
from nasbridge.strategies import Problem, Search, bayesian
from nasbridge.strategies.features import Features
from nasbridge.strategies.surrogate import alternatives

OUTPUT = Path(__file__).resolve().parent.parent / "docs" / "benchmarks" / "positions.md"
OPERATIONS = {
    "conv3": layer("Conv2D", filters=8, kernel_size=3, padding="same"),
    "conv5": layer("Conv2D", filters=8, kernel_size=5, padding="same"),
    "pool": layer("AveragePooling2D", pool_size=3, strides=1, padding="same"),
    "norm": layer("BatchNormalization"),
}
VARIANTS: dict[str, Callable[[Problem], tuple[Features, ...]]] = {
    "label counts alone": lambda problem: (Features(problem.space),),
    "all decisions, too": lambda problem: (Features(problem.space, allow_equivalent=True),),
    "by evidence (the default)": alternatives,
}

COUNTED = (30, 60)  # trials after which the regret is shown


def chain(blocks: int, seed: int) -> tuple[SearchSpace, Callable[[Architecture], float], float]:
    """Return a chain of blocks with the same options, whose values differ by position."""
    names = list(OPERATIONS)
    gains = numpy.random.default_rng(seed).normal(size=(blocks, len(names)))

    def value(architecture: Architecture) -> float:
        chosen = map(names.index, map(str, architecture.choices.values()))
        return float(sum(row[k] for row, k in zip(gains, chosen, strict=True)))

    space = Chain(*(Choice(OPERATIONS) for _ in range(blocks)))
    return space, value, float(gains.max(axis=1).sum())


def regrets(
    space: SearchSpace, value: Callable[[Architecture], float], best: float, seed: int
) -> list[float]:
    """Return the regret after each number of trials."""
    search = Search(BayesianOptimization(), space, {"value": "max"}, seed)
    found = list[float]()
    for number in range(max(COUNTED)):
        architecture = search.ask(number)
        found.append(value(architecture))
        search.tell(Trial(number, architecture, "complete", {"value": found[-1]}))
    return [best - max(found[:counted]) for counted in COUNTED]


def row(problem: str, tables: dict[str, Table], seeds: int) -> list[str]:
    """Return the cells of a problem: for each variant, the regrets."""
    cells = list[str]()
    for variant in VARIANTS.values():
        with patch.object(bayesian, "alternatives", variant):
            found = numpy.array([one(problem, tables, seed) for seed in range(seeds)])
        means, errors = found.mean(axis=0), found.std(axis=0, ddof=1) / seeds**0.5
        cells += [f"{m:.3f} ± {e:.3f}" for m, e in zip(means, errors, strict=True)]
    return cells


def one(problem: str, tables: dict[str, Table], seed: int) -> list[float]:
    """Return the regrets of one search."""
    if problem not in tables:
        return regrets(*chain(int(problem.split()[-2]), seed), seed)
    table = tables[problem]
    metric = table.objectives[0].metric
    return regrets(
        table.space,
        lambda architecture: table.values(table.row(architecture.choices))[metric],
        table.optimum,
        seed,
    )


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description="Positions in the features of graphs")
    parser.add_argument("--data", type=Path, required=True, help="folder of nb201.npz")
    parser.add_argument("--seeds", type=int, default=20)
    given = parser.parse_args()
    names = ["nb201-cifar10", "nb201-cifar100", "nb201-imagenet16"]
    tables = {name: load_table(name, data=given.data) for name in names}
    rows = list[str]()
    for problem in (*(f"chain of {n} blocks" for n in (4, 6, 8)), *tables):
        rows.append(f"| {problem} | {' | '.join(row(problem, tables, given.seeds))} |")
        print(rows[-1], flush=True)
    heads = [f"{name}, {counted} trials" for name in VARIANTS for counted in COUNTED]
    text = f"""# Positions in the features of graphs

`BayesianOptimization` compares networks by the counts of their operations, and of operations with
their inputs. In a chain of blocks with the same options these counts are almost the same for
every order of the blocks. The alternative compares all decisions, too. It is no improvement
everywhere: in cells, the counts alone need fewer trials. So the evidence decides, each time when
hyperparameters are fitted: the larger model is used if its log evidence is larger by half the
logarithm of the number of trials.

The value of a chain is a sum of random gains, one for each operation at each position, with another
draw for each seed. Regret, mean ± standard error, {given.seeds} seeds.

| problem | {" | ".join(heads)} |
| --- |{" ---: |" * len(heads)}
{chr(10).join(rows)}

Made by `python benchmarks/positions.py --data FOLDER --seeds {given.seeds}`; Python
{platform.python_version()}, numpy {version("numpy")}.
"""
    OUTPUT.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
