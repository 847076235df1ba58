# pyright: basic
"""Every Keras backend builds, trains, saves and loads networks from every kind of space.

A process has one Keras backend, so this file is a program, too: it checks all spaces under the
backend that KERAS_BACKEND names, and writes down what went wrong. Each backend runs once.
"""

import json
import os
import subprocess
import sys
import tempfile
import traceback
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy
import pytest

from nasbridge.spaces import (
    Architecture,
    Chain,
    Choice,
    Node,
    Parallel,
    SearchSpace,
    Zero,
    layer,
    library,
    residual,
)
from nasbridge.spaces.planning.shapes import Shape

pytestmark = pytest.mark.frameworks

BACKENDS = ("jax", "tensorflow", "torch")
QUICK = {  # one step of training is not worth a long compilation
    "JAX_PLATFORMS": "cpu",
    "OMP_NUM_THREADS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "XLA_FLAGS": "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true",
}


class Case(NamedTuple):
    """A space for so many classes, and the input that its networks take."""

    space: Callable[[int], SearchSpace]
    input_shape: Shape
    classes: int = 3


def convolutional(rank: int) -> Callable[[int], Node]:
    """A residual network for so many spatial axes, with branches that must be fitted."""

    def space(classes: int) -> Node:
        conv = layer(f"Conv{rank}D", filters=4, kernel_size=3, strides=2, padding="same")
        pool = layer(f"MaxPooling{rank}D", pool_size=3)
        return Chain(
            residual(conv, layer("BatchNormalization"), layer("ReLU")),
            Parallel(conv, pool, Zero(), merge="concatenate"),
            layer(f"GlobalAveragePooling{rank}D"),
            layer("Dense", units=classes, activation="softmax"),
        )

    return space


def separable(classes: int) -> Node:
    """The convolutions of the spaces that are too long to be trained under JAX."""
    return Chain(
        layer("SeparableConv2D", filters=3, kernel_size=3, padding="same"),
        layer("DepthwiseConv2D", kernel_size=3, padding="same"),
        layer("Conv2D", filters=3, kernel_size=3, dilation_rate=2, padding="same"),
        layer("GlobalAveragePooling2D"),
        layer("Dense", units=classes, activation="softmax"),
    )


def text(classes: int) -> Node:
    """An embedding, a recurrent network and a layer around a layer."""
    network = layer("Bidirectional", layer=layer("GRU", units=Choice([3, 4])))
    return Chain(
        layer("Embedding", input_dim=2, output_dim=4),
        network,
        layer("Dense", units=classes, activation="softmax"),
    )


def cells(make: Callable[..., Node], **settings: int) -> Callable[[int], Node]:
    """A space of the library, in small."""
    return lambda classes: make(classes, repeats=1, width=2, **settings)


SPACES: Mapping[str, Case] = {
    "1d": Case(convolutional(1), (9, 2)),
    "2d": Case(convolutional(2), (7, 9, 3)),
    "3d": Case(convolutional(3), (5, 6, 7, 1)),
    "cnn": Case(lambda classes: library.cnn(classes, stages=2), (8, 8, 1)),
    "darts": Case(cells(library.darts, nodes=2), (8, 9, 3)),
    "enas_micro": Case(cells(library.enas_micro, nodes=2), (8, 8, 3)),
    "mlp": Case(library.mlp, (5,)),
    "nas_bench_201": Case(cells(library.nas_bench_201), (7, 9, 3)),
    "nasnet": Case(cells(library.nasnet, nodes=2), (8, 8, 3)),
    "residual_cnn": Case(lambda classes: library.residual_cnn(classes, stages=2), (8, 8, 1)),
    "separable": Case(separable, (7, 7, 2)),
    "tabular": Case(library.tabular, (5,)),
    "text": Case(text, (6,)),
}
LONG = {
    "1d",
    "darts",
    "enas_micro",
    "nasnet",
    "residual_cnn",
}  # under JAX, which compiles all that is new


@pytest.mark.parametrize("backend", BACKENDS)
def test_networks_are_built_trained_saved_and_loaded(
    backend: str, subtests: pytest.Subtests
) -> None:
    environment = {**os.environ, **QUICK, "KERAS_BACKEND": backend}
    ran = subprocess.run(
        [sys.executable, __file__], env=environment, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    wrong: dict[str, str] = json.loads(ran.stdout.splitlines()[-1])
    assert wrong.keys() == SPACES.keys()
    for name, error in wrong.items():
        with subtests.test(name):
            assert not error, error


# ---------------------------------------------------------------- the program


def covering(space: SearchSpace) -> Iterator[Architecture]:
    """Choose random architectures until every option of every kind of decision has been taken."""
    rng, drawn = numpy.random.default_rng(1), list[tuple[Architecture, set[object]]]()
    for _ in range(100):
        architecture = space.sample(rng)
        taken: set[object] = {
            (space.decision(n).domain, label) for n, label in architecture.choices.items()
        }
        drawn.append((architecture, taken))
    wanted = set[object]().union(*(taken for _, taken in drawn))
    while True:
        architecture, taken = max(drawn, key=lambda one: len(one[1] & wanted))
        wanted -= taken
        yield architecture
        if not wanted:
            return


def check(architecture: Architecture, input_shape: Shape, classes: int) -> None:
    """Build, train for a step, save and load a network."""
    import keras

    from nasbridge.spaces.keras import flops

    keras.utils.set_random_seed(0)
    model = architecture.build(input_shape)
    cost = architecture.cost(input_shape)
    assert (model.count_params(), flops(model)) == (cost.parameters, cost.flops)

    rng = numpy.random.default_rng(2)
    x = rng.integers(2, size=(4, *input_shape)).astype("float32")
    y = rng.integers(classes, size=4)
    before = model.get_weights()
    eager = keras.backend.backend() != "jax"  # the graph of one step costs more than the step
    model.compile("sgd", "sparse_categorical_crossentropy", run_eagerly=eager)
    assert numpy.isfinite(model.train_on_batch(x, y))
    assert any((new != old).any() for new, old in zip(model.get_weights(), before, strict=True))

    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "model.keras"
        model.save(path)
        assert "nasbridge" not in zipfile.ZipFile(path).read("config.json").decode()
        loaded: Any = keras.models.load_model(path)
    assert [part.name for part in loaded.layers] == [part.name for part in model.layers]
    predicted = model.predict_on_batch(x)
    assert predicted.shape == (4, classes)
    numpy.testing.assert_allclose(loaded.predict_on_batch(x), predicted, rtol=1e-5, atol=1e-6)


def main() -> None:
    """Check all spaces, and print a JSON object of what went wrong."""
    wrong: dict[str, str] = {}
    for name, case in SPACES.items():
        try:
            first, *others = covering(case.space(case.classes))
            if name in LONG and os.environ["KERAS_BACKEND"] == "jax":
                others = [first]
            else:
                check(first, case.input_shape, case.classes)
            for architecture in others:
                model = architecture.build(case.input_shape)
                assert model.count_params() == architecture.cost(case.input_shape).parameters
            wrong[name] = ""
        except Exception:
            wrong[name] = traceback.format_exc()
    print(json.dumps(wrong))


if __name__ == "__main__":
    main()
