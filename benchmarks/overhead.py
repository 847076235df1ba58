# pyright: basic
"""What a proposal costs under Optuna: our sampler beside Optuna's own, with nothing to train.

    python benchmarks/overhead.py          # writes docs/overhead.md

A study in memory, 30 decisions of 5 options each, the same objective for all samplers. Samplers
take turns in one process, so that a drifting machine is fair to all; the figure is CPU time a
trial, the median of the repeats, and the ratio to RandomSampler the median of the pairs.
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

from nasbridge import BayesianOptimization, Choice, Experiment, RegularizedEvolution, Space
from nasbridge.adapters.optuna import NASSampler, suggest

REPOSITORY = Path(__file__).resolve().parent.parent
SPACE = Space({f"decision_{k}": Choice(list("abcde")) for k in range(30)})
OURS = "nasbridge, RegularizedEvolution"
MODELS = ("Optuna, TPESampler", "nasbridge, BayesianOptimization")  # slower, so run less often

SAMPLERS: dict[str, Callable[[int], BaseSampler]] = {
    "Optuna, RandomSampler": lambda seed: RandomSampler(seed=seed),
    OURS: lambda seed: NASSampler(SPACE, RegularizedEvolution(), seed=seed),
    "Optuna, TPESampler": lambda seed: TPESampler(seed=seed),
    "nasbridge, BayesianOptimization": lambda seed: NASSampler(
        SPACE, BayesianOptimization(), seed=seed
    ),
}
ROUNDS = {100: 9, 1000: 5, 5000: 3}  # trials: repeats
MODELS_AT_MOST = 1000  # trials; TPE's cost grows with the square


def objective(trial: optuna.Trial) -> float:
    """Count the options "a"; the time that it takes is the same for all."""
    return sum(label == "a" for label in suggest(trial, SPACE).choices.values())


def cpu_ms(sampler: BaseSampler, trials: int) -> float:
    """Return the CPU milliseconds a trial takes."""
    study = optuna.create_study(sampler=sampler, direction="maximize")
    began = time.process_time()
    study.optimize(objective, n_trials=trials)
    return 1000 * (time.process_time() - began) / trials


def our_door_ms(trials: int) -> float:
    """Return the CPU milliseconds a trial takes in `experiment.run("optuna")`."""

    def evaluate(architecture: object, trial: object) -> dict[str, float]:
        return {"score": 0.0}

    experiment = Experiment(
        SPACE, evaluate, {"score": "max"}, strategy=RegularizedEvolution(), trials=trials
    )
    began = time.process_time()
    experiment.run("optuna")
    return 1000 * (time.process_time() - began) / trials


def import_ms() -> float:
    """Return the milliseconds of `import nasbridge` in a fresh process, the best of seven."""
    code = "import time; t = time.perf_counter(); import nasbridge; print(time.perf_counter() - t)"
    runs = (subprocess.check_output([sys.executable, "-c", code]) for _ in range(7))
    return 1000 * min(map(float, runs))


def measure(trials: int, repeats: int) -> list[str]:
    """Return the rows of the table for a number of trials."""
    names = [n for n in SAMPLERS if trials <= MODELS_AT_MOST or n not in MODELS]
    spent: dict[str, list[float]] = {name: [] for name in names}
    for repeat in range(repeats):
        for name in names:
            few = name in MODELS and trials == MODELS_AT_MOST and repeat >= 2
            if not few:  # two long runs of a model tell enough
                spent[name].append(cpu_ms(SAMPLERS[name](repeat), trials))
    rows: list[str] = []
    for name in names:
        pairs = zip(spent[name], spent["Optuna, RandomSampler"], strict=False)
        ratio = statistics.median(one / other for one, other in pairs)
        rows.append(
            f"| {trials} | {name} | {statistics.median(spent[name]):.2f} | {ratio:.2f} | "
            f"{len(spent[name])} |"
        )
    return rows


def main() -> None:
    """Measure, write the table, print it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--output", type=Path, default=REPOSITORY / "docs" / "overhead.md")
    arguments = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    cpu_ms(SAMPLERS[OURS](0), 50)  # warm up
    rows = [row for trials, repeats in ROUNDS.items() for row in measure(trials, repeats)]
    door = statistics.median(our_door_ms(1000) for _ in range(3))
    table = "\n".join(rows)
    arguments.output.write_text(
        f"""# What a proposal costs

Optuna study in memory, 30 decisions of 5 options, an objective that trains nothing; samplers in
turn in one process. CPU milliseconds a trial (median), and the median ratio to RandomSampler in
the same round.

| trials | sampler | CPU ms a trial | ratio to RandomSampler | repeats |
|---|---|---|---|---|
{table}

`experiment.run("optuna")`, which also stores what the dashboard and a resume need: {door:.2f} CPU
ms a trial at 1,000 trials. `import nasbridge`: {import_ms():.0f} ms.

Made by `python benchmarks/overhead.py`; Python {platform.python_version()}, Optuna
{version("optuna")}.
"""
    )
    print(arguments.output.read_text())


if __name__ == "__main__":
    main()
