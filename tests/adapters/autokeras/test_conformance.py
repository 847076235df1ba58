# pyright: basic
"""The backend `autokeras`, by our door; test_autokeras_theirs.py goes by the other one."""

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
from nasbridge.adapters.autokeras.compat import mend
from nasbridge.engine import Silent
from nasbridge.testing import BackendHarness, BackendTests, strategy


@pytest.mark.usefixtures("soonest")
class TestAutoKeras(BackendTests):
    @pytest.fixture
    def harness(self) -> BackendHarness:
        return BackendHarness("autokeras", trials=20)


def test_a_run_is_a_project_that_autokeras_opens(tmp_path: Path) -> None:
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


# ---------------------------------------------------------------------- the mend


def tiny() -> autokeras.AutoModel:
    source = autokeras.Input()
    head = autokeras.RegressionHead()(autokeras.DenseBlock(num_layers=1)(source))
    return autokeras.AutoModel(source, head, tuner="random", max_trials=1, overwrite=True)


def test_the_mend_is_still_needed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """If this fails, AutoKeras or Keras has changed: `mend` can go."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Graph, "set_io_shapes", Graph.set_io_shapes.__wrapped__)
    x = numpy.zeros((4, 2), "float32")
    with pytest.raises(ValueError, match="invalid value for `units`"):
        tiny().fit(x, x, epochs=1, verbose=0)


def test_the_mend_is_made_once_and_only_where_it_is_needed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mended = Graph.set_io_shapes
    mend()
    assert Graph.set_io_shapes is mended
    monkeypatch.setattr(Graph, "set_io_shapes", mended.__wrapped__)
    monkeypatch.setattr(keras, "__version__", "3.12.4")
    mend()
    assert Graph.set_io_shapes is mended.__wrapped__


def test_another_autokeras_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(autokeras, "__version__", "2.0.0")
    with pytest.raises(BackendError, match=r"2\.0\.0 is installed.*pip install 'nasbridge\[auto"):
        mend()
