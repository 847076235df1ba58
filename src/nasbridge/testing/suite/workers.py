"""Conformance tests of trials in worker processes."""

import multiprocessing
from pathlib import Path

import pytest

from ...engine import ExperimentError
from ..evaluations import WAIT_AT, evaluate_curve, evaluate_or_die, evaluate_waiting, fate, score
from ..harness import BackendHarness
from ..loop import comparable, reference
from ..spaces import chain
from ..strategies import strategy
from .base import CapabilityTests, experiment_on, needs

__all__ = ["SharedPoolTests", "WorkerTests"]


class SharedPoolTests(CapabilityTests):
    """Two workers at a time: sufficient where trials run in the engine's worker pool."""

    @needs("jobs")
    def test_two_workers_lose_and_repeat_no_trial(
        self, harness: BackendHarness, place: Path | None
    ) -> None:
        history = harness.run(experiment_on(chain()), place, jobs=2)
        assert sorted(trial.number for trial in history) == list(range(20))
        assert len({trial.architecture.canonical for trial in history}) == 20
        for trial in history:
            values = score(trial.architecture)
            assert (trial.state, dict(trial.values)) == ("complete", values)
        assert not multiprocessing.active_children()


class WorkerTests(SharedPoolTests):
    """Workers that die, hang, or cannot receive `evaluate`: for backends with their own workers."""

    @needs("jobs")
    def test_one_worker_changes_nothing(self, harness: BackendHarness, place: Path | None) -> None:
        experiment = experiment_on(chain(), evaluate=evaluate_curve)
        history = harness.run(experiment, place, jobs=1)
        assert comparable(history) == comparable(reference(experiment))

    @needs("jobs")
    def test_a_killed_worker_costs_its_trial(
        self, harness: BackendHarness, place: Path | None
    ) -> None:
        experiment = experiment_on(
            chain(), evaluate=evaluate_or_die, strategy=strategy("RandomSearch"), trials=6
        )
        history = harness.run(experiment, place, jobs=1)
        states = [fate(trial.architecture) for trial in history]
        assert [trial.state for trial in history] == states
        assert 0 < states.count("failed") < 6
        for trial in history.of_state("failed"):
            assert "SIGKILL" in trial.notes["error"]

    @needs("jobs")
    def test_a_trial_that_hangs_is_ended(self, harness: BackendHarness, place: Path | None) -> None:
        experiment = experiment_on(chain(), evaluate=evaluate_waiting, trials=11, trial_seconds=5)
        history = harness.run(experiment, place)
        assert [t.number for t in history if t.state != "complete"] == [WAIT_AT]
        assert "trial_seconds=5" in history[WAIT_AT].notes["error"]

    @needs("jobs")
    def test_a_local_function_is_refused(self, harness: BackendHarness, place: Path | None) -> None:
        def local(architecture: object, trial: object) -> dict[str, float]:
            return {"score": 1.0}

        experiment = experiment_on(chain(), evaluate=local, trials=11)
        with pytest.raises(ExperimentError, match=r"evaluate=.*top level.*jobs=0"):
            harness.run(experiment, place, jobs=2)
