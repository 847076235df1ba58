# pyright: basic
# Ray's types are of little use from outside.
"""What Ray says of a trial in a `tune.Tuner`: its reports, and how it ended."""

import math
import numbers
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, final

from ray.air.constants import TIME_THIS_ITER_S, TRAINING_ITERATION
from ray.tune.result import AUTO_RESULT_KEYS, DEBUG_METRICS, DONE, TIME_TOTAL_S, TRIAL_ID
from ray.tune.utils import flatten_dict

from ...strategies import Objective, Step, Trial

__all__ = ["Reports", "is_of"]

Mark = tuple[Any, ...]

NOT_METRICS = frozenset({*AUTO_RESULT_KEYS, *DEBUG_METRICS, DONE, TRIAL_ID, "experiment_tag"})


@final
@dataclass
class Reports:
    """A running trial, and what it has reported last.

    Attributes:
        trial: The trial.
        last: Its last report, as Ray says it.
    """

    trial: Trial
    last: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @staticmethod
    def restored(trial: Trial) -> "Reports":
        """Return a trial of a saved history, as if its last report had just come.

        Args:
            trial: The trial.
        """
        if not trial.curve:
            return Reports(trial)
        return Reports(trial, {TRAINING_ITERATION: trial.curve[-1].step, **trial.curve[-1].metrics})

    def note(self, result: Mapping[str, Any]) -> None:
        """Add a report to the curve; one that comes again is of a trial that began anew.

        Args:
            result: The report.
        """
        step = int(result.get(TRAINING_ITERATION, 0))
        metrics = {
            name: float(value)
            for name, value in result.items()
            if isinstance(value, numbers.Real)
            and not (isinstance(value, bool) or name in NOT_METRICS or name.startswith("config/"))
        }
        curve = tuple(known for known in self.trial.curve if known.step < step)
        self.trial = replace(self.trial, curve=(*curve, Step(step, metrics)))
        self.last = dict(result)  # a copy, for Ray marks the very same dict as done

    def ended(
        self,
        result: Mapping[str, Any] | None,
        error: bool,
        objectives: Sequence[Objective],
        goals: Mapping[str, float],
    ) -> Trial:
        """Return the trial as it ended.

        Args:
            result: The last report, if Ray says one.
            error: Whether Ray says that it failed.
            objectives: What it must have reported.
            goals: Values that end a trial as a whole, as Ray compares them: at least so much.
        """
        before = _mark(self.last) if self.last else None
        if result is not None:
            self.note(result)
        # When a function returns, Ray says its last report once more, now as done. When it stops a
        # trial, it says a report that was not there before, as done; or none; or, if a scheduler
        # ends it while its checkpoint is written, the last report once more, as not done.
        has_returned = result is not None and bool(result.get(DONE)) and _mark(result) == before
        is_there = any(
            name in self.last and self.last[name] >= least for name, least in goals.items()
        )
        now = time.time()
        trial = replace(self.trial, finished=now, seconds=now - (self.trial.started or now))
        return _judged(trial, error, has_returned or is_there, objectives)


def is_of(result: Mapping[str, Any], config: Mapping[str, Any]) -> bool:
    """Tell whether a report is of a trial with a config; constants beside it do not matter.

    Args:
        result: The report, flat.
        config: What `suggest` has returned.
    """
    flat = flatten_dict({"config": dict(config)})
    return all(name in result and result[name] == value for name, value in flat.items())


def _judged(trial: Trial, error: bool, is_whole: bool, objectives: Sequence[Objective]) -> Trial:
    """Say how a trial ended."""
    if error:
        said = "the trial ended with an error, which Ray keeps in its error.txt"
        return replace(trial, state="failed", notes={**trial.notes, "error": said})
    values = dict(trial.curve[-1].metrics) if trial.curve else {}
    lacking = [o.metric for o in objectives if not math.isfinite(values.get(o.metric, math.nan))]
    if lacking:
        said = f"the trial ended without a finite {', '.join(lacking)}"
        return replace(trial, state="failed", notes={**trial.notes, "error": said})
    return replace(trial, state="complete" if is_whole else "pruned", values=values)


def _mark(result: Mapping[str, Any]) -> Mark:
    """Return what tells a report from all others, those of a trial that began anew included."""
    return tuple(result.get(name) for name in (TRAINING_ITERATION, TIME_TOTAL_S, TIME_THIS_ITER_S))
