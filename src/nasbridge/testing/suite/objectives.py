"""Conformance tests of several objectives."""

from pathlib import Path

from ... import History
from ..harness import BackendHarness
from ..loop import comparable, reference
from ..spaces import chain
from .base import CapabilityTests, experiment_on, needs

__all__ = ["ObjectivesTests"]


class ObjectivesTests(CapabilityTests):
    """Several objectives yield the same Pareto front."""

    @needs("several_objectives")
    def test_the_front_equals_that_of_a_bare_search(
        self, harness: BackendHarness, tmp_path: Path
    ) -> None:
        experiment = experiment_on(chain(), objectives={"score": "max", "size": "min"})
        expected = History(experiment.space, experiment.objectives, reference(experiment))
        history = harness.run(experiment, tmp_path / "run")
        assert comparable(history) == comparable(expected)
        assert len(expected.pareto) > 1
        for found in (history, harness.load(tmp_path / "run")):
            assert comparable(found.pareto) == comparable(expected.pareto)
            assert found.objectives == experiment.objectives
