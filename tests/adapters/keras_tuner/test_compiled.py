# pyright: basic
"""`NASTuner` of the variants of a model compiles its networks as the model, or raises an error."""

from pathlib import Path
from typing import Any

import keras
import numpy
import pytest

from nasbridge import GridSearch
from nasbridge.adapters.keras_tuner import NASTuner
from nasbridge.engine import ExperimentError
from nasbridge.evaluators.copies import check_configuration
from nasbridge.spaces import variants_of

X, Y = numpy.eye(6, 4, dtype="float32"), numpy.eye(6, 3, dtype="float32")


def model_of(*compiling: Any, **settings: Any) -> Any:
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "softmax")])
    model.compile(*compiling, **settings)
    return model


def member_of(model: Any, directory: Path) -> Any:
    tuner: Any = NASTuner(variants_of(model), "loss", 1, strategy=GridSearch(), directory=directory)
    return tuner.hypermodel.build(tuner.oracle.get_space())


@pytest.mark.parametrize("wrap", [lambda one: one, keras.optimizers.LossScaleOptimizer])
def test_weights_excluded_from_decay_stay_excluded(wrap: Any, tmp_path: Path) -> None:
    optimizer = keras.optimizers.AdamW(0.1, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma"])
    member = member_of(model_of(wrap(optimizer), "mse"), tmp_path)
    member.set_weights([numpy.ones_like(weight) for weight in member.get_weights()])
    weights = member.trainable_variables
    member.optimizer.apply([0 * weight.value for weight in weights], weights)
    kernel, bias = member.get_weights()
    numpy.testing.assert_array_equal(bias, 1)
    assert (kernel < 1).all()


def test_exclusion_from_decay_by_variable_is_rejected(tmp_path: Path) -> None:
    model = model_of()
    optimizer = keras.optimizers.AdamW()
    optimizer.exclude_from_weight_decay(var_list=[model.layers[0].bias])
    model.compile(optimizer, "mse")
    with pytest.raises(ExperimentError, match=r"excludes variables of one model .*var_names=\["):
        member_of(model, tmp_path)


class Weighted(keras.losses.Loss):  # type: ignore[misc]
    """Its `get_config` omits its state."""

    def __init__(self, held: Any = None, **settings: Any) -> None:
        super().__init__(**settings)
        self.held = held

    def call(self, true: Any, predicted: Any) -> Any:
        return keras.ops.mean((true - predicted) ** 2, -1)


class Configured(Weighted):
    def get_config(self) -> Any:
        return {**super().get_config(), "held": numpy.asarray(self.held).tolist()}


ARRAY = numpy.array([1.0, float("nan")])


@pytest.mark.parametrize(
    "held",
    [
        ARRAY,
        keras.ops.convert_to_tensor(ARRAY),
        [1, "two"],
        (1, None),
        {1, 2},
        {(1, 2)},
        {"one": 1},
        {"one": [ARRAY]},
    ],
    ids=str,
)
def test_state_missing_from_get_config_is_rejected(held: Any, tmp_path: Path) -> None:
    with pytest.raises(ExperimentError, match=r"omits \{'held': "):
        member_of(model_of("sgd", Weighted(held)), tmp_path)


@pytest.mark.parametrize("held", [ARRAY, keras.ops.convert_to_tensor(ARRAY), [1, 2], (1, 2), []])
def test_state_in_get_config_is_copied(held: Any, tmp_path: Path) -> None:
    member = member_of(model_of("sgd", Configured(held)), tmp_path)
    numpy.testing.assert_array_equal(member.loss.held, held)


@pytest.mark.parametrize(
    "held",
    [keras.losses.MeanSquaredError(), abs, keras.Variable([1.0]), numpy.float32, numpy.zeros(2000)],
    ids=lambda held: type(held).__name__,
)
def test_missing_state_that_cannot_be_compared_is_rejected(held: Any, tmp_path: Path) -> None:
    with pytest.raises(ExperimentError, match=r"omits \{'held': "):
        member_of(model_of("sgd", Weighted(held)), tmp_path)


class Callable:
    """Refers to itself, as stored methods do."""

    def __init__(self) -> None:
        self.known: Any = {}
        self.known["self"] = self.known

    def __call__(self, true: Any, predicted: Any) -> Any:
        return keras.ops.mean((true - predicted) ** 2, -1)


def test_a_plain_callable_is_reused(tmp_path: Path) -> None:
    loss = Callable()
    assert member_of(model_of("sgd", loss), tmp_path).loss is loss


def test_state_created_by_building_is_ignored() -> None:
    muon = keras.optimizers.Muon()
    muon.build([keras.Variable(numpy.zeros((2, 2)))])  # without Adam's velocities of a bias
    check_configuration(muon)


@pytest.mark.parametrize(
    ("optimizer", "metric"),
    [
        ("sgd", keras.metrics.F1Score),
        ("rmsprop", lambda: keras.metrics.AUC(multi_label=True)),
        ("adamw", keras.metrics.R2Score),
        ("adafactor", lambda: keras.metrics.OneHotIoU(3, [0, 2])),
        ("lion", lambda: keras.metrics.Precision([0.2, 0.5])),
    ],
)
@pytest.mark.usefixtures("eager")
@pytest.mark.filterwarnings("ignore:Even though the `tf.config")
def test_a_trained_model_has_variants(optimizer: str, metric: Any, tmp_path: Path) -> None:
    """The state of used optimizers and metrics is not part of their settings."""
    model = model_of(optimizer, "mse", metrics=[metric()])
    model.fit(X, Y, verbose=0)
    member = member_of(model, tmp_path)
    assert member.optimizer.get_config() == model.optimizer.get_config()
