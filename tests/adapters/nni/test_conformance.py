"""Managed runs under the real NNI pass the conformance suite."""

import pytest

from nasbridge.testing import FEW_CASES, BackendHarness, PooledBackendTests

pytestmark = [pytest.mark.frameworks, pytest.mark.xdist_group("nni")]


class TestNNI(PooledBackendTests):
    cases = FEW_CASES

    @pytest.fixture
    def harness(self) -> BackendHarness:
        return BackendHarness("nni", trials=20)
