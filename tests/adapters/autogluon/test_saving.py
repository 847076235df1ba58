# pyright: basic
"""`NASSearcher` if a trained model cannot be saved or loaded."""

from pathlib import Path
from typing import Any

import numpy
import pandas
import pytest
from autogluon.core.models import AbstractModel
from autogluon.tabular import TabularPredictor

from nasbridge import RandomSearch
from nasbridge import testing as material
from nasbridge.adapters.autogluon import ArchitectureSpace, NASSearcher, load
from nasbridge.testing import comparable

pytestmark = [pytest.mark.frameworks, pytest.mark.xdist_group("autogluon")]

RNG = numpy.random.default_rng(0)
TABLE = pandas.DataFrame({"a": RNG.random(60), "b": RNG.random(60), "y": RNG.random(60) / 1000})


class Unsaved(AbstractModel):  # type: ignore[misc]  # AutoGluon's classes are Any here
    """Predicts the score of its architecture; cannot be saved if its `fate` is "failed"."""

    ag_name = "Unsaved"

    def _fit(self, X: Any, y: Any, **kwargs: Any) -> None:
        self.architecture = self._get_model_params()["architecture"]
        self.model = material.score(self.architecture)["score"]

    def _predict_proba(self, X: Any, **kwargs: Any) -> Any:
        return numpy.full(len(X), self.model)

    def save(self, path: str | None = None, verbose: bool = True) -> str:
        if material.fate(self.architecture) == "failed":
            Path(self.path).mkdir(parents=True, exist_ok=True)
            Path(self.path, "half").touch()
            raise OSError("no space left on device")
        return str(super().save(path, verbose))


class Unread(Unsaved):
    """Can be saved, but not loaded, if its `fate` is "failed"."""

    ag_name = "Unread"

    def save(self, path: str | None = None, verbose: bool = True) -> str:
        return str(AbstractModel.save(self, path, verbose))

    @classmethod
    def load(cls, path: str, reset_paths: bool = True, verbose: bool = True) -> Any:
        made = super().load(path, reset_paths, verbose)
        if material.fate(made.architecture) == "failed":
            raise OSError("no space left on device")
        return made


@pytest.mark.parametrize(
    ("model", "objectives"),
    [
        (Unsaved, {"score_val": "max"}),
        (Unsaved, {"score_val": "max", "disk_usage": "min"}),
        (Unread, {"score_val": "max", "disk_usage": "min"}),
    ],
)
def test_a_model_that_cannot_be_saved_or_read_is_a_failed_trial(
    tmp_path: Path, model: Any, objectives: dict[str, str]
) -> None:
    searcher = NASSearcher(strategy=RandomSearch(), objectives=objectives, seed=1)
    tuning = {"scheduler": "local", "searcher": searcher, "num_trials": 9}
    open_ = {"architecture": ArchitectureSpace(material.chain())}
    predictor: Any = TabularPredictor("y", "regression", path=str(tmp_path / "p"), verbosity=0)
    predictor.fit(
        TABLE, hyperparameters={model: {**open_, "ag_args": {"hyperparameter_tune_kwargs": tuning}}}
    )
    history = searcher.history
    fates = [material.fate(trial.architecture) for trial in history]
    assert len(history) == 9
    assert [trial.state for trial in history] == fates
    assert 0 < fates.count("failed") < 9
    for trial in history.of_state("failed"):
        assert trial.notes["error"] == "OSError: no space left on device"
        assert "Traceback" in trial.notes["traceback"]
        assert not Path(predictor.path, "models", model.ag_name, f"T{trial.number + 1}").exists()
    assert len(predictor.model_names()) == fates.count("complete") + 1  # and the ensemble
    assert len(predictor.predict(TABLE)) == len(TABLE)
    assert comparable(load(predictor)) == comparable(history)
