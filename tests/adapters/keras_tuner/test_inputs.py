# pyright: basic
"""`NASTuner` trains the variants of a model on any data that the model accepts."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy
import pytest
import tensorflow
from keras import layers

from nasbridge import GridSearch
from nasbridge.adapters.keras_tuner import NASTuner
from nasbridge.spaces import variants_of

pytestmark = [
    pytest.mark.usefixtures("eager"),
    pytest.mark.filterwarnings("ignore:Even though the `tf.config"),
]

RNG = numpy.random.default_rng(0)
IMAGES, Y = RNG.random((8, 6, 6), "float32"), numpy.arange(8) % 3


def as_they_are(x: Any) -> tuple[Any, ...]:
    return x, Y


def by_name(x: Any) -> tuple[Any, ...]:
    return {"pixels": x}, Y


def dataset_by_name(x: Any) -> tuple[Any, ...]:
    named: Any = {"pixels": x}, Y
    return (tensorflow.data.Dataset.from_tensor_slices(named).batch(4),)


def model_of(*shape: int) -> Any:
    inputs = keras.Input(shape, name="pixels")
    hidden = layers.Dense(4, "relu")(layers.Flatten()(inputs))
    model = keras.Model(inputs, layers.Dense(3, "softmax")(hidden))
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


@pytest.mark.parametrize("given", [as_they_are, by_name, dataset_by_name])
@pytest.mark.parametrize("shape", [(6, 6, 1), (6, 6)])
@pytest.mark.parametrize("data", [IMAGES, IMAGES[..., None]], ids=["bare", "channels"])
def test_variants_accept_the_data_of_the_model(
    data: Any, shape: tuple[int, ...], given: Callable[[Any], tuple[Any, ...]], tmp_path: Path
) -> None:
    model = model_of(*shape)
    arguments = given(data)
    model.fit(*arguments, verbose=0, shuffle=False)
    tuner: Any = NASTuner(variants_of(model), "loss", 2, strategy=GridSearch(), directory=tmp_path)
    tuner.search(*arguments, epochs=1, verbose=0, shuffle=False)
    assert [trial.state for trial in tuner.history] == ["complete"] * 2
    assert all(one.input_shape == (None, *shape) for one in tuner.get_best_models(2))
