"""The conformance suite: what every backend must pass, shipped for those that come from elsewhere.

One class for each capability, `BackendTests` for all of them, and one fixture to supply:

    class TestMine(BackendTests):
        @pytest.fixture
        def harness(self) -> BackendHarness:
            return BackendHarness("mine")

What a backend says it cannot do (a `NotSupported` in its `CAPABILITIES`) must raise `Unsupported`;
other deviations are named in `BackendHarness.deviations`, each with its cause. Both are strict
expected failures.
"""

import multiprocessing
import signal
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy
import pytest

from nasbridge import Experiment, History, MedianPruner, NasbridgeError
from nasbridge.adapters import backend
from nasbridge.engine import ExperimentError, NotSupported, TooManyFailures, Unsupported
from nasbridge.engine.driver import Silent
from nasbridge.spaces import SearchSpace
from nasbridge.testing import harness as material
from nasbridge.testing.harness import (
    CASES,
    SPACES,
    BackendHarness,
    bare_loop,
    comparable,
    needs,
    strategy,
)
from nasbridge.testing.killing import kill_in_a_trial

__all__ = [
    "BackendHarness",
    "BackendTests",
    "BadInputTests",
    "BudgetTests",
    "FailureTests",
    "MovingTests",
    "ObjectivesTests",
    "ProposalTests",
    "PruningTests",
    "ResumeTests",
    "SpaceTests",
    "WorkerTests",
    "comparable",
]


def _experiment(space: SearchSpace, **settings: Any) -> Experiment:
    standard: dict[str, Any] = {
        "evaluate": material.evaluate,
        "objectives": {"score": "max"},
        "strategy": strategy("RegularizedEvolution"),
        "trials": 20,
        "seed": 3,
    }
    return Experiment(space, **standard | settings)


class _Suite:
    """What all classes of the suite share."""

    @pytest.fixture
    def harness(self) -> BackendHarness:
        raise NotImplementedError(
            "supply the fixture `harness`: return BackendHarness(<name of the backend>)"
        )

    @pytest.fixture
    def place(self, tmp_path: Path) -> Path | None:
        """Where runs store their trials; None for memory, where the backend knows that."""
        return tmp_path / "run"

    @pytest.fixture(autouse=True)
    def _deviation(self, request: pytest.FixtureRequest, harness: BackendHarness) -> None:
        name: str = request.function.__name__
        ability = getattr(harness.support, getattr(request.function, "ability", ""), None)
        if isinstance(ability, NotSupported):
            expected = pytest.mark.xfail(raises=Unsupported, reason=str(ability), strict=True)
            request.applymarker(expected)
        elif name in harness.deviations:
            reason = f"{harness.backend}: {harness.deviations[name]}"
            request.applymarker(pytest.mark.xfail(reason=reason, strict=True))


class ProposalTests(_Suite):
    """The same proposals as anywhere else."""

    @pytest.mark.parametrize(("name", "space"), CASES)
    def test_proposals_are_those_of_a_bare_search(
        self, harness: BackendHarness, place: Path | None, name: str, space: str
    ) -> None:
        experiment = _experiment(SPACES[space](), strategy=strategy(name), trials=harness.trials)
        expected = list(bare_loop(experiment))
        assert len(expected) == harness.trials
        assert comparable(harness.run(experiment, place)) == comparable(expected)

    def test_proposals_are_members_of_the_space(
        self, harness: BackendHarness, place: Path | None
    ) -> None:
        space = material.chain()
        members = {architecture.key for architecture in space.enumerate()}
        history = harness.run(_experiment(space), place)
        assert {trial.architecture.key for trial in history} <= members
        assert len({trial.architecture.canonical for trial in history}) == 20

    def test_constraints_are_obeyed(self, harness: BackendHarness, place: Path | None) -> None:
        history = harness.run(_experiment(material.chain().where(_is_deep)), place)
        assert len(history) == 20
        assert all(_is_deep(trial.architecture) for trial in history)

    def test_a_space_that_is_used_up_ends_the_run(
        self, harness: BackendHarness, place: Path | None
    ) -> None:
        space = material.few()
        forms = {architecture.canonical for architecture in space.enumerate()}
        history = harness.run(_experiment(space, trials=40), place)
        assert sorted(trial.architecture.canonical for trial in history) == sorted(forms)


