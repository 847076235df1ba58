"""The native integration: `NASSampler` and `suggest` in a user's study."""

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.storages import BaseStorage, InMemoryStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from nasbridge import (
    Architecture,
    BackendError,
    Choice,
    Experiment,
    History,
    RandomSearch,
    Space,
)
from nasbridge import testing as material
from nasbridge.adapters.optuna import NASSampler, load, suggest
from nasbridge.engine import Evaluate, Silent
from nasbridge.spaces import SearchSpace
from nasbridge.testing import comparable, fate, reference, score, strategy

EVOLUTION = strategy("RegularizedEvolution")
SPACE = material.chain()


def sampler(space: SearchSpace = SPACE) -> NASSampler:
    return NASSampler(space, strategy=EVOLUTION, seed=3)


def study_of(storage: BaseStorage | None = None, **settings: Any) -> optuna.Study:
    standard: dict[str, Any] = {"study_name": "mine", "sampler": sampler(), "storage": storage}
    if "directions" not in settings:
        standard["direction"] = "maximize"
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna.create_study(**standard | settings, load_if_exists=True)


def objective(trial: optuna.Trial) -> float:
    return score(suggest(trial, SPACE))["score"]


def failing(trial: optuna.Trial) -> float:
    architecture = suggest(trial, SPACE)
    if fate(architecture) == "failed":
        raise MemoryError
    return score(architecture)["score"]


def expected(
    trials: int = 60, evaluate: Evaluate = material.evaluate
) -> list[Mapping[str, object]]:
    """Return the choices that a bare search proposes."""
    experiment = Experiment(SPACE, evaluate, {"score": "max"}, EVOLUTION, trials=60, seed=3)
    return [dict(trial.architecture.choices) for trial in reference(experiment)[:trials]]


def params(study: optuna.Study) -> list[Mapping[str, object]]:
    return [trial.params for trial in study.get_trials(deepcopy=False)]


def memory(directory: Path) -> BaseStorage:
    return InMemoryStorage()


def journal(directory: Path) -> BaseStorage:
    return JournalStorage(JournalFileBackend(str(directory / "journal.log")))


def sqlite(directory: Path) -> BaseStorage:
    return optuna.storages.RDBStorage(f"sqlite:///{directory}/study.db")


def optimize_in(directory: str) -> str:
    """Run in another process, by `OTHER_PROCESS`."""
    study = study_of(journal(Path(directory)))
    study.optimize(objective, n_trials=25)
    return json.dumps(params(study))


OTHER_PROCESS = """
import runpy, sys
print(runpy.run_path(sys.argv[1])["optimize_in"](sys.argv[2]))
"""


@pytest.mark.parametrize(("storage", "trials"), [(memory, 60), (journal, 30), (sqlite, 12)])
def test_proposals_equal_those_of_a_bare_search(
    storage: Callable[[Path], BaseStorage], trials: int, tmp_path: Path
) -> None:
    study = study_of(storage(tmp_path))
    study.optimize(objective, n_trials=trials)
    assert params(study) == expected(trials)


