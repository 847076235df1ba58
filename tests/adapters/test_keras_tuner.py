# pyright: basic
"""The backend `keras_tuner`, by our door; test_keras_tuner_theirs.py goes by the other one."""

import pytest

from nasbridge.adapters._conformance import Door
from nasbridge.adapters.testing import BackendTests


class TestKerasTuner(BackendTests):
    @pytest.fixture
    def door(self) -> Door:
        return Door("keras_tuner", trials=20)