def _is_deep(architecture: Mapping[str, Any]) -> bool:
    return bool(architecture["depth"] > 1)


class SpaceTests(_Suite):
    """The framework's own search space, there and back."""

    @pytest.mark.parametrize("space", SPACES)
    def test_members_go_there_and_back(self, harness: BackendHarness, space: str) -> None:
        ours, adapter = SPACES[space](), backend(harness.backend)
        theirs = adapter.from_native(adapter.to_native(ours))
        known = {decision.name: decision for decision in theirs.decisions}
        assert set(known) == {decision.name for decision in ours.decisions}
        for number in range(20):
            member = ours.sample(numpy.random.default_rng(number))
            for name, label in member.choices.items():
                assert known[name].domain.check(label) == label

    def test_a_flat_space_comes_back_as_it_was(self, harness: BackendHarness) -> None:
        ours, adapter = material.flat(), backend(harness.backend)
        theirs = adapter.from_native(adapter.to_native(ours))
        said = [(decision.name, str(decision.domain)) for decision in ours.decisions]
        assert [(decision.name, str(decision.domain)) for decision in theirs.decisions] == said


class FailureTests(_Suite):
    """Trials that fail."""

    def test_failures_are_kept_and_never_repeated(
        self, harness: BackendHarness, tmp_path: Path
    ) -> None:
        experiment = _experiment(material.chain(), evaluate=material.evaluate_or_fail)
        history = harness.run(experiment, tmp_path / "run")
        assert comparable(history) == comparable(bare_loop(experiment))
        failed = history.of_state("failed")
        assert 3 < len(failed) < 17
        for trial in failed:
            assert trial.notes["error"] == f"MemoryError: no memory for {trial.architecture.key}"
        assert len({trial.architecture.canonical for trial in history}) == 20
        loaded = harness.load(tmp_path / "run")
        assert comparable(loaded) == comparable(history)
        assert [t.notes.get("error") for t in loaded] == [t.notes.get("error") for t in history]

    def test_too_many_failures_in_a_row_end_the_run(
        self, harness: BackendHarness, place: Path | None
    ) -> None:
        experiment = _experiment(material.chain(), evaluate=material.evaluate_never, max_failures=3)
        with pytest.raises(TooManyFailures, match=r"last 3 trials failed.*RuntimeError: always"):
            harness.run(experiment, place)

    def test_answers_without_meaning_are_failures(
        self, harness: BackendHarness, place: Path | None
    ) -> None:
        experiment = _experiment(material.chain(), evaluate=material.evaluate_oddly)
        history = harness.run(experiment, place)
        for trial, answer in zip(history, material.ANSWERS, strict=False):
            assert trial.state == "failed", answer
            assert trial.notes["error"].startswith("ValueError: "), answer
        assert all(trial.state == "complete" for trial in history[len(material.ANSWERS) :])


class PruningTests(_Suite):
    """Trials that are stopped early by our own pruner."""

    @needs("pruning")
    def test_pruned_trials_keep_curve_and_last_values(
        self, harness: BackendHarness, tmp_path: Path
    ) -> None:
        experiment = _experiment(
            material.chain(), evaluate=material.evaluate_curve, pruner=MedianPruner(startup=3)
        )
        _assert_pruned_as_expected(harness, experiment, tmp_path / "run")

    @needs("pruning_several")
    def test_pruning_works_with_several_objectives(
        self, harness: BackendHarness, tmp_path: Path
    ) -> None:
        experiment = _experiment(
            material.chain(),
            evaluate=material.evaluate_curve,
            pruner=MedianPruner(startup=3),
            objectives={"score": "max", "size": "min"},
        )
        _assert_pruned_as_expected(harness, experiment, tmp_path / "run")


def _assert_pruned_as_expected(
    harness: BackendHarness, experiment: Experiment, directory: Path
) -> None:
    expected = list(bare_loop(experiment))
    history = harness.run(experiment, directory)
    assert comparable(history) == comparable(expected)
    for found in (history, harness.load(directory)):
        assert [trial.curve for trial in found] == [trial.curve for trial in expected]
    pruned = history.of_state("pruned")
    assert any(len(trial.curve) < 3 for trial in pruned)
    assert all(trial.values == trial.curve[-1].metrics for trial in pruned)


