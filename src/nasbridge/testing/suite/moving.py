"""Conformance tests of histories that move between backends."""

from dataclasses import replace
from pathlib import Path

import pytest

from ... import Experiment, History, MedianPruner
from ..evaluations import evaluate_variously
from ..harness import BackendHarness
from ..loop import comparable, reference
from ..spaces import chain
from .base import CapabilityTests, experiment_on, needs

__all__ = ["MovingTests"]


class MovingTests(CapabilityTests):
    """An unfinished experiment moves from and to the backend `local`, and continues."""

    @needs("importing")
    @pytest.mark.parametrize("several", [False, True], ids=["one", "several"])
    def test_a_history_moves_here(
        self, harness: BackendHarness, tmp_path: Path, several: bool
    ) -> None:
        experiment = _with_every_state(several)
        begun = _backwards(BackendHarness("local").run(replace(experiment, trials=12)))
        harness.store(begun, tmp_path / "run")
        _assert_equal_histories(harness.load(tmp_path / "run"), begun)
        history = harness.run(experiment, tmp_path / "run")
        assert comparable(history) == comparable(reference(experiment))

    @needs("importing")
    @pytest.mark.parametrize("several", [False, True], ids=["one", "several"])
    def test_a_history_moves_away(
        self, harness: BackendHarness, tmp_path: Path, several: bool
    ) -> None:
        experiment, local = _with_every_state(several), BackendHarness("local")
        begun = harness.run(replace(experiment, trials=12), tmp_path / "run")
        local.store(harness.load(tmp_path / "run"), tmp_path / "other")
        _assert_equal_histories(local.load(tmp_path / "other"), begun)
        history = local.run(experiment, tmp_path / "other")
        assert comparable(history) == comparable(reference(experiment))


def _backwards(history: History) -> History:
    """Return a history whose clock was set back by an hour before each trial.

    Stores must keep the order of trials, which determines all later proposals.
    """
    trials = (
        replace(
            trial,
            started=(trial.started or 0) - 3600 * position,
            finished=(trial.finished or 0) - 3600 * position,
        )
        for position, trial in enumerate(history)
    )
    return replace(history, trials=tuple(trials))


def _assert_equal_histories(found: History, expected: History) -> None:
    assert comparable(found) == comparable(expected)
    for trial, other in zip(found, expected, strict=True):
        assert trial.curve == other.curve
        kept = {name: trial.notes.get(name) for name in other.notes}  # a backend may add notes
        assert kept == other.notes
        for name in ("seconds", "started", "finished"):
            assert getattr(other, name) is not None
            assert getattr(trial, name) == pytest.approx(getattr(other, name), rel=0, abs=2e-3)


def _with_every_state(several: bool) -> Experiment:
    """Return an experiment with complete, pruned and failed trials."""
    objectives = {"score": "max", "size": "min"} if several else {"score": "max"}
    return experiment_on(
        chain(),
        evaluate=evaluate_variously,
        objectives=objectives,
        pruner=MedianPruner(startup=3),
    )
