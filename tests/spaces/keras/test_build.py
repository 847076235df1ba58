# pyright: basic
"""Building with Keras: names, classes of the user, errors, and counts of existing models."""

import subprocess
import sys
from typing import Any

import keras
import pytest

from nasbridge.spaces import (
    BuildError,
    Chain,
    Layer,
    Node,
    Repeat,
    SearchSpace,
    from_json,
    layer,
    library,
)
from nasbridge.spaces.keras import build, count_parameters, flops, layer_name
from nasbridge.spaces.planning.shapes import Shape

pytestmark = pytest.mark.frameworks


class Gate(keras.layers.Layer):  # type: ignore[misc]
    """A layer of the user that contains Keras layers."""

    made = 0

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        type(self).made += 1
        self.units = units
        self.value = keras.layers.Dense(units)
        self.gate = keras.layers.Dense(units, activation="sigmoid", use_bias=False)

    def call(self, inputs: Any) -> Any:
        return self.value(inputs) * self.gate(inputs)


class Halves(keras.layers.Layer):  # type: ignore[misc]
    def call(self, inputs: Any) -> Any:
        return inputs[:, :1], inputs[:, 1:]


class Nameless(keras.layers.Layer):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()


class NotALayer:
    """A class that does not derive from `keras.layers.Layer`."""


def built(space: SearchSpace, shape: Shape) -> Any:
    return next(space.enumerate()).build(shape)


def test_a_layer_is_named_after_its_path() -> None:
    space = Repeat(Chain(layer("Dense", units=2), layer("ReLU")), times=2)
    names = [part.name for part in built(space, (3,)).layers]
    assert names == ["input", "0-0", "0-1", "1-0", "1-1"]


def test_no_two_paths_share_a_name() -> None:
    paths = ["a.b", "a-b", "a_b", "a.b.", "a b", "ä.b", "a", "_a", "op.(3, 3)", "op.(3 3)", "A.b"]
    names = [layer_name(path) for path in paths]
    assert len(set(names)) == len(paths)
    assert all(name.isascii() and not set(name) & set("./ ()") for name in names)


def test_inner_layers_are_named_after_their_path() -> None:
    space = layer("TimeDistributed", layer=layer("Dense", units=2), name="each")
    assert built(space, (4, 3)).layers[1].layer.name == "each-layer"


def test_a_model_may_consist_of_the_input_alone() -> None:
    model = built(Repeat(layer("ReLU"), times=0), (3,))
    assert (model.output_shape, count_parameters(model), flops(model)) == ((None, 3), 0, 0)


def test_a_class_of_the_user_is_built_and_counted() -> None:
    space = Chain(layer(Gate, units=4), layer("Dense", units=2))
    architecture = next(space.enumerate())
    model, cost = architecture.build((3,)), architecture.cost((3,))
    assert cost.parameters == model.count_params() == 16 + 12 + 10
    assert cost.flops == flops(model) == 16 + 12 + 10


def test_a_layer_is_measured_with_keras_once() -> None:
    architecture = next(layer(Gate, units=5).enumerate())
    before = Gate.made
    assert architecture.cost((3,)) == architecture.cost((3,))
    assert Gate.made == before + 1
    assert architecture.cost((4,)) != architecture.cost((3,))


def test_a_class_in_a_document_is_found_where_it_is_imported() -> None:
    read = from_json(layer(Gate, units=4).to_json())
    assert isinstance(built(read, (3,)).layers[1], Gate)


def hidden() -> type:
    """Return a layer class that is not an attribute of a module."""

    class Hidden(keras.layers.Layer):  # type: ignore[misc]
        def call(self, inputs: Any) -> Any:
            return inputs

    return Hidden


@pytest.mark.parametrize("package", ["nasbridge_test", None])
def test_a_class_in_a_document_is_found_where_it_is_registered(package: str | None) -> None:
    cls = hidden()
    read = from_json(layer(cls).to_json())
    with keras.saving.CustomObjectScope({} if package else {"Hidden": cls}):
        if package:
            keras.saving.register_keras_serializable(package)(cls)
        assert type(built(read, (3,)).layers[1]) is cls


@pytest.mark.parametrize(
    ("space", "message"),
    [
        (layer("Conv2d", filters=2, kernel_size=1), "at 'Conv2d' .*did you mean 'Conv2D'"),
        (layer("Zzzzzzzz"), "not a Keras layer: use a name in keras.layers"),
        (Layer("my_models.blocks:Block"), r"import your module first \(import my_models.blocks\)"),
        (Layer("os:system"), "at 'os:system' is not a layer"),
        (layer(NotALayer), "derive the class from keras.layers.Layer"),
        (layer("Dense", units=3, activation="rilu"), r"Dense\(units=3.*rejects.*rilu"),
        (layer("Dense", units=3, unit=3), r"has no setting 'unit' \(did you mean 'units'\?\)"),
        (layer(Halves), "let it return one tensor"),
        (layer(Nameless), r"pass them to super\(\).__init__"),
        (layer("Dot", axes=1), "at 'Dot' cannot take"),
    ],
)
def test_an_error_names_layer_path_and_fix(space: Node, message: str) -> None:
    with pytest.raises(BuildError, match=message):
        built(space, (4, 4, 3))


