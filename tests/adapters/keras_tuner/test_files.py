# pyright: basic
"""The files of a project: how many are written, and what a kill between two writes leaves."""

import json
import math
import os
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import keras_tuner
import pytest
from keras_tuner.src.engine.stateful import Stateful

from nasbridge import BackendError, Experiment, MedianPruner, RegularizedEvolution
from nasbridge import testing as material
from nasbridge.adapters.keras_tuner import NASOracle, NASTuner, load
from nasbridge.adapters.keras_tuner import files as files_of
from nasbridge.engine.driver import Silent
from nasbridge.testing import bare_loop, comparable

TRIALS = 6
EVOLUTION = RegularizedEvolution(population=3, sample=2)


class Killed(BaseException):
    """Stands for the end of the process."""


class Writes:
    """Counts the files that replace others, and ends the process before one of them."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.left = math.inf

    def replace(self, draft: Any, file: Any) -> None:
        if self.left == 0:
            raise Killed
        self.left -= 1
        name, place = Path(file).name, Path(file).parent.name
        self.counts[f"{place}/{name}" if name == "trial.json" else name] += 1
        os.rename(draft, file)  # noqa: PTH104


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> Writes:
    """The writes of a test, without those that depend on how long a trial takes."""
    counting = Writes()
    monkeypatch.setattr(files_of, "REPORT_SECONDS", math.inf)
    monkeypatch.setattr(os, "replace", counting.replace)
    return counting


class Scored(NASTuner):
    """Scores architectures instead of training them, in three epochs."""

    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> Any:
        hypermodel: Any = self.hypermodel
        values = material.score(hypermodel.architecture(trial.hyperparameters))
        for epoch in range(3):
            self.on_epoch_end(trial, Built(), epoch, dict(values))
        return values


class Built:
    """A model that is not measured."""

    built = False
    stop_training = False


def search_with_a_tuner(directory: Path) -> None:
    tuner = Scored(
        material.chain(),
        {"score": "max"},
        TRIALS,
        strategy=EVOLUTION,
        seed=3,
        pruner=MedianPruner(),
        input_shape=(8, 8, 1),
        directory=directory,
        project_name="nasbridge",
    )
    tuner.search(verbose=0)


def search_with_an_oracle(directory: Path) -> None:
    """In a tuner of Keras Tuner, which saves the oracle after each trial."""

    class Plain(keras_tuner.Tuner):  # type: ignore[misc]
        def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> Any:
            space = material.chain()
            return material.score(space.architecture(trial.hyperparameters.values))

    oracle = NASOracle({"score": "max"}, TRIALS, strategy=EVOLUTION, space=material.chain(), seed=3)
    tuner = Plain(oracle=oracle, directory=directory, project_name="nasbridge")
    tuner.search(verbose=0)


def run(directory: Path, **settings: Any) -> None:
    experiment(**settings).run("keras_tuner", directory, observer=Silent())


def experiment(**settings: Any) -> Experiment:
    standard: dict[str, Any] = {"evaluate": material.evaluate_variously, "strategy": EVOLUTION}
    return Experiment(
        material.chain(), objectives={"score": "max"}, trials=TRIALS, seed=3, **standard | settings
    )


@pytest.mark.parametrize("search", [run, search_with_a_tuner, search_with_an_oracle])
def test_a_trial_writes_two_trial_files_and_one_summary(
    search: Any, writes: Writes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved: list[str] = []
    monkeypatch.setattr(Stateful, "save", lambda self, name: saved.append(name))
    search(tmp_path)
    counts = writes.counts
    of_trials = [name for name in counts if name.endswith("/trial.json")]
    assert [counts.pop(name) for name in of_trials] == [2] * TRIALS
    assert counts.pop("nasbridge.json") == 1
    assert counts.pop("oracle.json") <= TRIALS + 1
    assert counts.pop("tuner0.json", 0) <= 1
    assert not [name for name in saved if not name.endswith("tuner0.json")]
    assert set(counts) <= {"run.json"}


@pytest.mark.parametrize("search", [run, search_with_a_tuner])
def test_a_kill_before_any_write_loses_nothing(search: Any, writes: Writes, tmp_path: Path) -> None:
    search(tmp_path / "whole")
    total = sum(writes.counts.values())
    expected = comparable(load(tmp_path / "whole"))
    if search is run:
        assert expected == comparable(bare_loop(experiment()))
    for left in range(total):
        place = tmp_path / str(left)
        writes.left = left
        with pytest.raises(Killed):
            search(place)
        writes.left = math.inf
        search(place)
        assert comparable(load(place)) == expected, left
        summary = json.loads((place / "nasbridge" / "oracle.json").read_text())
        assert len(summary["end_order"]) == TRIALS, left


def test_a_tuner_of_keras_tuner_repeats_the_interrupted_trial(tmp_path: Path) -> None:
    """`oracle.json` names the running trial during the whole trial."""
    cut = partial(run, tmp_path, evaluate=interrupt_in_the_fourth)
    with pytest.raises(KeyboardInterrupt):
        cut()
    tuner: Any = keras_tuner.RandomSearch(
        lambda hp: hp,
        keras_tuner.Objective("score", "max"),
        9,
        directory=tmp_path,
        project_name="nasbridge",
    )
    assert [int(trial_id) for trial_id in tuner.oracle._retry_queue] == [3]


def test_an_oracle_without_a_tuner_stores_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    oracle = NASOracle({"score": "max"}, 3, strategy=EVOLUTION, space=material.chain())
    with pytest.raises(BackendError, match="no project to store trials in: give it to a tuner"):
        oracle.create_trial("tuner0")
    assert not list(tmp_path.iterdir())


def interrupt_in_the_fourth(architecture: Any, trial: Any) -> dict[str, float]:
    if trial.number == 3:
        raise KeyboardInterrupt
    return material.score(architecture)
