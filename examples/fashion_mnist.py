# pyright: basic
"""Search a network with fewer than 100,000 parameters for Fashion-MNIST, and test it once.

    python examples/fashion_mnist.py

The search trains for a few epochs on part of the training images; Optuna's median pruner stops bad
trials. The best architecture is then retrained from scratch on all 60,000 training images and
tested once on the 10,000 test images, together with five random architectures of the same space.
"""

import argparse
import gzip
import time
from pathlib import Path

import numpy

from nasbridge import (
    Architecture,
    Chain,
    Choice,
    Experiment,
    History,
    Integer,
    KerasEvaluator,
    RandomSearch,
    RegularizedEvolution,
    Repeat,
    layer,
    residual,
)

SEED = 0
SHAPE = (28, 28, 1)
DEBIAN = Path("/usr/share/datasets/fashion-mnist")  # apt install dataset-fashion-mnist

Arrays = tuple[numpy.ndarray, numpy.ndarray]


def load() -> tuple[Arrays, Arrays]:
    """Return training and test images, from the Debian package or from `keras.datasets`."""
    if DEBIAN.is_dir():
        parts = [(_read(f"{part}-images-idx3"), _read(f"{part}-labels-idx1")) for part in _PARTS]
    else:
        import keras

        parts = list(keras.datasets.fashion_mnist.load_data())
    (x, y), (x_test, y_test) = (
        (images.reshape(-1, *SHAPE).astype("float32") / 255, labels.astype("int32"))
        for images, labels in parts
    )
    return (x, y), (x_test, y_test)


_PARTS = ("train", "t10k")


def _read(name: str) -> numpy.ndarray:
    content = gzip.decompress((DEBIAN / f"{name}-ubyte.gz").read_bytes())
    axes = content[3]
    shape = numpy.frombuffer(content, ">u4", axes, offset=4)
    return numpy.frombuffer(content, numpy.uint8, offset=4 + 4 * axes).reshape(shape)


def search_data() -> tuple[Arrays, Arrays]:
    """Return 12,000 training and 5,000 validation images, all from the training set."""
    (x, y), _ = load()
    order = numpy.random.default_rng(SEED).permutation(len(x))
    train, validation = order[:12_000], order[-5_000:]
    return (x[train], y[train]), (x[validation], y[validation])


def conv(filters: object, kernel_size: int, strides: int = 1) -> Chain:
    """Return a normalised convolution."""
    return Chain(
        layer(
            "Conv2D",
            filters=filters,
            kernel_size=kernel_size,
            strides=strides,
            padding="same",
            use_bias=False,
        ),
        layer("BatchNormalization", momentum=0.9),
        layer("ReLU"),
    )


def separable(filters: object, kernel_size: int) -> Chain:
    """Return a normalised depthwise separable convolution."""
    return Chain(
        layer("DepthwiseConv2D", kernel_size=kernel_size, padding="same", use_bias=False),
        conv(filters, 1),
    )


def stage(number: int, widths: list[int], strides: int) -> Chain:
    """Return a convolution that sets the width and the image size, and up to three blocks."""
    width = Choice(widths, name=f"width_{number}", shared=True)
    block = Choice(
        {
            "conv3": residual(conv(width, 3)),
            "separable3": residual(separable(width, 3)),
            "separable5": residual(separable(width, 5)),
            "two_convs": residual(conv(width, 3), conv(width, 3)),
        },
        name=f"block_{number}",
    )
    return Chain(
        conv(width, 3, strides), Repeat(block, times=Integer(0, 3, name=f"depth_{number}"))
    )


SPACE = Chain(
    layer("RandomFlip", mode="horizontal"),
    stage(1, [8, 16, 24], strides=1),
    stage(2, [24, 32, 48], strides=2),
    stage(3, [48, 64, 96], strides=2),
    layer("GlobalAveragePooling2D"),
    layer("Dropout", rate=Choice([0.0, 0.2, 0.4], name="dropout")),
    layer("Dense", units=10, activation="softmax"),
).limit(SHAPE, parameters=99_999, flops=6_000_000)


def cosine(epochs: int) -> list[object]:
    """Return a schedule that decays the learning rate from 0.004 to 0 along half a cosine."""
    import keras

    def rate(epoch: int) -> float:
        return 0.002 * float(1 + numpy.cos(numpy.pi * epoch / epochs))

    return [keras.callbacks.LearningRateScheduler(rate)]


EVALUATOR = KerasEvaluator(search_data, epochs=6, batch_size=64, callbacks=cosine)


class Final:
    """Trains from scratch on all training images, and tests once."""

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs

    def __call__(self, architecture: Architecture, trial: object = None) -> dict[str, float]:
        """Return the test accuracy and the number of parameters."""
        train, (x_test, y_test) = load()
        model = EVALUATOR.train(architecture, train, epochs=self.epochs, seed=SEED)
        tested = model.evaluate(x_test, y_test, batch_size=500, verbose=0, return_dict=True)
        return {"test_accuracy": tested["accuracy"], "parameters": model.count_params()}


experiment = Experiment(
    SPACE,
    EVALUATOR,
    objectives={"val_accuracy": "max"},
    strategy=RegularizedEvolution(population=12, sample=4),
    trials=40,
    seconds=45 * 60,
    seed=SEED,
)


def random_ones(directory: Path, epochs: int, jobs: int) -> History:
    """Train five random architectures with the settings of the best one."""
    return Experiment(
        SPACE,
        Final(epochs),
        objectives={"test_accuracy": "max"},
        strategy=RandomSearch(),
        trials=5,
        seed=SEED + 1,
    ).run(directory=directory, jobs=jobs)


def main() -> None:
    """Search, retrain, test, compare."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--directory", type=Path, default=Path("runs/fashion_mnist"))
    parser.add_argument("--jobs", type=int, default=2, help="number of parallel trials")
    parser.add_argument(
        "--epochs", type=int, default=16, help="number of epochs of the final trainings"
    )
    arguments = parser.parse_args()

    began = time.monotonic()
    import optuna  # imported here, because other backends do not need it

    pruner = optuna.pruners.MedianPruner(n_startup_trials=6, n_warmup_steps=2)
    history = experiment.run(
        "optuna", directory=arguments.directory, jobs=arguments.jobs, pruner=pruner
    )
    minutes = (time.monotonic() - began) / 60
    best = history.best
    print(
        f"search: {len(history)} trials, {len(history.of_state('pruned'))} stopped early, "
        f"{minutes:.0f} min"
    )
    print(f"best: validation accuracy {best.values['val_accuracy']:.4f}, {best.architecture}")

    final = Final(arguments.epochs)(best.architecture)
    print(
        f"best, retrained: test accuracy {final['test_accuracy']:.4f}, "
        f"{final['parameters']:,} parameters"
    )
    others = random_ones(arguments.directory / "random", arguments.epochs, arguments.jobs)
    accuracies = [trial.values["test_accuracy"] for trial in others.of_state("complete")]
    print(
        f"{len(accuracies)} random architectures, trained alike: "
        f"mean {numpy.mean(accuracies):.4f}, from {min(accuracies):.4f} to {max(accuracies):.4f}"
    )


if __name__ == "__main__":
    main()