class ObjectivesTests(_Suite):
    """Several objectives."""

    @needs("several_objectives")
    def test_the_front_is_that_of_a_bare_search(
        self, harness: BackendHarness, tmp_path: Path
    ) -> None:
        experiment = _experiment(material.chain(), objectives={"score": "max", "size": "min"})
        expected = History(experiment.space, experiment.objectives, tuple(bare_loop(experiment)))
        history = harness.run(experiment, tmp_path / "run")
        assert comparable(history) == comparable(expected)
        assert len(expected.pareto) > 1
        for found in (history, harness.load(tmp_path / "run")):
            assert comparable(found.pareto) == comparable(expected.pareto)
            assert found.objectives == experiment.objectives


class BudgetTests(_Suite):
    """How long a run lasts, and what a trial may spend."""

    def test_a_run_ends_after_its_seconds(
        self, harness: BackendHarness, place: Path | None
    ) -> None:
        slow = _experiment(
            material.chain(), evaluate=material.evaluate_slowly, trials=None, seconds=1
        )
        history = harness.run(slow, place)
        assert 1 <= len(history) <= 20
        assert len(history.of_state("complete")) == len(history)

    def test_trials_are_given_seed_and_budget(
        self, harness: BackendHarness, place: Path | None
    ) -> None:
        experiment = _experiment(material.chain(), evaluate=material.evaluate_given, budget=2.5)
        history = harness.run(experiment, place)
        assert comparable(history) == comparable(bare_loop(experiment))
        assert all(trial.values["budget"] == 2.5 for trial in history)


class ResumeTests(_Suite):
    """Going on, after an end of whatever kind."""

    @needs("resume")
    def test_a_finished_run_goes_on(self, harness: BackendHarness, tmp_path: Path) -> None:
        longer = _experiment(material.chain())
        harness.run(replace(longer, trials=12), tmp_path / "run")
        history = harness.run(longer, tmp_path / "run")
        assert comparable(history) == comparable(bare_loop(longer))
        assert comparable(harness.run(longer, tmp_path / "run")) == comparable(
            history
        )  # nothing is left to do

    @needs("resume")
    @pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
    def test_a_killed_run_goes_on_as_if_nothing_had_happened(
        self, harness: BackendHarness, tmp_path: Path, how: signal.Signals
    ) -> None:
        experiment = _experiment(material.chain(), evaluate=material.evaluate_waiting)
        kill_in_a_trial(partial(harness.run, experiment, tmp_path / "run"), tmp_path, how)
        before = harness.load(tmp_path / "run")
        assert len(before.of_state("complete")) == material.WAIT_AT
        history = harness.run(experiment, tmp_path / "run")
        quick = replace(experiment, evaluate=material.evaluate)
        assert comparable(history) == comparable(bare_loop(quick))
        assert comparable(harness.load(tmp_path / "run")) == comparable(history)


class WorkerTests(_Suite):
    """Several trials at a time."""

    @needs("jobs")
    def test_one_worker_changes_nothing(self, harness: BackendHarness, place: Path | None) -> None:
        experiment = _experiment(material.chain(), evaluate=material.evaluate_curve)
        assert comparable(harness.run(experiment, place, jobs=1)) == comparable(
            bare_loop(experiment)
        )

    @needs("jobs")
    def test_two_workers_lose_and_repeat_nothing(
        self, harness: BackendHarness, place: Path | None
    ) -> None:
        history = harness.run(_experiment(material.chain()), place, jobs=2)
        assert sorted(trial.number for trial in history) == list(range(20))
        assert len({trial.architecture.canonical for trial in history}) == 20
        for trial in history:
            values = material.score(trial.architecture)
            assert (trial.state, dict(trial.values)) == ("complete", values)
        assert not multiprocessing.active_children()

    @needs("jobs")
    def test_a_worker_that_dies_costs_its_trial(
        self, harness: BackendHarness, place: Path | None
    ) -> None:
        experiment = _experiment(
            material.chain(), evaluate=material.evaluate_or_die, strategy=strategy("RandomSearch")
        )
        history = harness.run(replace(experiment, trials=10), place, jobs=1)
        states = [material.fate(trial.architecture) for trial in history]
        assert [trial.state for trial in history] == states
        assert 1 < states.count("failed") < 9
        for trial in history.of_state("failed"):
            assert "SIGKILL" in trial.notes["error"]

    @needs("jobs")
    def test_a_trial_that_hangs_is_ended(self, harness: BackendHarness, place: Path | None) -> None:
        experiment = _experiment(
            material.chain(), evaluate=material.evaluate_waiting, trials=11, trial_seconds=5
        )
        history = harness.run(experiment, place)
        assert [t.number for t in history if t.state != "complete"] == [material.WAIT_AT]
        assert "trial_seconds=5" in history[material.WAIT_AT].notes["error"]


