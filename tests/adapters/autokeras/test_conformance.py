# pyright: basic
"""Managed runs under AutoKeras, and the patch for AutoKeras; test_native.py has the rest.

AutoKeras stores managed runs with the code of the Keras Tuner adapter, which passes the whole
suite. Here the suite's tests of objectives and of moving show that AutoKeras is connected to it:
they run, resume, load and store experiments with failed, pruned and complete trials.
"""

from pathlib import Path
from typing import Any

import autokeras
import keras
import keras_tuner
import numpy
import pytest
from autokeras.graph import Graph

from nasbridge import BackendError, Experiment
from nasbridge import testing as material
from nasbridge.adapters.autokeras.compat import patch_shapes
from nasbridge.engine.driver import Silent
from nasbridge.testing import BackendHarness, MovingTests, ObjectivesTests, strategy


@pytest.mark.usefixtures("soonest")
class TestAutoKeras(ObjectivesTests, MovingTests):
    @pytest.fixture
    def harness(self) -> BackendHarness:
        return BackendHarness("autokeras", trials=20)


def test_autokeras_opens_the_project_of_a_managed_run(tmp_path: Path) -> None:
    experiment = Experiment(
        material.chain(),
        material.evaluate_variously,
        {"score": "max"},
        strategy("RegularizedEvolution"),
        trials=12,
        seed=3,
    )
    history = experiment.run("autokeras", tmp_path, observer=Silent())
    assert history.metadata["backend"] == "autokeras"
    source = autokeras.Input()
    objective: Any = keras_tuner.Objective("score", "max")
    model = autokeras.AutoModel(
        source,
        autokeras.RegressionHead()(autokeras.DenseBlock()(source)),
        tuner="random",
        objective=objective,
        max_trials=15,
        directory=tmp_path,
    )
    assert model.tuner.remaining_trials == 3
    (best,) = model.tuner.get_best_hyperparameters()
    assert best.values == dict(history.best.architecture.choices)


def tiny() -> autokeras.AutoModel:
    source = autokeras.Input()
    head = autokeras.RegressionHead()(autokeras.DenseBlock(num_layers=1)(source))
    return autokeras.AutoModel(source, head, tuner="random", max_trials=1, overwrite=True)


def test_autokeras_still_needs_the_patch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """If this fails, AutoKeras or Keras has changed, and `patch_shapes` can be removed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Graph, "set_io_shapes", Graph.set_io_shapes.__wrapped__)
    x = numpy.zeros((4, 2), "float32")
    with pytest.raises(ValueError, match="invalid value for `units`"):
        tiny().fit(x, x, epochs=1, verbose=0)


def test_the_patch_is_applied_once_and_only_under_strict_keras(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    patched = Graph.set_io_shapes
    patch_shapes()
    assert Graph.set_io_shapes is patched
    monkeypatch.setattr(Graph, "set_io_shapes", patched.__wrapped__)
    monkeypatch.setattr(keras, "__version__", "3.12.4")
    patch_shapes()
    assert Graph.set_io_shapes is patched.__wrapped__


def test_another_release_of_autokeras_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(autokeras, "__version__", "2.0.0")
    with pytest.raises(BackendError, match=r"2\.0\.0 is installed.*pip install 'nasbridge\[auto"):
        patch_shapes()
