# pyright: basic
"""Layers and settings that Keras does not know, found before anything is built."""

from typing import Any

import keras
import pytest

from nasbridge import Chain, Choice, Integer, Space, layer, library
from nasbridge.spaces import Node, Repeat, SearchSpace, Skip, UnknownLayer
from nasbridge.spaces.keras import check_layers
from nasbridge.spaces.nodes.layer import Layer

pytestmark = pytest.mark.frameworks


@keras.saving.register_keras_serializable("mine")
class Scaled(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
    """A layer with settings of its own, and a required one."""

    def __init__(self, factor: float, shift: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.factor, self.shift = factor, shift


class Lenient(keras.layers.Layer):  # type: ignore[misc]
    """A layer that takes any setting."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(name=kwargs.pop("name", None))
        self.settings = kwargs


DENSE = layer("Dense", units=4)


@pytest.mark.parametrize(
    ("space", "message"),
    [
        (layer("Dens", units=4), "Dens.units=4. at .* is not a Keras layer: did you mean 'Dense'"),
        (Choice([DENSE, layer("BatchNorm")]), "BatchNorm.*did you mean 'BatchNormalization'"),
        (Chain(DENSE, Choice([Skip(), layer("Drop", rate=0.1)])), "did you mean 'Dropout'"),
        (Repeat(layer("Dense", unit=4), Integer(1, 3)), "no setting 'unit' .did you mean 'units'"),
        (layer("conv2d", filters=1), "did you mean 'Conv2D'"),
        (layer("max_pool2d"), "did you mean 'MaxPool2D'"),
        (layer("Dense"), "Dense.. at 'the top' needs units="),
        (layer("Conv2D", filter=3, kernel=3), "'filter' .*'kernel' .*; it needs kernel_size="),
        (layer("Dense", units=4, activation=Choice(["relu", "gleu"])), "'gleu' is not a known act"),
        (layer("Dense", units=4, kernel_initializer="he_norm"), "did you mean 'he_normal'"),
        (layer("Dense", units=4, kernel_regularizer=Choice(["l2", "l3"])), "'l3' is not a known"),
        (layer("Conv2D", filters=4, kernel_size=3, padding="some"), "padding='some' is unknown"),
        (layer("Bidirectional", layer=layer("LSTM", unit=3)), "LSTM.* no setting 'unit'"),
        (layer(Scaled, factr=2.0), "has no setting 'factr' .did you mean 'factor'"),
        (layer(Scaled, shift=2.0), "needs factor="),
        (
            Space({"one": DENSE, "rate": Choice([1, 2]), "two": layer("Relu")}),
            "did you mean 'ReLU'",
        ),
    ],
)
def test_an_unknown_name_is_reported_with_what_was_meant(space: SearchSpace, message: str) -> None:
    with pytest.raises(UnknownLayer, match=message):
        check_layers(space)


@pytest.mark.parametrize(
    "space",
    [
        layer("Dense", units=4, activation="tanh", dtype="float32", trainable=False),
        layer("Dense", units=Integer(2, 9), kernel_regularizer="l2", kernel_constraint="max_norm"),
        layer(Scaled, factor=2.0),
        layer("Scaled", factor=2.0),
        layer(Lenient, anything=2.0, activation="mine"),
        Layer("my_models:Block", {"rate": 1}),
        library.residual_cnn(),
        library.darts(),
    ],
)
def test_what_keras_knows_is_accepted(space: Node) -> None:
    check_layers(space)


def test_one_part_is_checked_alone() -> None:
    space = Space({"one": DENSE, "two": layer("Dens")})
    check_layers(space, "one")
    with pytest.raises(UnknownLayer):
        check_layers(space, "two")


def test_a_limit_does_not_blame_the_constraint() -> None:
    for fault in (layer("Dens", units=4), layer("Dense", units=4, activaton="relu")):
        with pytest.raises(UnknownLayer, match="did you mean"):
            Chain(fault, layer("Dense", units=Choice([1, 2]))).limit((3,), parameters=100)
