# pyright: basic
"""Managed runs under Keras Tuner, and its spaces; test_native.py has the native integration."""

from collections import deque
from pathlib import Path
from typing import Any

import keras_tuner
import numpy
import pytest
from keras_tuner.src.engine.oracle import LOCKS

from nasbridge import (
    BackendError,
    Choice,
    ConstraintError,
    Experiment,
    Integer,
    RandomSearch,
    Real,
    Space,
)
from nasbridge import testing as material
from nasbridge.adapters.keras_tuner import NASOracle, from_native, load, suggest, to_native
from nasbridge.adapters.keras_tuner.space import architecture_in, native_values
from nasbridge.engine import Silent
from nasbridge.engine.locks import lock_in
from nasbridge.spaces import When
from nasbridge.strategies.lock import try_lock
from nasbridge.testing import FEW_CASES, BackendHarness, PooledBackendTests, strategy


@pytest.mark.usefixtures("soonest")
class TestKerasTuner(PooledBackendTests):
    cases = FEW_CASES

    @pytest.fixture
    def harness(self) -> BackendHarness:
        return BackendHarness("keras_tuner", trials=20)


def run(directory: Path) -> Any:
    experiment = Experiment(
        material.chain(),
        material.evaluate_variously,
        {"score": "max"},
        strategy("RegularizedEvolution"),
        trials=12,
        seed=3,
    )
    return experiment.run("keras_tuner", directory, observer=Silent())


def test_keras_tuner_opens_the_project_of_a_managed_run(tmp_path: Path) -> None:
    history = run(tmp_path)
    objective = keras_tuner.Objective("score", "max")
    tuner = keras_tuner.RandomSearch(
        lambda hp: hp, objective, 15, directory=tmp_path, project_name="nasbridge"
    )
    assert tuner.remaining_trials == 3
    (best,) = tuner.get_best_hyperparameters()
    assert best.values == dict(history.best.architecture.choices)
    oracle: Any = tuner.oracle
    rows = list(oracle.trials.values())
    assert len(rows) == len(history)
    for trial in history:
        (row,) = [row for row in rows if int(row.trial_id) == trial.number]
        assert row.status == {"complete": "COMPLETED", "failed": "FAILED"}[trial.state]
        if trial.state == "complete":
            assert row.score == trial.values["score"]
            curve = [o.mean() for o in row.metrics.get_history("score")]
            assert curve[:3] == [step.metrics["score"] for step in trial.curve]
        else:
            assert "MemoryError: no memory" in (row.message or "")


def test_two_runs_in_one_directory_are_rejected(tmp_path: Path) -> None:
    with lock_in(tmp_path) as lock:
        assert try_lock(lock)
        with pytest.raises(BackendError, match="another process runs in"):
            run(tmp_path)
    run(tmp_path)


def test_hyperparameters_of_every_kind_form_a_space() -> None:
    hp = keras_tuner.HyperParameters()
    hp.Choice("kind", ["mlp", "cnn"])
    hp.Int("units", 32, 96, step=32, parent_name="kind", parent_values=["mlp"])
    with hp.conditional_scope("kind", ["cnn"]):
        hp.Int("filters", 2, 16, step=2, sampling="log")
        hp.Boolean("norm")
        with hp.conditional_scope("norm", [True]):
            hp.Float("momentum", 0.5, 1.0, step=0.25)
    hp.Float("rate", 1e-4, 1e-1, sampling="log")
    hp.Int("batch", 1, 512, sampling="log")
    hp.Fixed("seed", 3)
    space = from_native(hp)
    found = {
        d.name: (str(d.domain), [list(map(str, c)) for c in d.conditions]) for d in space.decisions
    }
    assert found == {
        "kind": ("one of 'mlp', 'cnn'", [[]]),
        "units": ("an integer from 32 to 96 in steps of 32", [["kind in ('mlp')"]]),
        "filters": ("an integer from 2 to 16 in steps of a factor 2", [["kind in ('cnn')"]]),
        "norm": ("one of 'False', 'True'", [["kind in ('cnn')"]]),
        "momentum": (
            "a number from 0.5 to 1 in steps of 0.25",
            [["kind in ('cnn')", "norm in ('True')"]],
        ),
        "rate": ("a number from 0.0001 to 0.1", [[]]),
        "batch": ("an integer from 1 to 512", [[]]),
        "seed": ("one of '3'", [[]]),
    }
    for number in range(30):
        member = space.sample(numpy.random.default_rng(number))
        hp.values = dict(member)
        hp.ensure_active_values()
        assert hp.values == dict(member)  # the same hyperparameters are active


