# pyright: basic
"""`KerasModel` refitted on all rows: it is trained like the chosen model."""

import math
from pathlib import Path
from typing import Any

import numpy
import pandas
import pytest

from nasbridge import Chain, layer
from nasbridge.adapters.autogluon import KerasModel

pytestmark = [pytest.mark.frameworks, pytest.mark.xdist_group("autogluon")]


def test_a_refit_uses_the_steps_and_rates_of_the_chosen_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = iter([0.1, 0.2, 0.0])  # the second epoch of ten is the best
    monkeypatch.setattr(KerasModel, "_score_of", lambda *_: lambda _: next(scores))
    X = pandas.DataFrame({"x": numpy.linspace(-1, 1, 1100)})
    y = pandas.Series(numpy.arange(1100) % 2)
    params = {
        "architecture": next(Chain(layer("Dense", units=2), layer("ReLU")).enumerate()),
        "epochs": 10,
        "patience": 1,
        "learning_rate": 0.01,
    }
    model: Any = KerasModel(path=str(tmp_path), problem_type="binary", hyperparameters=params)
    model.fit(X=X[:900], y=y[:900], X_val=X[900:], y_val=y[900:])
    assert int(model.model.optimizer.iterations) == 3 * math.ceil(900 / 32)
    full: Any = model.convert_to_refit_full_template()
    full.fit(X=X, y=y)  # a first fit on this many rows would use larger batches
    assert int(full.model.optimizer.iterations) == 2 * math.ceil(1100 / 32)
    share = 0.1 + 0.9 * (1 + math.cos(math.pi * 1 / 10)) / 2
    assert float(full.model.optimizer.learning_rate) == pytest.approx(0.01 * share)
