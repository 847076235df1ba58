# pyright: basic
"""How native searches end in AutoGluon, by time limit or Ctrl-C, and how they continue."""

import itertools
import time
from pathlib import Path
from typing import Any, ClassVar

import numpy
import pandas
import pytest
from autogluon.core.models import AbstractModel
from autogluon.core.utils.exceptions import TimeLimitExceeded
from autogluon.tabular import TabularPredictor

from nasbridge import RandomSearch
from nasbridge import testing as material
from nasbridge.adapters.autogluon import ArchitectureSpace, NASSearcher, load
from nasbridge.adapters.autogluon.trials import TRIALS
from nasbridge.testing import comparable

pytestmark = [pytest.mark.frameworks, pytest.mark.xdist_group("autogluon")]

RNG = numpy.random.default_rng(0)
TABLE = pandas.DataFrame({"a": RNG.random(60), "b": RNG.random(60), "y": RNG.random(60) / 1000})


class Slow(AbstractModel):  # type: ignore[misc]  # AutoGluon's classes are Any here
    """Predicts the score of its architecture, after a while."""

    ag_name = "Slow"
    _default_ag_args_ensemble_extra: ClassVar = {"fold_fitting_strategy": "sequential_local"}
    begun: ClassVar = itertools.count(1)

    def _fit(self, X: Any, y: Any, **kwargs: Any) -> None:
        self._wait(next(type(self).begun))
        self.model = material.score(self._get_model_params()["architecture"])["score"]

    def _wait(self, number: int) -> None:
        time.sleep(0.1)

    def _predict_proba(self, X: Any, **kwargs: Any) -> Any:
        return numpy.full(len(X), self.model)


class Late(Slow):
    """The third trial has no score at the time limit."""

    ag_name = "Late"
    begun: ClassVar = itertools.count(1)

    def _wait(self, number: int) -> None:
        if number == 3:
            time.sleep(3)
            raise TimeLimitExceeded


class Interrupted(Slow):
    """Ctrl-C interrupts the third trial."""

    ag_name = "Interrupted"
    begun: ClassVar = itertools.count(1)

    def _wait(self, number: int) -> None:
        if number == 3:
            raise KeyboardInterrupt


def fitted(place: Path, searcher: NASSearcher, trials: int, model: Any, **settings: Any) -> Any:
    tuning = {"scheduler": "local", "searcher": searcher, "num_trials": trials}
    open_ = {
        "architecture": ArchitectureSpace(material.chain()),
        "ag_args_fit": {"max_time_limit": 60},  # else its share of the time would be the limit
    }
    models = {model: {**open_, "ag_args": {"hyperparameter_tune_kwargs": tuning}}}
    predictor: Any = TabularPredictor("y", "regression", path=str(place), verbosity=0)
    settings = {"fit_weighted_ensemble": False, "dynamic_stacking": False, **settings}
    return predictor.fit(TABLE, hyperparameters=models, **settings)


def test_a_time_limit_causes_no_failures(tmp_path: Path) -> None:
    searcher = NASSearcher(strategy=RandomSearch())
    predictor = fitted(tmp_path, searcher, 500, Slow, time_limit=4)
    history = searcher.history
    assert {trial.state for trial in history[:-1]} == {"complete"}
    assert history[-1].state in ("complete", "running")  # it may have begun a moment too late
    assert 5 < len(history) < 40
    assert comparable(load(predictor)) == comparable(history)


def test_a_trial_interrupted_by_the_time_limit_is_repeated(tmp_path: Path) -> None:
    searcher = NASSearcher(strategy=RandomSearch())
    predictor = fitted(tmp_path / "a", searcher, 500, Late, time_limit=3)
    history = searcher.history
    assert [trial.state for trial in history] == ["complete", "complete", "running"]
    assert comparable(load(predictor)) == comparable(history)
    second = NASSearcher(strategy=RandomSearch(), history=history)
    fitted(tmp_path / "b", second, 1, Late)
    assert [trial.state for trial in second.history] == ["complete"] * 3
    assert second.history[2].architecture == history[2].architecture


def test_a_search_continues_in_the_same_process_after_ctrl_c(tmp_path: Path) -> None:
    handlers = len(TRIALS.handlers)
    first = NASSearcher(strategy=RandomSearch())
    with pytest.raises(KeyboardInterrupt):
        fitted(tmp_path, first, 4, Interrupted)
    assert [trial.state for trial in first.history] == ["complete", "complete", "running"]
    assert len(TRIALS.handlers) == handlers + 1
    second = NASSearcher(strategy=RandomSearch(), history=first.history)
    predictor = fitted(tmp_path, second, 2, Interrupted)
    assert [trial.state for trial in second.history] == ["complete"] * 4
    assert second.history[2].architecture == first.history[2].architecture
    assert comparable(load(predictor)) == comparable(second.history)
    assert len(TRIALS.handlers) == handlers
