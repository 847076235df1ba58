# pyright: basic
# Keras Tuner ships no types.
"""Checks of Keras Tuner's tests of oracles and tuners, rewritten.

After `oracle_test.py`, `base_tuner_test.py` and `tuner_test.py` of Keras Tuner 1.4.
"""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import pytest
from keras_tuner import errors
from keras_tuner.engine.trial import Trial as Row
from keras_tuner.engine.trial import TrialStatus

from nasbridge import LocalSearch, RandomSearch
from nasbridge.adapters.keras_tuner import NASOracle, NASTuner

pytestmark = pytest.mark.frameworks

Value = Callable[[Any], Any]


def oracle_in(place: Path, **settings: Any) -> Any:
    hp = keras_tuner.HyperParameters()
    hp.Int("hp1", 1, 50)
    standard: dict[str, Any] = {"objective": "val_loss", "hyperparameters": hp}
    oracle = NASOracle(**{"strategy": RandomSearch(), **standard, **settings})
    oracle._set_project_dir(place, "name")
    return oracle


def ended(oracle: Any, status: str, score: float | None = None, worker: str = "a") -> Any:
    trial = oracle.create_trial(worker)
    if score is not None:
        oracle.update_trial(trial.trial_id, {"val_loss": score})
    trial.status, trial.message = status, "custom_error_info"
    oracle.end_trial(trial)
    return trial


def test_concurrent_trials_differ(tmp_path: Path) -> None:
    oracle = oracle_in(tmp_path)
    trials = [oracle.create_trial(worker) for worker in "abc"]
    assert len({trial.hyperparameters.get("hp1") for trial in trials}) == 3
    assert len(oracle.ongoing_trials) == len(oracle.start_order) == 3


def test_an_invalid_trial_is_retried_and_a_failed_one_is_not(tmp_path: Path) -> None:
    oracle = oracle_in(tmp_path / "none")
    assert ended(oracle, TrialStatus.INVALID).trial_id != oracle.create_trial("a").trial_id
    oracle = oracle_in(tmp_path / "one", max_retries_per_trial=1)
    first = ended(oracle, TrialStatus.INVALID)
    again = oracle.create_trial("a")
    assert again.trial_id == first.trial_id
    assert oracle.create_trial("b").trial_id != first.trial_id
    oracle = oracle_in(tmp_path / "failed", max_retries_per_trial=1)
    assert ended(oracle, TrialStatus.FAILED).trial_id != oracle.create_trial("a").trial_id


@pytest.mark.filterwarnings("ignore:All-NaN axis encountered")  # of Keras Tuner's own metrics
def test_nan_is_invalid(tmp_path: Path) -> None:
    oracle = oracle_in(tmp_path, max_retries_per_trial=1)
    trial = ended(oracle, TrialStatus.COMPLETED, float("nan"))
    assert oracle.trials[trial.trial_id].status == TrialStatus.INVALID


def test_failures_in_a_row_end_the_search(tmp_path: Path) -> None:
    oracle = oracle_in(tmp_path / "retried", max_retries_per_trial=2, max_trials=None)
    for _ in range(6):  # two trials, each with two retries
        ended(oracle, TrialStatus.INVALID)
    for _ in range(3):
        ended(oracle, TrialStatus.COMPLETED, 0.5)
    assert [trial.status for trial in oracle.trials.values()] == ["FAILED"] * 2 + ["COMPLETED"] * 3
    oracle = oracle_in(tmp_path / "failed", max_consecutive_failed_trials=3)
    for _ in range(2):
        ended(oracle, TrialStatus.FAILED)
    with pytest.raises(RuntimeError, match="custom_error_info"):
        ended(oracle, TrialStatus.FAILED)


