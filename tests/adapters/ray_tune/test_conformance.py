# pyright: basic
"""Managed runs under Ray Tune: the conformance suite with the real Ray, and Ray's options."""

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ray import tune
from ray.tune import ResultGrid
from ray.tune.logger import CSVLoggerCallback, TBXLoggerCallback
from ray.tune.schedulers import (
    ASHAScheduler,
    PopulationBasedTraining,
    TrialScheduler,
)

from nasbridge import (
    BackendError,
    Experiment,
    ExperimentError,
    History,
    RegularizedEvolution,
    Trial,
)
from nasbridge.adapters.ray_tune import load, results, store_history
from nasbridge.adapters.ray_tune.cluster import instance
from nasbridge.engine import ActiveTrial, Silent
from nasbridge.spaces import Architecture
from nasbridge.testing import (
    FEW_CASES,
    BackendHarness,
    BadInputTests,
    BudgetTests,
    FailureTests,
    ProposalTests,
    PruningTests,
    ResumeTests,
    SpaceTests,
    WorkerTests,
    bare_loop,
    chain,
    comparable,
    evaluate_curve,
    evaluate_variously,
    score,
)

pytestmark = [
    pytest.mark.frameworks,
    pytest.mark.xdist_group("ray_tune"),
    pytest.mark.usefixtures("local_ray"),
]


class TestRayTune(
    SpaceTests,
    ProposalTests,
    FailureTests,
    PruningTests,
    BudgetTests,
    ResumeTests,
    WorkerTests,
    BadInputTests,
):
    """All but `ObjectivesTests` and `MovingTests`: the history file is that of `local`."""

    cases = FEW_CASES

    @pytest.fixture
    def harness(self) -> BackendHarness:
        return BackendHarness(
            "ray_tune",
            options={"retries": 0},  # a repetition is tested below
            trials=20,
            deviations={
                "test_a_local_function_is_refused": "Ray sends functions by value",
            },
        )


def evaluate_dying_once(architecture: Architecture, trial: ActiveTrial) -> dict[str, float]:
    """Kill this process after two reports of the first attempt of trial 2."""
    metrics = score(architecture)
    for step in (1, 2, 3):
        trial.report(step, score=metrics["score"] * step / 3, size=metrics["size"])
        died = trial.directory / "died"
        if (trial.number, step) == (2, 2) and not died.exists():
            died.touch()
            os.kill(os.getpid(), signal.SIGKILL)
    return metrics


def _experiment(**settings: Any) -> Experiment:
    standard: dict[str, Any] = {
        "evaluate": evaluate_curve,
        "objectives": {"score": "max"},
        "strategy": RegularizedEvolution(population=3, sample=2),
        "trials": 6,
        "seed": 3,
    }
    return Experiment(chain(), **standard | settings)


def test_a_killed_worker_fails_no_trial(tmp_path: Path) -> None:
    experiment = _experiment(evaluate=evaluate_dying_once)
    history = experiment.run("ray_tune", tmp_path / "run")
    assert (tmp_path / "run" / "trials" / "00002" / "died").exists()
    expected = list(bare_loop(_experiment()))
    assert comparable(history) == comparable(expected)
    for found in (history, load(tmp_path / "run")):  # nothing of the lost attempt is left
        assert [trial.curve for trial in found] == [trial.curve for trial in expected]
        assert [t.number for t in found if t.notes.get("workers_lost") == 1] == [2]
    assert len(results(tmp_path / "run")) == 6


class Killer:
    """Kills the worker of trial 2 after its end, before the next trial begins."""

    def begun(self, history: History) -> None: ...

    def finished(self, trial: Trial) -> None:
        if trial.number == 2:
            os.kill(int(trial.values["process"]), signal.SIGKILL)


