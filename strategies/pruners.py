"""Pruners: early stopping of trials by their intermediate values."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Protocol, final

from .errors import check_count
from .pareto import dominates
from .trial import Objective, Step, Trial

__all__ = [
    "MedianAtStepPruner",
    "MedianPruner",
    "Pruner",
    "rank_at_step",
]


class Pruner(Protocol):
    """Decides from intermediate values whether a running trial should stop."""

    def should_stop(
        self, trial: Trial, others: Sequence[Trial], objectives: Sequence[Objective]
    ) -> bool:
        """Return whether a trial should stop.

        Args:
            trial: The running trial, with its curve so far.
            others: All other trials.
            objectives: The metrics to maximize or minimize.
        """
        ...


def _reached(curve: Sequence[Step], step: int) -> dict[str, float] | None:
    """Return the latest metrics up to a step; None if the curve ends before the step."""
    if not curve or curve[-1].step < step:
        return None
    known: dict[str, float] = {}
    for reported in curve:
        if reported.step <= step:
            known |= reported.metrics
    return known


def _score(objective: Objective, metrics: Mapping[str, float]) -> float:
    """Return the score of an objective, larger is better; -inf if it is not finite."""
    score = objective.sign * metrics[objective.metric]
    return score if math.isfinite(score) else -math.inf


def rank_at_step(
    curve: Sequence[Step], others: Iterable[Sequence[Step]], objectives: Sequence[Objective]
) -> tuple[float, int] | None:
    """Rank a trial among all trials that reached its last step.

    The rank is the share of those trials that is not strictly better. With several objectives,
    "better" is Pareto dominance over the objectives that were reported. So a small network is not
    stopped only because it is less accurate than a large one.

    Args:
        curve: The curve of the trial.
        others: The curves of the trials to compare with.
        objectives: The metrics to maximize or minimize.

    Returns:
        The rank, from 0 (all trials are better) to 1 (no trial is better), and the number of
        trials that were compared; None if the trial has reported no objective.

    Example:
        >>> from nasbridge.strategies import Objective, Step
        >>> curves = [[Step(1, {"loss": loss})] for loss in (0.2, 0.4, 0.8)]
        >>> rank_at_step([Step(1, {"loss": 0.5})], curves, [Objective("loss", "min")])
        (0.33333333333333337, 3)
    """
    if not curve:
        return None
    step = curve[-1].step
    metrics = _reached(curve, step) or {}
    known = [o for o in objectives if o.metric in metrics]
    if not known:
        return None
    score = [_score(o, metrics) for o in known]
    compared = better = 0
    for other in others:
        reached = _reached(other, step)
        if reached is not None and all(o.metric in reached for o in known):
            compared += 1
            better += dominates([_score(o, reached) for o in known], score)
    return (1 - better / compared if compared else 1.0), compared


def _running_average(objective: Objective, curve: Sequence[Step], step: int) -> float | None:
    """Return the mean score of the reports up to a step; None without one."""
    scores = [
        _score(objective, reported.metrics)
        for reported in curve
        if reported.step <= step and objective.metric in reported.metrics
    ]
    if not scores:
        return None
    return -math.inf if -math.inf in scores else math.fsum(scores) / len(scores)


@final
@dataclass(frozen=True)
class MedianPruner:
    """Median stopping rule of Google Vizier.

    A trial stops if its best value so far is strictly worse than the median of the running averages
    of the completed trials, up to the trial's last step. A running average is the mean of all
    values that a trial reported up to that step; a trial that completed earlier counts with all of
    its values.

    With several objectives, each objective that the trial has reported is judged on its own, and
    the trial stops if all of them are worse (our choice). A value that is not finite is the worst.

    Args:
        startup: Number of completed trials with a value at or before the step, at least 1.
        warmup: The first step at which a trial may stop, at least 0.

    Raises:
        StrategyError: A setting is out of bounds.

    Example:
        >>> from nasbridge.spaces import Choice, Space
        >>> from nasbridge.strategies import MedianPruner, Objective, Step, Trial
        >>> architecture = Space({"units": Choice([16, 32])}).architecture({"units": 16})
        >>> def trial(number, state, *losses):
        ...     curve = tuple(Step(k, {"loss": loss}) for k, loss in enumerate(losses, 1))
        ...     return Trial(number, architecture, state, curve=curve)
        >>> others = [trial(n, "complete", 0.9, loss) for n, loss in enumerate([0.1, 0.3, 0.5])]
        >>> objectives = [Objective("loss", "min")]
        >>> pruner = MedianPruner(startup=3)  # the running averages are 0.5, 0.6 and 0.7
        >>> pruner.should_stop(trial(3, "running", 0.9, 0.61), others, objectives)
        True
        >>> pruner.should_stop(trial(3, "running", 0.9, 0.6), others, objectives)
        False

    References:
        Golovin et al. 2017, Google Vizier, KDD, section 3.2 (doi:10.1145/3097983.3098043).
    """

    startup: int = 5
    warmup: int = 1

    def __post_init__(self) -> None:
        check_count(self, "startup", least=1)
        check_count(self, "warmup", least=0)

    def should_stop(
        self, trial: Trial, others: Sequence[Trial], objectives: Sequence[Objective]
    ) -> bool:
        if not trial.curve or trial.curve[-1].step < self.warmup:
            return False
        step = trial.curve[-1].step
        curves = [other.curve for other in others if other.state == "complete"]
        worse: list[bool] = []
        for objective in objectives:
            own = [
                _score(objective, s.metrics) for s in trial.curve if objective.metric in s.metrics
            ]
            averages = [_running_average(objective, curve, step) for curve in curves]
            known = [average for average in averages if average is not None]
            if own:
                worse.append(len(known) >= self.startup and max(own) < median(known))
        return bool(worse) and all(worse)


@final
@dataclass(frozen=True)
class MedianAtStepPruner:
    """Median rule on latest values: stops a trial that is worse than the median at its last step.

    A trial stops if more than half of the trials that reached the same step, running and pruned
    ones included, were better there. With several objectives, "better" is Pareto dominance.

    `MedianPruner` is the published rule; `docs/benchmarks/pruners.md` compares both on learning
    curves.

    Args:
        startup: Number of other trials that must have reached the step, at least 1.
        warmup: The first step at which a trial may stop, at least 0.

    Raises:
        StrategyError: A setting is out of bounds.

    Example:
        >>> from nasbridge.spaces import Choice, Space
        >>> from nasbridge.strategies import MedianAtStepPruner, Objective, Step, Trial
        >>> architecture = Space({"units": Choice([16, 32])}).architecture({"units": 16})
        >>> def trial(number, loss):
        ...     return Trial(number, architecture, curve=(Step(1, {"loss": loss}),))
        >>> others = [trial(number, loss) for number, loss in enumerate([0.2, 0.4, 0.8])]
        >>> objectives = [Objective("loss", "min")]
        >>> MedianAtStepPruner(startup=3).should_stop(trial(3, 0.5), others, objectives)
        True
    """

    startup: int = 5
    warmup: int = 1

    def __post_init__(self) -> None:
        check_count(self, "startup", least=1)
        check_count(self, "warmup", least=0)

    def should_stop(
        self, trial: Trial, others: Sequence[Trial], objectives: Sequence[Objective]
    ) -> bool:
        if not trial.curve or trial.curve[-1].step < self.warmup:
            return False
        compared = rank_at_step(trial.curve, (other.curve for other in others), objectives)
        return compared is not None and compared[1] >= self.startup and compared[0] < 0.5
