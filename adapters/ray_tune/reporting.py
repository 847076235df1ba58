# pyright: basic
# Ray's types are of little use from outside.
"""Ray's schedulers as pruners in managed runs."""

import math
import warnings
from typing import Any, final

from ray.air.constants import TRAINING_ITERATION
from ray.tune.experiment import Trial as RayTrial
from ray.tune.result import TIME_TOTAL_S
from ray.tune.schedulers import (
    AsyncHyperBandScheduler,
    MedianStoppingRule,
    TrialScheduler,
)

from ...engine.errors import BackendError
from ...strategies import Objective, Step, Trial

__all__ = ["SchedulerAdapter"]


class _Alone:
    """A controller without other trials: a scheduler pauses no trial for them."""

    def get_live_trials(self) -> list[RayTrial]:
        return []


_ALONE = _Alone()


@final
class SchedulerAdapter:
    """Lets a scheduler of Ray decide which trials stop.

    Args:
        scheduler: An `ASHAScheduler` or `MedianStoppingRule`.
        objective: The metric it compares, unless it has one.

    Raises:
        BackendError: The scheduler does more than stop trials.
    """

    def __init__(self, scheduler: TrialScheduler, objective: Objective) -> None:
        if not isinstance(scheduler, AsyncHyperBandScheduler | MedianStoppingRule):
            raise BackendError(
                f"{type(scheduler).__name__} pauses, copies or regroups trials, which changes what "
                "the strategy proposed: use ASHAScheduler or MedianStoppingRule, or NASSearcher "
                "in your own tune.Tuner"
            )
        self._scheduler: Any = scheduler
        self._time: str = self._scheduler._time_attr
        self._last: dict[str, dict[str, Any]] = {}
        scheduler.set_search_properties(objective.metric, objective.direction)

    def replay(self, trial: Trial, made: RayTrial) -> None:
        """Pass on a finished trial of an earlier run."""
        self.begun(made)
        for number, step in enumerate(trial.curve, start=1):
            seconds = (trial.seconds or 0) * number / len(trial.curve)  # equally long
            times = {TRAINING_ITERATION: number, TIME_TOTAL_S: seconds}
            self.is_bad(made, step, {**step.metrics, **times})
        self.ended(made)

    def begun(self, trial: RayTrial) -> None:
        """Pass on that a trial begins."""
        self._scheduler.on_trial_add(_ALONE, trial)

    def is_bad(self, trial: RayTrial, step: Step, result: dict[str, Any]) -> bool:
        """Pass on a report; return whether the trial should stop."""
        self._last[trial.trial_id] = result
        wanted = self._scheduler.metric
        if wanted is not None and wanted not in step.metrics:
            return False
        if self._time not in result:
            warnings.warn(
                f"{type(self._scheduler).__name__} has time_attr={self._time!r}, which trials do "
                f"not report, so it cannot stop them: report {self._time!r}, or give the scheduler "
                f" time_attr={TRAINING_ITERATION!r}, the number of reports",
                stacklevel=2,
            )
            return False
        if result[self._time] >= getattr(self._scheduler, "_max_t", math.inf):
            return False  # ASHA also stops trials at max_t, which end anyway
        return self._scheduler.on_trial_result(_ALONE, trial, result) == TrialScheduler.STOP

    def ended(self, trial: RayTrial) -> None:
        """Pass on a trial's end."""
        result = self._last.pop(trial.trial_id, None)
        if result is not None and {self._scheduler.metric, self._time} <= result.keys():
            self._scheduler.on_trial_complete(_ALONE, trial, result)
