"""Conformance tests of pruning by a pruner of nasbridge."""

from pathlib import Path

from ... import Experiment, MedianAtStepPruner, MedianPruner
from ..evaluations import evaluate_curve
from ..harness import BackendHarness
from ..loop import comparable, reference
from ..spaces import chain
from .base import CapabilityTests, experiment_on, needs

__all__ = ["PruningTests"]


class PruningTests(CapabilityTests):
    """Pruned trials keep their curve and the values that they reached."""

    @needs("pruning")
    def test_pruned_trials_keep_curve_and_last_values(
        self, harness: BackendHarness, tmp_path: Path
    ) -> None:
        experiment = experiment_on(chain(), evaluate=evaluate_curve, pruner=MedianPruner(startup=3))
        _assert_pruned_like_the_reference(harness, experiment, tmp_path / "run")

    @needs("pruning_several")
    def test_pruning_with_several_objectives(self, harness: BackendHarness, tmp_path: Path) -> None:
        experiment = experiment_on(
            chain(),
            evaluate=evaluate_curve,
            pruner=MedianAtStepPruner(startup=3),
            objectives={"score": "max", "size": "min"},
        )
        _assert_pruned_like_the_reference(harness, experiment, tmp_path / "run")


def _assert_pruned_like_the_reference(
    harness: BackendHarness, experiment: Experiment, directory: Path
) -> None:
    expected = reference(experiment)
    history = harness.run(experiment, directory)
    assert comparable(history) == comparable(expected)
    for found in (history, harness.load(directory)):
        assert [trial.curve for trial in found] == [trial.curve for trial in expected]
    pruned = history.of_state("pruned")
    assert any(len(trial.curve) < 3 for trial in pruned)
    assert all(trial.values == trial.curve[-1].metrics for trial in pruned)
