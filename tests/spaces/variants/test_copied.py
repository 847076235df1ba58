# pyright: basic
"""`variants_of`: layers copied with their weights, and layers that only their class can rebuild."""

from typing import Any

import keras
import numpy
import pytest
from keras import layers
from keras.src.applications.convnext import LayerScale

from nasbridge.spaces import from_json, variants_of

RNG = numpy.random.default_rng(0)
IMAGES = RNG.random((3, 8, 8, 2), "float32")
TABLE: Any = RNG.random((6, 4), "float32")
CONSTANT: Any = keras.initializers.Constant(TABLE)
TEXTS = numpy.array([["a b c"], ["c d unseen"]])


def first(space: Any, shape: tuple[int, ...]) -> Any:
    return next(space.enumerate()).build(shape)


def randomized(model: Any) -> Any:
    """Set all weights to random values, which no new layer has."""
    model.set_weights([RNG.random(weight.shape, "float32") for weight in model.get_weights()])
    return model


def head(x: Any) -> Any:
    return layers.Dense(3)(layers.Dense(8, "relu")(x))


def frozen_base() -> tuple[Any, Any]:
    """Return a model for fine-tuning, which contains the frozen layers of another directly."""
    inputs = keras.Input((8, 8, 2))
    x = layers.Conv2D(4, 3, padding="same", activation="relu")(inputs)
    y = layers.Activation("relu")(layers.BatchNormalization()(x))
    y = layers.Conv2D(4, 3, padding="same")(y)
    x = layers.Activation("relu")(layers.Add()([x, y]))
    base = keras.Model(inputs, layers.Conv2D(6, 3)(x))
    base.trainable = False
    model = keras.Model(base.input, head(layers.GlobalAveragePooling2D()(base.output)))
    return randomized(model), IMAGES


def frozen_embedding() -> tuple[Any, Any]:
    table = layers.Embedding(50, 4, trainable=False)
    stack = [keras.Input((5,), dtype="int32"), table, layers.GlobalAveragePooling1D()]
    stack += [layers.Dense(8, "relu"), layers.Dense(3)]
    return randomized(keras.Sequential(stack)), RNG.integers(50, size=(4, 5))


