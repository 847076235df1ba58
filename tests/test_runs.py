"""Run notes under backends of other packages."""

from pathlib import Path
from typing import Any

import pytest

from nasbridge import Experiment, ExperimentError, History, Integer, RandomSearch, Space, runs
from nasbridge.adapters import local
from nasbridge.engine.run_note import read_note
from nasbridge.testing import evaluate

EXPERIMENT = Experiment(
    Space({"a": Integer(0, 99)}), evaluate, {"score": "max"}, RandomSearch(), trials=3
)


def use(monkeypatch: pytest.MonkeyPatch, run: Any) -> None:
    """Register a backend of another package."""
    adapter = type("Adapter", (), {"run": staticmethod(run)})

    def find(name: str) -> Any:
        return adapter

    monkeypatch.setattr(runs, "backend", find)


def test_a_backend_without_on_accepted_is_refused_before_the_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def run(experiment: Any, directory: Any, jobs: int, observer: Any) -> History:
        raise AssertionError("the backend was started")

    use(monkeypatch, run)
    with pytest.raises(ExperimentError, match=r"'mine'.*no parameter on_accepted.*add the param"):
        EXPERIMENT.run("mine", tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_backend_that_never_calls_on_accepted_loses_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def run(experiment: Any, on_accepted: Any, **others: Any) -> History:
        return local.run(experiment, **others)

    use(monkeypatch, run)
    with pytest.warns(UserWarning, match="backend 'mine' never called on_accepted") as warned:
        history = EXPERIMENT.run("mine", tmp_path)
    assert Path(warned[0].filename) == Path(__file__)
    assert len(history) == 3
    assert read_note(tmp_path).backend == "mine"
