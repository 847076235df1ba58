"""Parameters that differ from the proposal, as enqueued ones: what was evaluated counts."""

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
    return optuna.create_study(
        sampler=NASSampler(MINE, strategy=RandomSearch(), seed=1), **settings
    )


def assert_as_evaluated(study: optuna.Study, ignored: int = 0) -> None:
    """Check that history and search hold the parameters and values of the study's rows."""
    sampler = NASSampler(MINE, strategy=RandomSearch(), seed=1)
    log = sampler.follow(study)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        log.read()
        history = load(study, sampler.space)
    assert len(history) == len(log.trials.finished) == len(study.trials) - ignored
    for trial in (*history, *log.trials.finished.values()):
        row = study.trials[trial.number]
        assert dict(trial.architecture) == pytest.approx(row.params)
        assert trial.values == {"value": row.value}


def test_a_narrower_range_of_the_objective_counts() -> None:
    study = study_of()
    study.optimize(lambda trial: mine(trial, most=3), n_trials=20)
    assert max(row.params["size"] for row in study.trials) == 3
    assert_as_evaluated(study)


@pytest.mark.parametrize("rate", [0.3, 0.1 * 3, 0.7, 1])
def test_an_enqueued_float_is_rounded_to_a_step(rate: float) -> None:
    study = study_of()
    study.enqueue_trial({"rate": rate})
    study.enqueue_trial({"rate": rate, "size": 4, "kind": None})
    study.enqueue_trial({"size": 4.0})
    study.optimize(mine, n_trials=6)
    assert study.trials[0].params["rate"] == pytest.approx(rate)
    assert_as_evaluated(study)


def test_trials_of_another_sampler_are_rounded_to_steps() -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    study.optimize(mine, n_trials=20)
    assert_as_evaluated(study)


@pytest.mark.filterwarnings("ignore:Fixed parameter")
def test_trials_outside_the_space_are_ignored_with_one_warning() -> None:
    study = study_of()
    for size in (40, 50):
        study.enqueue_trial({"size": size})
    with pytest.warns(UserWarning, match=r"trial 0 of the study.* outside the space.*size: 40 is"):
        study.optimize(mine, n_trials=6)
    assert [row.params["size"] for row in study.trials[:2]] == [40, 50]
    assert_as_evaluated(study, ignored=2)
    with pytest.warns(UserWarning, match="trial 0 of the study and 1 more are outside") as caught:
        load(study, from_native(MINE))
    assert len(caught) == 1


def test_a_managed_run_evaluates_what_its_history_holds() -> None:
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
def test_an_enqueued_value_outside_the_domain_costs_one_row(
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


def test_an_option_can_be_enqueued_instead_of_its_label() -> None:
    storage = InMemoryStorage()
    study = optuna.create_study(storage=storage, study_name="nasbridge", direction="maximize")
    study.enqueue_trial({"units": 32, "layers": 3})
    history = SIMPLE.run("optuna", observer=Silent(), storage=storage)
    assert dict(history[0].architecture) == {"units": 32, "layers": 3}
    study.sampler = NASSampler(SPACE, strategy=RandomSearch())
    study.enqueue_trial({"units": 64})
    study.optimize(lambda trial: suggest(trial, SPACE)["units"], n_trials=1)
    assert study.trials[-1].params["units"] == "64"
