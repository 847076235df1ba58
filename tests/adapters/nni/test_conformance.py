"""The backend `nni`, by our door: the suite under the real NNI, and what is its own."""

import pytest

from nasbridge.testing import BackendTests
from nasbridge.testing.harness import BackendHarness

pytestmark = [pytest.mark.frameworks, pytest.mark.xdist_group("nni")]


class TestNNI(BackendTests):
    @pytest.fixture
    def harness(self) -> BackendHarness:
        return BackendHarness("nni", trials=20)
