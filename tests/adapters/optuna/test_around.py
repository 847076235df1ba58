"""Studies of users around `NASSampler`: samplers and parameters of their own, and their ends."""

import pickle
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.storages import BaseStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from nasbridge import (
    Choice,
    Experiment,
    GridSearch,
    History,
    RandomSearch,
    Space,
    SpaceExhausted,
)
from nasbridge import testing as material
from nasbridge.adapters.optuna import NASSampler, load, suggest
from nasbridge.cli.move import export_run, import_history
from nasbridge.engine import Silent
from nasbridge.strategies import Strategy
from nasbridge.testing import score, strategy

EVOLUTION = strategy("RegularizedEvolution")
SPACE = material.chain()
MINE = {
    "units": CategoricalDistribution([16, 32, 64]),
    "rate": FloatDistribution(1e-4, 1e-1, log=True),
}


def sampler() -> NASSampler:
    return NASSampler(SPACE, EVOLUTION, seed=3)


def study_of(storage: BaseStorage | None = None, **settings: Any) -> optuna.Study:
    standard: dict[str, Any] = {"study_name": "theirs", "sampler": sampler(), "storage": storage}
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


# ---------------------------------------------------------------------- other samplers around ours


@pytest.mark.filterwarnings("ignore:PartialFixedSampler is experimental")
@pytest.mark.parametrize(
    "fixed", [{"width": "8"}, {"depth": 3, "op.1": "conv"}, {"op.0": "conv", "width": "32"}]
)
def test_parameters_may_be_fixed_by_optunas_sampler(fixed: dict[str, object]) -> None:
    study = study_of(sampler=optuna.samplers.PartialFixedSampler(fixed, sampler()))
    study.optimize(objective, n_trials=20)
    told = sampler()
    told.sync(study)
    for row in study.trials:
        assert {name: row.params[name] for name in fixed} == fixed
        assert dict(told.trials[row.number].architecture.choices) == row.params
        assert told.trials[row.number].values == {"value": row.value}
    assert len(sampler().infer_relative_search_space(study, study.trials[0])) == 8
    study.sampler = sampler()
    study.optimize(objective, n_trials=3)
    assert len(study.trials) == 23


@pytest.mark.filterwarnings("ignore:PartialFixedSampler is experimental")
def test_distributions_of_theirs_may_be_fixed_in_part() -> None:
    ours = NASSampler(MINE, EVOLUTION, seed=1)
    study = study_of(sampler=optuna.samplers.PartialFixedSampler({"units": 32}, ours))
    study.optimize(mine, n_trials=10)
    assert {row.params["units"] for row in study.trials} == {32}
    assert [dict(ours.trials[number].architecture) for number in range(9)] == params(study)[:9]


# ---------------------------------------------------------------------- parameters of their own


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
    """Run in another process."""
    study = study_of(journal(Path(directory)))
    study.optimize(rated, n_trials=4)


@pytest.mark.parametrize("pickled", [False, True])
def test_their_parameters_are_drawn_anew_in_every_trial_and_process(
    pickled: bool, tmp_path: Path
) -> None:
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
    for name in ("rate", "batch"):
        assert len({row.params[name] for row in study.trials}) == 12


def test_their_parameters_differ_by_seed_and_name() -> None:
    def draw(trial: optuna.Trial) -> float:
        return trial.suggest_float("a", 0, 1) + trial.suggest_float("b", 0, 1)

    studies = [study_of(sampler=NASSampler(SPACE, EVOLUTION, seed)) for seed in (1, 2)]
    for study in studies:
        study.optimize(draw, n_trials=20, n_jobs=2)
    drawn = [row.params[name] for study in studies for row in study.trials for name in "ab"]
    assert len(set(drawn)) == 80
    assert 0.35 < sum(drawn) / 80 < 0.65


# ---------------------------------------------------------------------- the end


@pytest.mark.parametrize("method", [RandomSearch(), EVOLUTION, GridSearch()])
def test_a_space_that_is_used_up_ends_the_study(method: Strategy[Any]) -> None:
    space = material.few()
    study = study_of(sampler=NASSampler(space, method, seed=1))
    study.enqueue_trial({"depth": 1})
    study.optimize(lambda trial: score(suggest(trial, space))["score"], n_trials=9)
    assert [row.state for row in study.trials] == [TrialState.COMPLETE] * 4
    study.enqueue_trial(dict(study.trials[0].params))
    study.optimize(lambda trial: score(suggest(trial, space))["score"], n_trials=1)
    assert len(study.trials) == 5  # what is enqueued is run all the same


def test_what_is_asked_of_a_used_up_space_is_an_error() -> None:
    space = material.few()
    study = study_of(sampler=NASSampler(space, RandomSearch(), seed=1))
    for _ in range(4):
        trial = study.ask()
        study.tell(trial, score(suggest(trial, space))["score"])
    with pytest.raises(SpaceExhausted, match="all 4 distinct architectures"):
        suggest(study.ask(), space)


def test_a_space_that_cannot_be_listed_does_not_end_a_study() -> None:
    study = study_of(sampler=NASSampler(MINE, RandomSearch(), seed=1))
    study.optimize(mine, n_trials=5)
    assert len(study.trials) == 5


def test_a_space_that_is_far_from_used_up_is_not_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under constraints, looking for the next architecture in order might take for ever."""

    def listing(*_: object) -> None:
        pytest.fail("the space was listed")

    monkeypatch.setattr(RandomSearch, "listing", listing)
    space = Space({f"part{k}": Choice([0, 1, 2, 3]) for k in range(30)})
    study = study_of(sampler=NASSampler(space, RandomSearch(), seed=1))
    study.optimize(lambda trial: float(suggest(trial, space)["part0"]), n_trials=5)
    assert len(study.trials) == 5


# ---------------------------------------------------------------------- elsewhere


@pytest.mark.parametrize("backend", ["local", "optuna"])
@pytest.mark.parametrize("failing", [(2,), (0, 5)], ids=str)
def test_a_study_moves_whose_objective_once_failed_before_it_began(
    failing: tuple[int, ...], backend: str, tmp_path: Path
) -> None:
    def loading(trial: optuna.Trial) -> float:
        if trial.number in failing:
            raise OSError
        return objective(trial)

    def further(directory: Path) -> list[Any]:
        return told_of(experiment.run(backend, directory, observer=Silent()))

    def told_of(history: History) -> list[Any]:
        return [(t.number, t.architecture, t.values["score"]) for t in history]

    study = study_of()
    study.set_metric_names(["score"])
    study.optimize(loading, n_trials=6, catch=OSError)
    experiment = Experiment(
        SPACE, material.evaluate, {"score": "max"}, EVOLUTION, trials=14, seed=3
    )
    begun = replace(load(study, SPACE), strategy=repr(EVOLUTION), seed=3)
    begun.save(tmp_path / "x.jsonl")
    import_history(tmp_path / "x.jsonl", tmp_path / "run", backend, None, [])
    history = further(tmp_path / "run")
    study.optimize(objective, n_trials=8)
    assert history == told_of(load(study, SPACE))
    assert not {number for number, *_ in history} & set(failing)
    export_run(tmp_path / "run", tmp_path / "y.jsonl")
    assert History.load(tmp_path / "y.jsonl").skipped == tuple(failing)
