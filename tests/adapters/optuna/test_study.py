"""The study of a managed run: its contents, its file, its pruners, and how it resumes."""

import os
import sqlite3
from contextlib import closing
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from nasbridge import BackendError, Experiment, RandomSearch
from nasbridge import testing as material
from nasbridge.adapters.optuna import NASSampler, load, suggest
from nasbridge.engine.driver import Silent
from nasbridge.testing import comparable, reference, strategy


def experiment(**settings: Any) -> Experiment:
    standard: dict[str, Any] = {
        "evaluate": material.evaluate,
        "objectives": {"score": "max"},
        "strategy": strategy("RegularizedEvolution"),
        "trials": 20,
        "seed": 3,
    }
    return Experiment(material.chain(), **standard | settings)


def run(searched: Experiment, directory: Path | None = None, **options: Any) -> Any:
    return searched.run("optuna", directory, observer=Silent(), **options)


@pytest.mark.parametrize("odd", ["a b?c=d#e", "a{b}%20ü"])
def test_a_directory_may_have_any_name(tmp_path: Path, odd: str) -> None:
    searched = experiment(trials=3, strategy=RandomSearch())
    history = run(searched, tmp_path / odd)
    assert (
        comparable(load(tmp_path / odd)) == comparable(history) == comparable(reference(searched))
    )
    assert {file.name for file in (tmp_path / odd).iterdir()} >= {"study.db", "lock"}


def test_a_run_leaves_a_single_database_file(tmp_path: Path) -> None:
    run(experiment(trials=3, strategy=RandomSearch()), tmp_path)
    assert not list(tmp_path.glob("study.db-*"))


def test_a_study_holds_names_directions_parameters_and_values(tmp_path: Path) -> None:
    history = run(experiment(objectives={"score": "max", "size": "min"}), tmp_path)
    study = optuna.load_study(study_name="nasbridge", storage=f"sqlite:///{tmp_path}/study.db")
    assert study.metric_names == ["score", "size"]
    assert [d.name for d in study.directions] == ["MAXIMIZE", "MINIMIZE"]
    for row, trial in zip(study.trials, history, strict=True):
        assert row.state == TrialState.COMPLETE
        assert row.params == dict(trial.architecture.choices)
        assert row.values == [trial.values["score"], trial.values["size"]]
        width = trial.architecture.choices["width"]
        assert f"width={width}" in row.user_attrs["architecture"]


def test_a_run_of_an_exhausted_space_can_be_repeated(tmp_path: Path) -> None:
    """Surplus rows stay in the study and are ignored."""
    small = Experiment(
        material.few(), material.evaluate, {"score": "max"}, RandomSearch(), trials=40, seed=3
    )
    first = run(small, tmp_path)
    for _ in range(2):
        assert comparable(run(small, tmp_path)) == comparable(first) == comparable(load(tmp_path))


@pytest.mark.parametrize("name", ["median", "successive-halving", "hyperband"])
def test_optuna_pruners_have_names(name: str) -> None:
    history = run(experiment(evaluate=material.evaluate_curve, trials=20), pruner=name)
    assert len(history) == 20
    assert all(t.values == t.curve[-1].metrics for t in history.of_state("pruned"))


def test_an_optuna_pruner_prunes_and_the_search_continues() -> None:
    pruner = optuna.pruners.MedianPruner(n_startup_trials=2, n_warmup_steps=0)
    for objectives in ({"score": "max"}, {"score": "max", "size": "min"}):
        searched = experiment(evaluate=material.evaluate_curve, objectives=objectives)
        history = run(searched, pruner=pruner)
        pruned = history.of_state("pruned")
        assert any(len(trial.curve) == 1 for trial in pruned)
        assert all(trial.values == trial.curve[-1].metrics for trial in pruned)
        assert len(history.of_state("complete")) >= 3


def test_an_interrupted_trial_is_repeated_in_the_same_process(tmp_path: Path) -> None:
    """As after Ctrl-C in a notebook, with a storage that other processes may use."""
    url, interrupts = f"sqlite:///{tmp_path}/study.db", [5]

    def evaluate(architecture: Any, trial: Any) -> dict[str, float]:
        if trial.number in interrupts:
            interrupts.remove(trial.number)
            raise KeyboardInterrupt
        return material.score(architecture)

    searched = experiment(evaluate=evaluate, trials=12)
    with pytest.raises(KeyboardInterrupt):
        run(searched, storage=url)
    assert [trial.state for trial in load(url)] == ["complete"] * 5 + ["running"]
    expected = comparable(reference(experiment(trials=12)))
    assert comparable(run(searched, storage=url)) == expected
    assert comparable(load(url)) == expected


