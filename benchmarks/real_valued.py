# pyright: basic
"""Real-valued decisions: strategies of nasbridge and samplers of Optuna on two test functions.

    python benchmarks/real_valued.py       # writes docs/benchmarks/real_valued.md

Each method is a sampler in an Optuna study in memory, with the same seeds. Optuna's GPSampler is
slow and needs PyTorch, so it runs fewer seeds; `--slow 0` omits it.
"""

import argparse
import math
import platform
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy
import optuna
from optuna.samplers import BaseSampler, GPSampler, RandomSampler, TPESampler

from nasbridge import BayesianOptimization, Real, RegularizedEvolution, Space
from nasbridge.adapters.optuna import NASSampler

OUTPUT = Path(__file__).resolve().parent.parent / "docs" / "benchmarks" / "real_valued.md"
MARKS = (30, 50, 100)
FIRST = 300  # the first seed; no setting was tuned on these seeds

SHAPE = numpy.array(
    [
        [10, 3, 17, 3.5, 1.7, 8],
        [0.05, 10, 17, 0.1, 8, 14],
        [3, 3.5, 1.7, 10, 17, 8],
        [17, 8, 0.05, 10, 0.1, 14],
    ]
)
CENTRES = 1e-4 * numpy.array(
    [
        [1312, 1696, 5569, 124, 8283, 5886],
        [2329, 4135, 8307, 3736, 1004, 9991],
        [2348, 1451, 3522, 2883, 3047, 6650],
        [4047, 8828, 8732, 5743, 1091, 381],
    ]
)


def hartmann(point: numpy.ndarray) -> float:
    """Return Hartmann's function of six numbers in [0, 1]; its minimum is -3.32237."""
    inner = (SHAPE * (point - CENTRES) ** 2).sum(axis=1)
    return float(-(numpy.array([1, 1.2, 3, 3.2]) * numpy.exp(-inner)).sum())


def branin(point: numpy.ndarray) -> float:
    """Return Branin's function of two numbers, scaled to [0, 1]; its minimum is 0.397887."""
    x, y = 15 * point[0] - 5, 15 * point[1]
    bend = y - 5.1 / (4 * math.pi**2) * x**2 + 5 / math.pi * x - 6
    return float(bend**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10)


FUNCTIONS = {"Hartmann, 6": (hartmann, 6, -3.32237), "Branin, 2": (branin, 2, 0.397887)}
Sampler = Callable[[Space, int], BaseSampler]
SAMPLERS: dict[str, Sampler] = {
    "BayesianOptimization": lambda space, seed: NASSampler(
        space, strategy=BayesianOptimization(), seed=seed
    ),
    "RegularizedEvolution(population=10, sample=3)": lambda space, seed: NASSampler(
        space, strategy=RegularizedEvolution(population=10, sample=3), seed=seed
    ),
    "optuna.TPESampler": lambda _, seed: TPESampler(seed=seed),
    "optuna.GPSampler": lambda _, seed: GPSampler(seed=seed),
    "optuna.RandomSampler": lambda _, seed: RandomSampler(seed=seed),
}


def play(function: str, sampler: Sampler, seed: int) -> tuple[list[float], float]:
    """Return the regret at each mark, and the CPU milliseconds per trial."""
    evaluate, size, optimum = FUNCTIONS[function]
    names = [f"x{k}" for k in range(size)]
    study = optuna.create_study(sampler=sampler(Space({n: Real(0, 1) for n in names}), seed))
    began = time.process_time()
    study.optimize(
        lambda trial: evaluate(numpy.array([trial.suggest_float(n, 0, 1) for n in names])),
        MARKS[-1],
    )
    seconds = time.process_time() - began
    values = [trial.value for trial in study.trials]
    return [min(values[:mark]) - optimum for mark in MARKS], 1000 * seconds / MARKS[-1]


def row(function: str, name: str, seeds: int) -> str:
    """Return a row of the table."""
    runs = [play(function, SAMPLERS[name], seed) for seed in range(FIRST, FIRST + seeds)]
    regrets = numpy.array([regret for regret, _ in runs])
    errors = regrets.std(axis=0, ddof=1) / math.sqrt(seeds)
    cells = [f"{m:.2g} ± {e:.2g}" for m, e in zip(regrets.mean(axis=0), errors, strict=True)]
    milliseconds = float(numpy.median([ms for _, ms in runs]))
    return f"| {function} | `{name}` | {seeds} | {' | '.join(cells)} | {milliseconds:.3g} |"


def main() -> None:
    """Run all methods, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--slow", type=int, default=5, help="number of seeds for GPSampler")
    given = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    rows = []
    for function in FUNCTIONS:
        for name in SAMPLERS:
            seeds = given.slow if name == "optuna.GPSampler" else given.seeds
            if seeds:
                rows.append(row(function, name, seeds))
                print(rows[-1], flush=True)
    heads = [f"{mark}" for mark in MARKS]
    text = f"""# Real-valued decisions

Two standard test functions, of six and of two real numbers, because spaces also include learning
rates: mean regret ± standard error after 30, 50 and 100 trials, and CPU milliseconds per trial. All
methods are samplers in an Optuna study with the same seeds; no setting was tuned on these seeds.

| function | method | seeds | {" | ".join(heads)} | CPU ms per trial |
| --- | --- | ---: | {"---: | " * len(heads)}---: |
{chr(10).join(rows)}

Made by `python benchmarks/real_valued.py --seeds {given.seeds} --slow {given.slow}`; Python
{platform.python_version()}, numpy {version("numpy")}, Optuna {version("optuna")}.
"""
    OUTPUT.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
