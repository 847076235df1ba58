"""The conformance suite on Optuna's storages: SQLite, memory and a journal."""

from pathlib import Path

import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from nasbridge.testing import FEW_CASES, BackendHarness, PooledBackendTests, ProposalTests


class TestOptuna(PooledBackendTests):
    @pytest.fixture
    def harness(self) -> BackendHarness:
        return BackendHarness("optuna", trials=20)


class TestOptunaInMemory(ProposalTests):
    cases = FEW_CASES

    @pytest.fixture
    def harness(self) -> BackendHarness:
        return BackendHarness("optuna")

    @pytest.fixture
    def place(self) -> Path | None:
        return None


class TestOptunaInAJournal(ProposalTests):
    cases = FEW_CASES

    @pytest.fixture
    def harness(self, tmp_path: Path) -> BackendHarness:
        storage = JournalStorage(JournalFileBackend(str(tmp_path / "journal.log")))
        return BackendHarness("optuna", {"storage": storage}, trials=20)
