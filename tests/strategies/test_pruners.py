"""Pruners: ranks at a step, and the median rule."""

import math
from dataclasses import replace

import pytest

from nasbridge import Integer, MedianAtStepPruner, MedianPruner, Space, StrategyError, Trial
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


def stops(pruner: MedianAtStepPruner, steps: tuple[Step, ...], *others: tuple[Step, ...]) -> bool:
    running = [trial(number, other) for number, other in enumerate(others)]
    return pruner.should_stop(trial(99, steps), running, SCORE)


def test_a_trial_below_the_median_stops() -> None:
    others = [curve(s / 10) for s in range(5)]  # the median is 0.2
    assert stops(MedianAtStepPruner(), curve(0.15), *others)
    assert not stops(MedianAtStepPruner(), curve(0.2), *others)
    assert not stops(MedianAtStepPruner(), curve(0.25), *others)


def test_a_trial_stops_if_more_than_half_are_better() -> None:
    others = [curve(0.1), curve(0.2), curve(0.8), curve(0.9)]
    assert not stops(MedianAtStepPruner(startup=4), curve(0.5), *others)
    assert stops(MedianAtStepPruner(startup=4), curve(0.15), *others)


def test_a_diverged_trial_stops_and_stops_no_other() -> None:
    others = [curve(s / 10) for s in range(5)]
    assert stops(MedianAtStepPruner(), curve(math.nan), *others)
    assert stops(MedianAtStepPruner(), curve(-math.inf), *others)
    assert not stops(MedianAtStepPruner(), curve(0.1), *([curve(math.nan)] * 5))


def test_startup_is_the_number_of_trials_that_reached_the_step() -> None:
    others = [curve(0.9)] * 4
    assert not stops(MedianAtStepPruner(startup=5), curve(0.1), *others)
    assert stops(MedianAtStepPruner(startup=4), curve(0.1), *others)
    assert not stops(
        MedianAtStepPruner(startup=4), curve(0.1, 0.1), *others
    )  # no other trial reached step 2


def test_warmup_is_the_first_step_at_which_a_trial_may_stop() -> None:
    others = [curve(0.9, 0.9)] * 5
    assert not stops(MedianAtStepPruner(warmup=2), curve(0.1), *others)
    assert stops(MedianAtStepPruner(warmup=2), curve(0.1, 0.1), *others)


def test_a_trial_without_reports_does_not_stop() -> None:
    assert not stops(MedianAtStepPruner(startup=1), (), curve(0.9))


def complete(number: int, *scores: float, first: int = 1) -> Trial:
    return replace(trial(number, curve(*scores, first=first)), state="complete")


def test_the_rule_of_vizier_compares_the_best_with_running_averages() -> None:
    """Golovin et al. 2017, section 3.2."""
    others = [complete(k, 0.3, 0.5, 0.6) for k in range(6)]  # averages 0.3, 0.4, 0.4667
    rule = MedianPruner()

    def stop(*scores: float) -> bool:
        return rule.should_stop(trial(99, curve(*scores)), others, SCORE)

    assert not stop(0.8, 0.9, 0.4)  # the best counts, not the last
    assert stop(0.2, 0.39)  # at step 2 the average is 0.4
    assert not stop(0.2, 0.4)  # strictly worse
    assert not stop(0.2, 0.41)
    assert stop(0.2, 0.41, 0.1)  # at step 3 it is 0.4667


def test_the_median_is_that_of_completed_trials() -> None:
    rule, mine = MedianPruner(startup=3), trial(99, curve(0.5))
    averages = [complete(k, score) for k, score in enumerate([0.1, 0.6, 0.7])]
    assert rule.should_stop(mine, averages, SCORE)
    running = [trial(k, curve(0.1)) for k in range(10, 20)]
    pruned = [replace(one, state="pruned") for one in running]
    assert rule.should_stop(mine, [*averages, *running, *pruned], SCORE)
    assert not rule.should_stop(mine, [*averages[:2], *running, *pruned], SCORE)  # too few
    low = [*averages, complete(3, 0.2)]  # the median of four is the mean of 0.2 and 0.6
    assert not rule.should_stop(mine, low, SCORE)
    assert rule.should_stop(trial(99, curve(0.39)), low, SCORE)


def test_a_trial_that_completed_before_the_step_counts_with_all_its_values() -> None:
    others = [complete(k, 0.4, 0.6) for k in range(5)]
    assert MedianPruner().should_stop(trial(99, curve(0.45, 0.45, 0.49)), others, SCORE)
    late = [complete(k, 0.9, first=8) for k in range(5)]  # nothing reported up to step 3
    assert not MedianPruner().should_stop(trial(99, curve(0.1, 0.1, 0.1)), late, SCORE)


def test_diverged_trials_are_the_worst_of_the_rule() -> None:
    others = [complete(k, 0.4) for k in range(5)]
    assert MedianPruner().should_stop(trial(99, curve(math.nan)), others, SCORE)
    diverged = [complete(k, math.nan) for k in range(5)]
    assert not MedianPruner().should_stop(trial(99, curve(0.1)), diverged, SCORE)


def test_a_trial_stops_if_all_of_its_objectives_are_worse() -> None:
    def both(score: float, cost: float) -> tuple[Step, ...]:
        return (Step(1, {"score": score, "cost": cost}),)

    others = [replace(trial(k, both(0.5, 5.0)), state="complete") for k in range(5)]
    assert MedianPruner().should_stop(trial(99, both(0.4, 6.0)), others, BOTH)
    assert not MedianPruner().should_stop(trial(99, both(0.4, 4.0)), others, BOTH)
    assert MedianPruner().should_stop(trial(99, curve(0.4)), others, BOTH)
    assert not MedianPruner().should_stop(trial(99, (Step(1, {"loss": 1.0}),)), others, BOTH)
    assert not MedianPruner(warmup=2).should_stop(trial(99, both(0.4, 6.0)), others, BOTH)


@pytest.mark.parametrize("settings", [{"startup": 0}, {"warmup": -1}])
def test_settings_are_checked(settings: dict[str, int]) -> None:
    with pytest.raises(
        StrategyError, match=r"(startup|warmup)=.* of MedianPruner: give an int of at least [01]"
    ):
        MedianPruner(**settings)
