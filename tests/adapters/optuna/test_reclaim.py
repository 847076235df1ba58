"""Trials left by a process of another host: running until `reclaim` repeats them."""

import socket

import optuna
import pytest
from optuna.storages import InMemoryStorage
from optuna.trial import TrialState

from nasbridge import Experiment, History
from nasbridge import testing as material
from nasbridge.adapters.optuna.history import open_study
from nasbridge.adapters.optuna.store import StudyStore
from nasbridge.engine.driver import Silent
from nasbridge.testing import comparable, reference, strategy

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
    """The names of this host; the last one is current, as the name of a container changes."""
    names = ["before"]
    monkeypatch.setattr(socket, "gethostname", lambda: names[-1])
    return names


def run(storage: InMemoryStorage, reclaim: bool) -> History:
    return EXPERIMENT.run("optuna", observer=Silent(), storage=storage, reclaim=reclaim)


def leave_a_trial(storage: InMemoryStorage) -> None:
    """Begin a trial like a process that is then killed."""
    study = open_study(EXPERIMENT, storage, "nasbridge", None)
    assert StudyStore(EXPERIMENT, study, alone=False).begin(14) is not None


def test_reclaim_repeats_the_trials_of_another_host(host: list[str]) -> None:
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


def test_a_reclaimed_run_equals_that_of_one_host(host: list[str]) -> None:
    storage = InMemoryStorage()
    leave_a_trial(storage)
    host.append("after")
    assert comparable(run(storage, reclaim=True)) == comparable(reference(EXPERIMENT))


def test_running_trials_of_this_host_are_not_reclaimed(host: list[str]) -> None:
    """Trials of a user's own code are not reclaimed either."""
    storage = InMemoryStorage()
    leave_a_trial(storage)
    native = optuna.load_study(study_name="nasbridge", storage=storage).ask()
    history = run(storage, reclaim=True)
    assert [trial.number for trial in history.of_state("running")] == [0]
    assert native.study.trials[native.number].state == TrialState.RUNNING
