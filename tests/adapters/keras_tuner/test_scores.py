# pyright: basic
"""Trials have the same scores under `NASTuner`, `NASOracle` and Keras Tuner's own tuners."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import keras
import keras_tuner
import numpy
import pytest

from nasbridge import GridSearch, Trial
from nasbridge.adapters.keras_tuner import NASOracle, NASTuner, ReportEpochs, load
from nasbridge.engine import ExperimentError, TooManyFailures

pytestmark = [
    pytest.mark.usefixtures("eager"),
    pytest.mark.filterwarnings("ignore:Even though the `tf.config"),
]

RNG = numpy.random.default_rng(0)
X, Y = RNG.random((8, 6), "float32"), numpy.arange(8) % 3


def build(hp: Any, metric: Any = "accuracy") -> keras.Model:
    hidden = keras.layers.Dense(hp.Int("units", 2, 5))
    model = keras.Sequential([keras.Input((6,)), hidden, keras.layers.Dense(3, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=[metric])
    return model


class Scripted(keras.callbacks.Callback):  # type: ignore[misc]
    """Gives each training the next of several curves, and ends the training with it."""

    curves: ClassVar[list[list[float]]] = []
    trainings: ClassVar[int] = 0

    def on_train_begin(self, logs: Any = None) -> None:
        self.curve = Scripted.curves[Scripted.trainings % len(Scripted.curves)]
        Scripted.trainings += 1

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        logs["val_loss"] = self.curve[epoch]
        model: Any = self.model
        model.stop_training = epoch == len(self.curve) - 1


def native(directory: Path, model: Any, **settings: Any) -> Any:
    return keras_tuner.RandomSearch(model, "val_loss", 1, seed=1, directory=directory, **settings)


def plain(directory: Path, model: Any, objective: Any = "val_loss", **settings: Any) -> Any:
    oracle = NASOracle(objective, 1, strategy=GridSearch())
    return keras_tuner.Tuner(oracle=oracle, hypermodel=model, directory=directory, **settings)


def nas(directory: Path, model: Any, objective: Any = "val_loss", **settings: Any) -> Any:
    return NASTuner(model, objective, 1, strategy=GridSearch(), directory=directory, **settings)


def reporting(directory: Path, model: Any, objective: Any = "val_loss", **settings: Any) -> Any:
    tuner = plain(directory, model, objective, **settings)
    tuner.callbacks = [ReportEpochs(tuner)]
    return tuner


def searched(tuner: Any, *curves: list[float], epochs: int = 9, **settings: Any) -> Any:
    Scripted.curves, Scripted.trainings = [*curves], 0
    callbacks = [Scripted(), *getattr(tuner, "callbacks", []), *settings.pop("callbacks", [])]
    tuner.search(
        X, Y, validation_data=(X, Y), epochs=epochs, verbose=0, callbacks=callbacks, **settings
    )
    return tuner


def curve(trial: Trial) -> list[tuple[int, float]]:
    return [(step.step, step.metrics["val_loss"]) for step in trial.curve]


every_tuner = pytest.mark.parametrize("make", [native, plain, reporting, nas])


class Own(keras_tuner.HyperModel):  # type: ignore[misc]
    """A hypermodel with its own `fit`."""

    def __init__(self, fit: Callable[..., Any]) -> None:
        super().__init__()
        self._fit = fit

    def build(self, hp: Any) -> keras.Model:
        return build(hp)

    def fit(self, hp: Any, model: Any, *args: Any, **kwargs: Any) -> Any:
        return self._fit(lambda: model.fit(*args, **kwargs))


def a_dict(train: Callable[[], Any]) -> dict[str, float]:
    train()
    return {"val_loss": 100.0}


def a_number(train: Callable[[], Any]) -> float:
    train()
    return 100.0


@pytest.mark.parametrize(
    ("make", "fit"),
    [(make, a_dict) for make in (native, plain, reporting, nas)]
    + [(native, a_number), (nas, a_number)],
)
def test_the_result_of_fit_is_the_score(make: Any, fit: Any, tmp_path: Path) -> None:
    tuner = searched(make(tmp_path, Own(fit)), [3.0, 2.0])
    (row,) = tuner.oracle.trials.values()
    assert row.score == 100.0
    if make is not native:
        (trial,) = load(tuner)
        assert trial.values["val_loss"] == 100.0
        assert load(tuner.project_dir, objectives={"val_loss": "min"}).trials == (trial,)
    if make in (nas, reporting):
        assert curve(load(tuner)[0]) == [(0, 3.0), (1, 2.0)]
    if make is nas:
        assert load(tuner)[0].values["parameters"] > 0


def test_the_result_of_run_trial_is_the_score(tmp_path: Path) -> None:
    class Held(NASTuner):
        def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> Any:
            super().run_trial(trial, *args, **kwargs)
            return {"val_loss": 100.0}

    tuner = searched(
        Held(build, "val_loss", 1, strategy=GridSearch(), directory=tmp_path), [3.0, 2.0]
    )
    assert tuner.oracle.trials["0"].score == 100.0
    assert curve(tuner.history[0]) == [(0, 3.0), (1, 2.0)]


@pytest.mark.parametrize("names", [["gap"], ["gap", "val_loss"]])
def test_run_trial_may_return_an_objective_that_no_epoch_reports(
    names: list[str], tmp_path: Path
) -> None:
    class Gap(NASTuner):
        def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> Any:
            (history,) = super().run_trial(trial, *args, **kwargs)
            last = history.history["val_loss"][-1]
            return {"gap": last - 1.0, "val_loss": last}

    goals = dict.fromkeys(names, "min")
    tuner = searched(Gap(build, goals, 1, strategy=GridSearch(), directory=tmp_path), [3.0, 2.0])
    assert tuner.history[0].values.items() >= {"gap": 1.0, "val_loss": 2.0}.items()


def test_fit_need_not_build_the_model(tmp_path: Path) -> None:
    class Elsewhere(keras_tuner.HyperModel):  # type: ignore[misc]
        def build(self, hp: Any) -> keras.Model:
            hp.Int("units", 2, 5)
            return keras.Sequential([keras.layers.Dense(3)])

        def fit(self, hp: Any, model: Any, *args: Any, **kwargs: Any) -> float:
            return 100.0

    tuner = searched(nas(tmp_path, Elsewhere()))
    assert tuner.history[0].values == {"val_loss": 100.0}


def test_a_nan_result_fails_the_trial(tmp_path: Path) -> None:
    def diverged(train: Callable[[], Any]) -> float:
        train()
        return float("nan")

    with pytest.raises(TooManyFailures, match="no finite value of the objective 'val_loss'"):
        searched(nas(tmp_path, Own(diverged)), [3.0, 2.0])
    (trial,) = load(tmp_path)
    assert (trial.state, trial.values, len(trial.curve)) == ("failed", {}, 2)


@every_tuner
def test_the_returned_one_of_two_trainings_counts(make: Any, tmp_path: Path) -> None:
    def phases(train: Callable[[], Any]) -> Any:
        train()
        return train()

    tuner = searched(make(tmp_path, Own(phases)), [1.0, 2.0], [8.0, 6.0, 7.0])
    (row,) = tuner.oracle.trials.values()
    assert (row.score, row.best_step) == (6.0, 1)
    if make in (nas, reporting):
        expected = [(0, 1.0), (1, 2.0), (2, 8.0), (3, 6.0), (4, 7.0)]
        assert curve(load(tuner)[0]) == expected


@every_tuner
def test_the_first_of_equal_epochs_counts(make: Any, tmp_path: Path) -> None:
    """Keras Tuner saves the weights of that epoch."""
    saved: list[int] = []

    class Saving(keras_tuner.HyperModel):  # type: ignore[misc]
        def build(self, hp: Any) -> keras.Model:
            model = build(hp)
            model.save_weights = lambda *_, **__: saved.append(len(model.history.epoch))
            return model

    tuner = searched(make(tmp_path, Saving()), [3.0, 2.0, 2.0, 4.0])
    (row,) = tuner.oracle.trials.values()
    assert (row.score, row.best_step, saved) == (2.0, 1, [0, 1])


@every_tuner
def test_the_mean_of_the_executions_best_values_counts(make: Any, tmp_path: Path) -> None:
    tuner = make(tmp_path, build, executions_per_trial=2)
    searched(tuner, [5.0, 4.0, 4.5], [9.0, 8.0, 7.0, 6.0, 5.0, 1.0])
    (row,) = tuner.oracle.trials.values()
    assert (row.score, row.best_step) == (2.5, 3)
    if make in (nas, reporting):
        expected = [(0, 7.0), (1, 6.0), (2, 5.75), (3, 6.0), (4, 5.0), (5, 1.0)]
        assert curve(load(tuner)[0]) == expected


class Interrupted(keras.callbacks.Callback):  # type: ignore[misc]
    """Ends the first training with Ctrl-C in its third epoch."""

    is_over: ClassVar[bool] = False

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if epoch == 2 and not Interrupted.is_over:
            Interrupted.is_over = True
            raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("make", "reload"),
    [(native, False), (nas, False), (plain, True), (reporting, True), (nas, True)],
)
def test_an_interrupted_trial_restarts(make: Any, reload: bool, tmp_path: Path) -> None:
    Interrupted.is_over = False
    tuner = make(tmp_path, build)
    tuner.oracle.max_trials = 2
    with pytest.raises(KeyboardInterrupt):
        searched(tuner, [0.3, 0.2, 0.1], callbacks=[Interrupted()])
    if reload:
        tuner.save()
        tuner.reload()
    searched(tuner, [3.0, 4.0], callbacks=[Interrupted()])
    assert [row.score for row in tuner.oracle.trials.values()] == [3.0, 3.0]
    assert tuner.oracle.end_order == ["0", "1"]
    if make in (nas, reporting):
        assert [curve(trial) for trial in load(tuner)] == [[(0, 3.0), (1, 4.0)]] * 2
    if make is not native:
        assert load(tuner.project_dir, objectives={"val_loss": "min"}).trials == load(tuner).trials


class Each(keras.metrics.Metric):  # type: ignore[misc]
    """Returns one number for each class, as `keras.metrics.F1Score()` does."""

    def update_state(self, true: Any, predicted: Any, sample_weight: Any = None) -> None: ...

    def result(self) -> Any:
        return keras.ops.ones(3)


@pytest.mark.parametrize("make", [nas, reporting])
def test_a_metric_that_is_not_a_scalar_is_left_out(make: Any, tmp_path: Path) -> None:
    tuner = searched(make(tmp_path, lambda hp: build(hp, Each(name="each"))), [3.0, 2.0])
    (trial,) = load(tuner)
    assert (trial.state, trial.values["val_loss"]) == ("complete", 2.0)
    assert {"each", "val_each"}.isdisjoint(trial.values)


@pytest.mark.parametrize("make", [nas, reporting])
def test_an_objective_that_is_not_a_scalar_ends_the_search(make: Any, tmp_path: Path) -> None:
    tuner = make(tmp_path, lambda hp: build(hp, Each(name="each")), {"val_each": "max"})
    with pytest.raises(ExperimentError, match=r"'val_each' is not one number .*average='macro'"):
        searched(tuner, [3.0, 2.0])
