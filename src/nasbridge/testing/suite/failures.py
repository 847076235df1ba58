"""Conformance tests of trials that fail."""

from pathlib import Path

import pytest

from ...engine import CannotEvaluate, TooManyFailures
from ..evaluations import (
    INVALID_RESULTS,
    evaluate_invalid,
    evaluate_never,
    evaluate_or_fail,
    evaluate_without_data,
)
from ..harness import BackendHarness
from ..loop import comparable, reference
from ..spaces import chain, few
from .base import CapabilityTests, experiment_on

__all__ = ["FailureTests"]


class FailureTests(CapabilityTests):
    """A failed evaluation is a failed trial with its cause; the run continues."""

    def test_failed_trials_are_stored_and_not_repeated(
        self, harness: BackendHarness, tmp_path: Path
    ) -> None:
        experiment = experiment_on(chain(), evaluate=evaluate_or_fail)
        history = harness.run(experiment, tmp_path / "run")
        assert comparable(history) == comparable(reference(experiment))
        failed = history.of_state("failed")
        assert 3 < len(failed) < 17
        for trial in failed:
            assert trial.notes["error"] == f"MemoryError: no memory for {trial.architecture.key}"
        assert len({trial.architecture.canonical for trial in history}) == 20
        loaded = harness.load(tmp_path / "run")
        assert comparable(loaded) == comparable(history)
        assert [t.notes.get("error") for t in loaded] == [t.notes.get("error") for t in history]

    def test_consecutive_failures_end_the_run(
        self, harness: BackendHarness, place: Path | None
    ) -> None:
        experiment = experiment_on(chain(), evaluate=evaluate_never, max_failures=3)
        with pytest.raises(TooManyFailures, match=r"last 3 trials failed.*RuntimeError: always"):
            harness.run(experiment, place)

    def test_a_run_in_which_all_trials_failed_is_an_error(
        self, harness: BackendHarness, place: Path | None
    ) -> None:
        experiment = experiment_on(few(), evaluate=evaluate_never, max_failures=99)
        with pytest.raises(TooManyFailures, match="all 4 trials failed, with RuntimeError: always"):
            harness.run(experiment, place)

    def test_an_impossible_evaluation_ends_the_run(
        self, harness: BackendHarness, tmp_path: Path
    ) -> None:
        broken = experiment_on(chain(), evaluate=evaluate_without_data)
        with pytest.raises(CannotEvaluate, match="there are no data"):
            harness.run(broken, tmp_path / "run")
        fixed = experiment_on(chain())
        assert comparable(harness.run(fixed, tmp_path / "run")) == comparable(reference(fixed))

    def test_invalid_results_are_failures(
        self, harness: BackendHarness, place: Path | None
    ) -> None:
        history = harness.run(experiment_on(chain(), evaluate=evaluate_invalid), place)
        for trial, result in zip(history, INVALID_RESULTS, strict=False):
            assert trial.state == "failed", result
            assert trial.notes["error"].startswith("ValueError: "), result
        assert all(trial.state == "complete" for trial in history[len(INVALID_RESULTS) :])