@pytest.mark.parametrize("by_name", [False, True])
@pytest.mark.parametrize("status", ["COMPLETED", "COMPLETE", "FAILED"])
def test_an_end_by_id_and_status(tmp_path: Path, status: str, by_name: bool) -> None:
    """The form of Keras Tuner 1.1, which 1.4 still takes."""
    oracle = oracle_in(tmp_path)
    trial = oracle.create_trial("a")
    oracle.update_trial(trial.trial_id, {"val_loss": 1.0})
    if by_name:
        oracle.end_trial(trial_id=trial.trial_id, status=status)
    else:
        oracle.end_trial(trial.trial_id, status)
    wanted = ("FAILED", "failed") if status == "FAILED" else ("COMPLETED", "complete")
    assert (oracle.get_trial(trial.trial_id).status, oracle.history[0].state) == wanted
    assert oracle.history[0].architecture["hp1"] == trial.hyperparameters.get("hp1")


def test_best_trials_are_ordered(tmp_path: Path) -> None:
    oracle = oracle_in(tmp_path)
    for score in (3.0, 1.0, 2.0):
        ended(oracle, TrialStatus.COMPLETED, score)
    assert [trial.score for trial in oracle.get_best_trials(5)] == [1.0, 2.0, 3.0]
    assert oracle.end_order == oracle.start_order
    assert oracle.remaining_trials() == 7
    row = Row(oracle.get_space(), "8", TrialStatus.COMPLETED)  # put in by hand, without a score
    oracle.trials["8"] = row
    assert [trial.score for trial in oracle.get_best_trials(5)] == [1.0, 2.0, 3.0, None]


@pytest.mark.parametrize("asked_first", [False, True])
def test_trials_that_were_put_in_by_hand_are_learned_from(
    tmp_path: Path, asked_first: bool
) -> None:
    """As in the tests of Keras Tuner's Bayesian oracle: a high "hp1" has a high score."""
    objective = keras_tuner.Objective("score", "max")
    oracle = oracle_in(tmp_path, objective=objective, strategy=LocalSearch())
    if asked_first:
        oracle.create_trial("first")
    for score in range(5):
        row = Row(oracle.get_space())  # with a random id
        row.hyperparameters.values["hp1"], row.score = 10 * score + 1, score
        row.status = TrialStatus.COMPLETED
        oracle.trials[row.trial_id] = row
    oracle.trials["failed"] = Row(oracle.get_space(), "failed", TrialStatus.FAILED)
    trial = oracle.create_trial("a")
    assert trial.status == TrialStatus.RUNNING
    assert abs(trial.hyperparameters.get("hp1") - 41) < 10
    states = [t.state for t in oracle.history]
    assert states == ["complete"] * 5 + ["failed"] + ["running"] * (1 + asked_first)
    assert oracle.history.best.values == {"score": 4.0}
    numbers = [t.number for t in oracle.history]
    assert sorted(numbers) == list(range(len(numbers)))
    oracle.update_trial(trial.trial_id, {"score": 9.0})
    trial.status = TrialStatus.COMPLETED
    oracle.end_trial(trial)
    assert oracle.get_best_trials(1)[0].trial_id == trial.trial_id
    assert [t.state for t in oracle.history].count("complete") == 6


