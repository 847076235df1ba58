"""The backend `optuna`."""

from pathlib import Path

import pytest

from nasbridge.adapters.testing import BackendTests, Door, ProposalTests


class TestOptuna(BackendTests):
    @pytest.fixture
    def door(self) -> Door:
        return Door("optuna", trials=20)


class TestOptunaInMemory(ProposalTests):
    @pytest.fixture
    def door(self) -> Door:
        return Door("optuna")

    @pytest.fixture
    def place(self) -> Path | None:
        return None
