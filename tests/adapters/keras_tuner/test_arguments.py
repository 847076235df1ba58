# pyright: basic
"""`NASTuner` and `NASOracle` take the arguments of the classes that they replace."""

import inspect
from pathlib import Path
from typing import Any

import keras_tuner
import pytest

from nasbridge import Chain, Integer, layer
from nasbridge.adapters.keras_tuner import NASOracle, NASTuner
from nasbridge.spaces import UnknownLayer
from nasbridge.strategies import default_strategy

SPACE = Chain(layer("Dense", units=Integer(2, 9)), layer("Dense", units=3, activation="softmax"))


@pytest.mark.parametrize(
    ("ours", "native"),
    [
        (NASTuner, keras_tuner.RandomSearch),
        (NASOracle, keras_tuner.oracles.RandomSearchOracle),
    ],
)
def test_arguments_have_the_order_of_the_replaced_class(ours: Any, native: Any) -> None:
    parameters = inspect.signature(ours).parameters.values()
    positional = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert positional == [*inspect.signature(native).parameters][: len(positional)]
    assert {"objective", "max_trials"} <= {*positional}


def test_an_unknown_layer_is_reported_at_once(tmp_path: Path) -> None:
    space = Chain(layer("Dense", units=Integer(2, 9)), layer("Dropuot", rate=0.5))
    with pytest.raises(UnknownLayer, match="is not a Keras layer: did you mean 'Dropout'"):
        NASTuner(space, "val_loss", directory=tmp_path)


def test_the_default_strategy_and_the_settings_are_public(tmp_path: Path) -> None:
    tuner = NASTuner(SPACE, "val_loss", 7, seed=3, directory=tmp_path)
    oracle = NASOracle("val_loss", 7, space=SPACE, seed=3)
    for one in (tuner, oracle):
        assert (one.space, one.strategy, one.seed) == (SPACE, default_strategy(7), 3)
        assert len(one.history) == 0
