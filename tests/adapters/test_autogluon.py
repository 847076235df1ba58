"""The backend `autogluon`, by our door: the suite, and what is its own."""

import pytest

from nasbridge.adapters._conformance import Door
from nasbridge.adapters.testing import BackendTests

pytestmark = [pytest.mark.frameworks, pytest.mark.xdist_group("autogluon")]


class TestAutoGluon(BackendTests):
    @pytest.fixture
    def door(self) -> Door:
        return Door("autogluon", trials=20)
