# pyright: basic
"""`variants_of`: the space of the variants of an existing model."""

from typing import Any

import keras
import numpy
import pytest
from keras import layers

from nasbridge.spaces import Architecture, SpaceError, from_json, variants_of

IMAGES = numpy.random.default_rng(0).random((3, 8, 8, 2), "float32")


def residual_net() -> Any:
    """Return a model with repeated blocks, shortcuts, concatenated branches, and rare settings."""
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


def ends_in_a_sum() -> Any:
    """Return a model whose output sums two branches."""
    inputs = keras.Input((8, 8, 2))
    flat = layers.Flatten()(inputs)
    deep = layers.Dense(3)(layers.Dense(8, "relu")(flat))
    return keras.Model(inputs, layers.Softmax()(layers.Add()([deep, layers.Dense(3)(flat)])))


def ends_in_a_concatenation() -> Any:
    inputs = keras.Input((8, 8, 2))
    hidden = layers.Dense(8, "relu")(layers.Flatten()(inputs))
    return keras.Model(
        inputs, layers.Concatenate()([layers.Dense(1)(hidden), layers.Dense(2)(hidden)])
    )


def ends_in_shortcuts() -> Any:
    """Return a model whose output is the sum of all its blocks, added with the operator `+`."""
    inputs = keras.Input((8, 8, 2))
    x = layers.Dense(3)(layers.Flatten()(inputs))
    for _ in range(3):
        x = x + layers.Dense(3, "relu")(layers.Dense(7)(x))
    return keras.Model(inputs, x)


def first(space: Any) -> Architecture:
    member: Architecture = next(space.enumerate())
    return member


ENDS = [ends_in_a_sum, ends_in_a_concatenation, ends_in_shortcuts]


