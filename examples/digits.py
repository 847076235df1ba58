# pyright: basic
"""Search a small network for handwritten digits under Optuna, and retrain the best one.

    python examples/digits.py     # extras `optuna` and `tensorflow` (or `torch`, `jax`)

Optuna runs the trials, stores them in SQLite, and stops bad ones with its median pruner. The data
(1,797 images of 8 x 8 pixels) come with scikit-learn. Takes two to four minutes on two cores.
"""

import argparse
from pathlib import Path

import numpy
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from nasbridge import (
    Chain,
    Choice,
    Experiment,
    Integer,
    KerasEvaluator,
    RegularizedEvolution,
    Repeat,
    layer,
    residual,
)
from nasbridge.report import write_report

SEED = 0


Arrays = tuple[numpy.ndarray, numpy.ndarray]


def split() -> tuple[Arrays, Arrays, Arrays]:
    """Return training, validation and test data: 60, 20 and 20 percent."""
    images, digits = (numpy.asarray(part) for part in load_digits(return_X_y=True))
    images = images.reshape(-1, 8, 8, 1).astype("float32") / 16
    rest, x_test, targets, y_test = train_test_split(
        images, digits, test_size=0.2, random_state=SEED, stratify=digits
    )
    x, x_val, y, y_val = train_test_split(
        rest, targets, test_size=0.25, random_state=SEED, stratify=targets
    )
    return (x, y), (x_val, y_val), (x_test, y_test)  # pyright: ignore[reportReturnType]


def data() -> tuple[Arrays, Arrays]:
    """Return the training and validation data, the only data that the search uses."""
    train, validation, _ = split()
    return train, validation


def conv(kernel_size: int) -> Chain:
    """Return a normalised convolution; all convolutions share one width."""
    return Chain(
        layer("Conv2D", filters=WIDTH, kernel_size=kernel_size, padding="same", use_bias=False),
        layer("BatchNormalization", momentum=0.9),
        layer("ReLU"),
    )


WIDTH = Choice([8, 16, 32], name="width", shared=True)

SPACE = Chain(
    conv(3),
    Repeat(
        Choice(
            {
                "conv3": conv(3),
                "conv5": conv(5),
                "residual": residual(conv(3), conv(3)),
                "pool": layer("MaxPooling2D", pool_size=2, padding="same"),
                "skip": layer("Identity"),
            },
            name="op",
        ),
        times=Integer(1, 5, name="depth"),
    ),
    layer("GlobalAveragePooling2D"),
    layer("Dropout", rate=Choice([0.0, 0.2, 0.4], name="dropout")),
    layer("Dense", units=10, activation="softmax"),
)

evaluate = KerasEvaluator(data, epochs=10, batch_size=32, monitor="val_accuracy")

experiment = Experiment(
    SPACE,
    evaluate,
    objectives={"val_accuracy": "max"},
    strategy=RegularizedEvolution(population=10, sample=4),
    trials=30,
    seed=SEED,
)


def main() -> None:
    """Search, retrain the best architecture from scratch, test it once, write the report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--directory", type=Path, default=Path("runs/digits"))
    parser.add_argument("--jobs", type=int, default=2, help="number of parallel trials")
    arguments = parser.parse_args()

    import optuna  # imported here, because other backends do not need it

    pruner = optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=2)
    history = experiment.run(
        "optuna", directory=arguments.directory, jobs=arguments.jobs, pruner=pruner
    )
    best = history.best
    print(f"{len(history)} trials, {len(history.of_state('pruned'))} stopped early by Optuna")
    print(f"best validation accuracy {best.values['val_accuracy']:.4f}: {best.architecture}")

    train, validation, (x_test, y_test) = split()
    model = evaluate.train(best.architecture, train, validation, epochs=30, seed=SEED)
    accuracy = model.evaluate(x_test, y_test, verbose=0, return_dict=True)["accuracy"]
    print(f"retrained from scratch: test accuracy {accuracy:.4f}, {model.count_params():,} weights")

    picture = arguments.directory / "best.png"
    best.architecture.draw(picture)
    report = arguments.directory / "report.html"
    write_report(history, report, directory=arguments.directory)
    print(f"report: {report}\npicture: {picture}")


if __name__ == "__main__":
    main()
