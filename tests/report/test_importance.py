"""Importance of decisions, in spaces where it is known."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy
import pytest

from nasbridge.report import importance as importance_module
from nasbridge.report.importance import encoded, importance, standings
from nasbridge.spaces import Architecture, Choice, Integer, Real, SearchSpace, Space, library
from nasbridge.strategies import History, Objective, Step, Trial

ACCURACY = Objective("accuracy", "max")
LOSS = Objective("loss", "min")


def searched(
    space: SearchSpace,
    value: Callable[[Architecture], float],
    trials: int,
    metric: str = "accuracy",
) -> History:
    """Return a random search in which each trial has the given value."""
    rng = numpy.random.default_rng(0)
    drawn = [space.sample(rng) for _ in range(trials)]
    made = [Trial(k, a, "complete", {metric: value(a)}) for k, a in enumerate(drawn)]
    return History(space, (Objective(metric, "max"),), tuple(made))


FLAT = Space(
    {
        "big": Integer(0, 9),
        "small": Choice(["a", "b", "c"]),
        "idle": Real(1e-4, 1e-1, log=True),
    }
)


def shares(history: History) -> dict[str, float]:
    found = importance(history, history.objectives[0])
    assert not found.doubt
    return {share.decision: share.share for share in found.shares}


def test_decisions_are_ranked_by_their_effect() -> None:
    found = importance(
        searched(FLAT, lambda a: 10 * a["big"] + 5 * "abc".index(a["small"]), 200), ACCURACY
    )
    assert [share.decision for share in found.shares] == ["big", "small", "idle"]
    assert found.fit is not None
    assert found.fit > 0.9
    assert found.trials == 200
    assert found.shares[-1].share < 0.01
    assert all(0 < share.error < 0.1 for share in found.shares[:2])


def test_shares_estimate_the_variance_that_a_decision_explains() -> None:
    """Without interactions the total effects are known: here 0.8 and 0.2 of the variance."""
    space = Space({"strong": Choice(["a", "b"]), "weak": Choice(["a", "b"])})
    known = shares(searched(space, lambda a: 2 * (a["strong"] == "a") + (a["weak"] == "a"), 400))
    assert known["strong"] == pytest.approx(0.8, abs=0.08)
    assert known["weak"] == pytest.approx(0.2, abs=0.05)


def test_decisions_that_only_matter_together_are_found() -> None:
    space = Space({name: Choice(["a", "b"]) for name in ("one", "two", "idle")})
    known = shares(searched(space, lambda a: float(a["one"] == a["two"]), 200))
    assert known["one"] > 0.8
    assert known["two"] > 0.8
    assert known["idle"] < 0.02


def test_the_direction_of_the_objective_changes_nothing() -> None:
    history = searched(FLAT, lambda a: a["big"] ** 2, 60, "loss")
    up, down = (importance(history, Objective("loss", way)) for way in ("max", "min"))
    assert [share.decision for share in up.shares] == [share.decision for share in down.shares]
    assert up.fit == pytest.approx(down.fit, abs=0.02)


def test_the_same_history_gives_the_same_answer() -> None:
    history = searched(FLAT, lambda a: a["big"], 60)
    assert importance(history, ACCURACY) == importance(history, ACCURACY)


def test_one_diverged_loss_does_not_hide_the_others() -> None:
    calm = searched(FLAT, lambda a: a["big"], 100)
    wild = searched(FLAT, lambda a: 1e12 if a["big"] == 9 else a["big"], 100)
    assert shares(wild) == shares(calm)


CONDITIONAL = Space(
    {
        "kind": Choice({"plain": 0, "tuned": Integer(1, 8)}),
        "idle": Choice(["a", "b"]),
    }
)


def test_a_decision_includes_those_that_depend_on_it() -> None:
    """Only the dependent decision matters, and it is active in half of the trials."""
    known = shares(searched(CONDITIONAL, lambda a: a.get("kind.tuned", 4.5), 300))
    assert known["kind.tuned"] > 0.3
    assert known["kind"] > known["kind.tuned"]
    assert known["idle"] < 0.02


def test_a_parent_counts_although_its_children_imply_its_value() -> None:
    """The state of "kind.tuned" determines "kind", so trees may split on either."""
    known = shares(searched(CONDITIONAL, lambda a: float("kind.tuned" in a), 300))
    assert known["kind"] > 0.8
    assert known["kind.tuned"] < 0.05


def test_decisions_that_were_never_active_have_no_importance() -> None:
    history = searched(CONDITIONAL, lambda a: float(a["idle"] == "a"), 200)
    plain = tuple(t for t in history if t.architecture.choices["kind"] == "plain")
    known = shares(History(history.space, history.objectives, plain))
    assert known["kind.tuned"] == known["kind"] == 0
    assert known["idle"] > 0.8


@pytest.mark.parametrize("space", [FLAT, CONDITIONAL, library.darts()])
def test_parts_of_the_encoding_are_the_encoding(space: SearchSpace) -> None:
    history = searched(space, lambda _: 0.0, 10)
    parts = numpy.hstack(encoded(space.decisions, history.trials))
    assert numpy.array_equal(parts, [space.encode(t.architecture) for t in history])


@pytest.mark.parametrize("seed", range(5))
def test_noise_is_not_attributed_to_decisions(seed: int) -> None:
    rng = numpy.random.default_rng(seed)
    found = importance(searched(FLAT, lambda _: rng.random(), 60), ACCURACY)
    assert "Too few trials" in found.doubt
    assert not found.shares
    assert found.fit is not None
    assert found.fit < 0.1


@pytest.mark.parametrize("trials", [0, 1, 29])
def test_few_trials_give_no_importance(trials: int) -> None:
    found = importance(searched(FLAT, lambda a: a["big"], trials), ACCURACY)
    assert found.doubt == f"Too few trials: {trials} have a value, 30 are needed."
    assert found.fit is None


def test_equal_values_give_no_importance() -> None:
    found = importance(searched(FLAT, lambda _: 1.0, 50), ACCURACY)
    assert found.doubt == "All trials have the same value."


def test_failed_and_running_trials_are_ignored() -> None:
    history = searched(FLAT, lambda a: a["big"], 40)
    architecture = history[0].architecture
    others = (Trial(40, architecture, "failed"), Trial(41, architecture, "running"))
    more = History(history.space, history.objectives, history.trials + others)
    assert importance(more, ACCURACY) == importance(history, ACCURACY)


def test_a_sample_of_many_trials_is_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importance_module, "MOST", 50)
    found = importance(searched(FLAT, lambda a: a["big"], 80), ACCURACY)
    assert found.trials == 50
    assert found.shares[0].decision == "big"


def trial(number: int, curve: Mapping[int, float], final: float | None = None) -> Trial:
    """Return a complete trial with a final value, or a pruned one."""
    steps = tuple(Step(step, {"accuracy": value}) for step, value in curve.items())
    last = list(curve.values())[-1] if final is None else final
    state: Any = "pruned" if final is None else "complete"
    return Trial(number, FLAT.sample(numpy.random.default_rng(0)), state, {"accuracy": last}, steps)


def test_standings_without_curves_are_ranks_and_ties_share() -> None:
    trials = [trial(k, {}, final) for k, final in enumerate([0.5, 0.1, 0.5, 0.9])]
    assert standings(trials, ACCURACY).tolist() == pytest.approx([0.5, 0, 0.5, 1])
    worst = [
        Trial(t.number, t.architecture, "complete", {"loss": t.values["accuracy"]}) for t in trials
    ]
    assert standings(worst, LOSS).tolist() == pytest.approx([0.5, 1, 0.5, 0])


def test_standings_compare_at_the_last_step_that_both_reached() -> None:
    good_but_stopped = trial(0, {1: 0.5})
    slow = trial(1, {1: 0.4, 2: 0.8}, final=0.8)
    quick = trial(2, {1: 0.6, 2: 0.7}, final=0.7)
    assert standings([good_but_stopped, slow, quick], ACCURACY).tolist() == [0.5, 0.5, 0.5]


def test_standings_use_the_reports_up_to_a_step() -> None:
    """Steps may differ: the last report up to a step counts, or else the first one."""
    stopped = trial(0, {3: 0.5})
    sparse = trial(1, {1: 0.6, 4: 0.1}, final=0.1)
    late = trial(2, {5: 0.4}, final=0.9)
    assert standings([stopped, sparse, late], ACCURACY).tolist() == [0.5, 0.5, 0.5]


def test_pruned_trials_count_by_their_reports() -> None:
    """All bad trials were pruned early, at values below those of every complete trial."""
    history = searched(FLAT, lambda a: a["big"] / 10, 120)
    trials = [
        trial(t.number, {1: t.values["accuracy"] / 9}, None if t.values["accuracy"] < 0.7 else 1.0)
        for t in history
    ]
    pruned = [
        Trial(t.number, old.architecture, t.state, t.values, t.curve)
        for t, old in zip(trials, history, strict=True)
    ]
    known = shares(History(history.space, history.objectives, tuple(pruned)))
    assert known["big"] > 0.8
