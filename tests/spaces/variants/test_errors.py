# pyright: basic
"""`variants_of`: models that cannot be read are errors that name the layer."""

from typing import Any

import keras
import numpy
import pytest
from keras import layers

from nasbridge.spaces import SpaceError, variants_of


def shared() -> Any:
    inputs, dense = keras.Input((4,)), layers.Dense(4, name="twice")
    return keras.Model(inputs, dense(dense(inputs)))


class Shifted(layers.Layer):  # type: ignore[misc]
    def call(self, x: Any, by: Any = None) -> Any:
        return x + by


def given_an_array() -> Any:
    inputs = keras.Input((2,))
    return keras.Model(inputs, Shifted(name="shifts")(inputs, by=numpy.array([1.0, 2.0])))


def giving_one_tensor_twice() -> Any:
    inputs = keras.Input((4,))
    output = layers.Dense(3)(inputs)
    return keras.Model(inputs, [output, output])


def with_an_unused_input() -> Any:
    inputs = [keras.Input((4,)), keras.Input((4,), name="unused")]
    return keras.Model(inputs, layers.Dense(3)(inputs[0]))


class Subclassed(keras.Model):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.dense = layers.Dense(3)

    def call(self, x: Any) -> Any:
        return self.dense(x)


def subclassed() -> Any:
    model = Subclassed()
    model(numpy.zeros((1, 4)))
    return model


def always_random() -> Any:
    inputs = keras.Input((4,))
    x = layers.Dropout(0.5, name="random")(layers.Dense(4)(inputs), training=True)
    return keras.Model(inputs, layers.Dense(3)(x))


class Trained(keras.Model):  # type: ignore[misc]
    """A functional model with a custom training step."""

    def train_step(self, data: Any) -> Any:
        return super().train_step(data)


class Penalized(keras.Sequential):  # type: ignore[misc]
    def compute_loss(self, *args: Any, **settings: Any) -> Any:
        return 1 + super().compute_loss(*args, **settings)


def trained() -> Any:
    inputs = keras.Input((4,))
    return Trained(inputs, layers.Dense(3)(inputs))


def computing() -> Any:
    inputs = keras.Input((4,))
    return keras.Model(inputs, layers.Dense(3)(keras.ops.sin(layers.Dense(4)(inputs))))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            computing,
            r"'sin.*' is an operator \(Sin\), .* use one of keras.layers",
        ),
        (shared, "'twice' is called 2 times"),
        (given_an_array, r"'shifts' \(Shifted\) is called with by=array"),
        (always_random, r"'random' \(Dropout\) is called with training=True.* a subclass"),
        (trained, r"Trained of the model .* overrides train_step\(\), but"),
        (lambda: Penalized([keras.Input((4,)), layers.Dense(3)]), r"overrides compute_loss\(\)"),
        (giving_one_tensor_twice, "one tensor is given twice"),
        (with_an_unused_input, "the input 'unused' of the model .* leads to no output"),
        (subclassed, r"\(Subclassed\) is subclassed, so its layers are connected by code"),
        (lambda: "no model", "'no model' is not a keras.Model"),
    ],
)
def test_an_error_names_what_cannot_be_read(make: Any, message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        variants_of(make())


def small() -> Any:
    inputs = keras.Input((4,))
    return keras.Model(inputs, layers.Dense(3)(inputs), name="mine")


def with_a_layer_beside() -> Any:
    model = small()
    model.projection = layers.Dense(8)
    model.projection.build((None, 3))
    return model


def with_a_weight_beside() -> Any:
    model = small()
    model.bias = model.add_weight((32,))
    return model


@pytest.mark.parametrize("make", [with_a_layer_beside, with_a_weight_beside])
def test_weights_outside_the_graph_are_an_error(make: Any) -> None:
    """Each layer can be rebuilt, but the model cannot."""
    with pytest.raises(
        SpaceError, match=r"'mine' has the output shapes \[\(3,\)\] and 47 .* and 15"
    ):
        variants_of(make())
