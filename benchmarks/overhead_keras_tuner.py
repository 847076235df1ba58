# pyright: basic
"""What a trial costs under Keras Tuner: our tuner beside RandomSearch, with nothing to train.

    python benchmarks/overhead_keras_tuner.py     # writes docs/benchmarks/overhead_keras_tuner.md

Twelve decisions of five options each, a trial that returns at once, and projects on disk as ever.
The tuners take turns in one process, so that a drifting machine is fair to both; the figure is CPU
time a trial, the median of the repeats, and the ratio the median of the pairs.
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
    """Count the options "a"; the time that it takes is the same for all."""
    values = trial.hyperparameters.values.values()
    return {"score": float(sum(value == "a" for value in values))}


class TheirTuner(keras_tuner.RandomSearch):
    """Keras Tuner's own random search, without training."""

    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> Any:
        """Return at once."""
        return score(trial)


class OurTuner(NASTuner):
    """Our tuner, without training."""

    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> Any:
        """Return at once."""
        return score(trial)


def theirs(trials: int, seed: int, directory: str) -> keras_tuner.Tuner:
    """Return Keras Tuner's random search."""
    return TheirTuner(
        None,
        OBJECTIVE,
        trials,
        seed=seed + 1,
        hyperparameters=to_native(SPACE),
        directory=directory,
    )


def ours(trials: int, seed: int, directory: str) -> keras_tuner.Tuner:
    """Return our tuner with regularized evolution."""
    return OurTuner(
        SPACE,
        OBJECTIVE,
        trials,
        strategy=RegularizedEvolution(),
        seed=seed,
        input_shape=(1,),
        directory=directory,
    )


TUNERS: dict[str, Callable[[int, int, str], keras_tuner.Tuner]] = {
    "Keras Tuner, RandomSearch": theirs,
    "nasbridge, RegularizedEvolution": ours,
}


def cpu_ms(make: Callable[[int, int, str], keras_tuner.Tuner], trials: int, seed: int) -> float:
    """Return the CPU milliseconds a trial takes."""
    with tempfile.TemporaryDirectory() as directory:
        tuner = make(trials, seed, directory)
        began = time.process_time()
        tuner.search(verbose=0)
        spent = time.process_time() - began
        assert len(tuner.oracle.trials) == trials
    return 1000 * spent / trials


def measure(trials: int, repeats: int) -> list[str]:
    """Return the rows of the table for a number of trials."""
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
    parser.add_argument("--most", type=int, default=1000, help="the most trials in one search")
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
        f"""# What a trial costs under Keras Tuner

A search with 12 decisions of 5 options and trials that train nothing, its project on disk; the
tuners in turn in one process. CPU milliseconds a trial (median), and the median ratio to
RandomSearch in the same round.

| trials | tuner | CPU ms a trial | ratio to RandomSearch | repeats |
|---|---|---|---|---|
{table}

Made by `python benchmarks/overhead_keras_tuner.py`; Python {platform.python_version()}, Keras
Tuner {version("keras-tuner")}.
"""
    )
    print(arguments.output.read_text())


if __name__ == "__main__":
    main()
