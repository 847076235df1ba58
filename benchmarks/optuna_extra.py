# pyright: basic
"""An architecture with a learning rate and a weight decay beside it, in a user's Optuna study.

    python benchmarks/optuna_extra.py       # writes docs/benchmarks/optuna_extra.md

The objective calls `suggest(trial, space)`, and then `trial.suggest_float` twice. Errors are
computed by formulas with a known optimum; the best rate and decay depend on the architecture.
"""

import argparse
import math
import platform
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path

import numpy
import optuna
from optuna.distributions import FloatDistribution
from optuna.samplers import BaseSampler, RandomSampler, TPESampler

from nasbridge import Architecture, Chain, Choice, RandomSearch, Repeat, layer, library
from nasbridge.adapters.optuna import NASSampler, suggest
from nasbridge.spaces import SearchSpace

OUTPUT = Path(__file__).resolve().parent.parent / "docs" / "benchmarks" / "optuna_extra.md"
MARKS = (50, 100)
FIRST = 300  # the first seed; no setting was tuned on these seeds
RATE = FloatDistribution(1e-5, 1e-1, log=True)
DECAY = FloatDistribution(1e-7, 1e-2, log=True)

PATHS = (("0_3",), ("0_1", "1_3"), ("0_2", "2_3"), ("0_1", "1_2", "2_3"))
GAIN = {
    "none": 0,
    "skip_connect": 0.6,
    "avg_pool_3x3": 0.5,
    "nor_conv_1x1": 0.8,
    "nor_conv_3x3": 1.0,
}


def chain() -> SearchSpace:
    """One to four blocks; convolutions have a width, a kernel and an activation."""
    block = Choice(
        {
            "conv": layer(
                "Conv2D",
                filters=Choice([16, 32, 64, 128]),
                kernel_size=Choice([1, 3, 5]),
                activation=Choice(["relu", "tanh", "gelu"]),
            ),
            "pool": layer("MaxPooling2D", pool_size=Choice([2, 3])),
            "skip": layer("Identity"),
        },
        name="block",
    )
    blocks = Repeat(block, Choice([1, 2, 3, 4], name="depth"))
    return Chain(blocks, layer("Dense", units=10))


BEST_BLOCKS: tuple[tuple[str, Mapping[str, float]], ...] = (  # operation, and its best settings
    ("conv", {"filters": 32, "kernel_size": 5}),
    ("conv", {"filters": 64, "kernel_size": 3}),
    ("pool", {"pool_size": 2}),
    ("conv", {"filters": 128, "kernel_size": 3}),
)
ACTIVATIONS = {"gelu": 0.0, "relu": 0.01, "tanh": 0.03}


def chain_error(architecture: Architecture) -> tuple[float, float, float]:
    """Return the error at the best rate and decay, and the logarithms of these two."""
    error, filters = 0.0, []
    for k, (operation, settings) in enumerate(BEST_BLOCKS):
        prefix = f"block.{k}.{operation}"
        if f"block.{k}" not in architecture:
            error += 0.08
        elif architecture.choices[f"block.{k}"] != operation:
            error += 0.05
        else:
            for name, best in settings.items():
                error += 0.01 * abs(math.log2(architecture[f"{prefix}.{name}"] / best))
        if f"block.{k}.conv.filters" in architecture:
            filters.append(architecture[f"block.{k}.conv.filters"])
            error += ACTIVATIONS[architecture[f"block.{k}.conv.activation"]]
    width = sum(math.log2(number / 16) for number in filters)
    return error, -1.5 - 0.4 * len(filters), -6 + 0.4 * width


def cell_error(architecture: Architecture) -> tuple[float, float, float]:
    """Return the same for a cell of NAS-Bench-201, from the paths through it."""
    edges = {name.removeprefix("cell.edge_"): str(op) for name, op in architecture.choices.items()}
    convolutions = sum(op.startswith("nor") for op in edges.values())
    quality, paths = 0.0, 0
    for path in PATHS:
        gain = math.prod(GAIN[edges[edge]] for edge in path)
        paths += gain > 0
        quality += gain * (1 + sum(edges[edge] == "nor_conv_3x3" for edge in path))
    return 0.01 * abs(quality - 7.3), -2 - 0.3 * convolutions, -6 + 0.7 * paths


