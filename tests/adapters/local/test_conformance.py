"""The backend `local`: the suite, and what its history file is for."""

import pytest

from nasbridge.testing import BackendHarness, BackendTests


class TestLocal(BackendTests):
    @pytest.fixture
    def harness(self) -> BackendHarness:
        return BackendHarness("local")