def test_a_user_s_study_of_other_directions_is_refused() -> None:
    storage = optuna.storages.InMemoryStorage()
    optuna.create_study(study_name="mine", storage=storage, direction="minimize")
    with pytest.raises(BackendError, match=r"'mine' has the directions \['min'\].*study_name"):
        run(experiment(), storage=storage, study_name="mine")


def test_a_clock_that_is_set_back_does_not_change_the_order(tmp_path: Path) -> None:
    """Optuna stores local times, which are set back an hour each autumn."""
    searched = experiment(trials=20)
    run(experiment(trials=12), tmp_path)
    with closing(sqlite3.connect(tmp_path / "study.db")) as database, database:
        changed = database.execute(
            "UPDATE trials SET datetime_complete = datetime(datetime_complete, '-1 hour') "
            "WHERE number > 6"
        )
    assert changed.rowcount == 5
    assert comparable(run(searched, tmp_path)) == comparable(reference(searched))


def test_a_clock_that_is_set_back_does_not_change_a_user_s_study(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    space, storage = material.chain(), optuna.storages.InMemoryStorage()

    class Clock(datetime):
        hours = 0

        @classmethod
        def now(cls, tz: tzinfo | None = None) -> "Clock":
            return super().now(tz) + timedelta(hours=cls.hours)

    monkeypatch.setattr("optuna.storages._in_memory.datetime", Clock)
    sampler = NASSampler(space, strategy=strategy("RegularizedEvolution"), seed=3)
    for other in (optuna.samplers.RandomSampler(seed=1), sampler):
        study = optuna.create_study(
            storage=storage, study_name="mine", sampler=other, load_if_exists=True
        )
        for _ in range(12):
            trial = study.ask()
            study.tell(trial, material.score(suggest(trial, space))["score"])
            Clock.hours = 0 if Clock.hours else -1
    observed = list(sampler.follow(study).trials.finished)
    assert observed == list(range(23))
    assert [trial.number for trial in sampler.history] == list(range(24))
    assert [trial.number for trial in load(study, space)] == list(range(24))
    again = NASSampler(space, strategy=strategy("RegularizedEvolution"), seed=3)
    again.follow(study).read()
    assert list(again.follow(study).trials.finished) == list(range(24))


def test_the_stored_order_survives_a_copy_into_another_study() -> None:
    space = material.chain()
    study = optuna.create_study(sampler=NASSampler(space, strategy=RandomSearch()))
    running = [study.ask() for _ in range(4)]
    values = [material.score(suggest(trial, space))["score"] for trial in running]
    for number in (2, 0, 3, 1):
        study.tell(running[number], values[number])
    assert [trial.number for trial in load(study, space)] == [2, 0, 3, 1]
    copy = optuna.create_study()
    copy.add_trials(study.trials)
    assert [trial.number for trial in load(copy, space)] == [2, 0, 3, 1]
    copy.add_trials(study.trials)  # under other numbers, for which no position is stored
    assert [trial.number for trial in load(copy, space)] == [2, 0, 3, 1, 4, 5, 6, 7]


def test_a_database_that_cannot_be_written_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched = experiment(trials=3, strategy=RandomSearch())
    run(searched, tmp_path / "run")
    before = {file: file.stat().st_mtime_ns for file in (tmp_path / "run").iterdir()}
    database = tmp_path / "run" / "study.db"

    def access(path: Path, mode: int) -> bool:  # the real one lets root write
        return path not in before

    monkeypatch.setattr(os, "access", access)
    connect_to: Any = sqlite3.connect

    def connect(path: Any, *arguments: Any, **settings: Any) -> sqlite3.Connection:
        assert Path(path).resolve() != database.resolve(), "the database was opened for writing"
        opened: sqlite3.Connection = connect_to(path, *arguments, **settings)
        return opened

    monkeypatch.setattr(sqlite3, "connect", connect)
    expected = comparable(reference(searched))
    for location in (tmp_path / "run", f"sqlite:///{database}"):
        assert comparable(load(location)) == expected
    assert before == {file: file.stat().st_mtime_ns for file in (tmp_path / "run").iterdir()}


def test_errors_of_storages_contain_no_password(tmp_path: Path) -> None:
    url = "nowhere://user:HUNTER2@host/nas"
    experiment = Experiment(
        material.chain(), material.evaluate, {"score": "max"}, RandomSearch(), trials=2
    )
    shown = r"nowhere://user:\*\*\*@host/nas"
    with pytest.raises(BackendError, match=shown) as loading:
        load(url)
    with pytest.raises(BackendError, match=shown) as running:
        experiment.run("optuna", tmp_path / "run", 0, Silent(), storage=url)
    assert "HUNTER2" not in f"{loading.value} {running.value}"
