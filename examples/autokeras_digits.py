# pyright: basic
"""Search the networks of an AutoKeras block on handwritten digits.

    python examples/autokeras_digits.py

AutoKeras reads the images, encodes the labels, trains and exports. A strategy of nasbridge proposes
the network between the input and the head, and the learning rate. Takes about a minute.
"""

import argparse
from pathlib import Path
from typing import Any

import autokeras
import keras
from digits import split  # type: ignore[import-not-found]  # examples/digits.py

from nasbridge import (
    BayesianOptimization,
    Chain,
    Choice,
    Integer,
    MedianPruner,
    Real,
    Repeat,
    layer,
)
from nasbridge.adapters.autokeras import NASBlock, NASTuner

SPACE = Chain(
    layer("Conv2D", filters=Choice([8, 16, 32], name="width"), kernel_size=3, padding="same"),
    Repeat(
        Choice(
            {
                "conv": layer(
                    "Conv2D", filters=16, kernel_size=3, padding="same", activation="relu"
                ),
                "pool": layer("MaxPooling2D", pool_size=2),
                "skip": layer("Identity"),
            },
            name="op",
        ),
        times=Integer(1, 3, name="depth"),
    ),
)


def main() -> None:
    """Search, and test the best network once."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--directory", type=Path, default=Path("runs/autokeras_digits"))
    parser.add_argument("--trials", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=6)
    arguments = parser.parse_args()

    (x, y), validation, (x_test, y_test) = split()
    source = autokeras.ImageInput()
    model = autokeras.AutoModel(
        source,
        autokeras.ClassificationHead(dropout=0)(NASBlock(SPACE)(source)),
        tuner=NASTuner,
        strategy=BayesianOptimization(initial=4),
        pruner=MedianPruner(),
        others={"learning_rate": Real(1e-3, 1e-1, log=True)},
        objective="val_accuracy",
        max_trials=arguments.trials,
        directory=arguments.directory,
    )
    model.fit(x, y, validation_data=validation, epochs=arguments.epochs, verbose=0)
    model.tuner.results_summary(1)
    accuracy = model.evaluate(x_test, y_test, verbose=0)[1]

    file = arguments.directory / "best.keras"
    model.export_model().save(file)
    best: Any = keras.models.load_model(file, autokeras.CUSTOM_OBJECTS)
    print(f"test accuracy {accuracy:.4f}, {best.count_params():,} weights, in {file}")


if __name__ == "__main__":
    main()
