"""`continue_from`: a run starts with the history of an earlier run."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nasbridge import Experiment, ExperimentError, History, RandomSearch
from nasbridge import testing as material
from nasbridge.engine import Silent
from nasbridge.testing import bare_loop, comparable


def experiment(**settings: Any) -> Experiment:
    standard: dict[str, Any] = {"objectives": {"score": "max"}, "trials": 16, "seed": 3}
    return Experiment(material.chain(), material.evaluate_variously, **standard | settings)


def begun(directory: Path) -> History:
    history = replace(experiment(), trials=9).run(directory=directory, observer=Silent())
    assert len(history) == 9
    return history


@pytest.mark.parametrize("kind", ["history", "file", "directory"])
def test_a_run_continues_a_history_in_any_form(tmp_path: Path, kind: str) -> None:
    history = begun(tmp_path / "here")
    sources: dict[str, Any] = {
        "history": history,
        "file": str(tmp_path / "here" / "history.jsonl"),
        "directory": tmp_path / "here",
    }
    whole = experiment().run(
        "optuna", tmp_path / "there", observer=Silent(), continue_from=sources[kind]
    )
    assert comparable(whole) == comparable(bare_loop(experiment()))
    with pytest.raises(ExperimentError, match="already holds a run"):
        experiment().run("optuna", tmp_path / "there", continue_from=history)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("objectives", {"objectives": {"score": "min"}}),
        ("seed", {"seed": 4}),
        ("strategy", {"strategy": RandomSearch()}),
    ],
)
def test_only_the_same_experiment_is_continued(
    tmp_path: Path, name: str, change: dict[str, Any]
) -> None:
    history = begun(tmp_path / "here")
    with pytest.raises(ExperimentError, match=f"of another experiment, with {name}"):
        experiment(**change).run(directory=tmp_path / "there", continue_from=history)
    assert not (tmp_path / "there").exists()


def test_only_the_same_space_is_continued(tmp_path: Path) -> None:
    history = begun(tmp_path / "here")
    other = replace(experiment(), space=material.cell())
    with pytest.raises(ExperimentError, match="of another experiment, with space fingerprint"):
        other.run(directory=tmp_path / "there", continue_from=history)


def test_the_default_strategy_is_that_of_the_first_run(tmp_path: Path) -> None:
    """It depends on the number of trials, which is larger here than it was there."""
    first, longer = experiment(trials=12), experiment(trials=30)
    assert repr(first.strategy) != repr(longer.strategy)
    first.run(directory=tmp_path / "here", observer=Silent())
    whole = longer.run(
        directory=tmp_path / "there", observer=Silent(), continue_from=tmp_path / "here"
    )
    assert len(whole) == 30
    assert whole.strategy == repr(first.strategy)


def test_a_directory_is_needed(tmp_path: Path) -> None:
    history = begun(tmp_path / "here")
    with pytest.raises(ExperimentError, match="continue_from= needs directory="):
        experiment().run(continue_from=history)
