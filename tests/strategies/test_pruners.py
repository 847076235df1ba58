"""Pruners: ranks at a step, and the median rule."""

import math

import pytest

from nasbridge import Integer, MedianPruner, Space, StrategyError, Trial
from nasbridge.strategies import Objective, Step, rank_at_step

SPACE = Space({"a": Integer(0, 99)})
SCORE = (Objective("score"),)
BOTH = (Objective("score"), Objective("cost", "min"))


def curve(*scores: float, first: int = 1) -> tuple[Step, ...]:
    return tuple(Step(first + k, {"score": score}) for k, score in enumerate(scores))


def trial(number: int, steps: tuple[Step, ...]) -> Trial:
    return Trial(number, SPACE.architecture({"a": number}), curve=steps)


def test_the_rank_is_the_share_that_is_not_better() -> None:
    others = [curve(0.1), curve(0.2), curve(0.3), curve(0.4)]
    assert rank_at_step(curve(0.25), others, SCORE) == (0.5, 4)
    assert rank_at_step(curve(0.5), others, SCORE) == (1.0, 4)
    assert rank_at_step(curve(0.0), others, SCORE) == (0.0, 4)


def test_equal_values_are_not_better() -> None:
    assert rank_at_step(curve(0.5), [curve(0.5), curve(0.5)], SCORE) == (1.0, 2)


def test_smaller_values_of_a_minimized_objective_are_better() -> None:
    assert rank_at_step(curve(0.5), [curve(0.1), curve(0.9)], (Objective("score", "min"),)) == (
        0.5,
        2,
    )


def test_trials_are_compared_at_the_step_if_they_reached_it() -> None:
    others = [curve(0.9), curve(0.1, 0.9), curve(0.9, 0.1, 0.9)]
    assert rank_at_step(curve(0.5, 0.5), others, SCORE) == (0.5, 2)


def test_a_step_between_reports_uses_the_report_before() -> None:
    other = (Step(1, {"score": 0.9}), Step(5, {"score": 0.1}))
    assert rank_at_step((Step(3, {"score": 0.5}),), [other], SCORE) == (0.0, 1)


def test_without_a_reported_objective_the_rank_is_none() -> None:
    assert rank_at_step((), [curve(1.0)], SCORE) is None
    assert rank_at_step((Step(1, {"loss": 1.0}),), [curve(1.0)], SCORE) is None


def test_several_objectives_are_compared_by_dominance() -> None:
    def point(score: float, cost: float) -> tuple[Step, ...]:
        return (Step(1, {"score": score, "cost": cost}),)

    others = [point(0.9, 9.0), point(0.9, 1.0), point(0.1, 9.0)]
    assert rank_at_step(point(0.5, 5.0), others, BOTH) == pytest.approx((2 / 3, 3))
    assert rank_at_step(point(0.0, 0.5), others, BOTH) == (
        1.0,
        3,
    )  # the worst score, but the smallest cost


def test_only_reported_objectives_are_compared() -> None:
    others = [(Step(1, {"score": 0.9, "cost": 9.0}),), (Step(1, {"cost": 1.0}),)]
    assert rank_at_step(curve(0.5), others, BOTH) == (0.0, 1)


def stops(pruner: MedianPruner, steps: tuple[Step, ...], *others: tuple[Step, ...]) -> bool:
    running = [trial(number, other) for number, other in enumerate(others)]
    return pruner.should_stop(trial(99, steps), running, SCORE)


def test_a_trial_below_the_median_stops() -> None:
    others = [curve(s / 10) for s in range(5)]  # the median is 0.2
    assert stops(MedianPruner(), curve(0.15), *others)
    assert not stops(MedianPruner(), curve(0.2), *others)
    assert not stops(MedianPruner(), curve(0.25), *others)


def test_a_diverged_trial_stops_and_stops_no_other() -> None:
    others = [curve(s / 10) for s in range(5)]
    assert stops(MedianPruner(), curve(math.nan), *others)
    assert stops(MedianPruner(), curve(-math.inf), *others)
    assert not stops(MedianPruner(), curve(0.1), *([curve(math.nan)] * 5))


def test_startup_is_the_number_of_trials_that_reached_the_step() -> None:
    others = [curve(0.9)] * 4
    assert not stops(MedianPruner(startup=5), curve(0.1), *others)
    assert stops(MedianPruner(startup=4), curve(0.1), *others)
    assert not stops(
        MedianPruner(startup=4), curve(0.1, 0.1), *others
    )  # no other trial reached step 2


def test_warmup_is_the_first_step_at_which_a_trial_may_stop() -> None:
    others = [curve(0.9, 0.9)] * 5
    assert not stops(MedianPruner(warmup=2), curve(0.1), *others)
    assert stops(MedianPruner(warmup=2), curve(0.1, 0.1), *others)


def test_a_trial_without_reports_does_not_stop() -> None:
    assert not stops(MedianPruner(startup=1), (), curve(0.9))


@pytest.mark.parametrize("settings", [{"startup": 0}, {"warmup": -1}])
def test_settings_are_checked(settings: dict[str, int]) -> None:
    with pytest.raises(
        StrategyError, match=r"(startup|warmup)=.* of MedianPruner: give an int of at least [01]"
    ):
        MedianPruner(**settings)