class Composite(layers.Layer):  # type: ignore[misc]
    """A layer whose inner layers are built when it is called."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.inner = keras.Sequential([layers.Dense(4), layers.BatchNormalization()])

    def call(self, x: Any) -> Any:
        return self.inner(x)


def frozen_composite() -> tuple[Any, Any]:
    composite = Composite()
    inputs = keras.Input((4,))
    model = randomized(keras.Model(inputs, head(composite(inputs))))
    composite.trainable = False
    return model, TABLE


def adapted(one: Any, data: Any) -> Any:
    one.adapt(data)
    return one


def normalization() -> tuple[Any, Any]:
    inputs = keras.Input((4,))
    x = adapted(layers.Normalization(), 100 * TABLE + 500)(inputs)
    return keras.Model(inputs, head(x)), TABLE


def discretization() -> tuple[Any, Any]:
    one = adapted(layers.Discretization(num_bins=4, output_mode="one_hot"), TABLE[:, :1])
    inputs = keras.Input((1,))
    return keras.Model(inputs, head(one(inputs))), TABLE[:, :1]


def texts() -> tuple[Any, Any]:
    one = adapted(layers.TextVectorization(20, output_sequence_length=5), TEXTS[:1])
    stack = [keras.Input((1,), dtype="string"), one, layers.Embedding(20, 4), layers.Flatten()]
    model = keras.Sequential([*stack, layers.Dense(8, "relu"), layers.Dense(3)])
    return model, keras.ops.convert_to_tensor(TEXTS)


def frequencies() -> tuple[Any, Any]:
    one = adapted(layers.IntegerLookup(output_mode="tf_idf"), numpy.array([[3, 5], [5, 7]]))
    inputs = keras.Input((2,), dtype="int64")
    return keras.Model(inputs, head(one(inputs))), numpy.array([[3, 7], [5, 8]])


WITH_STATE = [frozen_base, frozen_embedding, frozen_composite, normalization, discretization, texts]


@pytest.mark.parametrize("make", [*WITH_STATE, frequencies])
def test_frozen_and_adapted_layers_keep_their_state(make: Any) -> None:
    model, x = make()
    space = variants_of(model)
    names = [decision.name for decision in space.decisions]
    assert sum(name.endswith(("units", "filters", "kernel_size")) for name in names) == 1
    shape = model.input_shape[1:]
    for again in (space, from_json(space.to_json())):
        member = first(again, shape)
        assert member.count_params() == model.count_params()
        pairs = zip(member.trainable_weights, model.trainable_weights, strict=True)
        for variable, value in pairs:  # all other weights must be copied already
            variable.assign(value)
        numpy.testing.assert_allclose(member(x), model(x), rtol=1e-5, atol=1e-5)
    for _ in range(3):
        architecture = space.sample(RNG)
        variant = architecture.build(shape)
        assert variant.output_shape == (None, 3)
        assert architecture.cost(shape).parameters == variant.count_params()


def pretrained(frozen: bool = False) -> Any:
    base = keras.Sequential([keras.Input((4,)), layers.Dense(3, "relu"), layers.Dense(5)])
    base.layers[0].trainable = not frozen
    return base


@keras.saving.register_keras_serializable("nasbridge_tests")
class Built(Composite):
    def build(self, shape: Any) -> None:
        self.inner.build(shape)


def partly_frozen() -> Any:
    composite = Built()
    composite.build((None, 6, 4))
    composite.inner.layers[0].trainable = False
    return composite


def low_rank() -> Any:
    """Return a dense layer with LoRA: its kernel is frozen, the low-rank factors are not."""
    dense = layers.Dense(8)
    dense.build((None, 4))
    dense.enable_lora(2)
    return dense


PARTLY_FROZEN = {
    "a wrapped model": lambda: layers.TimeDistributed(pretrained()),
    "a wrapped model, partly frozen": lambda: layers.TimeDistributed(pretrained(frozen=True)),
    "a layer, partly frozen": partly_frozen,
    "in a model": lambda: keras.Sequential([keras.Input((6, 4)), partly_frozen()]),
    "LoRA": low_rank,
}


@pytest.mark.parametrize("which", PARTLY_FROZEN)
def test_a_copy_starts_with_all_weights_of_the_original(which: str) -> None:
    keras.utils.set_random_seed(0)
    inputs = keras.Input((6, 4))
    one = PARTLY_FROZEN[which]()
    model = randomized(keras.Model(inputs, head(one(inputs))))
    copied = first(variants_of(model), (6, 4)).layers[1]
    assert type(copied) is type(one)
    for variable, original in zip(copied.variables, one.variables, strict=True):
        if "seed" not in original.path:
            numpy.testing.assert_array_equal(variable, original)
            assert variable.trainable == original.trainable


class Twice(layers.Layer):  # type: ignore[misc]
    """A layer that uses one frozen layer in two places."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.table = layers.Embedding(9, 4)
        self.frames = layers.TimeDistributed(self.table)
        self.table.trainable = False

    def call(self, x: Any) -> Any:
        return self.frames(x)[:, :, 0] + self.table(x[..., 0])


def test_a_frozen_layer_in_two_places_stays_frozen() -> None:
    inputs = keras.Input((3, 1))
    model = randomized(keras.Model(inputs, head(layers.Flatten()(Twice()(inputs)))))
    member = first(variants_of(model), (3, 1))
    numpy.testing.assert_array_equal(member.layers[1].table.embeddings, model.weights[0])
    assert len(member.trainable_weights) == len(model.trainable_weights) == 4


