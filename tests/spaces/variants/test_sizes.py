# pyright: basic
"""`variants_of`: the outputs of all variants have the shape of the model's output."""

from typing import Any

import keras
import numpy
import pytest
from keras import layers

from nasbridge.spaces import variants_of

SAME: Any = {"padding": "same", "activation": "relu"}


def autoencoder(*size: int | None) -> Any:
    """Return the autoencoder of the Keras blog: repeated pooling, then repeated upsampling."""
    stack: list[Any] = [keras.Input((*size, 1))]
    for _ in range(2):
        stack += [layers.Conv2D(4, 3, **SAME), layers.MaxPooling2D(2, padding="same")]
    for _ in range(2):
        stack += [layers.Conv2D(4, 3, **SAME), layers.UpSampling2D(2)]
    return keras.Sequential([*stack, layers.Conv2D(1, 3, padding="same")])


def coder() -> Any:
    """Return a model that pools to a code and decodes it, with blocks that keep the size."""
    x = inputs = keras.Input((8, 8, 1))
    for _ in range(2):
        x = layers.MaxPooling2D(2)(layers.Conv2D(4, 3, **SAME)(x))
    x = layers.Dense(16)(layers.Dense(6, "relu")(layers.Flatten()(x)))
    x = layers.Reshape((4, 4, 1))(x)
    for _ in range(2):
        x = layers.Conv2D(3, 3, **SAME)(x)
    x = layers.Conv2DTranspose(4, 3, strides=2, **SAME)(x)
    return keras.Model(inputs, layers.Conv2D(1, 1)(x))


def pooled() -> Any:
    stack: list[Any] = [keras.Input((8, 8, 1))]
    for _ in range(2):
        stack += [layers.Conv2D(4, 3, **SAME), layers.MaxPooling2D(2)]
    return keras.Sequential([*stack, layers.GlobalAveragePooling2D(), layers.Dense(3)])


def flattened() -> Any:
    """Return a model whose flattened output depends on the size."""
    stack: list[Any] = [keras.Input((8, 8, 1))]
    for _ in range(2):
        stack += [layers.Conv2D(4, 3, **SAME), layers.MaxPooling2D(2)]
    return keras.Sequential([*stack, layers.Conv2D(2, 1), layers.Flatten()])


def recurrent() -> Any:
    stack: list[Any] = [keras.Input((8, 2))]
    for _ in range(2):
        stack += [layers.Conv1D(4, 3, **SAME), layers.MaxPooling1D(2)]
    return keras.Sequential([*stack, layers.Bidirectional(layers.LSTM(3)), layers.Dense(2)])


def branching() -> Any:
    """Return a model with repeated pooling blocks in a branch."""
    x = inputs = keras.Input((8, 8, 2))
    for _ in range(2):
        x = layers.MaxPooling2D(2)(layers.Conv2D(4, 3, **SAME)(x))
    x = layers.Concatenate()([x, layers.AveragePooling2D(4)(inputs)])
    return keras.Model(inputs, layers.Conv2D(1, 1)(x))


@pytest.mark.parametrize(
    ("model", "depths"),
    [
        (autoencoder(8, 8), 0),
        (coder(), 2),
        (pooled(), 1),
        (flattened(), 0),
        (recurrent(), 1),
        (branching(), 0),
    ],
    ids=["autoencoder", "coder", "pooled", "flattened", "recurrent", "branching"],
)
def test_every_variant_has_the_output_shape_of_the_model(model: Any, depths: int) -> None:
    space = variants_of(model)
    assert sum(one.name.startswith("depth_") for one in space.decisions) == depths
    rng = numpy.random.default_rng(0)
    shape = model.input_shape[1:]
    for _ in range(5):
        assert space.sample(rng).build(shape).output_shape == model.output_shape


def test_axes_of_unknown_size_count_as_large() -> None:
    names = [one.name for one in variants_of(autoencoder(None, None)).decisions]
    assert not [name for name in names if name.startswith(("depth_", "skip_"))]
