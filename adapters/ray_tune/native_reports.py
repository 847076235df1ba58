# pyright: basic
# Ray's types are of little use from outside.
"""What Ray reports about a trial in a `tune.Tuner`: metrics, and how the trial ended.

Ray does not report whether a trial ran as a whole or was stopped. `Reports.ended` infers it:

- a function trainable that returns: its last report comes once more, now with `done`;
- a trial that Ray stops: a new report with `done`, or none; or, if a scheduler stops it while its
  checkpoint is written, its last report once more without `done`;
- a value of `stop` or `max_t` has been reached: the trial ran as a whole, however it ended.
"""

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
    """A running trial and its last report.

    Attributes:
        trial: The trial, with its curve so far.
        last: Its last report, as Ray passed it.
    """

    trial: Trial
    last: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @staticmethod
    def restored(trial: Trial) -> "Reports":
        """Return a running trial of a saved history, after its last report."""
        if not trial.curve:
            return Reports(trial)
        return Reports(trial, {TRAINING_ITERATION: trial.curve[-1].step, **trial.curve[-1].metrics})

    def add(self, result: Mapping[str, Any]) -> None:
        """Add a report to the curve; a repeated step means that the trial began again."""
        step = int(result.get(TRAINING_ITERATION, 0))
        metrics = {
            name: float(value)
            for name, value in result.items()
            if isinstance(value, numbers.Real)
            and not (isinstance(value, bool) or name in NOT_METRICS or name.startswith("config/"))
        }
        curve = tuple(known for known in self.trial.curve if known.step < step)
        self.trial = replace(self.trial, curve=(*curve, Step(step, metrics)))
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
        before = _mark(self.last) if self.last else None
        if result is not None:
            self.add(result)
        has_returned = result is not None and bool(result.get(DONE)) and _mark(result) == before
        is_whole = any(
            name in self.last and self.last[name] >= least for name, least in goals.items()
        )
        now = time.time()
        trial = replace(self.trial, finished=now, seconds=now - (self.trial.started or now))
        return _judged(trial, error, has_returned or is_whole, objectives)


def is_of(result: Mapping[str, Any], config: Mapping[str, Any]) -> bool:
    """Return whether a flat report is of a trial with this config, other constants aside."""
    flat = flatten_dict({"config": dict(config)})
    return all(name in result and result[name] == value for name, value in flat.items())


def _judged(trial: Trial, error: bool, is_whole: bool, objectives: Sequence[Objective]) -> Trial:
    """Return the trial with its final state and values."""
    if error:
        reason = "the trial raised an error, which Ray keeps in its error.txt"
        return replace(trial, state="failed", notes={**trial.notes, "error": reason})
    values = {name: value for step in trial.curve for name, value in step.metrics.items()}
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