def test_concurrent_calls_are_exclusive(tmp_path: Path) -> None:
    oracle = oracle_in(tmp_path, max_trials=None)
    threads = [
        threading.Thread(target=ended, args=(oracle, TrialStatus.COMPLETED, 0.5, str(k)))
        for k in range(5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(oracle.end_order) == sorted(oracle.start_order)
    assert len({trial.hyperparameters.get("hp1") for trial in oracle.trials.values()}) == 5


def test_a_reloaded_oracle_has_its_trials(tmp_path: Path) -> None:
    oracle = oracle_in(tmp_path)
    ended(oracle, TrialStatus.COMPLETED, 0.5)
    running = oracle.create_trial("a")
    other = oracle_in(tmp_path)
    other.reload()
    assert other.trials[oracle.end_order[0]].score == 0.5
    assert other.create_trial("b").trial_id == running.trial_id
    following = [each.create_trial("c").hyperparameters.values for each in (oracle, other)]
    assert following[0] == following[1]


def tuner_of(place: Path, run: Value, objective: Any = None, **settings: Any) -> Any:
    """Return a tuner whose trials return what a function of their hyperparameters returns."""

    class MyTuner(keras_tuner.Tuner):  # type: ignore[misc]  # Keras Tuner's classes are Any here
        count = 0

        def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> Any:
            self.count += 1
            return run(trial.hyperparameters)

    oracle = NASOracle(objective, 5, strategy=RandomSearch(), **settings)
    return MyTuner(oracle, directory=place)


@pytest.mark.parametrize("objective", [None, "val_loss", keras_tuner.Objective("score", "max")])
def test_a_trial_returns_a_number_or_metrics(tmp_path: Path, objective: Any) -> None:
    name = getattr(objective, "name", objective)

    def run(hp: Any) -> Any:
        value = hp.Float("value", 0, 10)
        return value if name is None else {name: value}

    tuner = tuner_of(tmp_path, run, objective)
    tuner.search(verbose=0)
    values = [trial.hyperparameters.get("value") for trial in tuner.oracle.get_best_trials(5)]
    assert len(values) == 5
    assert values == sorted(values, reverse=name == "score")


@pytest.mark.parametrize(
    ("objective", "returned", "match"),
    [
        (None, {"val_loss": 1.0}, r"Tuner\.run_trial\(\) to be a single float"),
        ("val_loss", "a", r"Tuner\.run_trial\(\) to be one of"),
    ],
)
def test_another_result_is_a_type_error(
    tmp_path: Path, objective: Any, returned: Any, match: str
) -> None:
    with pytest.raises(TypeError, match=match):
        tuner_of(tmp_path, lambda hp: returned, objective).search(verbose=0)


def test_common_errors_are_retried(tmp_path: Path) -> None:
    def run(hp: Any) -> Any:
        value = hp.Int("value", 1, 5)
        if value in (2, 3):
            raise kind(f"wrong value {value}")
        return value

    for kind, calls in ((ValueError, 5 + 2 * 2), (errors.FailedTrialError, 5)):
        tuner = tuner_of(tmp_path / kind.__name__, run, max_retries_per_trial=2)
        tuner.search(verbose=0)
        assert tuner.count == calls
        assert sorted(t.score for t in tuner.oracle.get_best_trials(5)) == [1, 4, 5]
    tuner = tuner_of(tmp_path / "fatal", lambda hp: fatal(), max_retries_per_trial=2)
    with pytest.raises(errors.FatalError, match="FatalError raised"):
        tuner.search(verbose=0)


def fatal() -> None:
    raise errors.FatalError("FatalError raised")


def test_wrong_arguments_are_errors(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Received `hypermodel=None`"):
        keras_tuner.Tuner(NASOracle("val_loss", 2), directory=tmp_path)
    with pytest.raises(ValueError, match="Unrecognized arguments"):
        NASTuner(lambda hp: hp.Boolean("a"), "val_loss", directory=tmp_path, unrecognized=3)
    tuner = tuner_of(tmp_path, lambda hp: 1.0)
    assert tuner.remaining_trials == 5


def build(hp: Any) -> Any:
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(hp.Int("units", 1, 4))])
    model.compile("sgd", "mse")
    return model


@pytest.mark.xfail(
    strict=True,
    reason="no model is built before the first trial: Keras Tuner would build one for every "
    "combination of conditions; hyperparameters join the space with the trials that declare them",
)
def test_the_space_is_known_before_the_search(tmp_path: Path) -> None:
    """`test_basic_tuner_attributes` and `test_reparameterized_space`."""
    tuner = NASTuner(build, "loss", 2, strategy=RandomSearch(), directory=tmp_path)
    assert [hp.name for hp in tuner.oracle.hyperparameters.space] == ["units"]


@pytest.mark.xfail(
    strict=True,
    reason="a project remembers its strategy, so a search that is resumed with another one "
    "continues as it began, instead of failing",
)
def test_another_oracle_cannot_reload_a_project(tmp_path: Path) -> None:
    """`test_reloading_error_message`."""
    ended(oracle_in(tmp_path), TrialStatus.COMPLETED, 0.5)
    other = oracle_in(tmp_path, strategy=LocalSearch())
    with pytest.raises(RuntimeError, match="overwrite=True"):
        other.reload()
