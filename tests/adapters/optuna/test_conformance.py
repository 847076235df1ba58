"""The backend `optuna`, by our door; tests/adapters/optuna/test_theirs.py goes by the other one."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from nasbridge import BackendError, Experiment, Integer, NasbridgeError, RandomSearch, Real, Space
from nasbridge import testing as material
from nasbridge.adapters.optuna import from_native, load, to_native
from nasbridge.engine import Silent
from nasbridge.testing import (
    FEW_CASES,
    BackendHarness,
    PooledBackendTests,
    ProposalTests,
    bare_loop,
    comparable,
    strategy,
)


class TestOptuna(PooledBackendTests):
    @pytest.fixture
    def harness(self) -> BackendHarness:
        return BackendHarness("optuna", trials=20)


class TestOptunaInMemory(ProposalTests):
    cases = FEW_CASES

    @pytest.fixture
    def harness(self) -> BackendHarness:
        return BackendHarness("optuna")

    @pytest.fixture
    def place(self) -> Path | None:
        return None


class TestOptunaInAJournal(ProposalTests):
    cases = FEW_CASES

    @pytest.fixture
    def harness(self, tmp_path: Path) -> BackendHarness:
        storage = JournalStorage(JournalFileBackend(str(tmp_path / "journal.log")))
        return BackendHarness("optuna", {"storage": storage}, trials=20)


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


# ---------------------------------------------------------------------- the study


@pytest.mark.parametrize("odd", ["a b", "a{b}", "a?b=c", "a#b", "a%20b", "ü"])
def test_a_directory_may_have_any_name(tmp_path: Path, odd: str) -> None:
    searched = experiment(trials=3, strategy=RandomSearch())
    history = run(searched, tmp_path / odd)
    assert (
        comparable(load(tmp_path / odd)) == comparable(history) == comparable(bare_loop(searched))
    )
    assert {file.name for file in (tmp_path / odd).iterdir()} >= {"study.db", "lock"}


def test_the_database_is_one_file_afterwards(tmp_path: Path) -> None:
    run(experiment(trials=3, strategy=RandomSearch()), tmp_path)
    assert not list(tmp_path.glob("study.db-*"))


def test_a_study_is_what_users_of_optuna_expect(tmp_path: Path) -> None:
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


def test_a_run_that_found_nothing_more_can_be_repeated_and_widened(tmp_path: Path) -> None:
    """Rows that came too late stay in the study; they disturb nobody."""
    small = Experiment(
        material.few(), material.evaluate, {"score": "max"}, RandomSearch(), trials=40, seed=3
    )
    first = run(small, tmp_path)
    for _ in range(2):
        assert comparable(run(small, tmp_path)) == comparable(first) == comparable(load(tmp_path))


@pytest.mark.parametrize("name", ["median", "successive-halving", "hyperband"])
def test_pruners_of_optuna_are_known_by_name(name: str) -> None:
    history = run(experiment(evaluate=material.evaluate_curve, trials=20), pruner=name)
    assert len(history) == 20
    assert all(t.values == t.curve[-1].metrics for t in history.of_state("pruned"))


def test_a_native_pruner_prunes_and_the_search_goes_on() -> None:
    pruner = optuna.pruners.MedianPruner(n_startup_trials=2, n_warmup_steps=0)
    for objectives in ({"score": "max"}, {"score": "max", "size": "min"}):
        searched = experiment(evaluate=material.evaluate_curve, objectives=objectives)
        history = run(searched, pruner=pruner)
        pruned = history.of_state("pruned")
        assert any(len(trial.curve) == 1 for trial in pruned)
        assert all(trial.values == trial.curve[-1].metrics for trial in pruned)
        assert len(history.of_state("complete")) >= 3


def test_an_interrupted_trial_is_repeated_in_the_same_process(tmp_path: Path) -> None:
    """As after Ctrl-C in a notebook, with a storage that is not ours alone."""
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
    expected = comparable(bare_loop(experiment(trials=12)))
    assert comparable(run(searched, storage=url)) == expected
    assert comparable(load(url)) == expected


def test_a_run_of_their_study_keeps_to_its_directions() -> None:
    storage = optuna.storages.InMemoryStorage()
    optuna.create_study(study_name="theirs", storage=storage, direction="minimize")
    with pytest.raises(BackendError, match=r"'theirs' has the directions \['min'\].*study_name"):
        run(experiment(), storage=storage, study_name="theirs")


def test_clocks_that_go_back_do_not_change_the_order(tmp_path: Path) -> None:
    """Optuna stores local times, which are set back an hour each autumn."""
    searched = experiment(trials=20)
    run(experiment(trials=12), tmp_path)
    with closing(sqlite3.connect(tmp_path / "study.db")) as database, database:
        changed = database.execute(
            "UPDATE trials SET datetime_complete = datetime(datetime_complete, '-1 hour') "
            "WHERE number > 6"
        )
    assert changed.rowcount == 5
    assert comparable(run(searched, tmp_path)) == comparable(bare_loop(searched))


# ---------------------------------------------------------------------- spaces

NATIVE: Mapping[str, BaseDistribution] = {
    "optimizer/lr": FloatDistribution(1e-4, 1e-1, log=True),
    "drop out": FloatDistribution(0.0, 0.5),
    "steps": FloatDistribution(0.0, 1.0, step=0.25),
    "n.units": IntDistribution(16, 128, step=16),
    "batch": IntDistribution(1, 512, log=True),
    "act": CategoricalDistribution(["relu", None, 3, 2.5, True]),
}


def test_distributions_of_every_kind_become_a_space() -> None:
    space = from_native(NATIVE)
    assert [(d.name, str(d.domain)) for d in space.decisions] == [
        ("optimizer/lr", "a number from 0.0001 to 0.1"),
        ("drop out", "a number from 0 to 0.5"),
        ("steps", "one of '0.0', '0.25', '0.5', '0.75', '1.0'"),
        ("n.units", "an integer from 16 to 128 in steps of 16"),
        ("batch", "an integer from 1 to 512"),
        ("act", "one of 'relu', 'None', '3', '2.5', 'True'"),
    ]
    member = space.architecture(
        {"optimizer/lr": 0.01, "drop out": 0.5, "steps": 0.75, "n.units": 32, "batch": 8}
        | {"act": None}
    )
    assert member["act"] is None
    assert member["steps"] == 0.75


def test_our_domains_become_distributions() -> None:
    space = Space({"a": Integer(1, 10, step=4), "b": Integer(1, 64, log=True), "c": Real(0, 1)})
    assert to_native(space) == {
        "a": IntDistribution(1, 9, step=4),
        "b": IntDistribution(1, 64, log=True),
        "c": FloatDistribution(0, 1),
    }


def test_an_empty_study_has_no_space() -> None:
    with pytest.raises(NasbridgeError, match="no distributions to make a space of"):
        from_native(optuna.create_study())
