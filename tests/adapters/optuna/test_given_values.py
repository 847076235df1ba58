"""Values that do not come from a sampler: fixed, finished, enqueued, and of older studies."""

import json
from typing import Any

import optuna
import pytest
from optuna.samplers import BaseSampler, GridSampler, PartialFixedSampler, RandomSampler, TPESampler
from optuna.trial import FixedTrial

from nasbridge import (
    BackendError,
    Choice,
    Integer,
    InvalidArchitecture,
    RandomSearch,
    Real,
    Space,
)
from nasbridge.adapters.optuna import NASSampler, Reporter, load, suggest

SPACE = Space(
    {"units": Choice([16, 32, 64]), "size": Choice([(1, 1), (3, 3)]), "layers": Integer(1, 3)}
)
pytestmark = [
    pytest.mark.filterwarnings("ignore:PartialFixedSampler is experimental"),
    pytest.mark.filterwarnings("ignore:.*is not supported by `GridSampler`"),
    pytest.mark.filterwarnings("ignore:Choices for a categorical distribution should be"),
]


def objective(trial: Any) -> float:
    architecture = suggest(trial, SPACE)
    rate = trial.suggest_float("rate", 0, 1)
    with Reporter(trial) as reporter:
        reporter.report(1, value=architecture["units"])
        assert not reporter.should_prune()
    return float(architecture["units"] * architecture["layers"] + architecture["size"][0] - rate)


def nas() -> NASSampler:
    return NASSampler(SPACE, strategy=RandomSearch(), seed=1)


def study_of(sampler: BaseSampler, trials: int = 0) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=sampler, pruner=optuna.pruners.NopPruner())
    study.optimize(objective, n_trials=trials)
    return study


def test_finished_and_fixed_trials_are_evaluated_again() -> None:
    study = study_of(nas(), 5)
    assert objective(study.best_trial) == study.best_value
    assert objective(FixedTrial(study.best_params)) == study.best_value
    given = {"units": 32, "size": (3, 3), "layers": 2, "rate": 0.5}
    fixed = FixedTrial(given)
    assert objective(fixed) == objective(FixedTrial(json.loads(json.dumps(given)))) == 66.5
    assert fixed.params == {**given, "units": "32", "size": "(3, 3)"}
    assert given["units"] == 32  # the user's own dict
    with pytest.raises(ValueError, match="'size' is not found"):
        objective(FixedTrial({"units": 32}))
    with pytest.raises(InvalidArchitecture, match="value 33 was fixed for the decision 'units'"):
        objective(FixedTrial({**given, "units": 33}))


@pytest.mark.parametrize("make", [nas, lambda: RandomSampler(seed=1), lambda: TPESampler(seed=1)])
@pytest.mark.parametrize("fixed", [{"units": 32, "size": (3, 3)}, {"units": "32", "rate": 0.5}])
def test_partial_fixed_sampler_takes_options_and_labels(
    make: Any, fixed: dict[str, object]
) -> None:
    study = study_of(make(), 3)
    study.sampler = PartialFixedSampler(fixed, study.sampler)
    study.optimize(objective, n_trials=6)
    for row in study.trials[3:]:
        architecture = SPACE.architecture({d.name: row.params[d.name] for d in SPACE.decisions})
        assert architecture["units"] == 32
        assert architecture["size"] == fixed.get("size", architecture["size"])
        assert row.params["rate"] == fixed.get("rate", row.params["rate"])
    assert len(load(study, SPACE)) == 9
    study.sampler = PartialFixedSampler({"units": 33}, study.sampler)
    with pytest.raises(InvalidArchitecture, match="33 was given to PartialFixedSampler"):
        study.optimize(objective, n_trials=1)


def test_grid_sampler_takes_options() -> None:
    grid: Any = {
        "units": [16, 64],
        "size": ["(1, 1)", (3, 3)],
        "layers": [1, 3],
        "rate": [0.0, 1.0],
    }
    study = study_of(GridSampler(grid), 100)
    assert len(study.trials) == len({tuple(row.params.items()) for row in study.trials}) == 16
    assert min(row.values[0] for row in study.trials) == 16


def test_trials_are_copied_between_storages() -> None:
    study = study_of(nas(), 6)
    copy = study_of(nas())
    copy.add_trials(study.trials)
    assert load(copy, SPACE).trials == load(study, SPACE).trials
    for one in (study, copy):
        one.optimize(objective, n_trials=6)
    assert [row.params for row in copy.trials] == [row.params for row in study.trials]


SIZES: Any = [(1, 1), (3, 3)]  # Optuna has no type for tuples


def old(trial: optuna.Trial) -> float:
    """The objective before it used a space."""
    units = trial.suggest_categorical("units", [64, 16, 32])
    size = SIZES[trial.suggest_categorical("size", SIZES) == (3, 3)]
    layers = trial.suggest_int("layers", 1, 3)
    return float(units * layers + size[0] - trial.suggest_float("rate", 0, 1))


@pytest.mark.parametrize("make", [nas, lambda: TPESampler(seed=1)])
def test_a_study_of_native_values_continues_with_a_space(make: Any) -> None:
    study = study_of(TPESampler(seed=1))
    study.optimize(old, n_trials=12)
    study.sampler = make()
    study.enqueue_trial({"units": "64", "size": (3, 3), "layers": 3, "rate": 0.0})
    study.optimize(objective, n_trials=8)
    assert {type(row.params["units"]) for row in study.trials} == {int}
    assert study.trials[12].params["units"] == 64
    assert objective(study.best_trial) == study.best_value
    assert len(load(study, SPACE)) == 20


@pytest.mark.filterwarnings("ignore:trial 0 of the study and 1 more are outside the space")
@pytest.mark.parametrize("make", [nas, lambda: RandomSampler(seed=1)])
@pytest.mark.parametrize("node", [Choice([16, 32, 48]), Choice([16, 32]), Real(0, 1)])
def test_other_values_under_a_known_name_are_refused_with_the_way_out(make: Any, node: Any) -> None:
    study = study_of(RandomSampler(seed=1))
    study.optimize(old, n_trials=2)
    space = Space({"units": node})
    if make is nas:
        study.sampler = NASSampler(space, strategy=RandomSearch())
    with pytest.raises(
        BackendError, match=r"parameter 'units' from Cat.*study_name=.*another name"
    ):
        study.optimize(lambda trial: float(suggest(trial, space)["units"]), n_trials=1)