def test_a_condition_may_have_values_of_another_numeric_type() -> None:
    hp = keras_tuner.HyperParameters()
    parents: dict[str, list[Any]] = {"whole": [1.0, 2.0, 2.5], "choice": [1], "bit": [True]}
    parents |= {"flag": [1], "stepped": [1], "real": [1]}
    hp.Int("whole", 1, 3)
    hp.Choice("choice", [1.0, 2.0])
    hp.Choice("bit", [0, 1])
    hp.Boolean("flag")
    hp.Float("stepped", 0.5, 2.0, step=0.5)
    hp.Float("real", 1, 2)
    for parent, values in parents.items():
        hp.Int(f"{parent}_child", 1, 9, parent_name=parent, parent_values=values)
    space = from_native(hp)
    found = {d.name: d.conditions[0][0].values for d in space.decisions if "child" in d.name}
    assert found == {
        "whole_child": (1, 2),
        "choice_child": ("1.0",),
        "bit_child": ("1",),
        "flag_child": ("True",),
        "stepped_child": (1.0,),
        "real_child": (1.0,),
    }
    for number in range(30):
        member = space.sample(numpy.random.default_rng(number))
        hp.values = dict(member)
        hp.ensure_active_values()
        assert hp.values == dict(member)


def test_an_unsupported_sampling_gives_a_warning() -> None:
    hp = keras_tuner.HyperParameters()
    hp.Float("momentum", 0.5, 1.0, sampling="reverse_log")
    hp.Int("units", 1, 64, sampling="reverse_log")
    with pytest.warns(UserWarning, match="is searched evenly") as warned:
        space = from_native(hp)
    assert ["momentum" in str(one.message) for one in warned] == [True, False]
    domains = [str(decision.domain) for decision in space.decisions]
    assert domains == ["a number from 0.5 to 1", "an integer from 1 to 64"]
    stepped = keras_tuner.HyperParameters()
    stepped.Int("units", 1, 64, step=2, sampling="reverse_log")
    with pytest.warns(UserWarning, match="'units' is searched as a choice without order"):
        assert from_native(stepped).count() == 7


def test_a_name_with_two_domains_is_rejected() -> None:
    hp = keras_tuner.HyperParameters()
    hp.Choice("kind", ["a", "b"])
    hp.Int("units", 1, 3, parent_name="kind", parent_values=["a"])
    hp.Int("units", 7, 9, parent_name="kind", parent_values=["b"])
    with pytest.raises(BackendError, match="'units' is declared twice"):
        from_native(hp)
    with pytest.raises(BackendError, match="no hyperparameters to form a space"):
        from_native(keras_tuner.HyperParameters())


def test_keras_tuner_draws_no_values() -> None:
    """Not even where conditions have alternatives, which Keras Tuner does not support."""
    rate = When(Real(0, 1), ({"a": ("x",)}, {"b": (2, 3)}))
    hidden = When(
        Integer(1, 9), ({"rate_on": ("yes",), "a": ("x",)}, {"rate_on": ("yes",), "b": (1,)})
    )
    space = Space(
        {"a": Choice(["x", "y"]), "b": Integer(1, 3), "rate_on": Choice(["yes", "no"])}
        | {"rate": rate, "hidden": hidden}
    )
    for number in range(60):
        member = space.sample(numpy.random.default_rng(number))
        hp = to_native(space)
        hp.values = dict(native_values(space, member.choices))
        given = dict(hp.values)
        hp.ensure_active_values()
        assert hp.values == given
        assert architecture_in(space, hp.values) == suggest(hp, space) == member


def test_a_restarted_search_ignores_late_reports_of_the_former_one(tmp_path: Path) -> None:
    """The former process was killed during the trial, which is repeated from its beginning."""

    def opened() -> NASOracle:
        made = NASOracle(
            {"score": "max"}, 2, strategy=strategy("RandomSearch"), space=material.chain()
        )
        made._set_project_dir(tmp_path, "project")
        return made

    def ended(oracle: NASOracle, row: Any, score: float) -> None:
        oracle.update_trial(row.trial_id, {"score": score})
        row.status = "COMPLETED"
        oracle.end_trial(row)

    late = opened().create_trial("worker")
    oracle = opened()
    oracle.reload()
    assert oracle.update_trial(late.trial_id, {"score": 1.0}).status == "STOPPED"
    ended(oracle, late, 1.0)
    again = oracle.create_trial("worker")
    assert again.trial_id == late.trial_id
    assert again.hyperparameters.values == late.hyperparameters.values
    ended(oracle, again, 2.0)
    second = oracle.create_trial("worker")
    assert second.trial_id != late.trial_id
    ended(oracle, second, 3.0)
    assert oracle.create_trial("worker").status == "STOPPED"
    assert [trial.values["score"] for trial in load(tmp_path / "project")] == [2.0, 3.0]


def test_an_error_while_proposing_leaves_no_lock(tmp_path: Path) -> None:
    space = Space({"units": Integer(1, 99)}).where(lambda a: bool(1 / (a["units"] - 42) or True))
    oracle = NASOracle("val_loss", 200, strategy=RandomSearch(), space=space)
    oracle.verbose = 0
    oracle._set_project_dir(tmp_path, "it")
    workers = map(str, range(200))
    with pytest.raises(ConstraintError, match="division by zero"):
        deque(map(oracle.create_trial, workers))
    assert not LOCKS[oracle].locked()
