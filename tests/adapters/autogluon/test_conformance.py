"""Managed runs under AutoGluon pass the parts of the conformance suite that concern its loop.

Trials are stored in a history file and evaluated in the engine's worker pool, as by the backend
`local`, which passes the whole suite.
"""

import pytest

from nasbridge.testing import (
    FEW_CASES,
    BackendHarness,
    BudgetTests,
    FailureTests,
    ProposalTests,
    ResumeTests,
    SharedPoolTests,
)

pytestmark = [pytest.mark.frameworks, pytest.mark.xdist_group("autogluon")]


class TestAutoGluon(ProposalTests, FailureTests, BudgetTests, ResumeTests, SharedPoolTests):
    cases = FEW_CASES

    @pytest.fixture
    def harness(self) -> BackendHarness:
        return BackendHarness("autogluon", trials=20)