@keras.saving.register_keras_serializable("nasbridge_tests")
class Chosen(layers.Layer):  # type: ignore[misc]
    """A layer with settings that are names: of a function, and in a dict."""

    def __init__(self, function: str, held: Any = None, **settings: Any) -> None:
        super().__init__(**settings)
        self.function, self.held = function, held

    def call(self, x: Any) -> Any:
        function: Any = keras.activations.get(self.function)
        return function(x)

    def get_config(self) -> Any:
        return {**super().get_config(), "function": self.function, "held": self.held}

    @classmethod
    def from_config(cls, config: Any) -> Any:
        return cls(**config)


def test_settings_that_look_like_layer_names_are_kept() -> None:
    stack = [keras.Input((4,))]
    stack += [Chosen(name, name=name) for name in ("tanh", "relu")]
    stack += [Chosen("linear", {"name": name}) for name in ("one", "two")]
    member = first(variants_of(keras.Sequential([*stack, layers.Dense(3)])), (4,))
    chosen = [(one.function, one.held) for one in member.layers[1:5]]
    named = [("linear", {"name": "one"}), ("linear", {"name": "two"})]
    assert chosen == [("tanh", None), ("relu", None), *named]


def test_a_model_inside_a_users_layer_starts_with_new_weights() -> None:
    """Such as the blocks of a transformer, which are ordinary layers."""

    def model() -> Any:
        return with_layer(Built(name="block"), (6, 4))

    space = variants_of(model())
    assert variants_of(model()) == space
    one, other = (first(space, (6, 4)).get_weights()[0] for _ in range(2))
    assert (one != other).any()


def test_a_copy_does_not_depend_on_automatic_names() -> None:
    def model() -> Any:
        keras.utils.set_random_seed(0)
        inputs, frames = keras.Input((4,)), keras.Input((6, 4))
        frame = keras.Model(inputs, layers.Dense(4)(layers.Dense(4, "relu")(inputs)))
        return keras.Model(frames, head(layers.TimeDistributed(frame)(frames)))

    space = variants_of(model())
    keras.Sequential([keras.Input((5,)), layers.Dense(2)])  # counts up the automatic names
    assert variants_of(model()).to_json() == space.to_json()


def test_layers_between_frozen_layers_do_not_vary() -> None:
    model, _ = frozen_base()
    space = variants_of(model)
    assert [one.name for one in space.decisions][1:] == ["activation_relu", "normalization_none"]
    built = [space.sample(numpy.random.default_rng(k)).build((8, 8, 2)) for k in range(4)]
    for variant in built:
        between = [one for one in variant.layers if type(one) is layers.Activation]
        assert [one.activation for one in between] == [keras.activations.relu] * 2


def test_a_layer_with_moving_averages_only_is_not_copied() -> None:
    """Its averages are computed again, as the layers before it are trained again."""
    stack = [keras.Input((4,)), layers.Dense(6), layers.BatchNormalization(center=False,
             scale=False), layers.Dense(3)]  # fmt: skip
    names = [decision.name for decision in variants_of(keras.Sequential(stack)).decisions]
    assert "0.units" in names
    assert "normalization_batch" in names


def test_a_model_that_is_not_built_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"has not been built, .* start it with keras.Input"):
        variants_of(keras.Sequential([layers.Dense(4), layers.Dense(3)]))


def doubled(x: Any) -> Any:
    return 2 * x


@keras.saving.register_keras_serializable("nasbridge_tests")
class Block(layers.Layer):  # type: ignore[misc]
    """Written as Keras documents it: `from_config` makes the layers among its settings."""

    def __init__(self, inner: Any, **settings: Any) -> None:
        super().__init__(**settings)
        assert isinstance(inner, layers.Layer)
        self.inner = inner

    def call(self, x: Any) -> Any:
        return self.inner(x)

    def get_config(self) -> Any:
        inner = keras.saving.serialize_keras_object(self.inner)
        return {**super().get_config(), "inner": inner}

    @classmethod
    def from_config(cls, config: Any) -> Any:
        return cls(keras.saving.deserialize_keras_object(config.pop("inner")), **config)


