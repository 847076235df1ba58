# pyright: basic
"""`NASTuner` of a space: its networks are compiled as was said, or it is an error."""

from pathlib import Path
from typing import Any

import keras
import numpy
import pytest

from nasbridge import GridSearch
from nasbridge.adapters import ExperimentError
from nasbridge.adapters.keras_tuner import NASTuner
from nasbridge.spaces import around

X, Y = numpy.eye(6, 4, dtype="float32"), numpy.eye(6, 3, dtype="float32")


def model_of(*compiling: Any, **settings: Any) -> Any:
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "softmax")])
    model.compile(*compiling, **settings)
    return model


def member_of(model: Any, directory: Path) -> Any:
    tuner: Any = NASTuner(around(model), GridSearch(), "loss", 1, directory=directory)
    return tuner.hypermodel.build(tuner.oracle.get_space())


@pytest.mark.parametrize("wrap", [lambda one: one, keras.optimizers.LossScaleOptimizer])
def test_what_does_not_decay_does_not_in_members(wrap: Any, tmp_path: Path) -> None:
    optimizer = keras.optimizers.AdamW(0.1, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma"])
    member = member_of(model_of(wrap(optimizer), "mse"), tmp_path)
    member.set_weights([numpy.ones_like(weight) for weight in member.get_weights()])
    weights = member.trainable_variables
    member.optimizer.apply([0 * weight.value for weight in weights], weights)
    kernel, bias = member.get_weights()
    numpy.testing.assert_array_equal(bias, 1)
    assert (kernel < 1).all()


def test_weights_that_do_not_decay_are_to_be_named(tmp_path: Path) -> None:
    model = model_of()
    optimizer = keras.optimizers.AdamW()
    optimizer.exclude_from_weight_decay(var_list=[model.layers[0].bias])
    model.compile(optimizer, "mse")
    with pytest.raises(ExperimentError, match=r"keeps weights of one model .*var_names=\["):
        member_of(model, tmp_path)
