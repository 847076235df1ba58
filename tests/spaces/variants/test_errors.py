# pyright: basic
"""`variants_of`: models that cannot be read are errors that name the layer."""

from typing import Any

import keras
import numpy
import pytest
from keras import layers

from nasbridge.spaces import SpaceError, variants_of


def twisted() -> Any:
    """Return a model whose second sum takes a layer inside a branch of the first sum."""
    inputs = keras.Input((4,))
    one = layers.Dense(4, name="one")(inputs)
    two = layers.Dense(4, name="two")(one)
    summed = layers.Add()([inputs, two])
    return keras.Model(inputs, layers.Add()([one, summed]))


def two_inputs() -> Any:
    inputs = [keras.Input((4,)), keras.Input((4,))]
    return keras.Model(inputs, layers.Add()(inputs))


def shared() -> Any:
    inputs, dense = keras.Input((4,)), layers.Dense(4, name="twice")
    return keras.Model(inputs, dense(dense(inputs)))


def attention() -> Any:
    inputs = keras.Input((4, 4))
    return keras.Model(inputs, layers.MultiHeadAttention(1, 2, name="attends")(inputs, inputs))


def named_tensors(**given: bool) -> Any:
    """Return a model with attention after the input, whose tensors are passed by name."""
    inputs = keras.Input((4, 4))
    first, named = ((), {"query": inputs}) if given["all"] else ((inputs,), {})
    x = layers.MultiHeadAttention(1, 2, name="attends")(*first, value=inputs, **named)
    return keras.Model(inputs, layers.Dense(3)(layers.Flatten()(x)))


class Add(layers.Layer):  # type: ignore[misc]
    """A class of the user with the name of a Keras layer."""

    def call(self, tensors: Any) -> Any:
        return tensors[0] - tensors[1]


def with_a_name_of_keras() -> Any:
    inputs = keras.Input((4,))
    return keras.Model(inputs, Add(name="differs")([inputs, layers.Dense(4)(inputs)]))


class Shifted(layers.Layer):  # type: ignore[misc]
    def call(self, x: Any, by: Any = None) -> Any:
        return x + by


def given_an_array() -> Any:
    inputs = keras.Input((2,))
    return keras.Model(inputs, Shifted(name="shifts")(inputs, by=numpy.array([1.0, 2.0])))


def giving_a_dict() -> Any:
    inputs = keras.Input((4,))
    return keras.Model(inputs, {"classes": layers.Dense(3)(inputs)})


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
    return keras.Model(inputs, layers.Dense(3)(layers.Dense(4)(inputs) * 2))


def broadcasting() -> Any:
    inputs = keras.Input((4, 4, 2))
    return keras.Model(inputs, layers.Add(name="sum")([inputs, layers.Conv2D(2, 4)(inputs)]))


def stacking() -> Any:
    inputs = keras.Input((4, 2))
    return keras.Model(inputs, layers.Concatenate(1, name="both")([inputs, layers.ReLU()(inputs)]))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            computing,
            r"'multiply.*' is an operator \(Multiply\), .* use one of keras.layers",
        ),
        (broadcasting, r"'sum' adds \(None, 4, 4, 2\) and \(None, 1, 1, 2\)"),
        (stacking, "'both' concatenates along axis 1"),
        (twisted, "chains and branches"),
        (two_inputs, "one input and one output"),
        (shared, "'twice' is called 2 times"),
        (attention, r"'attends' \(MultiHeadAttention\) has 2 inputs"),
        (lambda: named_tensors(all=True), r"'attends' \(MultiHeadAttention\) has 2 inputs"),
        (lambda: named_tensors(all=False), r"'attends' \(MultiHeadAttention\) has 2 inputs"),
        (given_an_array, r"'shifts' \(Shifted\) is called with by=array"),
        (
            with_a_name_of_keras,
            r"'differs' \(Add\) has 2 inputs, but only Add and Concatenate",
        ),
        (always_random, r"'random' \(Dropout\) is called with training=True.* a subclass"),
        (trained, r"Trained of the model .* overrides train_step\(\), but"),
        (lambda: Penalized([keras.Input((4,)), layers.Dense(3)]), r"overrides compute_loss\(\)"),
        (giving_a_dict, "it returns a dict"),
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
    with pytest.raises(SpaceError, match=r"'mine' has output shape \(3,\) and 47 .* \(3,\) and 15"):
        variants_of(make())
