"""The space of a study's own parameters: no value is lost, and none is mistaken for another."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from nasbridge import RandomSearch
from nasbridge.adapters.optuna import NASSampler, from_native, load

SIZES: Any = [(9, 1), (5, (2, 1)), [9, 1], {"a": 1}]  # Optuna has no type for these


def study_of(objective: Callable[[optuna.Trial], float], trials: int = 30) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=3))
    study.optimize(objective, n_trials=trials, catch=ArithmeticError)
    return study


def test_a_parameter_that_only_some_trials_have_is_conditional() -> None:
    def objective(trial: optuna.Trial) -> float:
        if trial.suggest_categorical("model", ["svm", "forest"]) == "svm":
            if trial.suggest_categorical("kernel", ["rbf", "poly"]) == "poly":
                trial.suggest_int("degree", 2, 5)
            return trial.suggest_float("C", 1e-3, 10, log=True)
        return float(trial.suggest_int("depth", 1, 8))

    study = study_of(objective)
    space = from_native(study)
    assert len(load(study, space)) == len(load(study)) == 30
    needs = {
        d.name: [str(clause) for condition in d.conditions for clause in condition]
        for d in space.decisions
    }
    assert needs == {
        "model": [],
        "kernel": ["model in ('svm')"],
        "C": ["model in ('svm')"],
        "degree": ["kernel in ('poly')"],
        "depth": ["model in ('forest')"],
    }


def test_a_condition_on_a_number_holds_for_values_between_those_that_occur() -> None:
    def objective(trial: optuna.Trial) -> float:
        layers = trial.suggest_int("layers", 1, 100)
        return float(sum(trial.suggest_int(f"units{k}", 1, 9) for k in range(layers // 50)))

    study = study_of(objective)
    space = from_native(study)
    assert len(load(study, space)) == 30
    assert not space.decision("units0").is_active({"layers": 1})
    assert space.decision("units0").is_active({"layers": 99})
    ((clause,),) = space.decision("units0").conditions
    assert clause.values == tuple(range(int(min(map(int, clause.values))), 101))


def test_trials_that_no_condition_explains_are_reported() -> None:
    def objective(trial: optuna.Trial) -> float:
        if trial.number % 3:
            trial.suggest_float("rate", 0, 1)
        return trial.suggest_float("x", 0, 1)

    study = study_of(objective, trials=9)
    with pytest.warns(UserWarning, match="trial 0 of the study and 2 more are.*ignored: rate was"):
        assert len(load(study)) == 6


def test_the_range_of_a_parameter_contains_all_ranges_of_the_trials() -> None:
    def objective(trial: optuna.Trial) -> float:
        top = trial.suggest_int("top", 1, 100)
        trial.suggest_int("even", top // 2 * 2, 200, step=2)
        trial.suggest_float("tenths", top / 10, 20, step=0.1)
        trial.suggest_float("log", 1 / top, 1, log=True)
        return float(trial.suggest_int("rest", 0, 100 - top))

    study = study_of(objective)
    space = from_native(study)
    assert len(load(study, space)) == 30
    shown = {d.name: str(d.domain) for d in space.decisions}
    lowest = min(row.params["top"] for row in study.trials)
    assert shown["rest"] == f"an integer from 0 to {100 - lowest}"
    assert shown["even"] == f"an integer from {lowest // 2 * 2} to 200 in steps of 2"
    assert shown["tenths"].endswith("in steps of 0.1")


@pytest.mark.filterwarnings("ignore:Choices for a categorical distribution should be")
def test_options_that_a_storage_changes_are_found_again(tmp_path: Path) -> None:
    """Journals turn tuples into lists, and Optuna stores the first of equal options."""
    native = {
        "size": CategoricalDistribution(SIZES),
        "flag": CategoricalDistribution([1, True, 1.0, "1", float("nan")]),
    }

    def objective(trial: optuna.Trial) -> float:
        size = trial.suggest_categorical("size", native["size"].choices)
        flag = trial.suggest_categorical("flag", native["flag"].choices)
        seen.append((repr(size), repr(flag)))
        return 0.0

    seen: list[tuple[str, str]] = []
    storage = JournalStorage(JournalFileBackend(str(tmp_path / "journal.log")))
    sampler = NASSampler(native, strategy=RandomSearch(), seed=0)
    study = optuna.create_study(storage=storage, sampler=sampler)
    study.optimize(objective, n_trials=50)
    assert len(set(seen)) == 20
    for history in (sampler.history, load(study, from_native(native))):
        assert [(repr(t.architecture["size"]), repr(t.architecture["flag"])) for t in history] == (
            seen[:20]
        )


def test_stored_values_at_the_bounds_of_stepped_ranges_are_read() -> None:
    native = {
        "x": FloatDistribution(-0.3, 0.3, step=0.1),
        "y": FloatDistribution(0.05, 1.05, step=0.05),
        "n": IntDistribution(3, 21, step=6),
    }
    study = optuna.create_study()
    for x, y, n in ((-0.3, 0.05, 3), (0.3, 1.05, 21), (0.0, 0.3, 9)):
        params = {"x": x, "y": y, "n": n}
        study.add_trial(
            optuna.trial.create_trial(params=params, distributions=dict(native), value=0.0)
        )
    read = [dict(trial.architecture) for trial in load(study, from_native(native))]
    assert read == [pytest.approx(row.params) for row in study.trials]


@pytest.mark.filterwarnings("ignore:Choices for a categorical distribution should be")
def test_options_beside_a_space_may_be_containers(tmp_path: Path) -> None:
    """A journal cannot tell whether the objective has tuples or lists."""
    storage = JournalStorage(JournalFileBackend(str(tmp_path / "journal.log")))
    native = {"x": FloatDistribution(0, 1)}
    study = optuna.create_study(storage=storage, sampler=NASSampler(native, seed=0))
    study.optimize(lambda trial: SIZES.index(trial.suggest_categorical("size", SIZES)), n_trials=3)
    assert len(study.trials) == 3


def test_a_space_of_one_architecture_is_tried_once() -> None:
    """Optuna asks no sampler for a parameter with one value."""
    native = {"x": FloatDistribution(0.5, 0.5)}
    study = optuna.create_study(sampler=NASSampler(native, seed=0))
    study.optimize(lambda trial: trial.suggest_float("x", 0.5, 0.5), n_trials=3)
    assert len(study.trials) == 1
