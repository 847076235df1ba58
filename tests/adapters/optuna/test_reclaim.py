"""Trials that a process of another host has left: believed to be under way, until we say not."""

import socket

import optuna
import pytest
from optuna.storages import InMemoryStorage
from optuna.trial import TrialState

from nasbridge import Experiment, History
from nasbridge import testing as material
from nasbridge.adapters.optuna.history import study_of
from nasbridge.adapters.optuna.store import StudyStore
from nasbridge.engine import Silent
from nasbridge.testing import bare_loop, comparable, strategy

EXPERIMENT = Experiment(
    material.chain(),
    material.evaluate,
    {"score": "max"},
    strategy("RegularizedEvolution"),
    trials=14,
    seed=3,
)


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The name of this host, which may change as that of a container does."""
    names = ["before"]
    monkeypatch.setattr(socket, "gethostname", lambda: names[-1])
    return names


def run(storage: InMemoryStorage, reclaim: bool) -> History:
    return EXPERIMENT.run("optuna", observer=Silent(), storage=storage, reclaim=reclaim)


def leave_a_trial(storage: InMemoryStorage) -> None:
    """Begin a trial, and be killed."""
    study = study_of(EXPERIMENT, storage, "nasbridge", None)
    assert StudyStore(EXPERIMENT, study, alone=False).begin(14) is not None


def test_what_another_host_has_left_is_reclaimed_on_demand(host: list[str]) -> None:
    storage = InMemoryStorage()
    leave_a_trial(storage)
    host.append("after")
    history = run(storage, reclaim=False)
    (left,) = history.of_state("running")
    assert (left.number, left.notes["process"].split("/")[0]) == (0, "before")
    assert "exhausted" not in history.metadata
    history = run(storage, reclaim=True)
    assert sorted(trial.number for trial in history) == list(range(14))
    assert {trial.state for trial in history} == {"complete"}
    assert history[-1].architecture == left.architecture


def test_a_reclaimed_run_is_that_of_one_host(host: list[str]) -> None:
    storage = InMemoryStorage()
    leave_a_trial(storage)
    host.append("after")
    assert comparable(run(storage, reclaim=True)) == comparable(bare_loop(EXPERIMENT))


def test_what_lives_here_is_not_reclaimed(host: list[str]) -> None:
    """Nor is what a user's own code has under way."""
    storage = InMemoryStorage()
    leave_a_trial(storage)
    theirs = optuna.load_study(study_name="nasbridge", storage=storage).ask()
    history = run(storage, reclaim=True)
    assert [trial.number for trial in history.of_state("running")] == [0]
    assert theirs.study.trials[theirs.number].state == TrialState.RUNNING
