# pyright: basic
# Ray's types are of little use from outside.
"""What Ray reports about a trial in a `tune.Tuner`: metrics, and how the trial ended.

Ray does not report whether a trial ran as a whole or was stopped. `Reports.ended` infers it:

- a function trainable that returns: its last report comes once more, now with `done`;
- a trial that Ray stops: a new report with `done`, or none; or, if a scheduler stops it while its
  checkpoint is written, its last report once more without `done`;
- a value of `stop` or `max_t` has been reached: the trial ran as a whole, however it ended;
- a result without `training_iteration` is no report: a `Repeater` gives the mean of several trials,
  beside the error of the last one.
"""

import math
import numbers
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, final

from ray.air.constants import TIME_THIS_ITER_S, TRAINING_ITERATION
from ray.tune.result import AUTO_RESULT_KEYS, DEBUG_METRICS, DONE, TIME_TOTAL_S, TRIAL_ID
from ray.tune.utils import flatten_dict

from ...strategies import Objective, Step, Trial
from ...strategies.trial import Curve

__all__ = ["Reports", "is_of"]

Mark = tuple[Any, ...]

NOT_METRICS = frozenset({*AUTO_RESULT_KEYS, *DEBUG_METRICS, DONE, TRIAL_ID, "experiment_tag"})


@final
@dataclass
class Reports:
    """A running trial and its last report.

    Attributes:
        trial: The trial, with its curve so far.
        last: Its last report, as Ray passed it.
        began: When this process began to wait for reports, by a clock that never steps back.
    """

    trial: Trial
    last: Mapping[str, Any] = field(default_factory=dict[str, Any])
    began: float = field(default_factory=time.monotonic)

    @staticmethod
    def restored(trial: Trial) -> "Reports":
        """Return a running trial of a saved history, after its last report."""
        if not trial.curve:
            return Reports(trial)
        return Reports(trial, {TRAINING_ITERATION: trial.curve[-1].step, **trial.curve[-1].metrics})

    def add(self, result: Mapping[str, Any]) -> None:
        """Add a report to the curve; a repeated step means that the trial began again."""
        step = int(result.get(TRAINING_ITERATION, 0))
        before = self.trial.curve
        if len(before) and before[-1].step >= step:
            before = [known for known in before if known.step < step]
        curve = before if isinstance(before, Curve) else Curve(list(before))
        self.trial = replace(self.trial, curve=curve.extended(Step(step, _metrics(result))))
        self.last = dict(result)  # a copy: Ray later sets `done` in the same dict

    def ended(
        self,
        result: Mapping[str, Any] | None,
        error: bool,
        objectives: Sequence[Objective],
        goals: Mapping[str, float],
    ) -> Trial:
        """Return the trial as it ended.

        Args:
            result: The last report, or None.
            error: Whether Ray reports a failure.
            objectives: Metrics that the trial must have reported.
            goals: Lower bounds of metrics; a trial that reaches one has run as a whole.
        """
        if result and TRAINING_ITERATION not in result:
            values, is_whole = _metrics(result), True
            error = error and not any(
                math.isfinite(values.get(o.metric, math.nan)) for o in objectives
            )
        else:
            before = _mark(self.last) if self.last else None
            if result is not None:
                self.add(result)
            has_returned = bool(result and result.get(DONE)) and _mark(self.last) == before
            is_whole = has_returned or any(
                name in self.last and self.last[name] >= least for name, least in goals.items()
            )
            values = {n: v for step in self.trial.curve for n, v in step.metrics.items()}
        seconds = time.monotonic() - self.began
        trial = replace(self.trial, finished=time.time(), seconds=seconds)
        if error:
            reason = "the trial raised an error, which Ray keeps in its error.txt"
            return replace(trial, state="failed", notes={**trial.notes, "error": reason})
        return _judged(trial, values, is_whole, objectives)


def is_of(result: Mapping[str, Any], config: Mapping[str, Any]) -> bool:
    """Return whether a flat report is of a trial with this config, other constants aside."""
    flat = flatten_dict({"config": dict(config)})
    return all(name in result and _is_same(result[name], value) for name, value in flat.items())


def _is_same(one: object, other: object) -> bool:
    return type(one) is type(other) and repr(one) == repr(other)


def _metrics(result: Mapping[str, Any]) -> dict[str, float]:
    """Return the numbers in a result that the trial reported itself."""
    metrics: dict[str, float] = {}
    for name, value in result.items():
        if name in NOT_METRICS or name.startswith("config/") or isinstance(value, bool):
            continue
        if isinstance(value, numbers.Real):
            with suppress(OverflowError):  # an int that is too large for a float
                metrics[name] = float(value)
    return metrics


def _judged(
    trial: Trial, values: Mapping[str, float], is_whole: bool, objectives: Sequence[Objective]
) -> Trial:
    """Return a trial that raised no error, with its final state and values."""
    known = [o.metric for o in objectives if o.metric in values]
    wanted = known if known and not is_whole else [o.metric for o in objectives]
    missing = [name for name in wanted if not math.isfinite(values.get(name, math.nan))]
    if missing:
        reason = f"the trial ended without a finite {', '.join(missing)}"
        return replace(trial, state="failed", notes={**trial.notes, "error": reason})
    return replace(trial, state="complete" if is_whole else "pruned", values=values)


def _mark(result: Mapping[str, Any]) -> Mark:
    """Return what identifies a report, also among those of a repeated trial."""
    return tuple(result.get(name) for name in (TRAINING_ITERATION, TIME_TOTAL_S, TIME_THIS_ITER_S))
