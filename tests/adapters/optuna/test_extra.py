"""Objectives that mix `suggest` with parameters of their own."""

import math
from collections.abc import Callable
from typing import Any

import optuna
import pytest
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution

from nasbridge import BackendError, BayesianOptimization, Choice, GridSearch, RandomSearch, Space
from nasbridge import testing as material
from nasbridge.adapters.optuna import NASSampler, load, suggest
from nasbridge.strategies import Strategy
from nasbridge.testing import score, strategy

RATE = FloatDistribution(1e-5, 1e-1, log=True)
DECLARED = {"rate": RATE, "kind": CategoricalDistribution([1, None])}
SPACE = material.few()


def study_of(sampler: NASSampler) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna.create_study(sampler=sampler, direction="maximize")


def mixed(trial: optuna.Trial) -> float:
    value = score(suggest(trial, SPACE))["score"]
    rate = trial.suggest_float("rate", 1e-5, 1e-1, log=True)
    kind = trial.suggest_categorical("kind", [1, None])
    return value - math.log10(rate / 1e-3) ** 2 - (kind is None)


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The warnings in Optuna's log."""
    messages: list[str] = []
    logger = optuna.logging.get_logger("optuna.nasbridge")
    monkeypatch.setattr(logger, "warning", messages.append)
    return messages


@pytest.mark.parametrize("extra", [None, DECLARED])
@pytest.mark.parametrize("jobs", [1, 8])
@pytest.mark.parametrize("method", [RandomSearch(), strategy("RegularizedEvolution")])
def test_a_small_space_is_not_exhausted_while_other_parameters_are_open(
    method: Strategy[Any], jobs: int, extra: dict[str, BaseDistribution] | None
) -> None:
    study = study_of(NASSampler(SPACE, strategy=method, seed=1, extra=extra))
    study.optimize(mixed, n_trials=20, n_jobs=jobs)
    assert {row.state.name for row in study.trials} == {"COMPLETE"}
    assert len({tuple(row.params.items()) for row in study.trials}) == 20
    assert len(load(study, SPACE)) == len(load(study)) == 20
    assert isinstance(study.sampler, NASSampler)
    assert study.sampler.history.space is SPACE


@pytest.mark.parametrize("extra", [None, DECLARED])
def test_other_parameters_are_searched_by_the_strategy(
    extra: dict[str, BaseDistribution] | None, said: list[str]
) -> None:
    study = study_of(NASSampler(SPACE, strategy=BayesianOptimization(), seed=1, extra=extra))
    study.optimize(mixed, n_trials=30)
    found = [abs(math.log10(row.params["rate"] / 1e-3)) for row in study.trials[15:]]
    assert sum(found) / len(found) < 0.5  # 1 at random
    assert sum(row.params["kind"] == 1 for row in study.trials[15:]) > 10
    assert said == []


def test_a_finite_product_is_tried_once_and_ends_the_study() -> None:
    def finite(trial: optuna.Trial) -> float:
        suggest(trial, SPACE)
        return float(trial.suggest_int("batch", 1, 3))

    study = study_of(NASSampler(SPACE, strategy=RandomSearch(), seed=1))
    study.optimize(finite, n_trials=20)
    assert len(study.trials) == len({tuple(row.params.items()) for row in study.trials}) == 12


def test_parameters_of_some_trials_can_be_declared(said: list[str]) -> None:
    def conditional(trial: optuna.Trial) -> float:
        value = score(suggest(trial, SPACE))["score"]
        if trial.params["depth"] > 1:
            trial.suggest_float("rate", 1e-5, 1e-1, log=True)
        return value

    one = NASSampler(SPACE, strategy=RandomSearch(), seed=1, extra={"rate": RATE})
    study = study_of(one)
    study.optimize(conditional, n_trials=15)
    assert len(study.trials) == len(one.history) == 15
    assert said == []


def changing(trial: optuna.Trial) -> float:
    suggest(trial, SPACE)
    return trial.suggest_float("rate", 0, 1 + trial.number)


def test_a_parameter_that_changes_is_sampled_independently_with_a_warning(said: list[str]) -> None:
    class Constant(optuna.samplers.RandomSampler):
        def sample_independent(self, *args: Any, **kwargs: Any) -> float:
            return 0.25

    sampler = NASSampler(SPACE, strategy=RandomSearch(), seed=1, independent_sampler=Constant())
    study = study_of(sampler)
    study.optimize(changing, n_trials=4)
    assert [row.params["rate"] for row in study.trials][2:] == [0.25, 0.25]
    assert len(said) == 1
    assert "'rate' in trial#2 is sampled independently by Constant" in said[0]
    assert "extra={'rate': ...}" in said[0]


@pytest.mark.parametrize(
    "make",
    [
        lambda: NASSampler(SPACE, strategy=GridSearch(), warn_independent_sampling=False),
        lambda: NASSampler(SPACE, strategy=RandomSearch(), extra={}),
    ],
)
def test_a_strategy_may_search_the_space_alone(make: Callable[[], NASSampler]) -> None:
    """Grid search cannot search a real range; with `extra={}` no strategy searches it."""
    study = study_of(make())
    study.optimize(mixed, n_trials=20)
    assert [row.state.name for row in study.trials] == ["COMPLETE"] * 4


def test_a_decision_of_the_space_cannot_be_declared_beside_it() -> None:
    with pytest.raises(BackendError, match=r"\['x'\] of extra= are decisions of the space.*rename"):
        NASSampler(Space({"x": Choice([1, 2])}), extra={"x": RATE})


@pytest.mark.filterwarnings("ignore:PartialFixedSampler is experimental")
def test_what_is_not_fixed_is_searched_without_repetition() -> None:
    space = Space({"x": Choice(list(range(10))), "y": Choice(list(range(10)))})
    inner = NASSampler(space, strategy=strategy("RegularizedEvolution"), seed=0)
    study = study_of(inner)

    def objective(trial: optuna.Trial) -> float:
        return float(suggest(trial, space)["y"])

    study.optimize(objective, n_trials=12)
    before = {row.params["y"] for row in study.trials if row.params["x"] == "3"}
    study.sampler = optuna.samplers.PartialFixedSampler({"x": "3"}, inner)
    study.optimize(objective, n_trials=20)
    fixed = [row.params for row in study.trials[12:] if row.state.name == "COMPLETE"]
    assert {row["x"] for row in fixed} == {"3"}
    assert sorted([row["y"] for row in fixed] + list(before)) == [str(y) for y in range(10)]
