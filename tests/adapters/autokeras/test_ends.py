# pyright: basic
"""Trials that fail, stop early or are interrupted in an AutoModel, and several objectives."""

from pathlib import Path
from typing import Any

import keras
import numpy
import pytest

from nasbridge import (
    BackendError,
    Chain,
    Integer,
    MedianPruner,
    layer,
)
from nasbridge.adapters.autokeras import NASBlock, load
from nasbridge.engine import ExperimentError, TooManyFailures

pytestmark = [
    pytest.mark.usefixtures("eager"),
    pytest.mark.filterwarnings("ignore:Even though the `tf.config"),
]


def called(function: Any) -> Any:
    return keras.callbacks.LambdaCallback(on_epoch_end=function)


def test_an_interrupted_search_resumes(auto: Any, tmp_path: Path) -> None:
    expected = auto.fit(auto.make(tmp_path / "whole")).tuner.history

    def interrupt(epoch: int, logs: Any) -> None:
        if (tmp_path / "cut" / "auto_model" / "trial_2").exists():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        auto.fit(auto.make(tmp_path / "cut"), callbacks=[called(interrupt)])
    assert [t.state for t in load(tmp_path / "cut")] == ["complete"] * 2 + ["running"]
    history = auto.fit(auto.make(tmp_path / "cut")).tuner.history
    assert auto.results(history) == auto.results(expected)
    longer = auto.fit(auto.make(tmp_path / "cut", max_trials=6)).tuner.history
    assert auto.results(longer)[:5] == auto.results(expected)
    assert len(longer) == 6
    with pytest.raises(BackendError, match=r"of another experiment, with space fingerprint"):
        auto.make(tmp_path / "cut", NASBlock(Chain(layer("Dense", units=Integer(1, 3)))))


def test_bad_trials_stop_early(auto: Any, tmp_path: Path) -> None:
    def worse(epoch: int, logs: Any) -> None:
        began = len(list(tmp_path.glob("*/trial_*")))
        logs["val_loss"] = 1 / (epoch + 1) + (began == 4)

    model = auto.make(tmp_path, pruner=MedianPruner(startup=2))
    history = auto.fit(model, epochs=3, callbacks=[called(worse)]).tuner.history
    assert [t.state for t in history] == ["complete"] * 3 + ["pruned", "complete"]
    assert len(history[3].curve) == 2
    auto.assert_equals_a_bare_search(history)


def test_several_objectives_give_a_pareto_front(auto: Any, tmp_path: Path) -> None:
    goals = {"val_accuracy": "max", "flops": "min"}
    model = auto.fit(auto.make(tmp_path, objective=goals))
    front = model.tuner.pareto()
    points = [(-t.values["val_accuracy"], t.values["flops"]) for t in model.tuner.history]
    expected = {
        p for p in points if not any(o != p and o[0] <= p[0] and o[1] <= p[1] for o in points)
    }
    assert {(-t.values["val_accuracy"], t.values["flops"]) for t in front} == expected


def test_failed_and_oversized_models_are_skipped_and_reported(
    auto: Any, tmp_path: Path, capsys: Any
) -> None:
    wide = Chain(layer("Dense", units=Integer(1, 60)))
    model = auto.make(tmp_path, NASBlock(wide), max_model_size=300, max_trials=6)
    model = auto.fit(model)
    failed = model.tuner.history.of_state("failed")
    assert 0 < len(failed) < 6
    assert {trial.notes["error"].split(":")[0] for trial in failed} == {"FailedTrialError"}
    assert all(trial.architecture["0.units"] > 28 for trial in failed)
    model.tuner.results_summary()
    assert "Oversized model" in capsys.readouterr().out
    limited = NASBlock(wide.limit((6,), parameters=100))
    small = auto.fit(auto.make(tmp_path / "small", limited, max_trials=3)).tuner.history
    assert all(trial.architecture["0.units"] <= 14 for trial in small)


def test_a_search_without_a_complete_trial_is_an_error(auto: Any, tmp_path: Path) -> None:
    endless = {"max_consecutive_failed_trials": None}
    model = auto.make(tmp_path, max_model_size=1, max_trials=2, oracle=endless)
    with pytest.raises(BackendError, match="no trial has been completed"):
        auto.fit(model)
    again = auto.make(tmp_path / "b", max_model_size=1, max_trials=2)
    with pytest.raises(TooManyFailures, match=r"last 2 trials failed.*Oversized"):
        auto.fit(again)


def test_an_unknown_objective_ends_the_search(auto: Any, tmp_path: Path) -> None:
    with pytest.raises(ExperimentError, match=r"no epoch reports \['val_acuracy'\]"):
        auto.fit(auto.make(tmp_path, objective={"val_acuracy": "max"}))
    assert len(load(tmp_path)) == 1


@pytest.mark.parametrize("refit", [False, True])
def test_a_fit_returns_a_history(auto: Any, refit: bool, tmp_path: Path) -> None:
    model = auto.make(tmp_path, max_trials=2, refit=refit)
    history = model.fit(auto.x, auto.y, epochs=2, verbose=0, batch_size=7)
    params = {
        "verbose": 0,
        "epochs": 2,
        "steps": 4 if refit else 3,
    }  # with the validation data
    for one in (
        [history]
        if refit
        else [history, model.fit(auto.x, auto.y, epochs=2, verbose=0, batch_size=7)]
    ):
        assert one.params == params
        for weight, best in zip(one.model.weights, model.export_model().weights, strict=True):
            numpy.testing.assert_array_equal(weight, best)
    assert isinstance(history, keras.callbacks.History)
    assert history.epoch == [0, 1]
    if not refit:
        best = model.tuner.history.best
        assert history.history["val_loss"] == [s.metrics["val_loss"] for s in best.curve]
        assert model.fit(auto.x, auto.y, epochs=2, verbose=0).history == history.history
