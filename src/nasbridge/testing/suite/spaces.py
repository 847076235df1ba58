"""Conformance tests of the translation to the framework's own search space."""

import numpy
import pytest

from ...adapters.registry import backend
from ..harness import BackendHarness
from ..spaces import SPACES, flat
from .base import CapabilityTests

__all__ = ["SpaceTests"]


class SpaceTests(CapabilityTests):
    """`to_native` and `from_native` are inverse to each other."""

    @pytest.mark.parametrize("space", SPACES)
    def test_native_spaces_hold_every_architecture(
        self, harness: BackendHarness, space: str
    ) -> None:
        ours, adapter = SPACES[space](), backend(harness.backend)
        returned = adapter.from_native(adapter.to_native(ours))
        decisions = {decision.name: decision for decision in returned.decisions}
        assert set(decisions) == {decision.name for decision in ours.decisions}
        for number in range(20):
            architecture = ours.sample(numpy.random.default_rng(number))
            for name, label in architecture.choices.items():
                assert decisions[name].domain.check(label) == label

    def test_a_flat_space_returns_unchanged(self, harness: BackendHarness) -> None:
        ours, adapter = flat(), backend(harness.backend)
        returned = adapter.from_native(adapter.to_native(ours))
        expected = {decision.name: str(decision.domain) for decision in ours.decisions}
        assert {d.name: str(d.domain) for d in returned.decisions} == expected  # in any order