@pytest.mark.parametrize("make", [residual_net, sequential, *ENDS])
def test_the_first_architecture_computes_what_the_model_computes(make: Any) -> None:
    model = make()
    space = variants_of(model)
    member = first(space).build((8, 8, 2))
    assert member.count_params() == model.count_params()
    shapes = {tuple(w.shape) for w in member.weights}
    assert shapes == {tuple(w.shape) for w in model.weights}
    member.set_weights(model.get_weights())
    numpy.testing.assert_allclose(member(IMAGES), model(IMAGES), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("make", [residual_net, sequential])
def test_variants_can_be_built_and_keep_the_output(make: Any) -> None:
    space = variants_of(make())
    rng = numpy.random.default_rng(0)
    sizes = set()
    for _ in range(12):
        model = space.sample(rng).build((8, 8, 2))
        sizes.add(model.count_params())
        assert model.output_shape == (None, 3)
        assert model.layers[-1].activation is keras.activations.softmax
    assert len(sizes) > 6


@pytest.mark.parametrize("make", ENDS)
def test_variants_keep_the_output_of_every_kind_of_ending(make: Any) -> None:
    space = variants_of(make())
    assert space.count() > 20
    rng = numpy.random.default_rng(0)
    for _ in range(12):
        model = space.sample(rng).build((8, 8, 2))
        assert model.output_shape == (None, 3)
        end: Any = model.layers[-1]
        if make is ends_in_a_sum:
            assert isinstance(end, layers.Softmax)
            summed: Any = end.input
            end = summed._keras_history.operation
        assert isinstance(end, layers.Concatenate if "concat" in make.__name__ else layers.Add)
        activations = [one._keras_history.operation.activation for one in end.input[1:]]
        wanted = "relu" if make is ends_in_shortcuts else "linear"
        assert activations == [keras.activations.get(wanted)]


def grouped() -> Any:
    """Return a model with grouped convolutions, one of them after a concatenation."""
    x = inputs = keras.Input((8, 8, 4))
    x = layers.Conv2D(8, 3, padding="same", activation="relu", groups=4)(x)
    one, two = layers.Conv2D(5, 1)(x), layers.Conv2D(7, 3, padding="same")(x)
    x = layers.Conv2D(12, 3, padding="same", groups=3)(layers.Concatenate()([one, two]))
    return keras.Model(inputs, layers.Dense(3)(layers.Dense(10, "relu")(layers.Flatten()(x))))


def test_groups_divide_every_width() -> None:
    space = variants_of(grouped(), widths=(0.4, 1.5, 2, 3))
    rng = numpy.random.default_rng(0)
    widths = set()
    for _ in range(20):
        model = space.sample(rng).build((8, 8, 4))
        widths.add(tuple(one.filters for one in model.layers if hasattr(one, "filters")))
    assert len(widths) > 8


def nested(trainable: bool) -> Any:
    base = keras.Sequential(
        [
            keras.Input((8, 8, 2)),
            layers.Conv2D(4, 3, padding="same"),
            layers.BatchNormalization(),
            layers.Flatten(),
        ],
        name="the base",
    )
    base.trainable = trainable
    x = inputs = keras.Input((8, 8, 2))
    x = layers.Conv2D(2, 3, padding="same", activation="relu")(x)
    x = layers.Dense(6, "relu")(base(x, training=False))
    return keras.Model(inputs, layers.Dense(3)(x))


@pytest.mark.parametrize("trainable", [True, False])
def test_a_nested_model_is_copied_with_its_weights(trainable: bool) -> None:
    model = nested(trainable)
    space = variants_of(model)
    base = model.layers[2]
    rng = numpy.random.default_rng(0)
    counts = set()
    for _ in range(6):
        architecture = space.sample(rng)
        variant = architecture.build((8, 8, 2))
        (copied,) = [one for one in variant.layers if isinstance(one, keras.Model)]
        assert copied is not base
        assert len(copied.trainable_weights) == len(base.trainable_weights)
        for copy, original in zip(copied.get_weights(), base.get_weights(), strict=True):
            numpy.testing.assert_array_equal(copy, original)
        # must not change the next copy
        copied.set_weights([0 * weight for weight in copied.get_weights()])
        assert architecture.cost((8, 8, 2)).parameters == variant.count_params()
        counts.add(variant.count_params())
    assert len(counts) > 3
    member = first(from_json(space.to_json())).build((8, 8, 2))
    member.set_weights(model.get_weights())
    numpy.testing.assert_allclose(member(IMAGES), model(IMAGES), rtol=1e-5, atol=1e-6)
    assert variants_of(model) == space
    assert variants_of(nested(trainable)) != space  # its weights differ


def test_a_tensor_may_be_passed_by_name() -> None:
    inputs = keras.Input((8,))
    hidden = layers.Dense(5, "relu")(inputs=inputs)
    model = keras.Model(inputs, layers.Dense(3)(hidden))
    assert first(variants_of(model)).build((8,)).count_params() == model.count_params()


@pytest.mark.parametrize("metrics", [{"classes": ["accuracy"]}, {"classes": "accuracy"}, None])
def test_compile_arguments_by_output_name_apply_to_variants(metrics: Any) -> None:
    """The output of a variant has another name."""
    inputs = keras.Input((4,))
    model = keras.Model(inputs, layers.Dense(3, "softmax", name="classes")(inputs))
    loss = "sparse_categorical_crossentropy"
    model.compile(
        loss={"classes": loss},
        loss_weights={"classes": 2.0},
        metrics=metrics,
        weighted_metrics=metrics,
    )
    space = variants_of(model)
    assert (space.compiling["loss"], space.compiling["loss_weights"]) == (loss, 2.0)
    for kind in ("metrics", "weighted_metrics"):
        assert space.compiling[kind] == (["accuracy"] if metrics else None)
    member = first(space).build((4,))
    member.compile(**space.compiling)
    member.fit(IMAGES[0, :, 0, :1].repeat(4, 1), numpy.arange(8) % 3, verbose=0)


class Offset(layers.Layer):  # type: ignore[misc]
    """Adds a learned vector of a fixed size, such as a position embedding."""

    def __init__(self, width: int, **settings: Any) -> None:
        super().__init__(**settings)
        self.width = width

    def build(self, shape: Any) -> None:
        self.offset = self.add_weight((self.width,))

    def call(self, x: Any) -> Any:
        return x + self.offset

    def get_config(self) -> Any:
        return {**super().get_config(), "width": self.width}


@pytest.mark.parametrize(
    "one", [layers.Permute((2, 1)), layers.Lambda(lambda x: keras.ops.swapaxes(x, 1, 2))]
)
def test_widths_before_a_transposition_stay(one: Any) -> None:
    inputs = keras.Input((6, 4))
    model = keras.Model(inputs, layers.Dense(1)(one(layers.Dense(8, "relu")(inputs))))
    space, rng = variants_of(model), numpy.random.default_rng(0)
    assert space.count() > 1
    shapes = {space.sample(rng).build((6, 4)).output_shape for _ in range(4)}
    assert shapes == {model.output_shape}


def test_widths_before_group_normalization_stay() -> None:
    stack: list[Any] = [keras.Input((5,)), layers.Dense(6), layers.GroupNormalization(3)]
    space = variants_of(keras.Sequential([*stack, layers.Dense(4, "relu"), layers.Dense(3)]))
    widths = [one.name for one in space.decisions if one.name.endswith("units")]
    assert len(widths) == 1  # that of the Dense(4)


def test_widths_before_a_class_of_the_user_stay() -> None:
    stack = [keras.Input((4,)), layers.Dense(8, "relu"), Offset(8), layers.Dense(5, "relu")]
    space = variants_of(keras.Sequential([*stack, layers.Dense(3)]))
    assert [one.name for one in space.decisions if one.name.endswith("units")] == ["3.units"]
    rng = numpy.random.default_rng(0)
    for _ in range(3):
        variant = space.sample(rng).build((4,))
        assert sum(isinstance(one, Offset) for one in variant.layers) == 1


def test_the_arguments_determine_the_decisions() -> None:
    names = {decision.name for decision in variants_of(residual_net()).decisions}
    assert {"activation_relu", "activation_silu", "normalization_batch"} <= names
    assert {"depth_1", "skip_1", "depth_2"} <= names
    closed = variants_of(residual_net(), widths=(), kernels=(), activations=(), normalizations=(),
                    deeper=0, skips=False)  # fmt: skip
    assert closed.count() == 1
    widths = variants_of(sequential(), widths=(2,), kernels=(), activations=(), normalizations=(),
                    deeper=0, skips=False)  # fmt: skip
    assert widths.count() == 2**4
    depth = variants_of(sequential(), widths=(), kernels=(), activations=(), normalizations=(),
                   deeper=1, skips=False)  # fmt: skip
    assert [str(d.domain) for d in depth.decisions] == ["one of '3', '1', '2', '4'"]


def test_the_space_is_written_and_read_as_a_document() -> None:
    space = variants_of(residual_net())
    again = from_json(space.to_json())
    assert again == space
    assert first(again).build((8, 8, 2)).count_params() == residual_net().count_params()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"normalizations": ("group",)}, "'group': choose from"),
        ({"widths": (0,)}, r"widths=\[0\]: each must be above 0"),
        ({"kernels": (0,)}, r"kernels=\[0\]: each must be at least 1"),
        ({"deeper": -1}, "deeper=-1: it must be at least 0"),
    ],
)
def test_invalid_arguments_are_errors(options: Any, message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        variants_of(sequential(), **options)
