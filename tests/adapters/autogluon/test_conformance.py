"""Managed runs under AutoGluon pass the parts of the suite on its loop and its search space.

Trials are stored in a history file and evaluated in the engine's worker pool, as by the backend
`local`, which passes the whole suite.
"""

import pytest

from nasbridge.testing import (
    FEW_CASES,
    BackendHarness,
    BudgetTests,
    FailureTests,
    MovingTests,
    ObjectivesTests,
    ProposalTests,
    PruningTests,
    ResumeTests,
    SharedPoolTests,
    SpaceTests,
)

pytestmark = [pytest.mark.frameworks, pytest.mark.xdist_group("autogluon")]


class TestAutoGluon(
    ProposalTests,
    FailureTests,
    BudgetTests,
    ResumeTests,
    SharedPoolTests,
    SpaceTests,
    PruningTests,
    ObjectivesTests,
    MovingTests,
):
    cases = FEW_CASES

    @pytest.fixture
    def harness(self) -> BackendHarness:
        return BackendHarness("autogluon", trials=20)
