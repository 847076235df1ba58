"""Parameters beside the space: a user's own, searched jointly or not, and fixed ones."""

import pickle
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.storages import BaseStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend

from nasbridge import testing as material
from nasbridge.adapters.optuna import NASSampler, suggest
from nasbridge.testing import score, strategy

EVOLUTION = strategy("RegularizedEvolution")
SPACE = material.chain()
MINE = {
    "units": CategoricalDistribution([16, 32, 64]),
    "rate": FloatDistribution(1e-4, 1e-1, log=True),
}


def sampler() -> NASSampler:
    return NASSampler(SPACE, strategy=EVOLUTION, seed=3)


def study_of(storage: BaseStorage | None = None, **settings: Any) -> optuna.Study:
    standard: dict[str, Any] = {"study_name": "mine", "sampler": sampler(), "storage": storage}
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna.create_study(**standard | settings, direction="maximize", load_if_exists=True)


def journal(directory: Path) -> BaseStorage:
    return JournalStorage(JournalFileBackend(str(directory / "journal.log")))


def objective(trial: optuna.Trial) -> float:
    return score(suggest(trial, SPACE))["score"]


def mine(trial: optuna.Trial) -> float:
    units = trial.suggest_categorical("units", [16, 32, 64])
    return units - trial.suggest_float("rate", 1e-4, 1e-1, log=True)


def params(study: optuna.Study) -> list[Mapping[str, object]]:
    return [trial.params for trial in study.get_trials(deepcopy=False)]


@pytest.mark.filterwarnings("ignore:PartialFixedSampler is experimental")
@pytest.mark.parametrize(
    "fixed", [{"width": "8"}, {"depth": 3, "op.1": "conv"}, {"op.0": "conv", "width": "32"}]
)
def test_partial_fixed_sampler_fixes_decisions(fixed: dict[str, object]) -> None:
    study = study_of(sampler=optuna.samplers.PartialFixedSampler(fixed, sampler()))
    study.optimize(objective, n_trials=20)
    log = sampler().follow(study)
    log.read()
    for row in study.trials:
        assert {name: row.params[name] for name in fixed} == fixed
        assert dict(log.trials.finished[row.number].architecture.choices) == row.params
        assert log.trials.finished[row.number].values == {"value": row.value}
    assert len(sampler().infer_relative_search_space(study, study.trials[0])) == 8
    study.sampler = sampler()
    study.optimize(objective, n_trials=3)
    assert len(study.trials) == 23


@pytest.mark.filterwarnings("ignore:PartialFixedSampler is experimental")
def test_partial_fixed_sampler_fixes_distributions() -> None:
    inner = NASSampler(MINE, strategy=EVOLUTION, seed=1)
    study = study_of(sampler=optuna.samplers.PartialFixedSampler({"units": 32}, inner))
    study.optimize(mine, n_trials=10)
    assert {row.params["units"] for row in study.trials} == {32}
    assert [dict(trial.architecture) for trial in inner.history] == params(study)


def rated(trial: optuna.Trial) -> float:
    value = objective(trial)
    trial.suggest_float("rate", 0, 1)
    trial.suggest_int("batch", 1, 10**6)
    return value


OTHER_PROCESS = """
import runpy, sys
runpy.run_path(sys.argv[1])["rate_in"](sys.argv[2])
"""


def rate_in(directory: str) -> None:
    """Run in another process, by `OTHER_PROCESS`."""
    study = study_of(journal(Path(directory)))
    study.optimize(rated, n_trials=4)


@pytest.mark.parametrize("pickled", [False, True])
def test_a_user_s_own_parameters_depend_on_the_trial_alone(pickled: bool, tmp_path: Path) -> None:
    whole = study_of()
    whole.optimize(rated, n_trials=12)
    study = study_of(journal(tmp_path))
    study.optimize(rated, n_trials=4)
    if pickled:
        study.sampler = pickle.loads(pickle.dumps(study.sampler))
        study.optimize(rated, n_trials=4)
    else:
        subprocess.run([sys.executable, "-c", OTHER_PROCESS, __file__, str(tmp_path)], check=True)
    study.optimize(rated, n_trials=4)
    assert params(study) == params(whole)


def test_parameters_that_are_not_searched_differ_by_seed_and_name() -> None:
    def draw(trial: optuna.Trial) -> float:
        return trial.suggest_float("a", 0, 1) + trial.suggest_float("b", 0, 1)

    studies = [
        study_of(sampler=NASSampler(SPACE, strategy=EVOLUTION, seed=seed, extra={}))
        for seed in (1, 2)
    ]
    for study in studies:
        study.optimize(draw, n_trials=20, n_jobs=2)
    drawn = [row.params[name] for study in studies for row in study.trials for name in "ab"]
    assert len(set(drawn)) == 80
    assert 0.35 < sum(drawn) / 80 < 0.65