def test_another_process_proposes_the_same(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", OTHER_PROCESS, __file__, str(tmp_path)],
        env={**os.environ, "PYTHONHASHSEED": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == expected(25)


def test_the_search_observes_failures() -> None:
    study = study_of()
    study.optimize(failing, n_trials=60, catch=MemoryError)
    assert params(study) == expected(evaluate=material.evaluate_or_fail)
    states = {trial.state for trial in study.trials}
    assert states == {TrialState.COMPLETE, TrialState.FAIL}


def test_another_sampler_continues_a_study() -> None:
    storage = InMemoryStorage()
    for trials in (13, 20, 27):
        study_of(storage).optimize(failing, n_trials=trials, catch=MemoryError)
    assert params(study_of(storage)) == expected(evaluate=material.evaluate_or_fail)


def test_a_sampler_survives_pickle() -> None:
    study = study_of()
    study.optimize(objective, n_trials=20)
    study.sampler = pickle.loads(pickle.dumps(study.sampler))
    study.optimize(objective, n_trials=40)
    assert params(study) == expected()


def test_a_sampler_can_alternate_between_two_studies() -> None:
    shared = sampler()
    one, other = study_of(sampler=shared), study_of(sampler=shared)
    one.optimize(objective, n_trials=30)
    other.optimize(objective, n_trials=60)
    one.optimize(objective, n_trials=30)
    assert params(one) == params(other) == expected()


def test_ask_and_tell_proposes_the_same() -> None:
    study = study_of()
    for _ in range(60):
        trial = study.ask()
        study.tell(trial, objective(trial))
    assert params(study) == expected()


def test_parameters_that_are_not_searched_change_no_proposal() -> None:
    def wider(trial: optuna.Trial) -> float:
        before = trial.suggest_float("rate", 0, 1)
        value = objective(trial)
        trial.suggest_int("batch", 1, 9)
        return value + 0 * before

    alone = NASSampler(SPACE, strategy=EVOLUTION, seed=3, extra={})
    study = study_of(sampler=alone)
    study.optimize(wider, n_trials=60)
    decisions = [{k: v for k, v in p.items() if k not in ("rate", "batch")} for p in params(study)]
    assert decisions == expected()
    assert len({p["rate"] for p in params(study)}) == 60  # drawn at random


def test_four_threads_propose_nothing_twice() -> None:
    study = study_of()
    study.optimize(objective, n_trials=100, n_jobs=4)
    forms = {SPACE.architecture(p).canonical for p in params(study)}
    assert len(forms) == 100
    assert {trial.state for trial in study.trials} == {TrialState.COMPLETE}


MINE = {
    "units": CategoricalDistribution([16, 32, 64]),
    "kernel": CategoricalDistribution(["a", None]),
    "layers": IntDistribution(1, 9, step=2),
    "rate": FloatDistribution(1e-4, 1e-1, log=True),
    "drop": FloatDistribution(0.0, 0.5, step=0.1),
}


def mine(trial: optuna.Trial) -> float:
    units = trial.suggest_categorical("units", [16, 32, 64])
    trial.suggest_categorical("kernel", ["a", None])
    layers = trial.suggest_int("layers", 1, 9, step=2)
    rate = trial.suggest_float("rate", 1e-4, 1e-1, log=True)
    drop = trial.suggest_float("drop", 0.0, 0.5, step=0.1)
    return float(units * layers - rate - drop)


@pytest.mark.parametrize(("storage", "trials"), [(memory, 30), (sqlite, 8)])
def test_an_unchanged_objective_is_searched_by_its_distributions(
    storage: Callable[[Path], BaseStorage], trials: int, tmp_path: Path
) -> None:
    one = NASSampler(MINE, strategy=EVOLUTION, seed=1)
    study = study_of(storage(tmp_path), sampler=one)
    study.optimize(mine, n_trials=trials)
    assert one.history.of_state("complete") == one.history.trials
    for trial, row in zip(one.history, study.trials, strict=True):
        assert dict(trial.architecture) == row.params
        assert trial.values == {"value": row.value}
    other = study_of(sampler=NASSampler(MINE, strategy=EVOLUTION, seed=1))
    other.optimize(mine, n_trials=trials)
    assert params(other) == params(study)
    assert {type(row.params["units"]) for row in study.trials} == {int}


def test_an_enqueued_trial_runs_and_is_not_proposed_again() -> None:
    wanted = expected(60)[7]
    study = study_of()
    study.enqueue_trial(dict(wanted))
    study.optimize(objective, n_trials=60)
    assert params(study)[0] == wanted
    assert len({SPACE.architecture(p).canonical for p in params(study)}) == 60


def test_a_waiting_trial_is_not_proposed_meanwhile() -> None:
    wanted = expected()[0]
    study = study_of()
    running = study.ask()
    study.enqueue_trial(dict(wanted))
    assert suggest(running, SPACE).choices != wanted


def test_the_strategy_completes_a_partly_enqueued_trial() -> None:
    study = study_of()
    study.enqueue_trial({"depth": 3, "op.0": "conv", "op.0.conv.kernel_size": "5"})
    study.enqueue_trial({"width": "8"})
    study.optimize(objective, n_trials=20)
    first, second, *rest = params(study)
    assert (first["depth"], first["op.0"], first["op.0.conv.kernel_size"]) == (3, "conv", "5")
    assert SPACE.architecture(first).choices == first  # complete, whatever was proposed
    assert second["width"] == "8"
    log = sampler().follow(study)
    log.read()
    assert [dict(log.trials.finished[n].architecture.choices) for n in range(20)] == params(study)
    forms = {SPACE.architecture(p).canonical for p in rest}
    assert len(forms | {SPACE.architecture(first).canonical}) == 19


def test_the_search_observes_trials_of_another_sampler() -> None:
    study = study_of(sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(objective, n_trials=15)
    study.sampler = sampler()
    study.optimize(objective, n_trials=30)
    before = {SPACE.architecture(p).canonical for p in params(study)[:15]}
    after = [SPACE.architecture(p).canonical for p in params(study)[15:]]
    assert len(set(after)) == 30
    assert not before & set(after)
    log = sampler().follow(study)
    log.read()
    assert len(log.trials.finished) == 45


def test_trials_without_an_architecture_are_skipped() -> None:
    study = study_of()
    study.optimize(lambda trial: 0.0, n_trials=3)
    study.optimize(objective, n_trials=10)
    assert len({SPACE.architecture(p).canonical for p in params(study)[3:]}) == 10


def test_a_user_s_study_is_loaded_as_a_history() -> None:
    study = study_of(InMemoryStorage())
    study.optimize(failing, n_trials=20, catch=MemoryError)
    history = load(study, SPACE)
    assert isinstance(history, History)
    assert [t.state for t in history] == [
        "complete" if row.state == TrialState.COMPLETE else "failed" for row in study.trials
    ]
    assert history.best.values["value"] == study.best_value


def test_a_managed_run_continues_a_user_s_study() -> None:
    storage = InMemoryStorage()
    study = study_of(storage)
    study.set_metric_names(["score"])
    study.optimize(objective, n_trials=12)
    experiment = Experiment(
        SPACE, material.evaluate, {"score": "max"}, EVOLUTION, trials=20, seed=3
    )
    history = experiment.run("optuna", observer=Silent(), storage=storage, study_name="mine")
    assert [dict(t.architecture.choices) for t in history] == expected(20)
    assert {t.values["score"] for t in history} == {t["score"] for t in map(scored, history)}


def scored(trial: Any) -> dict[str, float]:
    return score(trial.architecture)


def test_an_inactive_decision_cannot_be_suggested() -> None:
    def careless(trial: optuna.Trial) -> float:
        suggest(trial, SPACE)
        for k in range(3):
            trial.suggest_categorical(f"op.{k}.conv.kernel_size", ["1", "3", "5"])
        return 0.0

    with pytest.raises(BackendError, match=r"'op.\d.conv.kernel_size', which is not active.*sugg"):
        study_of().optimize(careless, n_trials=60)


def test_a_study_of_another_space_is_refused() -> None:
    study = study_of()
    study.optimize(objective, n_trials=3)
    other = Space({"units": Choice([1, 2, 3])})
    study.sampler = NASSampler(other, strategy=RandomSearch())
    with pytest.raises(BackendError, match=r"of another space.*study_name"):
        study.optimize(lambda trial: float(suggest(trial, other)["units"]), n_trials=1)


def test_a_sampler_has_the_settings_and_the_history_of_its_study() -> None:
    one = sampler()
    assert (one.space, one.strategy, one.seed) == (SPACE, EVOLUTION, 3)
    with pytest.raises(BackendError, match=r"no study yet.*load\(study, space\)"):
        _ = one.history
    study = study_of(sampler=one)
    study.optimize(failing, n_trials=12, catch=MemoryError)
    running = study.ask()
    suggest(running, SPACE)
    assert comparable(one.history) == comparable(load(study, SPACE))
    assert [trial.state for trial in one.history].count("running") == 1
    study.tell(running, 1.0)
    assert one.history.of_state("running") == ()


def test_the_history_of_a_sampler_has_the_reports_of_running_trials() -> None:
    one = sampler()
    study = study_of(sampler=one)
    running = study.ask()
    suggest(running, SPACE)
    assert one.history[0].curve == ()
    for step in (1, 2):
        running.report(step / 2, step)
        assert len(one.history[0].curve) == step
    assert one.history.trials == load(study, SPACE).trials


def test_suggest_works_with_every_sampler() -> None:
    def whole(trial: optuna.Trial) -> float:
        architecture: Architecture = suggest(trial, SPACE)
        assert architecture.choices == trial.params
        return score(architecture)["score"]

    for other in (optuna.samplers.TPESampler(seed=1), optuna.samplers.NSGAIISampler(seed=1)):
        study = study_of(sampler=other)
        study.optimize(whole, n_trials=15)
        assert len(study.trials) == 15
