# pyright: basic
"""Strategies of nasbridge and native tuners of Keras Tuner on one Fashion-MNIST space.

    python benchmarks/fashion_mnist_keras_tuner.py    # writes the page in docs/benchmarks/

Each search has the same number of trials and epochs (Hyperband the same total of epochs) and three
seeds, on the space and the data of examples/fashion_mnist.py. One function builds and compiles the
networks of all tuners. The best network by validation accuracy is tested once, without retraining.
Takes hours; complete searches are stored and not repeated.
"""

import argparse
import json
import platform
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import keras
import keras_tuner

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY / "examples"))

from fashion_mnist import SHAPE, SPACE, load, search_data  # noqa: E402  (not a package)

from nasbridge import BayesianOptimization, RandomSearch, RegularizedEvolution  # noqa: E402
from nasbridge.adapters.keras_tuner import NASOracle, suggest  # noqa: E402

OBJECTIVE = keras_tuner.Objective("val_accuracy", "max")


class Networks(keras_tuner.HyperModel):
    """The networks of the space; networks above its limits fail under every tuner."""

    def build(self, hp: Any) -> keras.Model:
        """Build a network of any size: Keras Tuner discovers conditions by building."""
        model: keras.Model = suggest(hp, SPACE).build(SHAPE)
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        return model

    def fit(self, hp: Any, model: Any, *data: Any, **settings: Any) -> Any:
        """Train a network within the limits."""
        if not SPACE.is_feasible(suggest(hp, SPACE)):
            raise keras_tuner.errors.FailedTrialError("above the limits of the space")
        return model.fit(*data, **settings)


def bridged(strategy: Any, trials: int, epochs: int, seed: int, **place: Any) -> keras_tuner.Tuner:
    """Return a plain tuner with a strategy of nasbridge."""
    oracle = NASOracle(OBJECTIVE, trials, strategy=strategy, space=SPACE, seed=seed)
    return keras_tuner.Tuner(oracle=oracle, hypermodel=Networks(), **place)


def native(kind: Any, trials: int, epochs: int, seed: int, **place: Any) -> keras_tuner.Tuner:
    """Return a native tuner of Keras Tuner."""
    settings = {"max_consecutive_failed_trials": None, "seed": seed + 1}
    return kind(Networks(), OBJECTIVE, max_trials=trials, **settings, **place)


def hyperband(trials: int, epochs: int, seed: int, **place: Any) -> keras_tuner.Tuner:
    """Return Keras Tuner's Hyperband; `Budget` stops it after the same total of epochs."""
    settings: dict[str, Any] = {"max_consecutive_failed_trials": None, "seed": seed + 1}
    return keras_tuner.Hyperband(
        Networks(),
        OBJECTIVE,
        max_epochs=epochs,
        factor=3,
        hyperband_iterations=9,
        **settings,
        **place,
    )


CONTENDERS: dict[str, Callable[..., keras_tuner.Tuner]] = {
    "Keras Tuner, RandomSearch": partial(native, keras_tuner.RandomSearch),
    "Keras Tuner, BayesianOptimization": partial(native, keras_tuner.BayesianOptimization),
    "Keras Tuner, Hyperband": hyperband,
    "nasbridge, RandomSearch": partial(bridged, RandomSearch()),
    "nasbridge, RegularizedEvolution": partial(bridged, RegularizedEvolution(10, 4)),
    "nasbridge, BayesianOptimization": partial(bridged, BayesianOptimization(6)),
}


class SpentError(Exception):
    """The epoch budget of a search is exhausted."""


class Budget(keras.callbacks.Callback):
    """Counts epochs over all trials, and stops the search when the budget is exhausted."""

    def __init__(self, left: list[int]) -> None:
        super().__init__()
        self._left = left

    def __deepcopy__(self, memo: object) -> "Budget":
        return Budget(self._left)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Count an epoch."""
        self._left[0] -= 1
        if self._left[0] < 0:
            raise keras_tuner.errors.FatalError("the epoch budget is exhausted") from SpentError()


def search(name: str, seed: int, arguments: argparse.Namespace) -> dict[str, float]:
    """Run one search, and test its best network once."""
    label = f"{name}, {seed}".lower().replace(", ", "-").replace(" ", "_")
    known = arguments.directory / f"{label}.json"
    if known.exists():
        return json.loads(known.read_text())
    place = {"directory": arguments.directory, "project_name": label, "overwrite": True}
    tuner = CONTENDERS[name](arguments.trials, arguments.epochs, seed, **place)
    (x, y), validation = search_data()
    x, y = x[: arguments.images], y[: arguments.images]
    began = time.monotonic()
    left = [arguments.trials * arguments.epochs]
    try:
        tuner.search(
            x,
            y,
            validation_data=validation,
            epochs=arguments.epochs,
            batch_size=64,
            callbacks=[Budget(left)],
            verbose=0,
        )
    except keras_tuner.errors.FatalError:
        assert left[0] < 0, "the search failed before its epoch budget was exhausted"
    seconds = time.monotonic() - began
    best: Any = tuner.oracle.get_best_trials(1)[0]
    _, (x_test, y_test) = load()
    model: Any = tuner.load_model(best)
    test = model.evaluate(x_test, y_test, verbose=0, return_dict=True)["accuracy"]
    result = {"validation": best.score, "test": test, "seconds": seconds}
    known.write_text(json.dumps(result))
    return result


def main() -> None:
    """Run all searches, write the table, print it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trials", type=int, default=30)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--images", type=int, default=12_000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--directory", type=Path, default=Path("runs/fashion_mnist_keras_tuner"))
    parser.add_argument(
        "--output",
        type=Path,
        default=REPOSITORY / "docs" / "benchmarks" / "fashion_mnist_keras_tuner.md",
    )
    arguments = parser.parse_args()
    arguments.directory.mkdir(parents=True, exist_ok=True)
    rows: list[str] = []
    found: dict[str, list[dict[str, float]]] = {name: [] for name in CONTENDERS}
    for seed in range(arguments.seeds):  # alternate, so that load changes affect all equally
        for name, results in found.items():
            results.append(search(name, seed, arguments))
    for name, results in found.items():
        cells = [
            " / ".join(f"{result[key]:.4f}" for result in results) for key in ("validation", "test")
        ]
        mean = statistics.mean(result["validation"] for result in results)
        seconds = statistics.median(result["seconds"] for result in results)
        rows.append(f"| {name} | {mean:.4f} | {cells[0]} | {cells[1]} | {seconds:.0f} |")
    table = "\n".join(rows)
    arguments.output.write_text(
        f"""# Fashion-MNIST under Keras Tuner

{arguments.trials} trials of {arguments.epochs} epochs of {arguments.images} images each (Hyperband:
the same total of epochs), {arguments.seeds} seeds, on the space and the data of
`examples/fashion_mnist.py`. The best network by validation accuracy is tested once, without
retraining. A network above the limits of the space fails immediately under every tuner. nasbridge
proposes none; Keras Tuner does not support such limits and spends trials of a few seconds on them.

| tuner | mean best validation accuracy | per seed | test accuracy per seed | seconds (median) |
|---|---|---|---|---|
{table}

Made by `python benchmarks/fashion_mnist_keras_tuner.py {" ".join(sys.argv[1:])}`; Python
{platform.python_version()}, Keras Tuner {version("keras-tuner")}, Keras {keras.__version__}.
"""
    )
    print(arguments.output.read_text())


if __name__ == "__main__":
    main()
