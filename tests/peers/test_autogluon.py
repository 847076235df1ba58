# pyright: basic
# AutoGluon ships no types that can be relied on.
"""AutoGluon's own checks of models, which it ships, on the models of nasbridge."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import tensorflow
from autogluon.tabular.testing import FitHelper

from nasbridge import Chain, Integer, RandomSearch, Repeat, layer
from nasbridge.adapters.autogluon import (
    ArchitectureSpace,
    KerasModel,
    nas_hyperparameters,
)

pytestmark = [
    pytest.mark.frameworks,
    pytest.mark.xdist_group("autogluon"),
    pytest.mark.filterwarnings("ignore:Even though the `tf.config"),
]

SPACE = Chain(
    Repeat(layer("Dense", units=Integer(4, 9), activation="relu"), times=Integer(1, 2)),
    layer("Dense", units=10, activation="softmax"),
)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Run eagerly, since compiling takes longer than training, and in a temporary folder."""
    monkeypatch.chdir(tmp_path)
    tensorflow.config.run_functions_eagerly(True)
    yield
    tensorflow.config.run_functions_eagerly(False)


def test_the_model_holds_what_autogluon_verifies() -> None:
    """Every kind of problem: fit, repeated and single predictions, refit, bags, seed, saving."""
    parameters = {"architecture": ArchitectureSpace(SPACE), "epochs": 1}
    FitHelper.verify_model(KerasModel, parameters)


def test_a_search_holds_what_autogluon_validates() -> None:
    """It changes nothing global, copies of its settings search, and predictors are reloaded."""
    models = nas_hyperparameters(SPACE, strategy=RandomSearch(), trials=2, epochs=1)
    arguments = {"hyperparameters": models, "raise_on_model_failure": True}
    FitHelper.fit_and_validate_dataset(
        "toy_regression",
        arguments,
        expected_model_count=None,
        predictor_info=True,
        verify_model_seed=True,
    )