def test_the_error_of_keras_is_the_cause() -> None:
    with pytest.raises(BuildError) as caught:
        built(layer("Dropout", rate=2.0), (3,))
    assert isinstance(caught.value.__cause__, ValueError)
    assert str(caught.value.__cause__) in str(caught.value)


def test_a_document_does_not_import_modules() -> None:
    with pytest.raises(BuildError, match="import antigravity"):
        built(Layer("antigravity:Layer"), (3,))
    assert "antigravity" not in sys.modules


def test_channels_first_is_an_error() -> None:
    keras.config.set_image_data_format("channels_first")
    try:
        with pytest.raises(BuildError, match="set_image_data_format"):
            built(layer("Flatten"), (3,))
    finally:
        keras.config.set_image_data_format("channels_last")


def test_without_keras_costs_are_counted_and_errors_name_the_extra() -> None:
    code = """
import sys
sys.modules["keras"] = None
from nasbridge.spaces import MissingExtra, layer
architecture = next(layer("Dense", units=3).enumerate())
print(architecture.cost((4,)).parameters)
for use in (architecture.build, next(layer("EinsumDense").enumerate()).cost):
    try:
        use((4,))
    except MissingExtra as error:
        print(error)
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    parameters, *errors = ran.stdout.splitlines()
    assert parameters == "15"
    assert len(errors) == 2
    assert all("pip install 'nasbridge[tensorflow]'" in error for error in errors)


def test_a_sequential_model_is_counted() -> None:
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            keras.layers.Conv2D(4, 3, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(2),
        ]
    )
    assert flops(model) == 36 * 28 * 4 + 36 * 4 * 2 + 2
    assert count_parameters(model) == 28 * 4 + 36 * 4 * 2 + 2


def test_a_layer_that_is_called_twice_counts_twice() -> None:
    inputs = keras.Input((3,))
    shared = keras.layers.Dense(3)
    model = keras.Model(inputs, shared(shared(inputs)))
    assert (flops(model), count_parameters(model)) == (24, 12)
    outer_inputs = keras.Input((3,))
    outer = keras.Model(outer_inputs, keras.layers.Dense(1)(model(model(outer_inputs))))
    assert flops(outer) == 2 * 24 + 4


def test_wrapped_layers_and_attention_are_counted() -> None:
    inputs = keras.Input((5, 4))
    x = keras.layers.TimeDistributed(keras.layers.Dense(6))(inputs)
    x = keras.layers.Bidirectional(keras.layers.LSTM(3, return_sequences=True))(x)
    x = keras.layers.MultiHeadAttention(num_heads=2, key_dim=4)(x, x)
    projections = 3 * 5 * (6 * 8 + 8) + 5 * (8 * 6 + 6)
    products = 2 * 5 * 5 * 8  # queries with keys, scores with values
    expected = 5 * 30 + 2 * 5 * 4 * 3 * (6 + 3 + 1) + projections + products
    assert flops(keras.Model(inputs, x)) == expected


def test_a_subclassed_model_is_counted() -> None:
    class Own(keras.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.first = keras.layers.Dense(5)
            self.second = keras.layers.Dense(2)

        def call(self, inputs: Any) -> Any:
            return self.second(self.first(inputs))

    model = Own()
    with pytest.raises(BuildError, match="not been built"):
        flops(model)
    model(keras.ops.zeros((1, 3)))
    assert (flops(model), count_parameters(model)) == (20 + 12, 20 + 12)


def test_einsum_and_the_layers_inside_a_users_layer_are_counted() -> None:
    class Block(keras.layers.Layer):  # type: ignore[misc]
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.attention = keras.layers.MultiHeadAttention(num_heads=2, key_dim=3, value_dim=5)
            self.mix = keras.layers.EinsumDense("abc,cd->abd", (None, 7), bias_axes="d")

        def call(self, inputs: Any) -> Any:
            return self.mix(self.attention(inputs, inputs))

    cost = next(layer(Block).enumerate()).cost((5, 4))
    projections = 2 * 5 * (4 + 1) * 6 + 5 * (4 + 1) * 10 + 5 * (10 + 1) * 4
    assert cost.flops == projections + 5 * 5 * (6 + 10) + 5 * (4 + 1) * 7
    assert flops(next(layer(Block).enumerate()).build((5, 4))) == cost.flops


def test_a_model_with_axes_of_unknown_size_is_not_counted() -> None:
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, keras.layers.Conv2D(4, 3)(inputs))
    assert count_parameters(model) == 112
    with pytest.raises(BuildError, match="fixed shape"):
        flops(model)


def test_a_model_counts_as_its_plan() -> None:
    space = library.nas_bench_201(repeats=1)
    edges = {decision.name: "nor_conv_3x3" for decision in space.decisions}
    architecture = space.architecture(edges)
    model = build(architecture.graph(), (32, 32, 3), name="cell")
    assert model.name == "cell"
    assert flops(model) == architecture.cost((32, 32, 3)).flops
