"""Conformance tests of resumption."""

import signal
import warnings
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from ...engine.driver import Silent
from ...engine.run_note import read_note
from ...runs import run_experiment
from ..evaluations import WAIT_AT, evaluate, evaluate_waiting
from ..harness import BackendHarness
from ..killing import kill_in_a_trial
from ..loop import comparable, reference
from ..spaces import chain
from .base import CapabilityTests, experiment_on, needs

__all__ = ["ResumeTests"]


class ResumeTests(CapabilityTests):
    """A run continues after its end, a kill or an interrupt as if it had never stopped."""

    @needs("resume")
    def test_a_finished_run_continues(self, harness: BackendHarness, tmp_path: Path) -> None:
        longer = experiment_on(chain())
        harness.run(replace(longer, trials=12), tmp_path / "run")
        history = harness.run(longer, tmp_path / "run")
        assert comparable(history) == comparable(reference(longer))
        repeated = harness.run(longer, tmp_path / "run")  # no trial is left to run
        assert comparable(repeated) == comparable(history)

    def test_a_run_leaves_its_note(self, harness: BackendHarness, tmp_path: Path) -> None:
        """The commands `resume` and `report` read the note; `on_accepted` writes it."""
        with warnings.catch_warnings():
            warnings.filterwarnings("error", message=".*never called on_accepted")
            experiment, place = experiment_on(chain(), trials=11), tmp_path / "run"
            run_experiment(experiment, harness.backend, place, 0, Silent(), harness.options)
        assert read_note(place).backend == harness.backend

    @needs("resume")
    @pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT], ids=lambda how: how.name)
    def test_a_killed_run_continues(
        self, harness: BackendHarness, tmp_path: Path, how: signal.Signals
    ) -> None:
        experiment = experiment_on(chain(), evaluate=evaluate_waiting)
        kill_in_a_trial(partial(harness.run, experiment, tmp_path / "run"), tmp_path, how)
        before = harness.load(tmp_path / "run")
        assert len(before.of_state("complete")) == WAIT_AT
        history = harness.run(experiment, tmp_path / "run")
        uninterrupted = replace(experiment, evaluate=evaluate)
        assert comparable(history) == comparable(reference(uninterrupted))
        assert comparable(harness.load(tmp_path / "run")) == comparable(history)
