"""The identity of an experiment: stored, read back, compared."""

from dataclasses import replace
from typing import Any

import pytest

from nasbridge import Choice, Experiment, RandomSearch, Space
from nasbridge.engine import BackendError, ExperimentError, ExperimentIdentity
from nasbridge.strategies import History

SPACE = Space({"units": Choice([16, 32])})


def evaluate(architecture: Any, trial: Any) -> dict[str, float]:
    return {"loss": 0.0, "size": 0.0}


def experiment(**changes: Any) -> Experiment:
    given: dict[str, Any] = {"objectives": {"loss": "min", "size": "min"}, "trials": 5, **changes}
    return Experiment(given.pop("space", SPACE), evaluate, **given)


def test_it_survives_json() -> None:
    identity = ExperimentIdentity.of(experiment())
    stored = {**identity.to_dict(), "another entry": 1}
    assert ExperimentIdentity.from_dict(stored, "here") == identity
    assert identity.space == SPACE.to_json()


def test_a_history_has_the_identity_of_its_experiment() -> None:
    one = experiment()
    history = History(one.space, one.objectives, seed=one.seed, strategy=repr(one.strategy))
    assert ExperimentIdentity.of(history) == ExperimentIdentity.of(one)


def test_functions_are_not_part_of_a_stored_space() -> None:
    space = Space({"activation": Choice({"a": len, "b": max})})
    identity = ExperimentIdentity.of(experiment(space=space))
    assert identity.space is None
    assert identity.fingerprint == space.fingerprint


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"seed": 3}, "seed 0, not 3"),
        ({"strategy": RandomSearch()}, r"strategy .*not 'RandomSearch\(\)'"),
        ({"objectives": {"loss": "min"}}, "objectives .*not {'loss': 'min'}"),
        ({"objectives": {"size": "min", "loss": "min"}}, "objectives .*not {'size': 'min', 'l"),
        (
            {"space": Space({"units": Choice([16, 64])})},
            "space fingerprint '.*', not '.*'units' was",
        ),
    ],
)
def test_another_experiment_is_refused(change: dict[str, Any], found: str) -> None:
    stored, now = (ExperimentIdentity.of(experiment(**c)) for c in ({}, change))
    match = f"^the study is of another experiment, with {found}.*; use another study_name$"
    with pytest.raises(BackendError, match=match):
        stored.check(now, "the study", "use another study_name")


def test_the_document_is_not_compared() -> None:
    stored = ExperimentIdentity.of(experiment())
    replace(stored, space=None).check(stored, "the study", "")


def test_a_resumed_experiment_keeps_its_default_strategy() -> None:
    begun, raised = experiment(trials=12), experiment(trials=400)
    resumed = ExperimentIdentity.of(begun).resume(raised, "the study", "")
    assert (repr(resumed.strategy), resumed.trials) == (repr(begun.strategy), 400)


def test_an_explicit_strategy_must_be_the_same() -> None:
    stored = ExperimentIdentity.of(experiment(strategy=RandomSearch()))
    with pytest.raises(ExperimentError, match="with strategy 'RandomSearch"):
        stored.resume(experiment(), "it", "", ExperimentError)


@pytest.mark.parametrize("name", ["fingerprint", "objectives", "strategy", "seed", "space"])
def test_damage_is_reported(name: str) -> None:
    stored = {**ExperimentIdentity.of(experiment()).to_dict(), name: [1]}
    with pytest.raises(BackendError, match=rf"the study is damaged: '{name}' is \[1\]"):
        ExperimentIdentity.from_dict(stored, "the study")
    with pytest.raises(BackendError, match="the study is damaged"):
        ExperimentIdentity.from_dict(None, "the study")
