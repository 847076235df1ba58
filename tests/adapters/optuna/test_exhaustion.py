"""The end of a study whose space is exhausted."""

import logging
from typing import Any

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.trial import TrialState

from nasbridge import (
    Choice,
    GridSearch,
    RandomSearch,
    Space,
    SpaceExhausted,
)
from nasbridge import testing as material
from nasbridge.adapters.optuna import NASSampler, load, suggest
from nasbridge.strategies import Strategy
from nasbridge.testing import score, strategy

EVOLUTION = strategy("RegularizedEvolution")
MINE = {
    "units": CategoricalDistribution([16, 32, 64]),
    "rate": FloatDistribution(1e-4, 1e-1, log=True),
}


def study_of(sampler: NASSampler) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna.create_study(sampler=sampler, direction="maximize")


def mine(trial: optuna.Trial) -> float:
    units = trial.suggest_categorical("units", [16, 32, 64])
    return units - trial.suggest_float("rate", 1e-4, 1e-1, log=True)


@pytest.mark.parametrize("method", [RandomSearch(), EVOLUTION, GridSearch()])
def test_an_exhausted_space_ends_the_study(method: Strategy[Any]) -> None:
    space = material.few()
    study = study_of(NASSampler(space, strategy=method, seed=1))
    study.enqueue_trial({"depth": 1})
    study.optimize(lambda trial: score(suggest(trial, space))["score"], n_trials=9)
    assert [row.state for row in study.trials] == [TrialState.COMPLETE] * 4
    study.enqueue_trial(dict(study.trials[0].params))
    study.optimize(lambda trial: score(suggest(trial, space))["score"], n_trials=1)
    assert len(study.trials) == 5  # an enqueued trial runs nevertheless


def test_asking_for_a_trial_of_an_exhausted_space_is_an_error() -> None:
    space = material.few()
    study = study_of(NASSampler(space, strategy=RandomSearch(), seed=1))
    for _ in range(4):
        trial = study.ask()
        study.tell(trial, score(suggest(trial, space))["score"])
    with pytest.raises(SpaceExhausted, match="all 4 distinct architectures"):
        suggest(study.ask(), space)


def test_an_infinite_space_does_not_end_the_study() -> None:
    study = study_of(NASSampler(MINE, strategy=RandomSearch(), seed=1))
    study.optimize(mine, n_trials=5)
    assert len(study.trials) == 5


def test_a_space_far_from_exhausted_is_not_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under constraints, listing it could take forever to find a new architecture."""

    def listing(*_: object) -> None:
        pytest.fail("the space was listed")

    monkeypatch.setattr(RandomSearch, "listing", listing)
    space = Space({f"part{k}": Choice([0, 1, 2, 3]) for k in range(30)})
    study = study_of(NASSampler(space, strategy=RandomSearch(), seed=1))
    study.optimize(lambda trial: float(suggest(trial, space)["part0"]), n_trials=5)
    assert len(study.trials) == 5


@pytest.mark.parametrize("jobs", [1, 8])
def test_an_exhausted_study_ends_quietly_when_it_is_optimized_again(jobs: int) -> None:
    space = material.few()
    study = study_of(NASSampler(space, strategy=GridSearch(), seed=1))
    for _ in range(2):
        study.optimize(lambda trial: score(suggest(trial, space))["score"], 20, n_jobs=jobs)
        study.sampler = NASSampler(space, strategy=GridSearch(), seed=1)  # as a new process
    states = [row.state for row in study.trials]
    assert states.count(TrialState.COMPLETE) == 4
    assert set(states) == {TrialState.COMPLETE, TrialState.PRUNED}
    assert len(load(study, space)) == 4
    assert len(states) < 24  # both runs ended early


def test_the_end_of_an_exhausted_study_is_logged_once(monkeypatch: pytest.MonkeyPatch) -> None:
    space = material.few()
    study = study_of(NASSampler(space, strategy=GridSearch(), seed=1))
    logger = logging.getLogger("optuna.nasbridge")
    said: list[str] = []
    monkeypatch.setattr(logger, "info", said.append)
    for run in (1, 2):
        study.optimize(lambda trial: score(suggest(trial, space))["score"], 20, n_jobs=4)
        assert len(said) == run
    assert "every architecture of its space has been tried" in said[0]
