# pyright: basic
"""`variants_of`: models with several inputs and outputs, and layers that are not nested."""

from typing import Any

import keras
import numpy
import pytest
from keras import layers

from nasbridge.spaces import from_json, variants_of
from nasbridge.strategies import RandomSearch, Search


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


def giving_a_dict() -> Any:
    inputs = keras.Input((4,))
    return keras.Model(inputs, {"classes": layers.Dense(3)(inputs)})


def broadcasting() -> Any:
    inputs = keras.Input((4, 4, 2))
    return keras.Model(inputs, layers.Add(name="sum")([inputs, layers.Conv2D(2, 4)(inputs)]))


def stacking() -> Any:
    inputs = keras.Input((4, 2))
    return keras.Model(inputs, layers.Concatenate(1, name="both")([inputs, layers.ReLU()(inputs)]))


def self_gated() -> Any:
    """Return a model with squeeze-and-excite in a repeated block."""
    x = inputs = keras.Input((6, 6, 3))
    x = layers.Conv2D(4, 3, padding="same", activation="relu")(x)
    for number in range(2):
        y = layers.Conv2D(8, 1, activation="relu", name=f"expand_{number}")(x)
        gate = layers.GlobalAveragePooling2D(keepdims=True)(y)
        gate = layers.Conv2D(2, 1, activation="relu")(gate)
        gate = layers.Conv2D(8, 1, activation="sigmoid")(gate)
        y = layers.Multiply(name=f"excite_{number}")([y, gate])
        x = layers.Add()([x, layers.Conv2D(4, 1)(y)])
    return keras.Model(inputs, layers.Dense(2)(layers.GlobalAveragePooling2D()(x)))


def three_heads(form: Any) -> Any:
    """Return a model with two inputs and three outputs, one of them in the middle."""
    image, table = keras.Input((6, 6, 3), name="image"), keras.Input((5,), name="table")
    x = layers.Conv2D(4, 3, padding="same", activation="relu")(image)
    for _ in range(2):
        x = layers.Add()([x, layers.Conv2D(4, 3, padding="same", activation="relu")(x)])
    early = layers.GlobalAveragePooling2D(name="early")(x)
    joined = layers.Concatenate()([early, layers.Dense(6, "relu")(table)])
    joined = layers.Dense(7, "relu", name="body")(joined)
    kind = layers.Dense(3, "softmax", name="kind")(joined)
    price = layers.Dense(1, name="price")(joined)
    if form is dict:
        inputs = {"image": image, "table": table}
        return keras.Model(inputs, {"early": early, "class": kind, "cost": price})
    return keras.Model([image, table], [early, kind, price])


def cells() -> Any:
    """Return a model whose cells take the two cells before them, as in NASNet."""
    before = x = inputs = keras.Input((6, 6, 3))
    for _ in range(3):
        one = layers.Conv2D(4, 3, padding="same", activation="relu")(x)
        two = layers.Conv2D(4, 1)(before)
        before, x = x, layers.Concatenate()([layers.Add()([one, two]), one])
    return keras.Model(inputs, layers.Dense(2)(layers.GlobalAveragePooling2D()(x)))


def arithmetic() -> Any:
    """Return a model with operators: hard sigmoid as MobileNetV3 has it, and others."""
    inputs = keras.Input((4,))
    x = layers.Dense(5)(inputs)
    gate = layers.ReLU(6.0)(x + 3.0) * (1.0 / 6.0)
    x = (1 - x * gate) / 2 - 0.5
    return keras.Model(inputs, layers.Dense(2)(x))


def data_for(model: Any) -> Any:
    """Return data in the structure of a model's inputs."""
    rng = numpy.random.default_rng(0)
    return keras.tree.map_structure(
        lambda tensor: rng.normal(size=(2, *tensor.shape[1:])).astype("float32"),
        model._inputs_struct,
    )


MODELS = {
    "arithmetic": arithmetic,
    "squeeze and excite": self_gated,
    "lists": lambda: three_heads(list),
    "dicts": lambda: three_heads(dict),
    "cells": cells,
    "twisted": twisted,
    "two inputs": two_inputs,
    "attention": attention,
    "arguments by name": lambda: named_tensors(all=True),
    "arguments mixed": lambda: named_tensors(all=False),
    "a name of Keras": with_a_name_of_keras,
    "a dict": giving_a_dict,
    "broadcasting": broadcasting,
    "another axis": stacking,
}


@pytest.mark.parametrize("which", MODELS)
def test_the_first_architecture_is_the_model(which: str) -> None:
    model = MODELS[which]()
    space = variants_of(model)
    x = data_for(model)
    again = from_json(space.to_json())
    assert again == space
    for description in (space, again):
        member = next(description.enumerate()).build(space.input_shape)
        assert member.count_params() == model.count_params()
        wanted = model(x)
        member.set_weights(model.get_weights())
        keras.tree.map_structure(
            lambda one, other: numpy.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5),
            member(x),
            wanted,
        )
    rng = numpy.random.default_rng(0)
    for _ in range(5):
        variant = space.sample(rng).build(space.input_shape)
        shapes = keras.tree.map_structure(lambda one: one.shape, variant(x))
        assert shapes == keras.tree.map_structure(lambda one: one.shape, wanted)


def test_given_names_stay() -> None:
    model = three_heads(list)
    space = variants_of(model)
    member = next(space.enumerate()).build(space.input_shape)
    assert member.output_names == model.output_names == ["early", "kind", "price"]
    for name in ("early", "body", "kind", "price", "image", "table"):
        assert type(member.get_layer(name)) is type(model.get_layer(name))
    rng = numpy.random.default_rng(0)
    assert space.sample(rng).build(space.input_shape).get_layer("kind").units == 3
    gated = self_gated()
    names = {one.name for one in next(variants_of(gated).enumerate()).build((6, 6, 3)).layers}
    assert {"expand_0", "expand_1", "excite_0", "excite_1"} <= names


def test_no_layer_is_added() -> None:
    model = self_gated()
    member = next(variants_of(model).enumerate()).build((6, 6, 3))
    kinds = sorted(type(one).__name__ for one in member.layers)
    assert kinds == sorted(type(one).__name__ for one in model.layers)


def test_blocks_with_gates_vary_in_depth_and_width() -> None:
    space = variants_of(self_gated())
    names = [one.name for one in space.decisions]
    assert "depth_1" in names
    # Not where a gate needs the width; the two in the block exist with and without the shortcut.
    assert sum("filters" in name for name in names) == 1 + 2 * 2


@pytest.mark.parametrize("constrained", [False, True])
def test_a_search_evaluates_the_model_first(constrained: bool) -> None:
    model = self_gated()
    space: Any = variants_of(model)
    first = next(space.enumerate())
    if constrained:
        space = space.limit((6, 6, 3), parameters=model.count_params())
        assert space.is_feasible(space.architecture(first.choices))
    search = Search(RandomSearch(), from_json(space.to_json()), {"loss": "min"}, seed=1)
    assert search.ask(0).choices == first.choices
    assert search.ask(1).choices != first.choices
    later = Search(RandomSearch(), variants_of(model, model_first=False), {"loss": "min"}, seed=1)
    assert later.ask(0).choices != first.choices


def test_a_model_that_violates_a_constraint_is_reported(caplog: Any) -> None:
    model = self_gated()
    space = variants_of(model).limit((6, 6, 3), parameters=model.count_params() - 1)
    search = Search(RandomSearch(), space, {"loss": "min"})
    assert "the model itself violates the constraints" in caplog.text
    assert space.is_feasible(search.ask(0))
