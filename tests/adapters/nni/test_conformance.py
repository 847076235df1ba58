# pyright: basic
"""The managed run of the backend `nni`, by the conformance suite.

Most of the suite runs with a fake manager, because what it shows is decided by the store, the
executor and the relay. The tests named in `REAL` run NNI.
"""

from typing import Any

import pytest

from nasbridge.adapters.nni import session
from nasbridge.testing import BackendHarness, BackendTests

pytestmark = [pytest.mark.frameworks, pytest.mark.xdist_group("nni")]

REAL = (
    "test_proposals_are_those_of_a_bare_search[RegularizedEvolution-chain]",
    "test_pruned_trials_keep_curve_and_last_values",
    "test_a_finished_run_goes_on",
    "test_a_killed_run_goes_on_as_if_nothing_had_happened",
    "test_two_workers_lose_and_repeat_nothing",
)


class TestNNI(BackendTests):
    @pytest.fixture(autouse=True)
    def _manager(
        self, request: pytest.FixtureRequest, fake: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Use NNI's own manager where the test is one of `REAL`."""
        if request.node.name.startswith(REAL):
            monkeypatch.setattr(session, "Manager", fake.real)

    @pytest.fixture
    def harness(self) -> BackendHarness:
        return BackendHarness("nni", trials=20)
