"""The backend `local`: the suite, and what its history file is for."""

import pytest

from nasbridge.testing import BackendTests, Door


class TestLocal(BackendTests):
    @pytest.fixture
    def door(self) -> Door:
        return Door("local")
