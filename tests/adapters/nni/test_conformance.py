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
    "test_proposals_equal_those_of_a_bare_search[RegularizedEvolution-cell]",
    "test_pruned_trials_keep_curve_and_last_values",
    "test_a_finished_run_continues",
    "test_a_killed_run_continues",
    "test_two_workers_lose_and_repeat_no_trial",
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


def test_real_names_tests_of_the_suite() -> None:
    names = [name.partition("[")[0] for name in REAL]
    assert [name for name in names if not hasattr(TestNNI, name)] == []
