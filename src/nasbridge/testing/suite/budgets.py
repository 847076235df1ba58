"""Conformance tests of time limits, seeds and budgets."""

from pathlib import Path

from ..evaluations import evaluate_given, evaluate_slowly
from ..harness import BackendHarness
from ..loop import comparable, reference
from ..spaces import chain
from .base import CapabilityTests, experiment_on

__all__ = ["BudgetTests"]


class BudgetTests(CapabilityTests):
    """Runs respect their time limit, and trials receive seed and budget."""

    def test_a_run_ends_after_its_seconds(
        self, harness: BackendHarness, place: Path | None
    ) -> None:
        slow = experiment_on(chain(), evaluate=evaluate_slowly, trials=None, seconds=1)
        history = harness.run(slow, place)
        assert 1 <= len(history) <= 20
        assert len(history.of_state("complete")) == len(history)

    def test_trials_receive_seed_and_budget(
        self, harness: BackendHarness, place: Path | None
    ) -> None:
        experiment = experiment_on(chain(), evaluate=evaluate_given, budget=2.5)
        history = harness.run(experiment, place)
        assert comparable(history) == comparable(reference(experiment))
        assert all(trial.values["budget"] == 2.5 for trial in history)
