# pyright: basic
"""`fit_in_two_passes`: a search without bags under every preset, and its history."""

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
from nasbridge.adapters.autogluon import (
    KerasModel,
    fit_in_two_passes,
    load,
    nas_hyperparameters,
)
from nasbridge.adapters.autogluon.fit import _first
from nasbridge.spaces import UnknownLayer
from nasbridge.testing import comparable

pytestmark = [
    pytest.mark.frameworks,
    pytest.mark.xdist_group("autogluon"),
    pytest.mark.filterwarnings("ignore:Even though the `tf.config"),
]

HERE = {"fold_fitting_strategy": "sequential_local"}  # instead of one Ray process per fold
ALONE = {"fit_weighted_ensemble": False, "dynamic_stacking": False}
SPACE = Chain(
    layer("Dense", units=Choice([4, 5, 6, 7]), activation="relu"),
    layer("Dense", units=10, activation="softmax"),
)
RNG = numpy.random.default_rng(0)
TABLE = pandas.DataFrame(RNG.random((90, 3))).add_prefix("x")
TABLE["y"] = (TABLE["x0"] > 0.5).astype(int)


@pytest.fixture(autouse=True, scope="module")
def _eager() -> Iterator[None]:
    """Run eagerly: compiling such small networks takes longer than training them."""
    tensorflow.config.run_functions_eagerly(True)
    yield
    tensorflow.config.run_functions_eagerly(False)


def fresh(place: Path) -> Any:
    return TabularPredictor("y", path=str(place / "predictor"), verbosity=0)


def of_two_classes(place: Path, **options: Any) -> Any:
    return TabularPredictor("y", "binary", path=str(place / "predictor"), verbosity=0, **options)


def passes(predictor: Any, trials: int = 3, table: Any = TABLE, **settings: Any) -> Any:
    standard: dict[str, Any] = {
        "winners": 1,
        "num_bag_folds": 2,
        "settings": {"epochs": 2},
        "ag_args_ensemble": HERE,
    }
    strategy = RegularizedEvolution(population=2, sample=1)
    return fit_in_two_passes(
        predictor, table, SPACE, trials, strategy=strategy, **standard | settings
    )


def bagged(predictor: Any, name: str = "KerasModel_BAG_L1") -> Any:
    """Return the architecture of the first fold of a bagged network."""
    return predictor._trainer.load_model(name).load_child("S1F1").params["architecture"]


def test_the_winners_of_a_search_are_bagged(tmp_path: Path) -> None:
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
    assert load(predictor).metadata["model"] == "KerasModel"
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
    assert comparable(load(again)) == comparable(history)


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


def test_a_second_pass_alone_requires_a_history(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match=r"trials=0.*give an earlier search"):
        passes(fresh(tmp_path), trials=0)
    other = History(SPACE, (), ())
    with pytest.raises(BackendError, match="no winner"):
        passes(fresh(tmp_path / "other"), trials=0, history=other)


def test_the_search_sees_no_column_that_the_predictor_ignores(tmp_path: Path) -> None:
    """It sees no groups either; whole groups are held out."""
    seen: list[Any] = []
    fit = KerasModel._fit

    def watched(self: Any, X: Any, y: Any, X_val: Any = None, **kwargs: Any) -> Any:
        seen.append((sorted(X.columns), sorted(X_val.index)))
        return fit(self, X, y, X_val, **kwargs)

    table = TABLE.assign(identity=TABLE["y"], group=numpy.arange(90) // 30)
    ignored = {"ignored_columns": ["identity"]}
    predictor = of_two_classes(tmp_path, groups="group", learner_kwargs=ignored)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(KerasModel, "_fit", watched)
        made = passes(predictor, table=table)
    assert len(load(made)) == 3
    assert len(seen) == 3 + 3  # one fold for each group
    for columns, held_out in seen:
        assert columns == ["x0", "x1", "x2"]
        assert len({row // 30 for row in held_out}) * 30 == len(held_out)


def test_the_search_has_the_settings_of_the_predictor(tmp_path: Path) -> None:
    options = {"sample_weight": "x1", "weight_evaluation": True, "positive_class": 0}
    predictor = of_two_classes(tmp_path, **options, learner_kwargs={"cache_data": False})
    first, grouped = _first(predictor, tmp_path / "first", {})
    assert not grouped
    assert (first.sample_weight, first.weight_evaluation) == ("x1", True)
    learner = first._learner
    assert (learner.sample_weight, learner.weight_evaluation) == ("x1", True)
    assert learner._positive_class == predictor._learner._positive_class == 0
    assert not learner.cache_data
    assert Path(first.path) == tmp_path / "first" != Path(predictor.path)


@pytest.mark.parametrize(
    ("options", "settings", "message"),
    [
        ({}, {"tuning_data": TABLE, "use_bag_holdout": True}, "not both: leave one out"),
        ({"sample_weight": "x1", "weight_evaluation": True}, {}, "groups= and weight_evaluation"),
    ],
)
def test_arguments_that_contradict_groups_are_rejected_before_the_search(
    tmp_path: Path, options: dict[str, Any], settings: dict[str, Any], message: str
) -> None:
    predictor = of_two_classes(tmp_path, groups="x2", **options)
    with pytest.raises(BackendError, match=message):
        passes(predictor, **settings)
    assert not Path(predictor.path, "search").exists()


def test_the_size_of_a_bag_is_that_of_its_children(tmp_path: Path) -> None:
    objectives = {"score_val": "max", "parameters": "min"}
    ours = nas_hyperparameters(SPACE, trials=2, objectives=objectives, epochs=1)
    predictor = fresh(tmp_path).fit(TABLE, hyperparameters=ours, num_bag_folds=2, **ALONE)
    history = load(predictor)
    assert [trial.state for trial in history] == ["complete"] * 2
    for trial in history:
        child = predictor._trainer.load_model(f"KerasModel_BAG_L1/T{trial.number + 1}")
        assert trial.values["parameters"] == child.load_child("S1F1").to_keras().count_params()


def test_tuning_data_without_bag_holdout_is_rejected_before_the_search(tmp_path: Path) -> None:
    predictor = fresh(tmp_path)
    with pytest.raises(BackendError, match="only if use_bag_holdout=True"):
        passes(predictor, tuning_data=TABLE)
    assert not Path(predictor.path, "history.jsonl").exists()


def test_arguments_of_autogluon_are_kept_beside_those_of_the_search() -> None:
    given: dict[str, Any] = {"name_suffix": "_mine", "priority": 3}
    (made,) = nas_hyperparameters(SPACE, ag_args=given, ag_args_ensemble={"k": 1}).values()
    assert {"name_suffix", "priority", "valid_stacker", "hyperparameter_tune_kwargs"} == set(
        made["ag_args"]
    )
    assert made["ag_args_ensemble"] == {"fold_fitting_strategy": "sequential_local", "k": 1}
    with pytest.raises(BackendError, match="ag_args has hyperparameter_tune_kwargs"):
        nas_hyperparameters(SPACE, ag_args={"hyperparameter_tune_kwargs": "auto"})


def test_an_unknown_layer_is_reported_before_the_search() -> None:
    with pytest.raises(UnknownLayer, match="did you mean 'Dense'"):
        nas_hyperparameters(layer("Dens", units=Choice([4, 5])))
