"""The backend `local` passes the conformance suite."""

import pytest

from nasbridge.testing import BackendHarness, BackendTests


class TestLocal(BackendTests):
    @pytest.fixture
    def harness(self) -> BackendHarness:
        return BackendHarness("local")
