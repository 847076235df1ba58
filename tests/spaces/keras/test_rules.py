# pyright: basic
"""The planning rules against Keras: equal shapes and weights for every layer with a rule."""

from collections.abc import Mapping
from math import prod
from typing import Any

import pytest

from nasbridge.spaces import Operation
from nasbridge.spaces.planning.rules import MERGES, RULES, measure
from nasbridge.spaces.planning.shapes import Shape

pytestmark = pytest.mark.frameworks

LSTM = Operation("LSTM", {"units": 3, "return_sequences": True})
# layer, settings, and input shape without the batch axis
CASES: list[tuple[str, Mapping[str, object], Shape]] = [
    ("Activation", {"activation": "relu"}, (4, 3)),
    ("ActivityRegularization", {"l2": 0.1}, (4,)),
    ("AlphaDropout", {"rate": 0.1}, (4,)),
    ("BatchNormalization", {}, (4, 4, 3)),
    ("BatchNormalization", {"axis": 1, "center": False, "scale": False}, (4, 5, 3)),
    ("Bidirectional", {"layer": LSTM}, (6, 2)),
    ("Bidirectional", {"layer": LSTM, "merge_mode": "sum"}, (6, 2)),
    ("Dense", {"units": 5}, (3,)),
    ("Dense", {"units": 5, "use_bias": False, "trainable": False}, (2, 4, 3)),
    ("Dropout", {"rate": 0.5}, (4, 3)),
    ("ELU", {}, (4,)),
    ("Embedding", {"input_dim": 9, "output_dim": 4}, (7,)),
    ("Flatten", {}, (4, 5, 3)),
    ("GRU", {"units": 3}, (6, 2)),
    ("GRU", {"units": 3, "reset_after": False, "return_sequences": True}, (6, 2)),
    ("GRU", {"units": 3, "use_bias": False}, (6, 2)),
    ("GaussianDropout", {"rate": 0.5}, (4,)),
    ("GaussianNoise", {"stddev": 0.5}, (4,)),
    ("GroupNormalization", {"groups": 2}, (4, 4, 6)),
    ("GroupNormalization", {"groups": -1, "scale": False}, (4, 4, 6)),
    ("Identity", {}, (4, 3)),
    ("LSTM", {"units": 3}, (6, 2)),
    ("LSTM", {"units": 3, "use_bias": False, "return_sequences": True}, (6, 2)),
    ("LayerNormalization", {}, (4, 5, 3)),
    ("LayerNormalization", {"axis": (-2, -1), "center": False}, (4, 5, 3)),
    ("LayerNormalization", {"rms_scaling": True}, (4, 3)),
    ("LeakyReLU", {}, (4,)),
    ("Masking", {}, (4, 3)),
    ("PReLU", {}, (4, 5, 3)),
    ("PReLU", {"shared_axes": [1, 2]}, (4, 5, 3)),
    ("Permute", {"dims": (2, 1)}, (4, 3)),
    ("RMSNormalization", {}, (4, 3)),
    ("RandomBrightness", {"factor": 0.1}, (8, 8, 3)),
    ("RandomContrast", {"factor": 0.1}, (8, 8, 3)),
    ("RandomErasing", {}, (8, 8, 3)),
    ("RandomFlip", {}, (8, 8, 3)),
    ("RandomGaussianBlur", {}, (8, 8, 3)),
    ("RandomRotation", {"factor": 0.1}, (8, 8, 3)),
    ("RandomSharpness", {"factor": 0.1}, (8, 8, 3)),
    ("RandomTranslation", {"height_factor": 0.1, "width_factor": 0.1}, (8, 8, 3)),
    ("RandomZoom", {"height_factor": 0.1}, (8, 8, 3)),
    ("ReLU", {"max_value": 6.0}, (4,)),
    ("RepeatVector", {"n": 3}, (4,)),
    ("Rescaling", {"scale": 0.5}, (4,)),
    ("Reshape", {"target_shape": (2, -1)}, (4, 3)),
    ("SimpleRNN", {"units": 3}, (6, 2)),
    ("Softmax", {}, (4,)),
    ("SpatialDropout1D", {"rate": 0.5}, (4, 3)),
    ("SpatialDropout2D", {"rate": 0.5}, (4, 4, 3)),
    ("SpatialDropout3D", {"rate": 0.5}, (4, 4, 4, 3)),
    (
        "TimeDistributed",
        {"layer": Operation("Conv1D", {"filters": 2, "kernel_size": 2})},
        (3, 5, 4),
    ),
    ("TimeDistributed", {"layer": Operation("BatchNormalization")}, (3, 4)),
    ("UnitNormalization", {}, (4,)),
]