Problem = tuple[Callable[[], SearchSpace], Callable[[Architecture], tuple[float, float, float]]]
PROBLEMS: dict[str, Problem] = {
    "chain": (chain, chain_error),
    "cell": (library.nas_bench_201, cell_error),
}


def objective(trial: optuna.Trial, space: SearchSpace, problem: str) -> float:
    """Return the error of one trial."""
    error, rate, decay = PROBLEMS[problem][1](suggest(trial, space))
    rate -= math.log10(trial.suggest_float("rate", RATE.low, RATE.high, log=True))
    decay -= math.log10(trial.suggest_float("decay", DECAY.low, DECAY.high, log=True))
    return error + 0.2 * (1 - math.exp(-(rate**2))) + 0.05 * (1 - math.exp(-((decay / 1.5) ** 2)))


Sampler = Callable[[SearchSpace, int], BaseSampler]
DECLARED = {"rate": RATE, "decay": DECAY}
SAMPLERS: dict[str, Sampler] = {
    "NASSampler(space)": lambda space, seed: NASSampler(space, seed=seed),
    "NASSampler(space, extra=...)": lambda space, seed: NASSampler(
        space, seed=seed, extra=DECLARED
    ),
    "NASSampler(space, strategy=RandomSearch())": lambda space, seed: NASSampler(
        space, strategy=RandomSearch(), seed=seed
    ),
    "optuna.TPESampler()": lambda _, seed: TPESampler(seed=seed),
    "optuna.TPESampler(group=True)": lambda _, seed: TPESampler(
        seed=seed, multivariate=True, group=True
    ),
    "optuna.RandomSampler()": lambda _, seed: RandomSampler(seed=seed),
}


def optimum(problem: str, space: SearchSpace) -> float:
    """Return the least error; that of a chain is zero by construction."""
    if problem == "chain":
        return 0.0
    return min(PROBLEMS[problem][1](architecture)[0] for architecture in space.enumerate())


def play(
    problem: str, space: SearchSpace, sampler: Sampler, seed: int
) -> tuple[list[float], float]:
    """Return the best error at each mark, and the CPU milliseconds per trial."""
    study = optuna.create_study(sampler=sampler(space, seed))
    began = time.process_time()
    study.optimize(lambda trial: objective(trial, space, problem), MARKS[-1])
    seconds = time.process_time() - began
    values = [trial.values[0] for trial in study.trials]
    return [min(values[:mark]) for mark in MARKS], 1000 * seconds / MARKS[-1]


def row(problem: str, name: str, seeds: int) -> str:
    """Return a row of the table."""
    space = PROBLEMS[problem][0]()
    runs = [play(problem, space, SAMPLERS[name], seed) for seed in range(FIRST, FIRST + seeds)]
    regrets = numpy.array([best for best, _ in runs]) - optimum(problem, space)
    errors = regrets.std(axis=0, ddof=1) / math.sqrt(seeds)
    cells = [f"{m:.3f} ± {e:.3f}" for m, e in zip(regrets.mean(axis=0), errors, strict=True)]
    milliseconds = float(numpy.median([ms for _, ms in runs]))
    return f"| {problem} | `{name}` | {' | '.join(cells)} | {milliseconds:.3g} |"


def main() -> None:
    """Run all methods, and write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    given = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    rows = []
    for problem in PROBLEMS:
        for name in SAMPLERS:
            rows.append(row(problem, name, given.seeds))
            print(rows[-1], flush=True)
    text = f"""# Architectures with training parameters under Optuna

The objective suggests an architecture with `suggest(trial, space)`, and a learning rate and a
weight decay with `trial.suggest_float`. The errors are formulas with a known optimum, in which the
best rate and decay depend on the architecture: a *chain* of conditional blocks, and a *cell* of
NAS-Bench-201. The table contains the mean regret ± standard error over {given.seeds} seeds after 50
and 100 trials, and CPU milliseconds per trial. No setting was tuned on these seeds.

`NASSampler(space)` finds rate and decay in the first trial, and searches them jointly with the
architecture from then on; with `extra=` it does so from the beginning.

| problem | sampler | {" | ".join(map(str, MARKS))} | CPU ms per trial |
| --- | --- | {"---: | " * len(MARKS)}---: |
{chr(10).join(rows)}

Made by `python benchmarks/optuna_extra.py --seeds {given.seeds}`; Python
{platform.python_version()}, numpy {version("numpy")}, Optuna {version("optuna")}.
"""
    OUTPUT.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
