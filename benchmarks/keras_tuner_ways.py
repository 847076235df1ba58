# pyright: basic
"""Three native integrations with Keras Tuner, compared with `local` and `optuna`.

    python benchmarks/keras_tuner_ways.py    # writes docs/benchmarks/keras_tuner_ways.md

Keras Tuner searches a space, a `build_model(hp)` and the variants of a `keras.Model` on digits and
Fashion-MNIST, as in examples/keras_tuner_digits.py. Then the same space, strategy and seed run
under `local` and `optuna`, where each trial returns the value of Keras Tuner's trial with the same
number, so that only the proposals can differ. A cell counts the equal proposals.
"""

import argparse
import platform
import sys
import tempfile
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import keras
import keras_tuner

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY / "examples"))

import digits  # noqa: E402  (examples are not a package)
import fashion_mnist  # noqa: E402
import keras_tuner_digits  # noqa: E402

from nasbridge import Architecture, BayesianOptimization, Experiment, History  # noqa: E402
from nasbridge.adapters.keras_tuner import NASOracle, NASTuner, load  # noqa: E402
from nasbridge.spaces import variants_of  # noqa: E402

METRIC = "val_accuracy"
STRATEGY = BayesianOptimization(initial=4)
SEED = 7
BACKENDS = ("local", "optuna")


def classifier(hp: keras_tuner.HyperParameters) -> keras.Model:
    """Build a typical hand-written network for Fashion-MNIST."""
    layers: list[Any] = [keras.Input(fashion_mnist.SHAPE)]
    for number in range(hp.Int("convolutions", 1, 3)):
        layers.append(keras.layers.Conv2D(8 * (number + 1), 3, 2, "same", activation="relu"))
    layers.append(keras.layers.GlobalAveragePooling2D())
    has_dropout = hp.Boolean("dropout")
    with hp.conditional_scope("dropout", [True]):  # otherwise "rate" joins the space late
        rate = hp.Float("rate", 0.1, 0.5, step=0.1)
    layers.extend([keras.layers.Dropout(rate)] if has_dropout else [])
    layers.append(keras.layers.Dense(10, "softmax"))
    model = keras.Sequential(layers)
    optimizer = keras.optimizers.Adam(hp.Float("learning_rate", 1e-3, 1e-2, sampling="log"))
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def searches(images: int) -> Iterator[tuple[str, Any, Any, tuple[Any, Any]]]:
    """Yield the name, the space, the model-building function and the data of each data set."""
    yield "digits", digits.SPACE, keras_tuner_digits.build_model, digits.data()
    (x, y), (x_val, y_val) = fashion_mnist.search_data()
    data = (x[:images], y[:images]), (x_val[:images], y_val[:images])
    yield "Fashion-MNIST", fashion_mnist.SPACE, classifier, data


def tuners(space: Any, build: Any, trials: int, place: Path) -> Mapping[str, keras_tuner.Tuner]:
    """Return a tuner for each integration."""
    common: dict[str, Any] = {"seed": SEED, "max_trials": trials, "objective": METRIC}
    model = build(keras_tuner.HyperParameters())
    return {
        "a space": NASTuner(space, strategy=STRATEGY, directory=place / "space", **common),
        "a function": keras_tuner.Tuner(
            oracle=NASOracle(strategy=STRATEGY, **common),
            hypermodel=build,
            directory=place / "function",
        ),
        "a model": NASTuner(
            variants_of(model), strategy=STRATEGY, directory=place / "model", **common
        ),
    }


class Replayed:
    """Returns the value that the trial with the same number has in a history."""

    def __init__(self, history: History) -> None:
        self._values = {trial.number: dict(trial.values) for trial in history}

    def __call__(self, architecture: Architecture, trial: Any) -> dict[str, float]:
        """Return the recorded value."""
        return self._values[trial.number]


def equal(history: History, backend: str, place: Path) -> int:
    """Return the number of proposals that are the same under a backend."""
    evaluate = Replayed(history)
    experiment = Experiment(
        history.space, evaluate, {METRIC: "max"}, STRATEGY, trials=len(history), seed=SEED
    )
    other = experiment.run(backend, place / backend, jobs=1)
    there = {trial.number: trial.architecture.choices for trial in other}
    return sum(there.get(trial.number) == trial.architecture.choices for trial in history)


def rows(arguments: argparse.Namespace, place: Path) -> Iterator[str]:
    """Yield the rows of the table."""
    for name, space, build, ((x, y), validation) in searches(arguments.images):
        for way, tuner in tuners(space, build, arguments.trials, place / name).items():
            settings = {"validation_data": validation, "epochs": arguments.epochs, "verbose": 0}
            tuner.search(x, y, **settings)
            history = load(tuner)
            same = [equal(history, each, place / name / way) for each in BACKENDS]
            cells = " | ".join(f"{count} of {len(history)}" for count in same)
            distinct = len({trial.architecture for trial in history})
            yield f"| {name} | {way} | {distinct} | {history.best.values[METRIC]:.3f} | {cells} |"


def main() -> None:
    """Search, compare, write the table, print it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trials", type=int, default=12)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--images", type=int, default=2_000, help="number of Fashion-MNIST images")
    output = REPOSITORY / "docs" / "benchmarks" / "keras_tuner_ways.md"
    parser.add_argument("--output", type=Path, default=output)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        table = "\n".join(rows(arguments, Path(place)))
    arguments.output.write_text(
        f"""# Three integrations with Keras Tuner, and the same proposals elsewhere

{arguments.trials} trials of {arguments.epochs} epochs, Fashion-MNIST with {arguments.images}
images, BayesianOptimization(initial={STRATEGY.initial}), seed {SEED}. The last columns count the
proposals of Keras Tuner's trials that `local` and `optuna` repeat for the same space, strategy and
seed, where each trial returns the value of Keras Tuner's trial. (A hyperparameter that a function
declares late, outside a conditional scope, joins the space late: earlier proposals come from a
smaller space and differ.)

| data | input | networks | best {METRIC} | as `local` | as `optuna` |
|---|---|---|---|---|---|
{table}

Made by `python benchmarks/keras_tuner_ways.py`; Python {platform.python_version()}, Keras Tuner
{version("keras-tuner")}, Keras {version("keras")}.
"""
    )
    print(arguments.output.read_text())


if __name__ == "__main__":
    main()
