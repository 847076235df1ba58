# pyright: basic
"""NNI experiments as histories: the parameters that trials received, objectives and failures."""

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nasbridge import BackendError
from nasbridge.adapters.nni import load
from nasbridge.adapters.nni.history import write_experiment
from nasbridge.spaces import Choice, Space
from nasbridge.strategies import Objective, StrategyError
from nasbridge.testing import comparable

TPE = {"tuner": {"name": "TPE", "classArgs": {"optimize_mode": "minimize"}}}


@pytest.fixture
def database(stock_database: Any, tmp_path: Path) -> Any:
    """Writes trials: `received[k]` is the id that trial k received, None if it failed before."""

    def write(received: dict[int, int | None], by_user: Sequence[int] = (), name: str = "x") -> Any:
        stored = stock_database(tmp_path / name, TPE)
        for number, asked in received.items():
            final = None if asked is None else 100.0 + asked
            shown = -1 if asked in by_user else asked
            stored.add(number, final, shown, number in by_user)
        return stored.write()

    return write


def test_a_trial_has_the_parameters_that_it_received(database: Any) -> None:
    history = load(database({0: 1, 1: 0, 2: 2}))
    assert [trial.architecture["units"] for trial in history] == [11, 10, 12]
    assert [trial.values["default"] for trial in history] == [101.0, 100.0, 102.0]
    assert ["stored" in trial.notes for trial in history] == [True, True, False]
    assert history.objectives == (Objective("default", "min"),)
    assert [trial.seconds for trial in history] == pytest.approx([7.0, 7.001, 7.002])


def test_a_clock_that_steps_back_changes_no_order(database: Any, tmp_path: Path) -> None:
    """Trials are in the order in which NNI stored their ends, here an hour before the last one."""
    history = load(database({2: 2, 0: 0, 1: 1}))
    assert [trial.number for trial in history] == [2, 0, 1]
    ended = [
        replace(trial, seconds=5.0, started=9e4 - 3600 * k, finished=9e4 - 3600 * k)
        for k, trial in enumerate(history)
    ]
    write_experiment(tmp_path / "moved", replace(history, trials=tuple(ended)))
    moved = load(tmp_path / "moved", history.space)
    assert [trial.number for trial in moved] == [2, 0, 1]
    assert comparable(moved) == comparable(history)
    with sqlite3.connect(next((tmp_path / "moved").glob("*/db/nni.sqlite"))) as connection:
        connection.execute("update TrialJobEvent set timestamp = 1 where event = 'SUCCEEDED'")
    again = load(tmp_path / "moved", history.space)
    assert comparable(again) == comparable(history)
    assert [trial.seconds for trial in again] == [None] * 3


def test_a_trial_with_unknown_parameters_is_doubtful(database: Any) -> None:
    """It crashed before it asked, which shifted all later trials by one."""
    history = load(database({0: None, 1: 0, 2: 1}))
    assert [trial.state for trial in history] == ["failed", "complete", "complete"]
    assert ["doubtful" in trial.notes for trial in history] == [True, False, False]
    assert [trial.architecture["units"] for trial in history][1:] == [10, 11]


def test_a_trial_that_a_user_added_has_the_parameters_that_it_received(database: Any) -> None:
    right = load(database({0: 0, 1: 1, 2: 2}, (1, 2), "right"))
    assert [trial.architecture["units"] for trial in right] == [10, 11, 12]
    assert not any(trial.notes for trial in right)
    shifted = load(database({0: 1, 1: 0, 2: 2}, (1,), "shifted"))
    assert [trial.architecture["units"] for trial in shifted] == [11, 10, 12]
    assert ["stored" in trial.notes for trial in shifted] == [True, True, False]
    unknown = load(database({0: 1, 1: 0, 2: 2}, (1, 2), "unknown"))
    assert ["doubtful" in trial.notes for trial in unknown] == [True, False, False]


def test_trials_outside_the_space_are_left_out_with_a_warning(database: Any) -> None:
    file = database({0: 0, 1: 1, 2: 2})
    with pytest.warns(UserWarning, match=r"1 of 3 trials are outside .*: numbers \[2\]"):
        assert len(load(file, Space({"units": Choice([10, 11])}))) == 2
    with pytest.raises(BackendError, match=r"3 of 3 trials are outside the space.*space=\.\.\."):
        load(file, Space({"width": Choice([10, 11])}))


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "nni.sqlite").write_text("text" * 1000)
    with pytest.raises(BackendError, match=r"nni\.sqlite.*damaged"):
        load(tmp_path / "nni.sqlite")


def test_objectives_have_the_configured_direction(stock_database: Any, tmp_path: Path) -> None:
    arguments = {"experiment": "minimised.py", "optimize_mode": "minimize"}
    tuner = {"className": "nasbridge.adapters.nni.NASTuner", "classArgs": arguments}
    stored = stock_database(tmp_path, {"tuner": tuner})
    for number, loss in enumerate((0.5, 0.2, 0.9)):
        stored.add(number, {"default": loss, "size": 3 + number}, number)
    file = stored.write()
    assert load(file).best.number == 1
    history = load(file, objectives={"loss": "min", "size": "min"})
    assert history.objectives == (Objective("loss", "min"), Objective("size", "min"))
    assert history[0].values == {"loss": 0.5, "size": 3}
    assert [trial.number for trial in history.pareto] == [0, 1]
    with pytest.raises(StrategyError, match="direction"):
        load(file, objectives={"loss": "least"})


def test_objectives_of_a_managed_run_cannot_be_changed(tmp_path: Path) -> None:
    (tmp_path / "history.jsonl").write_text("")
    with pytest.raises(BackendError, match="leave out objectives="):
        load(tmp_path, objectives={"loss": "min"})


@pytest.mark.parametrize(
    "wrong", ["diverged", None, float("nan"), float("inf"), {"accuracy": 0.5}, [1.0], 10**400]
)
def test_a_result_without_a_finite_number_is_a_failed_trial(
    stock_database: Any, tmp_path: Path, wrong: Any
) -> None:
    stored = stock_database(tmp_path)
    for number, final in enumerate((0.5, wrong, 0.7)):
        stored.add(number, final, number)
    history = load(stored.write())
    assert [trial.state for trial in history] == ["complete", "failed", "complete"]
    assert "no finite number for default" in history[1].notes["error"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("TrialJobEvent set data = '{' where event = 'WAITING'", "event 0 of trial job0"),
        ("TrialJobEvent set timestamp = 'x' where event = 'RUNNING'", "event 1 of trial job0"),
        ("MetricData set data = '3'", "metric 0 of trial job0"),
        ("MetricData set data = null", "metric 0 of trial job0"),
        ("ExperimentProfile set params = '[1, '", "configuration"),
        ("ExperimentProfile set params = '[1]'", "configuration"),
    ],
)
def test_a_damaged_record_is_named(database: Any, change: str, message: str) -> None:
    file = database({0: 0, 1: 1})
    with sqlite3.connect(file) as connection:
        connection.execute(f"update {change}")
    with pytest.raises(BackendError, match=rf"nni\.sqlite is damaged: its {message} is not"):
        load(file)
