"""Managed runs under AutoGluon: the conformance suite."""

import pytest

from nasbridge.testing import BackendTests
from nasbridge.testing.harness import BackendHarness

pytestmark = [pytest.mark.frameworks, pytest.mark.xdist_group("autogluon")]


class TestAutoGluon(BackendTests):
    @pytest.fixture
    def harness(self) -> BackendHarness:
        return BackendHarness("autogluon", trials=20)
