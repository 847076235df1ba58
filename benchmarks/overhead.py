# pyright: basic
"""CPU time of a proposal under Optuna: samplers of nasbridge and of Optuna, without training.

    python benchmarks/overhead.py          # writes docs/benchmarks/overhead.md

A study in memory, 30 decisions of 5 options each, the same objective for all samplers. The samplers
alternate in one process, so that load changes affect all equally. The figures are the median CPU
time per trial over the repeats, and the median ratio to RandomSampler over the pairs.
"""

import argparse
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import optuna
from optuna.samplers import BaseSampler, RandomSampler, TPESampler

from nasbridge import (
    BayesianOptimization,
    Choice,
    Experiment,
    Integer,
    Real,
    RegularizedEvolution,
    Space,
    library,
)
from nasbridge.adapters.optuna import NASSampler, suggest

REPOSITORY = Path(__file__).resolve().parent.parent
SPACE = Space({f"decision_{k}": Choice(list("abcde")) for k in range(30)})
MIXED = Space(
    {f"choice_{k}": Choice(list("abcde")) for k in range(10)}
    | {f"integer_{k}": Integer(1, 8) for k in range(10)}
    | {f"real_{k}": Real(0, 1) for k in range(10)}
)
CELL = library.nas_bench_201()
SPACES = {  # for model-based strategies
    "30 choices": SPACE,
    "10 choices, 10 integers, 10 reals": MIXED,
    "the cell of NAS-Bench-201": CELL,
}
GOOD = ("a", "nor_conv_3x3")  # options that count as 1
EVOLUTION = "nasbridge, RegularizedEvolution"
TPE = "Optuna, TPESampler"
MODELS = (TPE, "nasbridge, BayesianOptimization")  # slower, so with fewer repeats

SAMPLERS: dict[str, Callable[[int, Space], BaseSampler]] = {
    "Optuna, RandomSampler": lambda seed, _: RandomSampler(seed=seed),
    EVOLUTION: lambda seed, space: NASSampler(space, strategy=RegularizedEvolution(), seed=seed),
    TPE: lambda seed, _: TPESampler(seed=seed),
    "nasbridge, BayesianOptimization": lambda seed, space: NASSampler(
        space, strategy=BayesianOptimization(), seed=seed
    ),
}
ROUNDS = {100: 9, 1000: 5, 5000: 3}  # trials: repeats
MODEL_ROUNDS = {100: 5, 1000: 2}


def cpu_ms(name: str, seed: int, trials: int, space: Space = SPACE) -> float:
    """Return the CPU milliseconds per trial with a sampler."""

    def objective(trial: optuna.Trial) -> float:
        """Sum the numbers and count the good options; it takes the same time for all samplers."""
        values = suggest(trial, space).choices.values()
        return sum(v in GOOD if isinstance(v, str) else v for v in values)

    study = optuna.create_study(sampler=SAMPLERS[name](seed, space), direction="maximize")
    began = time.process_time()
    study.optimize(objective, n_trials=trials)
    return 1000 * (time.process_time() - began) / trials


def managed_run_ms(trials: int) -> float:
    """Return the CPU milliseconds per trial of a managed run under Optuna."""

    def evaluate(architecture: object, trial: object) -> dict[str, float]:
        return {"score": 0.0}

    experiment = Experiment(
        SPACE, evaluate, {"score": "max"}, strategy=RegularizedEvolution(), trials=trials
    )
    began = time.process_time()
    experiment.run("optuna")
    return 1000 * (time.process_time() - began) / trials


def import_ms() -> float:
    """Return the milliseconds of `import nasbridge` in a new process, the minimum of seven."""
    code = "import time; t = time.perf_counter(); import nasbridge; print(time.perf_counter() - t)"
    runs = (subprocess.check_output([sys.executable, "-c", code]) for _ in range(7))
    return 1000 * min(map(float, runs))


def measure(trials: int, repeats: int) -> list[str]:
    """Return the table rows for a number of trials."""
    names = [name for name in SAMPLERS if name not in MODELS]
    spent: dict[str, list[float]] = {name: [] for name in names}
    if trials in MODEL_ROUNDS:
        names.append(TPE)
        spent[TPE] = []
    for repeat in range(repeats):
        for name in names:
            if name != TPE or repeat < MODEL_ROUNDS[trials]:
                spent[name].append(cpu_ms(name, repeat, trials))
    rows: list[str] = []
    for name in names:
        pairs = zip(spent[name], spent["Optuna, RandomSampler"], strict=False)
        ratio = statistics.median(one / other for one, other in pairs)
        rows.append(
            f"| {trials} | {name} | {statistics.median(spent[name]):.2f} | {ratio:.2f} | "
            f"{len(spent[name])} |"
        )
    return rows


def pairs(name: str, trials: int, repeats: int) -> str:
    """Return the table row that compares the model-based methods in a space."""
    space = SPACES[name]
    spent = [[cpu_ms(model, seed, trials, space) for model in MODELS] for seed in range(repeats)]
    tpe, bayesian = (statistics.median(column) for column in zip(*spent, strict=True))
    ratio = statistics.median(other / one for one, other in spent)
    return f"| {name} | {trials} | {tpe:.2f} | {bayesian:.2f} | {ratio:.2f} | {repeats} |"


def main() -> None:
    """Measure, write the table, print it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--output", type=Path, default=REPOSITORY / "docs" / "benchmarks" / "overhead.md"
    )
    arguments = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    cpu_ms(EVOLUTION, 0, 50)  # warm up
    rows = [row for trials, repeats in ROUNDS.items() for row in measure(trials, repeats)]
    models = "\n".join(pairs(name, n, k) for name in SPACES for n, k in MODEL_ROUNDS.items())
    managed = statistics.median(managed_run_ms(1000) for _ in range(3))
    table = "\n".join(rows)
    arguments.output.write_text(
        f"""# CPU time of a proposal

An Optuna study in memory, 30 decisions of 5 options, an objective without training; the samplers
alternate in one process. Median CPU milliseconds per trial, and the median ratio to RandomSampler
in the same round.

| trials | sampler | CPU ms per trial | ratio to RandomSampler | repeats |
|---|---|---|---|---|
{table}

The model-based methods in pairs, CPU milliseconds per trial:

| decisions | trials | Optuna, TPESampler | nasbridge, BayesianOptimization | ratio | repeats |
|---|---|---|---|---|---|
{models}

In spaces of networks, such as the cell, BayesianOptimization also draws the graphs of its
candidates.

A managed run, `experiment.run("optuna")`, also stores what the dashboard and a resume need:
{managed:.2f} CPU ms per trial at 1,000 trials. `import nasbridge`: {import_ms():.0f} ms.

Made by `python benchmarks/overhead.py`; Python {platform.python_version()}, Optuna
{version("optuna")}.
"""
    )
    print(arguments.output.read_text())


if __name__ == "__main__":
    main()
