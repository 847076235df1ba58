# pyright: basic
"""Three native integrations with Keras Tuner on handwritten digits.

    python examples/keras_tuner_digits.py     # extras `keras-tuner`, `report` and `tensorflow`

The same strategy searches a space, an existing model-building function and variants of an existing
model. Keras Tuner trains, stores and reports. Takes a few minutes on two cores.
"""

import argparse
from pathlib import Path
from typing import Any

import keras
import keras_tuner
from digits import SPACE, split  # type: ignore[import-not-found]  # examples/digits.py

from nasbridge import BayesianOptimization, MedianPruner
from nasbridge.adapters.keras_tuner import NASOracle, NASTuner, ReportEpochs
from nasbridge.spaces import variants_of

STRATEGY = BayesianOptimization(initial=4)


def build_model(hp: Any) -> keras.Model:
    """Build a model from hyperparameters, as Keras Tuner requires."""
    inputs = keras.Input((8, 8, 1))
    x = keras.layers.Conv2D(hp.Choice("filters", [8, 16, 32]), 3, activation="relu")(inputs)
    if hp.Choice("kind", ["flat", "pooled"]) == "flat":
        x = keras.layers.Flatten()(x)
    else:
        x = keras.layers.GlobalAveragePooling2D()(x)
    with hp.conditional_scope("kind", ["flat"]):
        units = hp.Int("units", 16, 64, step=16)
    x = x if units is None else keras.layers.Dense(units, "relu")(x)
    model = keras.Model(inputs, keras.layers.Dense(10, "softmax")(x))
    rate = hp.Float("rate", 1e-4, 1e-2, sampling="log")
    optimizer = keras.optimizers.Adam(rate)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def tuners(trials: int, directory: Path) -> dict[str, keras_tuner.Tuner]:
    """Return a tuner for each of the three integrations."""
    common: dict[str, Any] = {"objective": "val_accuracy", "max_trials": trials}
    oracle = NASOracle(strategy=STRATEGY, pruner=MedianPruner(), **common)
    model = build_model(keras_tuner.HyperParameters())
    return {
        "a space": NASTuner(
            SPACE, strategy=STRATEGY, pruner=MedianPruner(), directory=directory / "space", **common
        ),
        "a function": keras_tuner.Tuner(
            oracle=oracle, hypermodel=build_model, directory=directory / "function"
        ),
        "a model": NASTuner(
            variants_of(model), strategy=STRATEGY, directory=directory / "model", **common
        ),
    }


def main() -> None:
    """Search with each tuner, and test its best network once."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--directory", type=Path, default=Path("runs/keras_tuner_digits"))
    parser.add_argument("--trials", type=int, default=12)
    parser.add_argument("--epochs", type=int, default=8)
    arguments = parser.parse_args()

    (x, y), validation, (x_test, y_test) = split()
    for name, tuner in tuners(arguments.trials, arguments.directory).items():
        callbacks = [] if isinstance(tuner, NASTuner) else [ReportEpochs(tuner)]
        tuner.search(
            x,
            y,
            validation_data=validation,
            epochs=arguments.epochs,
            callbacks=callbacks,
            verbose=0,
        )
        best: Any = tuner.get_best_models()[0]
        accuracy = best.evaluate(x_test, y_test, verbose=0, return_dict=True)["accuracy"]
        print(f"{name}: test accuracy {accuracy:.4f}, {best.count_params():,} weights")


if __name__ == "__main__":
    main()
