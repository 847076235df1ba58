# pyright: basic
"""`around`: a model that is there already, as a space of its variants."""

from typing import Any

import keras
import numpy
import pytest
from keras import layers

from nasbridge.spaces import Architecture, SpaceError, around, from_json

IMAGES = numpy.random.default_rng(0).random((3, 8, 8, 2), "float32")


def residual_net() -> Any:
    """With blocks in a row, shortcuts, branches that are joined, and settings of its own."""
    x = inputs = keras.Input((8, 8, 2))
    for _ in range(2):
        x = layers.Conv2D(4, 3, padding="same", use_bias=False, kernel_initializer="he_normal")(x)
        x = layers.BatchNormalization(momentum=0.8)(x)
        x = layers.ReLU()(x)
    for _ in range(2):
        y = layers.Conv2D(4, 5, padding="same", activation="swish")(x)
        y = layers.DepthwiseConv2D(3, padding="same", depthwise_regularizer="l2")(y)
        x = layers.Add()([x, y])
    x = layers.Concatenate()([layers.MaxPooling2D(2)(x), layers.AveragePooling2D(2)(x)])
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(0.1)(layers.Dense(6, "tanh")(x))
    return keras.Model(inputs, layers.Dense(3, "softmax")(x), name="mine")


def sequential() -> Any:
    return keras.Sequential(
        [
            keras.Input((8, 8, 2)),
            layers.Conv2D(4, 3, padding="same", activation="relu"),
            layers.Flatten(),
            *(layers.Dense(5, "relu") for _ in range(3)),
            layers.Dense(3),
            layers.Activation("softmax"),
        ]
    )


def first(space: Any) -> Architecture:
    member: Architecture = next(space.enumerate())
    return member


@pytest.mark.parametrize("make", [residual_net, sequential])
def test_the_model_is_a_member_and_computes_the_same(make: Any) -> None:
    model = make()
    space = around(model)
    member = first(space).build((8, 8, 2))
    assert member.count_params() == model.count_params()
    ours = {tuple(w.shape) for w in member.weights}
    assert ours == {tuple(w.shape) for w in model.weights}
    member.set_weights(model.get_weights())
    numpy.testing.assert_allclose(member(IMAGES), model(IMAGES), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("make", [residual_net, sequential])
def test_variants_can_be_built_and_keep_the_outputs(make: Any) -> None:
    space = around(make())
    rng = numpy.random.default_rng(0)
    sizes = set()
    for _ in range(12):
        model = space.sample(rng).build((8, 8, 2))
        sizes.add(model.count_params())
        assert model.output_shape == (None, 3)
        assert model.layers[-1].activation is keras.activations.softmax
    assert len(sizes) > 6


def test_what_is_open_is_what_was_asked_for() -> None:
    names = {decision.name for decision in around(residual_net()).decisions}
    assert {"activation_relu", "activation_silu", "normalization_batch"} <= names
    assert {"depth_1", "skip_1", "depth_2"} <= names
    closed = around(residual_net(), widths=(), kernels=(), activations=(), normalizations=(),
                    deeper=0, skips=False)  # fmt: skip
    assert closed.count() == 1
    widths = around(sequential(), widths=(2,), kernels=(), activations=(), normalizations=(),
                    deeper=0, skips=False)  # fmt: skip
    assert widths.count() == 2**4
    depth = around(sequential(), widths=(), kernels=(), activations=(), normalizations=(),
                   deeper=1, skips=False)  # fmt: skip
    assert [str(d.domain) for d in depth.decisions] == ["one of '3', '1', '2', '4'"]


def test_the_space_is_a_document_like_any_other() -> None:
    space = around(residual_net())
    again = from_json(space.to_json())
    assert again == space
    assert first(again).build((8, 8, 2)).count_params() == residual_net().count_params()


def twisted() -> Any:
    """The second sum takes what lies inside a branch of the first one."""
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


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (twisted, "chains and branches"),
        (two_inputs, "one input and one output"),
        (shared, "'twice' is called 2 times"),
        (attention, r"'attends' \(MultiHeadAttention\) has 2 inputs"),
        (lambda: "no model", "'no model' is no keras.Model"),
    ],
)
def test_what_cannot_be_read_is_named(make: Any, said: str) -> None:
    with pytest.raises(SpaceError, match=said):
        around(make())


def test_arguments_without_meaning_are_refused() -> None:
    with pytest.raises(SpaceError, match="'group': take some of"):
        around(sequential(), normalizations=("group",))
    with pytest.raises(SpaceError, match="give widths above 0"):
        around(sequential(), widths=(0,))
