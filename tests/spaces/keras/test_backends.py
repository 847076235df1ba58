# pyright: basic
"""Every Keras backend builds, trains, saves and loads networks from every kind of space.

A process has one Keras backend, so this file is also a program: it checks all spaces under the
backend in KERAS_BACKEND, and prints the errors. Each backend runs once.
"""

import json
import os
import re
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
from nasbridge.spaces.planning.plan import plan
from nasbridge.spaces.planning.shapes import Shape

pytestmark = pytest.mark.frameworks

BACKENDS = ("jax", "tensorflow", "torch")
FAST = {  # one training step does not justify a long compilation
    "JAX_PLATFORMS": "cpu",
    "OMP_NUM_THREADS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "XLA_FLAGS": "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true",
}


class Case(NamedTuple):
    """A space as a function of the number of classes, and the input shape of its networks."""

    space: Callable[[int], SearchSpace]
    input_shape: Shape
    classes: int = 3


def convolutional(rank: int) -> Callable[[int], Node]:
    """Return a residual network for `rank` spatial axes, with branches that have to be fitted."""

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
    """Return the convolutions of the spaces in BUILT_ONLY, in one small network."""
    return Chain(
        layer("SeparableConv2D", filters=3, kernel_size=3, padding="same"),
        layer("DepthwiseConv2D", kernel_size=3, padding="same"),
        layer("Conv2D", filters=3, kernel_size=3, dilation_rate=2, padding="same"),
        layer("GlobalAveragePooling2D"),
        layer("Dense", units=classes, activation="softmax"),
    )


def text(classes: int) -> Node:
    """Return an embedding, a recurrent layer and a layer that wraps another."""
    network = layer("Bidirectional", layer=layer("GRU", units=Choice([3, 4])))
    return Chain(
        layer("Embedding", input_dim=2, output_dim=4),
        network,
        layer("Dense", units=classes, activation="softmax"),
    )


def cells(make: Callable[..., Node], **settings: int) -> Callable[[int], Node]:
    """Return a small version of a library space."""
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
# Spaces whose networks are built but not trained, as compiling a training step is slow there.
# Other spaces train the same kinds of layers, which `main` checks.
# Every option is built under TensorFlow only; elsewhere, every kind of layer.
BUILT_ONLY = {
    "jax": {
        *("1d", "3d", "cnn", "darts", "enas_micro", "nas_bench_201", "nasnet", "residual_cnn"),
        "mlp",
    },
    "tensorflow": {"enas_micro", "nasnet"},
    "torch": set[str](),
}


@pytest.mark.parametrize("backend", BACKENDS)
def test_networks_are_built_trained_saved_and_loaded(
    backend: str, subtests: pytest.Subtests
) -> None:
    environment = {**os.environ, **FAST, "KERAS_BACKEND": backend}
    ran = subprocess.run(
        [sys.executable, __file__], env=environment, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    errors: dict[str, str] = json.loads(ran.stdout.splitlines()[-1])
    assert errors.keys() == SPACES.keys()
    for name, error in errors.items():
        with subtests.test(name):
            assert not error, error


def covering(space: SearchSpace) -> Iterator[Architecture]:
    """Choose random architectures until every option of every domain occurs."""
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
    """Build a network, train it for one step, save and load it."""
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
    eager = keras.backend.backend() != "jax"  # elsewhere tracing costs more than one eager step
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


def check_built(architecture: Architecture, input_shape: Shape) -> None:
    """Build a network."""
    model = architecture.build(input_shape)
    assert model.count_params() == architecture.cost(input_shape).parameters


def kinds(architecture: Architecture, input_shape: Shape) -> set[str]:
    """Return the kinds of layers of a network, without the number of spatial axes."""
    steps = plan(architecture.graph(), input_shape).steps
    return {re.sub(r"[123]D", "", step.operation.name) for step in steps}


def check_average() -> None:
    """Average over all values and no padding, which differs at both ends."""
    pool = layer("AveragePooling1D", pool_size=4, strides=1, padding="same")
    model = next(pool.enumerate()).build((2, 1))
    averaged = model.predict_on_batch(numpy.array([[[1.0], [3.0]]], "float32"))
    assert averaged.ravel().tolist() == [2.0, 2.0], averaged


def main() -> None:
    """Check all spaces, and print a JSON object from names of spaces to errors."""
    errors: dict[str, str] = {}
    trained, built = set[str](), dict[str, set[str]]()
    backend = os.environ["KERAS_BACKEND"]
    for name, case in SPACES.items():
        try:
            first, *others = covering(case.space(case.classes))
            built[name] = kinds(first, case.input_shape)
            if name in BUILT_ONLY[backend]:
                check_built(first, case.input_shape)
            else:
                check(first, case.input_shape, case.classes)
                trained |= built[name]
            for architecture in others:
                found = kinds(architecture, case.input_shape)
                if backend == "tensorflow" or found - built[name]:
                    check_built(architecture, case.input_shape)
                    built[name] |= found
            if name == "1d":
                check_average()
            errors[name] = ""
        except Exception:
            errors[name] = traceback.format_exc()
    for name in BUILT_ONLY[backend]:
        if not errors[name] and built[name] - trained:
            errors[name] = f"no other space trains {sorted(built[name] - trained)}"
    print(json.dumps(errors))


if __name__ == "__main__":
    main()