class Forgetful(layers.Layer):  # type: ignore[misc]
    """A layer whose config does not contain its width."""

    def __init__(self, units: int = 2, **settings: Any) -> None:
        super().__init__(**settings)
        self.inner = layers.Dense(units)

    def call(self, x: Any) -> Any:
        return self.inner(x)

    def get_config(self) -> Any:
        return super().get_config()


class Mute(layers.Layer):  # type: ignore[misc]
    """A layer whose config lacks a required argument."""

    def __init__(self, inner: Any, **settings: Any) -> None:
        super().__init__(**settings)
        self.inner = inner

    def call(self, x: Any) -> Any:
        return self.inner(x)


def with_layer(one: Any, shape: tuple[int | None, ...] = (4,)) -> Any:
    stack = [keras.Input(shape), one, layers.Dense(6, "relu"), layers.Dense(3)]
    return keras.Sequential(stack)


def shared_model() -> Any:
    return keras.Sequential([keras.Input((4,)), layers.Dense(3), layers.Dropout(0.5)])


REBUILT_BY_CLASS = {
    "a lambda": lambda: with_layer(layers.Lambda(lambda x: numpy.float32(3) * x)),
    "a function": lambda: with_layer(layers.Lambda(doubled)),
    "an activation": lambda: with_layer(layers.Dense(5, activation=doubled)),
    "cells": lambda: with_layer(layers.RNN([layers.LSTMCell(4), layers.LSTMCell(2)]), (5, 4)),
    "a wrapped model": lambda: with_layer(layers.TimeDistributed(shared_model()), (5, 4)),
    "from_config": lambda: with_layer(Block(shared_model())),
    "no layer's name": lambda: with_layer(LayerScale(0.5, 4)),
    "a constant": lambda: with_layer(layers.Embedding(6, 4, embeddings_initializer=CONSTANT), (5,)),
}


@pytest.mark.parametrize("which", REBUILT_BY_CLASS)
def test_a_layer_that_only_its_class_can_rebuild_is_rebuilt(which: str) -> None:
    model = REBUILT_BY_CLASS[which]()
    space = variants_of(model)
    shape = model.input_shape[1:]
    member, other = (first(again, shape) for again in (space, from_json(space.to_json())))
    kinds = [type(one) for one in model.layers]
    assert [type(one) for one in member.layers if type(one) in kinds][: len(kinds)] == kinds
    assert other.count_params() == model.count_params()
    x = RNG.random((2, *shape), "float32")
    member.set_weights(model.get_weights())
    numpy.testing.assert_allclose(member(x), model(x), rtol=1e-5, atol=1e-6)
    assert variants_of(model) == space
    assert space.sample(RNG).build(shape).output_shape == model.output_shape


def test_functions_of_one_name_are_distinguished() -> None:
    def times(factor: float) -> Any:
        return variants_of(with_layer(layers.Lambda(lambda x: factor * x)))

    assert times(2.0) == times(2.0)
    assert times(2.0) != times(3.0)


def test_a_layer_that_cannot_be_rebuilt_is_an_error() -> None:
    message = r"'odd' \(Forgetful\) has output shape \(5,\) and 25 .* has \(2,\) .* let get_config"
    with pytest.raises(ValueError, match=message):
        variants_of(with_layer(Forgetful(5, name="odd")))
    with pytest.raises(ValueError, match=r"(?s)'mute' \(Mute\) cannot be copied .* get_config"):
        variants_of(with_layer(Mute(layers.Dense(4), name="mute")))


def test_axes_may_have_an_unknown_size() -> None:
    model = with_layer(layers.Conv1D(4, 3, padding="same"), (None, 4))
    assert first(variants_of(model), (9, 4)).count_params() == model.count_params()
    with pytest.raises(ValueError, match=r"'odd' \(Forgetful\)"):
        variants_of(with_layer(Forgetful(5, name="odd"), (None, 4)))
