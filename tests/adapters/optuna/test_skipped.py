"""Trials that fail before they have an architecture: their numbers are skipped everywhere."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest

from nasbridge import (
    Experiment,
    History,
)
from nasbridge import testing as material
from nasbridge.adapters.optuna import NASSampler, load, suggest
from nasbridge.cli.move import export_run, import_history
from nasbridge.engine.driver import Silent
from nasbridge.testing import score, strategy

EVOLUTION = strategy("RegularizedEvolution")
SPACE = material.chain()


def objective(trial: optuna.Trial) -> float:
    return score(suggest(trial, SPACE))["score"]


@pytest.mark.parametrize(
    ("failing", "backend"),
    [((2,), "optuna"), ((0, 5), "optuna"), ((0, 5), "local")],
    ids=str,
)
def test_a_study_with_skipped_trials_moves_and_continues(
    failing: tuple[int, ...], backend: str, tmp_path: Path
) -> None:
    def loading(trial: optuna.Trial) -> float:
        if trial.number in failing:
            raise OSError
        return objective(trial)

    def continued(directory: Path) -> list[Any]:
        return results_of(experiment.run(backend, directory, observer=Silent()))

    def results_of(history: History) -> list[Any]:
        return [(t.number, t.architecture, t.values["score"]) for t in history]

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler = NASSampler(SPACE, strategy=EVOLUTION, seed=3)
    study = optuna.create_study(sampler=sampler, direction="maximize")
    study.set_metric_names(["score"])
    study.optimize(loading, n_trials=6, catch=OSError)
    experiment = Experiment(
        SPACE, material.evaluate, {"score": "max"}, EVOLUTION, trials=14, seed=3
    )
    begun = replace(load(study, SPACE), strategy=repr(EVOLUTION), seed=3)
    begun.save(tmp_path / "x.jsonl")
    import_history(tmp_path / "x.jsonl", tmp_path / "run", backend, None, [])
    history = continued(tmp_path / "run")
    study.optimize(objective, n_trials=8)
    assert history == results_of(load(study, SPACE))
    assert not {number for number, *_ in history} & set(failing)
    export_run(tmp_path / "run", tmp_path / "y.jsonl", None, [])
    assert History.load(tmp_path / "y.jsonl").skipped == tuple(failing)
