# pyright: basic
"""`fit_in_two_passes`: a search without bags, whatever the preset, whose history survives."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import pandas
import pytest
import tensorflow
from autogluon.tabular import TabularPredictor

from nasbridge import BackendError, Chain, Choice, History, RegularizedEvolution, layer
from nasbridge.adapters._conformance import facts
from nasbridge.adapters.autogluon import KerasModel, fit_in_two_passes, load

pytestmark = [
    pytest.mark.frameworks,
    pytest.mark.xdist_group("autogluon"),
    pytest.mark.filterwarnings("ignore:Even though the `tf.config"),
]

HERE = {"fold_fitting_strategy": "sequential_local"}  # not in a process of Ray for each fold
SPACE = Chain(
    layer("Dense", units=Choice([4, 5, 6, 7]), activation="relu"),
    layer("Dense", units=10, activation="softmax"),
)
RNG = numpy.random.default_rng(0)
TABLE = pandas.DataFrame(RNG.random((90, 3))).add_prefix("x")
TABLE["y"] = (TABLE["x0"] > 0.5).astype(int)


@pytest.fixture(autouse=True, scope="module")
def _eager() -> Iterator[None]:
    """For networks this small, compiling takes nearly all of the time."""
    tensorflow.config.run_functions_eagerly(True)
    yield
    tensorflow.config.run_functions_eagerly(False)


def fresh(place: Path) -> Any:
    return TabularPredictor("y", path=str(place / "predictor"), verbosity=0)


def passes(predictor: Any, trials: int = 3, **settings: Any) -> Any:
    standard: dict[str, Any] = {
        "winners": 1,
        "num_bag_folds": 2,
        "settings": {"epochs": 2},
        "ag_args_ensemble": HERE,
    }
    strategy = RegularizedEvolution(population=2, sample=1)
    return fit_in_two_passes(predictor, TABLE, SPACE, strategy, trials, **standard | settings)


def bagged(predictor: Any, name: str = "KerasModel_BAG_L1") -> Any:
    """Return the architecture of the first fold of a bagged network."""
    return predictor._trainer.load_model(name).load_child("S1F1").params["architecture"]


def test_a_search_and_then_bags_of_the_winners(tmp_path: Path) -> None:
    predictor = fresh(tmp_path)
    made = passes(
        predictor,
        trials=4,
        winners=2,
        hyperparameters={"LR": {}},
        time_limit=300,
        objectives={"score_val": "max", "parameters": "min"},
    )
    assert made is predictor
    names = {"KerasModel_BAG_L1", "KerasModel_2_BAG_L1", "LinearModel_BAG_L1"}
    assert names <= set(predictor.model_names())
    history = load(predictor)
    assert len(history) == 4
    assert bagged(predictor) in {trial.architecture for trial in history.pareto}
    assert len(predictor.predict(TABLE)) == len(TABLE)
    assert not Path(predictor.path, "search").exists()


@pytest.mark.parametrize("preset", ["good_quality_v082", "extreme_quality"])
def test_no_preset_bags_or_refits_the_search(
    tmp_path: Path, preset: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fits: list[Any] = []
    fit = KerasModel._fit

    def counted(self: Any, *args: Any, **kwargs: Any) -> Any:
        fits.append(self.params["architecture"])
        return fit(self, *args, **kwargs)

    monkeypatch.setattr(KerasModel, "_fit", counted)
    predictor = passes(fresh(tmp_path), presets=preset, save_bag_folds=True, refit_full=True)
    assert load(predictor).facts["model"] == "KerasModel"
    assert fits[:3] == [trial.architecture for trial in load(predictor)]  # each trained once
    assert len(fits) == 3 + 2 + 1  # the winner: its two folds, and once on all rows
    assert "KerasModel_BAG_L1_FULL" in predictor.model_names()


def test_a_second_pass_that_fails_leaves_the_search_and_may_be_repeated(tmp_path: Path) -> None:
    predictor = fresh(tmp_path)
    with pytest.raises(BackendError, match=r"second pass failed.*NO_SUCH.*trials=0") as caught:
        passes(predictor, hyperparameters={"NO_SUCH": {}})
    assert caught.value.__cause__ is not None
    history = load(predictor)
    assert [trial.state for trial in history] == ["complete"] * 3
    again = passes(fresh(tmp_path), trials=0, history=history)  # in the same folder
    assert bagged(again) == history.best.architecture
    assert facts(load(again)) == facts(history)


def test_a_search_that_is_interrupted_can_be_read(tmp_path: Path) -> None:
    predictor = fresh(tmp_path)
    fit, begun = KerasModel._fit, itertools.count(1)

    def interrupted(*args: Any, **kwargs: Any) -> Any:
        if next(begun) == 3:
            raise KeyboardInterrupt
        return fit(*args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(KerasModel, "_fit", interrupted)
        with pytest.raises(KeyboardInterrupt):
            passes(predictor)
    history = load(predictor)
    assert len(history.of_state("complete")) == 2
    made = passes(fresh(tmp_path), trials=1, history=history)
    assert len(load(made)) == 3


def test_a_search_without_a_winner_is_kept(tmp_path: Path) -> None:
    predictor = fresh(tmp_path)
    with pytest.raises(BackendError, match="the search has no winner"):
        passes(predictor, trials=2, settings={"epochs": 1, "learning_rate": 1e30})
    assert [trial.state for trial in load(predictor)] == ["failed"] * 2


def test_no_trials_need_a_history_of_autogluon(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match=r"trials=0.*give the history"):
        passes(fresh(tmp_path), trials=0)
    other = History(SPACE, (), ())
    with pytest.raises(BackendError, match="no winner"):
        passes(fresh(tmp_path / "other"), trials=0, history=other)
