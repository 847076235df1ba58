# pyright: basic
"""CPU time of a trial under Keras Tuner: `NASTuner` and RandomSearch, without training.

    python benchmarks/overhead_keras_tuner.py     # writes docs/benchmarks/overhead_keras_tuner.md

Twelve decisions of five options each, trials that return immediately, and projects on disk. The
tuners alternate in one process, so that load changes affect both equally. The figures are the
median CPU time per trial over the repeats, and the median ratio over the pairs.
"""

import argparse
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import keras_tuner

from nasbridge import Choice, RegularizedEvolution, Space
from nasbridge.adapters.keras_tuner import NASTuner, to_native

REPOSITORY = Path(__file__).resolve().parent.parent
SPACE = Space({f"decision_{k}": Choice(list("abcde")) for k in range(12)})
ROUNDS = {10: 15, 100: 7, 1000: 3}  # trials: repeats
OBJECTIVE = keras_tuner.Objective("score", "max")


def score(trial: Any) -> dict[str, float]:
    """Count the options "a", which takes the same time for all tuners."""
    values = trial.hyperparameters.values.values()
    return {"score": float(sum(value == "a" for value in values))}


class IdleRandomSearch(keras_tuner.RandomSearch):
    """Keras Tuner's random search without training."""

    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> Any:
        """Return immediately."""
        return score(trial)


class IdleNASTuner(NASTuner):
    """`NASTuner` without training."""

    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> Any:
        """Return immediately."""
        return score(trial)


def native(trials: int, seed: int, directory: str) -> keras_tuner.Tuner:
    """Return Keras Tuner's random search."""
    return IdleRandomSearch(
        None,
        OBJECTIVE,
        trials,
        seed=seed + 1,
        hyperparameters=to_native(SPACE),
        directory=directory,
    )


def bridged(trials: int, seed: int, directory: str) -> keras_tuner.Tuner:
    """Return a `NASTuner` with regularized evolution."""
    return IdleNASTuner(
        SPACE,
        OBJECTIVE,
        trials,
        strategy=RegularizedEvolution(),
        seed=seed,
        input_shape=(1,),
        directory=directory,
    )


TUNERS: dict[str, Callable[[int, int, str], keras_tuner.Tuner]] = {
    "Keras Tuner, RandomSearch": native,
    "nasbridge, RegularizedEvolution": bridged,
}


def cpu_ms(make: Callable[[int, int, str], keras_tuner.Tuner], trials: int, seed: int) -> float:
    """Return the CPU milliseconds per trial with a tuner."""
    with tempfile.TemporaryDirectory() as directory:
        tuner = make(trials, seed, directory)
        began = time.process_time()
        tuner.search(verbose=0)
        spent = time.process_time() - began
        assert len(tuner.oracle.trials) == trials
    return 1000 * spent / trials


def measure(trials: int, repeats: int) -> list[str]:
    """Return the table rows for a number of trials."""
    spent: dict[str, list[float]] = {name: [] for name in TUNERS}
    for repeat in range(repeats):
        for name, make in TUNERS.items():
            spent[name].append(cpu_ms(make, trials, repeat))
    first = next(iter(spent.values()))
    rows: list[str] = []
    for name, times in spent.items():
        ratio = statistics.median(one / other for one, other in zip(times, first, strict=True))
        rows.append(
            f"| {trials} | {name} | {statistics.median(times):.2f} | {ratio:.2f} | {repeats} |"
        )
    return rows


def main() -> None:
    """Measure, write the table, print it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--most", type=int, default=1000, help="maximum number of trials in a search"
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=REPOSITORY / "docs" / "benchmarks" / "overhead_keras_tuner.md",
    )
    arguments = parser.parse_args()
    for make in TUNERS.values():
        cpu_ms(make, 20, 0)  # warm up
    rounds = {trials: n for trials, n in ROUNDS.items() if trials <= arguments.most}
    table = "\n".join(row for trials, n in rounds.items() for row in measure(trials, n))
    arguments.output.write_text(
        f"""# CPU time of a trial under Keras Tuner

A search with 12 decisions of 5 options, trials without training, and the project on disk; the
tuners alternate in one process. Median CPU milliseconds per trial, and the median ratio to
RandomSearch in the same round.

| trials | tuner | CPU ms per trial | ratio to RandomSearch | repeats |
|---|---|---|---|---|
{table}

Made by `python benchmarks/overhead_keras_tuner.py`; Python {platform.python_version()}, Keras
Tuner {version("keras-tuner")}.
"""
    )
    print(arguments.output.read_text())


if __name__ == "__main__":
    main()
