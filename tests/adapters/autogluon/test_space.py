# pyright: basic
"""AutoGluon's search spaces as ours, and searchers that are pickled or continue a history."""

import pickle
from pathlib import Path
from typing import Any

import pandas
import pytest
from autogluon.common import space as native
from autogluon.core.models import AbstractModel
from autogluon.tabular import TabularPredictor

from nasbridge import BackendError, History, RandomSearch, Trial
from nasbridge import testing as material
from nasbridge.adapters.autogluon import NASSearcher, from_native
from nasbridge.strategies import Objective
from nasbridge.testing import comparable

pytestmark = [pytest.mark.frameworks, pytest.mark.xdist_group("autogluon")]


@pytest.mark.filterwarnings("ignore:the options 1 of 'kind' are given more than once")
def test_whole_floats_are_bounds_of_integers() -> None:
    space = from_native({"units": native.Int(1.0, 8.0), "kind": native.Categorical(1, "1", 1)})
    assert [decision.domain.size for decision in space.decisions] == [8, 2]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (native.Int(1.5, 8), r"'p' has integer values, and 1.5"),
        (native.Int(8, 1), r"'p'.*empty"),
        (native.Categorical(native.Int(1, 3), 5), r"an option of 'p' is open itself"),
        (native.Categorical([native.Int(1, 3)], 5), r"an option of 'p' is open itself"),
    ],
)
def test_an_invalid_hyperparameter_is_an_error(value: Any, message: str) -> None:
    with pytest.raises(BackendError, match=message):
        from_native({"p": value})


def test_a_pickled_searcher_keeps_its_history() -> None:
    space = material.chain().where(lambda architecture: True)  # cannot be pickled
    trial = Trial(0, next(iter(space.enumerate())), "complete", {"score_val": 1.0})
    history = History(space, (Objective("score_val", "max"),), (trial,))
    searcher = NASSearcher(space, strategy=RandomSearch(), history=history)
    made = pickle.loads(pickle.dumps(searcher))
    assert made.before is not None
    assert comparable(made.before) == comparable(history)


class Plain(AbstractModel):  # type: ignore[misc]  # AutoGluon's classes are Any here
    """Predicts a hyperparameter."""

    ag_name = "Plain"

    def _fit(self, X: Any, y: Any, **kwargs: Any) -> None:
        self.model = float(self._get_model_params()["a"])

    def _predict_proba(self, X: Any, **kwargs: Any) -> Any:
        return X["x"].to_numpy() * 0 + self.model


def test_a_history_continues_in_another_order_of_hyperparameters(tmp_path: Path) -> None:
    open_ = {"a": native.Int(1, 50), "b": native.Real(0.0, 1.0)}
    table = pandas.DataFrame({"x": [0.1 * k for k in range(40)], "y": [k % 7 for k in range(40)]})

    def searched(place: str, searcher: NASSearcher, hyperparameters: dict[str, Any]) -> History:
        tuning = {"scheduler": "local", "searcher": searcher, "num_trials": 2}
        model = {Plain: {**hyperparameters, "ag_args": {"hyperparameter_tune_kwargs": tuning}}}
        predictor: Any = TabularPredictor(
            "y", "regression", path=str(tmp_path / place), verbosity=0
        )
        predictor.fit(
            table, hyperparameters=model, fit_weighted_ensemble=False, dynamic_stacking=False
        )
        return searcher.history

    first = searched("a", NASSearcher(strategy=RandomSearch()), open_)
    reordered = {name: open_[name] for name in ("b", "a")}
    second = searched("b", NASSearcher(strategy=RandomSearch(), history=first), reordered)
    assert comparable(second)[:2] == comparable(first)
    assert len(second) == 4
