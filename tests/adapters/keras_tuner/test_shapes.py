# pyright: basic
"""`NASTuner` of a space takes the input shape from data of any kind."""

from pathlib import Path
from typing import Any

import keras
import numpy
import pytest
import tensorflow

from nasbridge import BackendError, Chain, GridSearch, Integer, layer
from nasbridge.adapters.keras_tuner import NASTuner
from nasbridge.spaces import variants_of

pytestmark = [
    pytest.mark.usefixtures("eager"),
    pytest.mark.filterwarnings("ignore:Even though the `tf.config"),
    pytest.mark.filterwarnings("ignore:Skipping variable loading for optimizer"),
]

X, Y = numpy.eye(4, 6, dtype="float32"), numpy.arange(4) % 3
SPACE = Chain(layer("Dense", units=Integer(3, 5)), layer("Dense", units=3, activation="softmax"))


def tuner_of(directory: Path, **settings: Any) -> NASTuner:
    return NASTuner(SPACE, "loss", 1, strategy=GridSearch(), directory=directory, **settings)


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """A dataset in the form of Keras."""

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> Any:
        return X[:2], Y[:2]


def test_a_new_tuner_of_a_project_builds_models_without_data(tmp_path: Path) -> None:
    first = tuner_of(tmp_path)
    first.search(X, Y, epochs=1, verbose=0)
    again: Any = tuner_of(tmp_path)
    (model,), (expected,) = again.get_best_models(), first.get_best_models()
    numpy.testing.assert_array_equal(model.predict(X, verbose=0), expected.predict(X, verbose=0))
    again.oracle.max_trials = 2
    again.search(X[:, :5], Y, epochs=1, verbose=0)  # the data determine the shape
    assert [trial.values["parameters"] for trial in again.history] == [6 * 3 + 15, 5 * 4 + 19]


def test_a_dataset_determines_the_shape(tmp_path: Path) -> None:
    tuner = tuner_of(tmp_path)
    tuner.search(Batches(), epochs=1, verbose=0)
    assert [trial.state for trial in tuner.history] == ["complete"]


def test_the_model_determines_the_shape_if_the_data_do_not(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(3, "softmax")])
    tuner = NASTuner(variants_of(model), "loss", 1, strategy=GridSearch(), directory=tmp_path)
    tuner.search(((X, Y) for _ in range(2)), steps_per_epoch=1, epochs=1, verbose=0, shuffle=False)
    assert [trial.state for trial in tuner.history] == ["complete"]


def open_lengths() -> Any:
    spec = tensorflow.TensorSpec((None, None), tensorflow.float32)
    return tensorflow.data.Dataset.from_generator(lambda: iter([X]), output_signature=spec)


def unknown_rank() -> Any:
    shape: Any = None
    spec = tensorflow.TensorSpec(shape, tensorflow.float32)
    return tensorflow.data.Dataset.from_generator(lambda: iter([X]), output_signature=spec)


def from_slices(given: Any) -> Any:
    return tensorflow.data.Dataset.from_tensor_slices(given).batch(2)


@pytest.mark.parametrize(
    "data",
    [
        lambda: {"a": X},
        lambda: from_slices({"a": X}),
        lambda: from_slices(({"a": X}, Y)),
        lambda: ((X, Y) for _ in range(2)),
        open_lengths,
        unknown_rank,
    ],
    ids=["dict", "dataset of dicts", "inputs by name", "generator", "open length", "unknown rank"],
)
def test_an_unknown_shape_is_an_error(data: Any, tmp_path: Path) -> None:
    with pytest.raises(BackendError, match=r"name it, as NASTuner\(..., input_shape="):
        tuner_of(tmp_path).search(data(), epochs=1, verbose=0)
