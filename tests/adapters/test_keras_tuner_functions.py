# pyright: basic
"""Keras Tuner: what functions `build_model(hp)` declare and return, as teams write them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import numpy
import pytest
import tensorflow

from nasbridge import RegularizedEvolution
from nasbridge.adapters.keras_tuner import NASOracle, NASTuner, load

pytestmark = [
    pytest.mark.filterwarnings("ignore:Even though the `tf.config"),
    pytest.mark.filterwarnings("ignore:Skipping variable loading for optimizer"),
]

RNG = numpy.random.default_rng(0)
X, Y = RNG.random((32, 6), "float32"), RNG.integers(3, size=32)
EVOLUTION = RegularizedEvolution(population=3, sample=2)


@pytest.fixture(autouse=True)
def _eager() -> Iterator[None]:
    """For networks this small, compiling takes nearly all of the time."""
    tensorflow.config.run_functions_eagerly(True)
    yield
    tensorflow.config.run_functions_eagerly(False)


def dense(units: int, activation: str = "relu") -> keras.Model:
    hidden = keras.layers.Dense(units, activation)
    model = keras.Sequential([keras.Input((6,)), hidden, keras.layers.Dense(3, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def searched(tuner: keras_tuner.Tuner, **settings: Any) -> Any:
    tuner.search(X, Y, validation_data=(X, Y), epochs=1, verbose=0, **settings)
    return tuner


# ---------------------------------------------------------------------- one name in two scopes


def twins(hp: Any) -> keras.Model:
    """One name in two scopes beside each other, and what hangs on it."""
    kind = hp.Choice("kind", ["narrow", "wide"])
    units = 0
    for one in ("narrow", "wide"):
        with hp.conditional_scope("kind", [one]):
            declared = hp.Int("units", 2, 40)
            with hp.conditional_scope("units", list(range(2, 21))):
                hp.Boolean("few")
            if kind == one:
                units = declared
    return dense(units)


@pytest.mark.parametrize("make", [NASTuner, keras_tuner.Tuner])
def test_one_name_in_two_scopes_has_the_value_that_was_proposed(make: Any, tmp_path: Path) -> None:
    if make is NASTuner:
        tuner = NASTuner(twins, EVOLUTION, "val_loss", 8, seed=3, directory=tmp_path)
    else:
        oracle = NASOracle(EVOLUTION, "val_loss", 8, seed=3)
        tuner = make(oracle=oracle, hypermodel=twins, directory=tmp_path)
    trained: list[Any] = []
    model: Any = tuner.hypermodel
    build = model.build

    def noting(hp: Any) -> keras.Model:
        trained.append(build(hp))
        return trained[-1]

    model.build = noting
    history = load(searched(tuner))
    assert [trial.state for trial in history] == ["complete"] * 8
    assert {trial.architecture["kind"] for trial in history} == {"narrow", "wide"}
    for trial, network in zip(history, trained[-8:], strict=True):
        assert trial.architecture["units"] == network.layers[0].units
        assert ("few" in trial.architecture) == (trial.architecture["units"] <= 20)
    assert load(tuner.project_dir, objectives={"val_loss": "min"}).trials == history.trials