SIZES = (11, 8, 5)
RANKED: list[tuple[str, int, Mapping[str, object]]] = [
    ("AveragePooling{}D", 3, {"pool_size": 2}),
    ("AveragePooling{}D", 3, {"pool_size": 3, "strides": 1, "padding": "same"}),
    ("AvgPool{}D", 3, {"pool_size": 3}),
    ("Conv{}D", 3, {"filters": 4, "kernel_size": 3}),
    ("Conv{}D", 3, {"filters": 4, "kernel_size": 2, "strides": 2, "padding": "same"}),
    ("Conv{}D", 3, {"filters": 6, "kernel_size": 2, "groups": 2, "use_bias": False}),
    ("Conv{}D", 3, {"filters": 4, "kernel_size": 2, "dilation_rate": 3}),
    ("Conv{}D", 1, {"filters": 4, "kernel_size": 3, "padding": "causal", "strides": 2}),
    ("Conv{}DTranspose", 3, {"filters": 3, "kernel_size": 3, "strides": 2}),
    ("Conv{}DTranspose", 3, {"filters": 3, "kernel_size": 2, "strides": 3}),
    ("Conv{}DTranspose", 3, {"filters": 3, "kernel_size": 3, "strides": 2, "padding": "same"}),
    ("Cropping{}D", 3, {"cropping": 2}),
    ("Cropping{}D", 3, {}),
    ("DepthwiseConv{}D", 2, {"kernel_size": 3, "depth_multiplier": 2, "strides": 2}),
    ("DepthwiseConv{}D", 2, {"kernel_size": 3, "use_bias": False, "padding": "same"}),
    ("GlobalAveragePooling{}D", 3, {}),
    ("GlobalAvgPool{}D", 3, {}),
    ("GlobalMaxPooling{}D", 3, {"keepdims": True}),
    ("GlobalMaxPool{}D", 3, {}),
    ("MaxPooling{}D", 3, {"pool_size": 3, "strides": 2}),
    ("MaxPool{}D", 3, {"padding": "same"}),
    ("SeparableConv{}D", 2, {"filters": 5, "kernel_size": 3, "depth_multiplier": 2}),
    ("SeparableConv{}D", 2, {"filters": 5, "kernel_size": 3, "padding": "same", "use_bias": False}),
    ("UpSampling{}D", 3, {"size": 3}),
    ("UpSampling{}D", 3, {}),
    ("ZeroPadding{}D", 3, {"padding": 2}),
    ("ZeroPadding{}D", 3, {}),
]
CASES += [
    (name.format(rank), config, (*SIZES[:rank], 4))
    for name, highest, config in RANKED
    for rank in range(1, highest + 1)
]
CASES += [
    ("Cropping1D", {"cropping": (1, 2)}, (8, 4)),
    ("Cropping2D", {"cropping": (1, 2)}, (8, 8, 4)),
    ("Cropping3D", {"cropping": ((1, 2), (0, 1), (2, 0))}, (8, 8, 8, 4)),
    ("ZeroPadding1D", {"padding": (1, 2)}, (8, 4)),
    ("ZeroPadding2D", {"padding": ((0, 1), (2, 3))}, (8, 8, 4)),
    ("MaxPooling2D", {"pool_size": (2, 3), "strides": (1, 2)}, (8, 8, 4)),
]


def keras_layer(operation: Operation) -> Any:
    import keras

    config = {
        name: keras_layer(value) if isinstance(value, Operation) else value
        for name, value in operation.config.items()
    }
    return getattr(keras.layers, operation.name)(**config)


@pytest.mark.filterwarnings("ignore:You passed `rms_scaling=True`, which is deprecated")
@pytest.mark.parametrize("name", sorted(RULES))
def test_a_rule_gives_the_shape_and_weights_of_keras(name: str) -> None:
    import keras

    cases = [(config, shape) for layer, config, shape in CASES if layer == name]
    assert cases, f"add a case for {name}"
    for config, shape in cases:
        operation = Operation(name, config)
        found = measure(operation, [shape])
        layer = keras_layer(operation)
        result = layer(keras.Input(shape))
        assert found is not None, config
        assert (None, *found.shape) == result.shape, config
        assert found.parameters == layer.count_params(), config
        frozen = sum(prod(weight.shape) for weight in layer.non_trainable_weights)
        assert found.frozen == frozen, config


def test_every_case_has_a_rule() -> None:
    assert {name for name, _, _ in CASES} == set(RULES)


@pytest.mark.parametrize("name", sorted(MERGES))
def test_a_merge_gives_the_shape_of_keras(name: str) -> None:
    import keras

    shapes = [(4, 3), (4, 3)]
    found = measure(Operation(name), shapes)
    assert found is not None
    result = getattr(keras.layers, name)()([keras.Input(shape) for shape in shapes])
    assert (None, *found.shape) == result.shape


def test_no_rule_applies_to_rare_settings_and_classes_of_the_user() -> None:
    class Dense:
        """A class of the user with the name of a Keras layer."""

    assert measure(Operation("Dense", {"units": 3, "lora_rank": 2}), [(4,)]) is None
    assert measure(Operation("Dense", {"units": 3}, cls=Dense), [(4,)]) is None
    assert measure(Operation("mine:Block"), [(4,)]) is None
    assert measure(Operation("Add"), [(4, 3), (1, 3)]) is None
