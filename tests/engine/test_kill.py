"""A run that is killed at a write continues as if nothing had happened.

A table names the writes of each backend. Every process is killed before or after one of them, and
the next process continues in the same directory. `make soak` kills at random moments instead.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from nasbridge import Experiment, NasbridgeError
from nasbridge.adapters.keras_tuner import NASTuner, load
from nasbridge.engine import Silent
from nasbridge.testing import (
    BackendHarness,
    Fault,
    chain,
    comparable,
    evaluate_or_fail,
    fate,
    reference,
    score,
    strategy,
)
from nasbridge.testing.soak import end_of, stored_trials, varied_experiment

pytestmark = pytest.mark.xdist_group("kill")  # one server for all processes

# What Optuna puts around every database; its methods are the transactions.
STORAGE = "optuna.storages._cached_storage:_CachedStorage"

Writes = Mapping[str, Sequence[int]]

# The writes of a backend, in the order in which a run reaches them, and the calls that are fatal.
# Stored data is the same after one write and before the next: killing before each is sufficient.
# HistoryFile serves `local`, `autogluon`, `nni` and `ray_tune`; os.replace writes the run note.
# Keras Tuner replaces one file after the other: those of the project, and those of each trial.
HISTORY_FILE: Writes = {
    "os:replace": (1,),
    "nasbridge.strategies:HistoryFile.start": (1, 3),
    "nasbridge.strategies:HistoryFile.report": (1, 5),
    "nasbridge.strategies:HistoryFile.finish": (1, 4),
}
PROJECT: Writes = {"os:replace": (1, 2, 3, 4, 5, 6, 7, 8, 9)}
STUDY: Writes = {
    f"{STORAGE}.create_new_study": (1,),
    f"{STORAGE}.set_study_user_attr": (1,),
    f"{STORAGE}.create_new_trial": (2,),
    f"{STORAGE}.set_trial_param": (1, 3),
    f"{STORAGE}.set_trial_intermediate_value": (2,),
    f"{STORAGE}.set_trial_user_attr": (1, 4),
    f"{STORAGE}.set_trial_system_attr": (1, 4),
    f"{STORAGE}.set_trial_state_values": (1, 2),
}
WRITES = {"keras_tuner": PROJECT, "local": HISTORY_FILE, "optuna": STUDY}


def faults(writes: Writes) -> list[Fault]:
    """Return a fault before each fatal call, and one after the last."""
    made = [Fault(target, call) for target, calls in writes.items() for call in calls]
    return [*made, replace(made[-1], when="after")]


def run_in(backend: str, experiment: Experiment, directory: Path, jobs: int = 0) -> Any:
    """Run as users do, which also writes the run note."""
    return experiment.run(backend, directory, jobs, Silent())


@pytest.mark.parametrize("backend", sorted(WRITES))
def test_a_run_killed_at_each_write_continues(backend: str, tmp_path: Path) -> None:
    moments, finished = faults(WRITES[backend]), 0
    experiment = varied_experiment(len(moments) + 14)
    expected = comparable(reference(experiment))
    run = partial(run_in, backend, experiment, tmp_path / "run")
    harness = BackendHarness(backend)
    for moment in moments:
        assert end_of(run, moment), f"the run ended and did not reach {moment}"
        finished = stored_trials(harness, tmp_path / "run", experiment, finished)
    assert 0 < finished < len(expected)
    assert comparable(run()) == expected
    assert comparable(harness.load(tmp_path / "run")) == expected


@pytest.mark.parametrize("damage", ["lost", "changed"])
def test_lost_and_changed_trials_are_detected(damage: str, tmp_path: Path) -> None:
    random = strategy("RandomSearch")
    harness, experiment = BackendHarness("local"), varied_experiment(6, strategy=random)
    harness.run(experiment, tmp_path)
    assert stored_trials(harness, tmp_path, experiment, 5) == 6
    if damage == "lost":
        (tmp_path / "history.jsonl").unlink()
        with pytest.raises(NasbridgeError, match=r"history\.jsonl"):
            stored_trials(harness, tmp_path, experiment, 6)
        harness.run(varied_experiment(3, strategy=random), tmp_path)
        with pytest.raises(RuntimeError, match="6 finished trials were stored, and now 3"):
            stored_trials(harness, tmp_path, experiment, 6)
    else:
        with pytest.raises(RuntimeError, match="not the first of a bare search"):
            stored_trials(harness, tmp_path, varied_experiment(6, strategy=random, seed=4), 0)


def test_a_run_killed_within_a_write_continues(tmp_path: Path) -> None:
    """Half a line at the end of the history file."""
    experiment = varied_experiment(16)
    run, file = partial(run_in, "local", experiment, tmp_path), tmp_path / "history.jsonl"
    assert end_of(run, Fault("nasbridge.strategies:HistoryFile.finish", 5, "after"))
    whole = file.read_bytes()
    last = whole.rindex(b"\n", 0, -1) + 1
    for kept in (last + 1, (last + len(whole)) // 2, len(whole) - 1):
        file.write_bytes(whole[:kept])
        assert comparable(run()) == comparable(reference(experiment))


class Scored(NASTuner):
    """Scores architectures instead of training them; some fail."""

    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> Any:
        model: Any = self.hypermodel
        architecture = model.architecture(trial.hyperparameters)
        if fate(architecture) == "failed":
            raise MemoryError(f"no memory for {architecture.key}")
        return score(architecture)


def search(directory: Path) -> None:
    tuner = Scored(
        chain(),
        strategy=strategy("RegularizedEvolution"),
        objective={"score": "max"},
        max_trials=24,
        seed=3,
        input_shape=(8, 8, 1),
        directory=directory,
        project_name="killed",
    )
    tuner.search(verbose=0)


def test_a_search_of_a_tuner_killed_at_each_write_continues(tmp_path: Path) -> None:
    experiment = Experiment(
        chain(),
        evaluate_or_fail,
        {"score": "max"},
        strategy("RegularizedEvolution"),
        24,
        seed=3,
    )
    run = partial(search, tmp_path)
    for moment in faults(PROJECT):
        assert end_of(run, moment), f"the search ended and did not reach {moment}"
    run()
    found = comparable(load(tmp_path / "killed"))
    assert [t[:3] for t in found] == [t[:3] for t in comparable(reference(experiment))]


@pytest.mark.parametrize(
    ("objectives", "pruner"),
    [
        ({"score": "max"}, "hyperband"),
        ({"score": "max", "size": "min"}, "successive-halving"),
    ],
    ids=["one objective", "two objectives"],
)
def test_a_run_with_a_pruner_of_optuna_continues(
    objectives: Mapping[str, str], pruner: str, tmp_path: Path
) -> None:
    experiment = varied_experiment(16, objectives=objectives, pruner=None)
    harness = BackendHarness("optuna", {"pruner": pruner})
    expected = comparable(harness.run(experiment))
    assert any(state == "pruned" for _, _, state, _ in expected)
    run = partial(harness.run, experiment, tmp_path / "run")
    for method in ("set_trial_intermediate_value", "set_trial_state_values"):
        assert end_of(run, Fault(f"{STORAGE}.{method}", 5))
    assert comparable(run()) == expected


@pytest.mark.parametrize("backend", sorted(WRITES))
def test_a_run_with_two_workers_continues(backend: str, tmp_path: Path) -> None:
    """Which trials run at the same time is not fixed; that each runs once is."""
    experiment = varied_experiment(24)
    harness, run = BackendHarness(backend), partial(run_in, backend, experiment, tmp_path, 2)
    for moment in faults(WRITES[backend])[-3:]:
        assert end_of(run, moment), f"the run ended and did not reach {moment}"
    history = run()
    assert sorted(trial.number for trial in history) == list(range(24))
    assert len({trial.architecture.canonical for trial in history}) == 24
    for trial in history:
        expected = fate(trial.architecture)
        assert trial.state == expected or (trial.state, expected) == ("pruned", "complete")
        if trial.state == "complete":
            assert dict(trial.values) == score(trial.architecture)
    assert comparable(harness.load(tmp_path)) == comparable(history)
