"""Conformance tests of proposals."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from ..harness import BackendHarness
from ..loop import comparable, reference
from ..spaces import SPACES, chain, few
from ..strategies import CASES, strategy
from .base import CapabilityTests, experiment_on

__all__ = ["ProposalTests"]


class ProposalTests(CapabilityTests):
    """The backend runs what the strategy proposes, and nothing else.

    Attributes:
        cases: Pairs of strategy and space that are compared; `FEW_CASES` is sufficient for a
            backend whose trials are stored by a tested store.
    """

    cases: ClassVar[Sequence[tuple[str, str]]] = CASES

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Run the comparison once for each case."""
        if "case" in metafunc.fixturenames:
            metafunc.parametrize("case", self.cases, ids="-".join)

    def test_proposals_equal_those_of_a_bare_search(
        self, harness: BackendHarness, place: Path | None, case: tuple[str, str]
    ) -> None:
        name, space = case
        experiment = experiment_on(SPACES[space](), strategy=strategy(name), trials=harness.trials)
        expected = reference(experiment)
        assert len(expected) == harness.trials
        history = harness.run(experiment, place)
        assert comparable(history) == comparable(expected)
        forms = {trial.architecture.canonical for trial in history}
        assert len(forms) == harness.trials  # no equivalent architecture is proposed twice

    def test_constraints_hold(self, harness: BackendHarness, place: Path | None) -> None:
        experiment = experiment_on(chain().where(_is_deep))
        history = harness.run(experiment, place)
        assert comparable(history) == comparable(reference(experiment))
        assert len(history) == 20
        assert all(_is_deep(trial.architecture) for trial in history)

    def test_an_exhausted_space_ends_the_run(
        self, harness: BackendHarness, place: Path | None
    ) -> None:
        space = few()
        forms = {architecture.canonical for architecture in space.enumerate()}
        history = harness.run(experiment_on(space, trials=40), place)
        assert sorted(trial.architecture.canonical for trial in history) == sorted(forms)


def _is_deep(architecture: Mapping[str, Any]) -> bool:
    return bool(architecture["depth"] > 1)
