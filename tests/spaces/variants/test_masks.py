# pyright: basic
"""`variants_of`: models of padded sequences, whose layers pass masks on."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy
import pytest
from keras import layers

from nasbridge.spaces import SpaceError, variants_of

WORDS = numpy.random.default_rng(0).integers(1, 20, size=(4, 4))
PADDED = numpy.pad(WORDS, ((0, 0), (0, 2)))
GAPPED = numpy.insert(WORDS, [1, 3], 0, axis=1)  # the same words in the same order


def text() -> Any:
    """Return a model that merges masks in branches, and contains a repeated block."""
    inputs = keras.Input((6,), dtype="int32")
    x = layers.Embedding(20, 8, mask_zero=True)(inputs)
    y = layers.Bidirectional(layers.LSTM(4, return_sequences=True))(x)
    x = layers.Add()([layers.Dense(8)(x), layers.Dropout(0.1)(y)])
    for _ in range(2):
        x = layers.Dense(8, "relu")(x)
    x = layers.Concatenate()([layers.Dense(3)(x), layers.Dense(2)(x)])
    x = layers.Dense(8, "relu")(layers.GlobalAveragePooling1D()(x))
    return keras.Model(inputs, layers.Dense(3, "softmax")(x))


def loaded(model: Any, place: Path) -> Any:
    model.save(place / "model.keras")
    return keras.models.load_model(place / "model.keras")


@pytest.mark.parametrize(
    "again", [lambda model, _: model, lambda model, _: keras.models.clone_model(model), loaded]
)
def test_a_model_with_masks_is_the_first_architecture(
    again: Callable[[Any, Path], Any], tmp_path: Path
) -> None:
    """A cloned or loaded model stores its masks in another way."""
    model = text()
    space = variants_of(again(model, tmp_path))
    member = next(space.enumerate()).build((6,))
    for one in (model, member):  # the order of weights differs where there are branches
        one.set_weights(
            [numpy.sin(numpy.arange(w.size)).reshape(w.shape) for w in one.get_weights()]
        )
    for texts in (PADDED, GAPPED):
        predicted = member.predict_on_batch(texts)
        numpy.testing.assert_allclose(predicted, model.predict_on_batch(texts), atol=1e-6)


def test_variants_pass_masks_on() -> None:
    """If padding is masked, its position does not change the prediction."""
    space, rng = variants_of(text()), numpy.random.default_rng(1)
    fitted = 0  # models with sums of branches of different widths
    for _ in range(4):
        model = space.sample(rng).build((6,))
        fitted += any("fit" in one.name for one in model.layers)
        padded, gapped = (model.predict_on_batch(texts) for texts in (PADDED, GAPPED))
        numpy.testing.assert_allclose(padded, gapped, atol=1e-6)
    assert fitted >= 2


def test_the_masks_of_a_deep_model_are_compared_in_linear_time() -> None:
    """Each sum doubles the number of paths to the first mask."""
    inputs = keras.Input((6,), dtype="int32")
    x = layers.Embedding(20, 4, mask_zero=True)(inputs)
    for _ in range(40):
        x = layers.Add()([x, layers.Dense(4)(x)])
    model = keras.Model(inputs, layers.Dense(3)(layers.LSTM(4)(x)))
    assert variants_of(keras.models.clone_model(model)) == variants_of(model)


def test_a_custom_mask_is_an_error() -> None:
    inputs = keras.Input((6, 2))
    loud = keras.ops.any(keras.ops.greater(inputs, 0.5), axis=-1)
    x = layers.LSTM(3, name="reads")(inputs, mask=loud)
    with pytest.raises(SpaceError, match=r"'reads' \(LSTM\) is called with mask="):
        variants_of(keras.Model(inputs, layers.Dense(2)(x)))
