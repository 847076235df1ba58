"""The checks of `make soak`: they find no damage that is accepted, and they would find it."""

import dataclasses
from pathlib import Path

import pytest

from nasbridge import History
from nasbridge.spaces import SearchSpace
from nasbridge.strategies import HistoryError
from nasbridge.testing import chaos


def test_damaged_files_are_refused_or_harmless() -> None:
    flipped, cut = chaos.flips(25, seed=1), chaos.truncations(25, seed=1)
    assert (flipped.told, flipped.wrong) == (25, 0)
    assert cut.wrong == 0
    assert cut.unharmed > 0


def test_another_value_counts_as_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    read, good = History.load, list[History]()

    def careless(file: Path, space: SearchSpace | None = None) -> History:
        try:
            good.append(read(file, space))
        except HistoryError:
            return dataclasses.replace(good[-1], trials=good[-1].trials[:-1])
        return good[-1]

    monkeypatch.setattr(History, "load", staticmethod(careless))
    assert chaos.flips(5, seed=1).wrong == 5


def test_a_clock_that_is_set_back_changes_nothing() -> None:
    assert chaos.clock("local").unharmed == 1


@pytest.mark.parametrize("command", ["report DIRECTORY", "resume DIRECTORY"])
def test_a_strangers_directory_is_refused_or_only_read(command: str) -> None:
    outcome = chaos.strangers(command)
    assert outcome.wrong == 0
    assert outcome.told
