"""What an Optuna study's parameters say is what was evaluated, whatever had been proposed."""

import warnings
from typing import Any

import optuna
import pytest
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.storages import InMemoryStorage

from nasbridge import Choice, Experiment, Integer, RandomSearch, Space
from nasbridge.adapters.optuna import NASSampler, from_native, load, suggest
from nasbridge.engine import Silent

optuna.logging.set_verbosity(optuna.logging.ERROR)

SPACE = Space({"units": Choice([16, 32, 64]), "layers": Integer(1, 40)})
MINE: dict[str, BaseDistribution] = {
    "rate": FloatDistribution(0, 1, step=0.1),
    "size": IntDistribution(1, 9),
    "kind": CategoricalDistribution(["a", None]),
}


def mine(trial: optuna.Trial, most: int = 9) -> float:
    trial.suggest_categorical("kind", ["a", None])
    return trial.suggest_float("rate", 0, 1, step=0.1) * 10 + trial.suggest_int("size", 1, most)


def study_of(**settings: Any) -> optuna.Study:
    return optuna.create_study(sampler=NASSampler(MINE, RandomSearch(), seed=1), **settings)


def assert_as_evaluated(study: optuna.Study, ignored: int = 0) -> None:
    """Every trial of the history, and of the sampler, is what its row says, value and all."""
    told = NASSampler(MINE, RandomSearch(), seed=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        told.sync(study)
        history = load(study, told.space)
    assert len(history) == len(told.trials) == len(study.trials) - ignored
    for trial in (*history, *told.trials.values()):
        row = study.trials[trial.number]
        assert dict(trial.architecture) == pytest.approx(row.params)
        assert trial.values == {"value": row.value}


def test_a_narrower_range_is_what_was_evaluated() -> None:
    study = study_of()
    study.optimize(lambda trial: mine(trial, most=3), n_trials=20)
    assert max(row.params["size"] for row in study.trials) == 3
    assert_as_evaluated(study)


@pytest.mark.parametrize("rate", [0.3, 0.1 * 3, 0.7, 1])
def test_an_enqueued_float_is_a_step_whatever_its_last_digit(rate: float) -> None:
    study = study_of()
    study.enqueue_trial({"rate": rate})
    study.enqueue_trial({"rate": rate, "size": 4, "kind": None})
    study.enqueue_trial({"size": 4.0})
    study.optimize(mine, n_trials=6)
    assert study.trials[0].params["rate"] == pytest.approx(rate)
    assert_as_evaluated(study)


def test_steps_of_floats_are_rounded_as_people_write_them() -> None:
    options = from_native({"x": FloatDistribution(0, 1, step=0.1)}).decision("x").options
    assert options == (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


def test_trials_of_another_sampler_on_steps_count() -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    study.optimize(mine, n_trials=20)
    assert_as_evaluated(study)


@pytest.mark.filterwarnings("ignore:Fixed parameter")
def test_what_is_outside_the_space_is_ignored_with_one_warning() -> None:
    study = study_of()
    for size in (40, 50):
        study.enqueue_trial({"size": size})
    with pytest.warns(UserWarning, match=r"trial 0 of the study.* outside the space.*size: 40 is"):
        study.optimize(mine, n_trials=6)
    assert [row.params["size"] for row in study.trials[:2]] == [40, 50]
    assert_as_evaluated(study, ignored=2)
    with pytest.warns(UserWarning, match="trial 0 of the study and 1 more are outside") as told:
        load(study, from_native(MINE))
    assert len(told) == 1


def test_what_our_door_evaluates_is_what_its_history_says() -> None:
    storage, seen = InMemoryStorage(), list[object]()

    def evaluate(architecture: Any, trial: Any) -> dict[str, float]:
        seen.append(architecture["layers"])
        return {"value": architecture["layers"]}

    study = optuna.create_study(storage=storage, study_name="nasbridge", direction="maximize")
    study.enqueue_trial({"layers": 2.0})
    experiment = Experiment(SPACE, evaluate, {"value": "max"}, RandomSearch(), trials=4)
    history = experiment.run("optuna", observer=Silent(), storage=storage)
    assert seen[0] == 2
    assert [trial.architecture["layers"] for trial in history] == seen
    assert [trial.values["value"] for trial in history] == seen
    assert [row.params["layers"] for row in study.trials] == seen


# ---------------------------------------------------------------------- enqueued nonsense


def evaluate_simply(architecture: Any, trial: Any) -> dict[str, float]:
    return {"value": architecture["units"] * architecture["layers"]}


SIMPLE = Experiment(SPACE, evaluate_simply, {"value": "max"}, RandomSearch(), trials=4)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"units": "999"}, "'999' was enqueued for the decision 'units', which is one of '16'"),
        ({"layers": 99}, "99 was enqueued for the decision 'layers', which is an integer from 1"),
        ({"units": 33, "layers": 3}, "33 was enqueued for the decision 'units'"),
    ],
)
def test_an_enqueued_value_that_cannot_be_costs_one_row(
    values: dict[str, object], message: str
) -> None:
    storage = InMemoryStorage()
    study = optuna.create_study(storage=storage, study_name="nasbridge", direction="maximize")
    study.enqueue_trial(values)
    study.enqueue_trial({"layers": 3})
    with pytest.warns(UserWarning, match=message):
        history = SIMPLE.run("optuna", observer=Silent(), storage=storage)
    assert sorted(trial.number for trial in history) == [0, 1, 2, 3]
    assert [trial.state for trial in history] == ["complete"] * 4
    assert history[1].architecture["layers"] == 3
    refused = study.trials[0]
    assert refused.state == optuna.trial.TrialState.FAIL
    assert message in refused.user_attrs["error"]
    again = SIMPLE.run("optuna", observer=Silent(), storage=storage)
    assert [(t.number, t.architecture) for t in again] == [
        (t.number, t.architecture) for t in history
    ]


def test_an_option_may_be_enqueued_as_itself() -> None:
    storage = InMemoryStorage()
    study = optuna.create_study(storage=storage, study_name="nasbridge", direction="maximize")
    study.enqueue_trial({"units": 32, "layers": 3})
    history = SIMPLE.run("optuna", observer=Silent(), storage=storage)
    assert dict(history[0].architecture) == {"units": 32, "layers": 3}
    study.sampler = NASSampler(SPACE, RandomSearch())
    study.enqueue_trial({"units": 64})
    study.optimize(lambda trial: suggest(trial, SPACE)["units"], n_trials=1)
    assert study.trials[-1].params["units"] == "64"