class MovingTests(_Suite):
    """Going on with what another backend has begun."""

    @needs("importing")
    @pytest.mark.parametrize("several", [False, True])
    def test_a_history_moves_here(
        self, harness: BackendHarness, tmp_path: Path, several: bool
    ) -> None:
        experiment = _halfway(several)
        begun = replace(experiment, trials=12).run("local", None, 0, Silent())
        harness.store(begun, tmp_path / "run")
        _assert_nothing_is_lost(harness.load(tmp_path / "run"), begun)
        assert comparable(harness.run(experiment, tmp_path / "run")) == comparable(
            bare_loop(experiment)
        )

    @needs("importing")
    @pytest.mark.parametrize("several", [False, True])
    def test_a_history_moves_away(
        self, harness: BackendHarness, tmp_path: Path, several: bool
    ) -> None:
        experiment = _halfway(several)
        begun = harness.run(replace(experiment, trials=12), tmp_path / "run")
        backend("local").store_history(harness.load(tmp_path / "run"), tmp_path / "other")
        _assert_nothing_is_lost(backend("local").load(tmp_path / "other"), begun)
        history = experiment.run("local", tmp_path / "other", 0, Silent())
        assert comparable(history) == comparable(bare_loop(experiment))


def _assert_nothing_is_lost(found: History, expected: History) -> None:
    assert comparable(found) == comparable(expected)
    for trial, other in zip(found, expected, strict=True):
        assert trial.curve == other.curve
        assert trial.notes == {**other.notes, **trial.notes}  # a backend may add its own
        for name in ("seconds", "started", "finished"):
            assert getattr(other, name) is not None
            assert getattr(trial, name) == pytest.approx(getattr(other, name), rel=0, abs=2e-3)


def _halfway(several: bool) -> Experiment:
    """Return an experiment in which trials end in all three ways."""
    objectives = {"score": "max", "size": "min"} if several else {"score": "max"}
    return _experiment(
        material.chain(),
        evaluate=material.evaluate_variously,
        objectives=objectives,
        pruner=MedianPruner(startup=3),
    )


class BadInputTests(_Suite):
    """What cannot work is an error of ours that says what, which, and how to mend it."""

    def test_an_unknown_option(self, harness: BackendHarness, place: Path | None) -> None:
        wrong = replace(harness, options={**harness.options, "no_such_option": 1})
        with pytest.raises(Unsupported, match=f"{harness.backend}.*no option 'no_such_option'"):
            wrong.run(_experiment(material.chain()), place)

    def test_a_directory_of_another_experiment(
        self, harness: BackendHarness, tmp_path: Path
    ) -> None:
        harness.run(_experiment(material.chain()), tmp_path / "run")
        with pytest.raises(NasbridgeError, match=r"seed.*another"):
            harness.run(_experiment(material.chain(), seed=4), tmp_path / "run")
        with pytest.raises(NasbridgeError, match=r"fingerprint.*another"):
            harness.run(_experiment(material.cell()), tmp_path / "run")

    def test_nothing_to_load(self, harness: BackendHarness, tmp_path: Path) -> None:
        with pytest.raises(NasbridgeError, match="nowhere"):
            harness.load(tmp_path / "nowhere")

    @needs("jobs")
    def test_workers_cannot_be_sent_a_local_function(
        self, harness: BackendHarness, place: Path | None
    ) -> None:
        def local(architecture: object, trial: object) -> dict[str, float]:
            return {"score": 1.0}

        experiment = _experiment(material.chain(), evaluate=local)
        with pytest.raises(ExperimentError, match=r"evaluate=.*top level.*jobs=0"):
            harness.run(experiment, place, jobs=2)


class BackendTests(
    ProposalTests,
    SpaceTests,
    FailureTests,
    PruningTests,
    ObjectivesTests,
    BudgetTests,
    ResumeTests,
    WorkerTests,
    MovingTests,
    BadInputTests,
):
    """All that a backend must pass."""