class Strict(tune.Callback):  # type: ignore[misc]  # mypy does not read Ray
    """Accepts errors only of trials that have begun, like MLflow's logger."""

    def __init__(self) -> None:
        self.begun: set[str] = set()

    def on_trial_start(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
        self.begun.add(trial.trial_id)

    def on_trial_error(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
        self.begun.remove(trial.trial_id)


def evaluate_process(architecture: Architecture, trial: ActiveTrial) -> dict[str, float]:
    """Return the id of this process; kill it in the first attempt of trial 3."""
    died = trial.directory / "died"
    if trial.number == 3 and not died.exists():
        died.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return {**score(architecture), "process": os.getpid()}


def test_a_worker_lost_between_trials_fails_no_trial(tmp_path: Path) -> None:
    experiment = _experiment(evaluate=evaluate_process)
    history = experiment.run(
        "ray_tune", tmp_path / "run", 0, Killer(), retries=0, callbacks=[Strict()]
    )
    assert (tmp_path / "run" / "trials" / "00003" / "died").exists()
    assert history[2].values["process"] not in {t.values.get("process") for t in history[3:]}
    lost = [trial.notes.get("workers_lost", 0) for trial in history]
    assert lost == [0, 0, 0, 1, 0, 0]  # only trial 3 killed its worker
    states = {trial.number: trial.state for trial in history}
    assert states.pop(3) == "failed"
    assert set(states.values()) == {"complete"}


def evaluate_dying(architecture: Architecture, trial: ActiveTrial) -> dict[str, float]:
    """Kill this process in trial 0; exceed the time limit in trial 1."""
    if trial.number == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    if trial.number == 1:
        time.sleep(60)
    return score(architecture)


def test_a_failed_trial_counts_its_lost_workers(tmp_path: Path) -> None:
    experiment = _experiment(evaluate=evaluate_dying, trials=4, trial_seconds=5)
    history = experiment.run("ray_tune", tmp_path / "run")
    notes = {trial.number: trial.notes for trial in history if trial.state == "failed"}
    assert sorted(notes) == [0, 1]
    assert "worker was lost" in notes[0]["error"]
    assert notes[0]["workers_lost"] == 2  # by the first attempt and its repetition
    assert "TimeoutError" in notes[1]["error"]
    assert "workers_lost" not in notes[1]  # nasbridge ended the worker


def test_ray_stores_all_trials(tmp_path: Path) -> None:
    experiment = _experiment(evaluate=evaluate_variously, trials=10)
    begun = replace(experiment, trials=4).run("local", None, 0, Silent())
    store_history(begun, tmp_path / "run")
    loggers = [TBXLoggerCallback(), CSVLoggerCallback()]
    history = experiment.run("ray_tune", tmp_path / "run", callbacks=loggers)
    place = tmp_path / "run" / "ray"
    for pattern in ("events.out.tfevents.*", "progress.csv"):
        assert len(list(place.glob(f"*/{pattern}"))) == 6  # those of this run
    for shown in (results(tmp_path / "run"), ResultGrid(tune.ExperimentAnalysis(str(place)))):
        by_number = {result.config["number"]: result for result in shown if result.config}
        assert sorted(by_number) == list(range(10))
        for trial in history:
            result = by_number[trial.number]
            assert result.config is not None
            assert result.config["arch"] == dict(trial.architecture.choices)
            assert (result.error is not None) == (trial.state == "failed")
            if trial.state == "complete":
                assert result.metrics is not None
                assert result.metrics["score"] == trial.values["score"]
                assert result.metrics_dataframe is not None
                assert len(result.metrics_dataframe) == len(trial.curve) + 1
    best = results(tmp_path / "run").get_best_result()
    assert best.config is not None
    assert best.config["number"] == history.best.number


def test_the_address_of_another_cluster_is_an_error(tmp_path: Path, local_ray: Any) -> None:
    there = local_ray.get_runtime_context().gcs_address
    port = there.rpartition(":")[2]
    experiment = _experiment()
    for number, address in enumerate((f"10.1.2.3:{port}", "127.0.0.1:1", "ray://127.0.0.1:1")):
        with pytest.raises(BackendError, match=rf"{address}.*{there}.*ray\.shutdown\(\)"):
            experiment.run("ray_tune", tmp_path / str(number), address=address)
    for address in (there, f"localhost:{port}", "auto"):
        with instance(address, {"cpu": 1}, 1):
            pass


def asha() -> TrialScheduler:
    return ASHAScheduler(max_t=3, grace_period=1, reduction_factor=2)


def test_a_scheduler_of_ray_receives_trials_of_earlier_runs(tmp_path: Path) -> None:
    experiment = _experiment(trials=12)
    whole = experiment.run("ray_tune", tmp_path / "whole", scheduler=asha())
    assert {trial.state for trial in whole} == {"complete", "pruned"}
    replace(experiment, trials=5).run("ray_tune", tmp_path / "parts", scheduler=asha())
    parts = experiment.run("ray_tune", tmp_path / "parts", scheduler=asha())
    assert comparable(parts) == comparable(whole)


def test_invalid_settings_are_errors(tmp_path: Path) -> None:
    pbt = PopulationBasedTraining(hyperparam_mutations={"x": [1, 2]})
    with pytest.raises(BackendError, match=r"PopulationBasedTraining.*ASHAScheduler"):
        _experiment().run("ray_tune", tmp_path / "a", scheduler=pbt)
    for retries in (-1, 1.5, True):
        with pytest.raises(BackendError, match=rf"retries={retries!r}.*from 0"):
            _experiment().run("ray_tune", tmp_path / "c", retries=retries)
    with pytest.raises(BackendError, match="no trial has run"):
        results(tmp_path)
    lock = threading.Lock()

    def held(architecture: Architecture, trial: ActiveTrial) -> dict[str, float]:
        return {"score": float(lock.locked())}

    with pytest.raises(ExperimentError, match=r"cannot be sent to a Ray worker.*inside of it"):
        _experiment(evaluate=held).run("ray_tune", tmp_path / "b")


ALONE = """
import sys
import ray
from ray import tune
from nasbridge import Experiment, RandomSearch
from nasbridge.engine import BackendError
from nasbridge.testing import chain, evaluate

experiment = Experiment(chain(), evaluate, {"score": "max"}, RandomSearch(), trials=2)
for options in ({"resources": {"cpu": 1, "gpu": 0.5}}, {"address": "127.0.0.1:1"}):
    try:
        experiment.run("ray_tune", sys.argv[1], **options)
    except BackendError as error:
        print(error)

class Full(tune.Callback):
    is_full = False

    def begun(self, history): ...

    def finished(self, trial):
        self.is_full = trial.number == 1

    def get_state(self):
        if self.is_full:
            raise OSError(28, "No space left on device")

full = Full()
history = experiment.run("ray_tune", sys.argv[1], observer=full, callbacks=[full])
print(len(history), "trials; Ray is left behind:", ray.is_initialized())
"""


def test_a_private_instance_reports_missing_resources(tmp_path: Path) -> None:
    command = [sys.executable, "-c", ALONE, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    output = done.stdout
    assert "each trial needs 1 CPU, 0.5 GPU on one node, and no node" in output
    assert "there is no Ray cluster at address='127.0.0.1:1'" in output
    assert "2 trials; Ray is left behind: False" in output
    assert "could not write its experiment state (OSError: [Errno 28] No space" in done.stderr
