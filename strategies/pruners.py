"""Pruners: which trials should stop early, told from what they report."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, final

from .errors import check_count
from .pareto import dominates
from .trial import Objective, Step, Trial

__all__ = [
    "MedianPruner",
    "Pruner",
    "rank_at_step",
]


class Pruner(Protocol):
    """Decides from intermediate values that a trial should stop."""

    def should_stop(
        self, trial: Trial, others: Sequence[Trial], objectives: Sequence[Objective]
    ) -> bool:
        """Tell whether a trial should stop.

        Args:
            trial: The running trial, its curve up to now.
            others: All other trials.
            objectives: What is to be maximised or minimised.
        """
        ...


def _reached(curve: Sequence[Step], step: int) -> dict[str, float] | None:
    """Return the metrics as last reported up to a step; None if it did not come so far."""
    if not curve or curve[-1].step < step:
        return None
    known: dict[str, float] = {}
    for reported in curve:
        if reported.step <= step:
            known |= reported.metrics
    return known


def _score(objective: Objective, metrics: Mapping[str, float]) -> float:
    """Return a metric so that larger is better; one that diverged is worse than all others."""
    score = objective.sign * metrics[objective.metric]
    return score if math.isfinite(score) else -math.inf


def rank_at_step(
    curve: Sequence[Step], others: Iterable[Sequence[Step]], objectives: Sequence[Objective]
) -> tuple[float, int] | None:
    """Compare a trial with all that came as far, at its last step.

    The standing is the share of them that is not strictly better. With several objectives,
    "better" is Pareto dominance over those objectives that have been reported, so that a small
    network is not stopped for being less accurate than a large one.

    Args:
        curve: What the trial has reported.
        others: What the trials to compare with have reported.
        objectives: What is to be maximised or minimised.

    Returns:
        The standing, from 0 (all are better) to 1 (none is), and how many were compared; None if
        the trial has reported no objective.
    """
    if not curve:
        return None
    step = curve[-1].step
    ours = _reached(curve, step) or {}
    known = [o for o in objectives if o.metric in ours]
    if not known:
        return None
    score = [_score(o, ours) for o in known]
    compared = better = 0
    for other in others:
        theirs = _reached(other, step)
        if theirs is not None and all(o.metric in theirs for o in known):
            compared += 1
            better += dominates([_score(o, theirs) for o in known], score)
    return (1 - better / compared if compared else 1.0), compared


@final
@dataclass(frozen=True)
class MedianPruner:
    """Stops a trial when more than half of those that came as far were better there.

    With one objective this is the median rule; with several, better means Pareto dominance.

    Args:
        startup: Number of other trials that must have come as far, at least 1.
        warmup: No trial is stopped before this step.

    Raises:
        StrategyError: A setting is out of its bounds.

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
        compared = rank_at_step(trial.curve, (other.curve for other in others), objectives)
        return compared is not None and compared[1] >= self.startup and compared[0] < 0.5
