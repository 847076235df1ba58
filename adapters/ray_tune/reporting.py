# pyright: basic
# Ray's types are of little use from outside.
"""Ray's own schedulers as pruners of our trials, under our door."""

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
    """A controller without other trials, so that none is paused for them."""

    def get_live_trials(self) -> list[RayTrial]:
        return []


_ALONE = _Alone()


@final
class SchedulerAdapter:
    """Asks a scheduler of Ray which trials should stop.

    Args:
        scheduler: One that stops trials and does nothing else with them.
        objective: What it judges by, unless it has a metric of its own.

    Raises:
        BackendError: The scheduler does more than stop trials.
    """

    def __init__(self, scheduler: TrialScheduler, objective: Objective) -> None:
        if not isinstance(scheduler, AsyncHyperBandScheduler | MedianStoppingRule):
            raise BackendError(
                f"{type(scheduler).__name__} pauses, copies or regroups trials, which would change "
                "what the strategy has proposed: take ASHAScheduler or MedianStoppingRule, or "
                "NASSearcher in a tune.Tuner of your own"
            )
        self._scheduler: Any = scheduler
        self._time: str = self._scheduler._time_attr  # by what it tells how far a trial is
        self._last: dict[str, dict[str, Any]] = {}
        scheduler.set_search_properties(objective.metric, objective.direction)

    def replay(self, trial: Trial, made: RayTrial) -> None:
        """Take note of a trial of an earlier run."""
        self.begun(made)
        for number, step in enumerate(trial.curve, start=1):
            seconds = (trial.seconds or 0) * number / len(trial.curve)  # steps take equally long
            said = {TRAINING_ITERATION: number, TIME_TOTAL_S: seconds}
            self.is_bad(made, step, {**step.metrics, **said})
        self.ended(made)

    def begun(self, trial: RayTrial) -> None:
        """Take note that a trial begins."""
        self._scheduler.on_trial_add(_ALONE, trial)

    def is_bad(self, trial: RayTrial, step: Step, result: dict[str, Any]) -> bool:
        """Take note of a report; tell whether the trial should stop."""
        self._last[trial.trial_id] = result
        wanted = self._scheduler.metric
        if wanted is not None and wanted not in step.metrics:
            return False
        if self._time not in result:
            warnings.warn(
                f"{type(self._scheduler).__name__} goes by time_attr={self._time!r}, and trials do "
                f"not report it, so that it cannot stop them: report {self._time!r} as well, or "
                f"give the scheduler time_attr={TRAINING_ITERATION!r}, the number of reports",
                stacklevel=2,
            )
            return False
        if result[self._time] >= getattr(self._scheduler, "_max_t", math.inf):
            return False  # ASHA ends whole trials, too, which end by themselves
        return self._scheduler.on_trial_result(_ALONE, trial, result) == TrialScheduler.STOP

    def ended(self, trial: RayTrial) -> None:
        """Take note of a trial's end."""
        result = self._last.pop(trial.trial_id, None)
        if result is not None and {self._scheduler.metric, self._time} <= result.keys():
            self._scheduler.on_trial_complete(_ALONE, trial, result)
