"""One trial in NNI's database to and from our `Trial`.

NNI 3.0 gives parameters to trials in the order in which they ask, and stores which trial should
have received which. A trial reports the id of its parameters with each metric, so that is what
counts. A trial that has reported nothing may have received any.
"""

import json
import math
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from numbers import Real
from typing import Any, Literal, cast

from ...spaces import Architecture, NasbridgeError, SearchSpace
from ...strategies import Objective, Step, Trial
from .database import Job
from .space import architecture_from
from .webui import DEFAULT, parameters_of, shown_metrics

__all__ = [
    "ENDS",
    "ENVIRONMENT",
    "STATES",
    "TrialReader",
    "event_rows",
    "metric_rows",
    "metrics_from",
    "milliseconds",
    "objectives_without_number",
    "record_of",
]

STATES: Mapping[str, Literal["complete", "pruned", "failed"]] = {
    "EARLY_STOPPED": "pruned",
    "FAILED": "failed",
    "SUCCEEDED": "complete",
    "SYS_CANCELED": "failed",
    "USER_CANCELED": "pruned",  # by a user or a signal; in NNI 3.0 also by an assessor
}
ENDS: Mapping[str, str] = {
    "complete": "SUCCEEDED",
    "failed": "FAILED",
    "pruned": "EARLY_STOPPED",
}
ENVIRONMENT = "local-env"  # NNI's name for this machine


class TrialReader:
    """Reads stored trials as `Trial` objects.

    Args:
        jobs: All trials of the experiment.
        space: The space.
        objectives: The objectives; the first one is NNI's "default".

    Attributes:
        outside: Numbers of the trials read so far that are outside the space.
    """

    def __init__(
        self, jobs: Sequence[Job], space: SearchSpace, objectives: tuple[Objective, ...]
    ) -> None:
        self._space, self._objectives = space, objectives
        self._by_id = {_id(job): job for job in jobs if job.record is not None}
        # A resumed experiment restarts its ids, and parameters that a user adds have none.
        ids = Counter(_id(job) for job in jobs if job.record is not None)
        self._ambiguous = {each for each, count in ids.items() if count > 1}
        self._is_shifted = any(_received_others(job) for job in jobs)
        self.outside: set[int] = set()

    def read(self, job: Job) -> Trial | None:
        """Return a trial, or None if its parameters are outside the space."""
        record, notes = self._record(job)
        try:
            parameters: dict[str, Any] = dict(cast(Any, record)["parameters"])
            architecture = architecture_from(parameters, self._space)
        except (NasbridgeError, KeyError, TypeError):
            self.outside.add(job.sequence)
            return None
        return self._trial(job, architecture, notes)

    def _record(self, job: Job) -> tuple[Mapping[str, Any] | None, dict[str, Any]]:
        """Return the parameters that a trial received, as far as known, and notes on them."""
        if _received_others(job):
            other = self._by_id.get(str(job.asked))
            if other is not None and job.asked not in self._ambiguous:
                return other.record, {"stored": "NNI shows parameters that it did not receive"}
            doubt = "it received other parameters than NNI shows, and it is unknown which"
            return job.record, {"doubtful": doubt}
        if job.asked is None and self._is_shifted:
            return job.record, {
                "doubtful": "it has reported nothing, and other trials of the experiment received "
                "parameters that were meant for another trial"
            }
        return job.record, {}

    def _trial(self, job: Job, architecture: Architecture, notes: dict[str, Any]) -> Trial:
        state = STATES.get(job.status)
        steps = (Step(k, self._metrics(job.reported[k])) for k in sorted(job.reported))
        curve = tuple(step for step in steps if step.metrics)
        if state is None:
            return Trial(job.sequence, architecture, curve=curve, started=job.started)
        values = {} if job.final is None else self._metrics(job.final)
        if state == "pruned":
            for step in curve:
                values |= step.metrics
            state = "pruned" if values else "failed"
        if state == "failed":
            notes["error"] = f"NNI status {job.status}; see its trial.stderr"
        elif state == "complete" and (
            missing := objectives_without_number(values, self._objectives)
        ):
            state = "failed"
            notes["error"] = f"its result {job.final!r} has no finite number for {missing}"
        seconds = job.ended - job.started if job.ended and job.started else None
        if seconds is not None and seconds < 0:  # the clock was set back in between
            seconds = None
        return Trial(
            job.sequence, architecture, state, values, curve, seconds, job.started, job.ended, notes
        )

    def _metrics(self, value: Any) -> dict[str, float]:
        return metrics_from(value, self._objectives)


def _id(job: Job) -> str:
    return str(cast(Mapping[str, Any], job.record).get("parameter_id"))


def _received_others(job: Job) -> bool:
    """Return whether a trial reports other parameters than NNI stores for it."""
    return job.asked is not None and job.record is not None and job.asked != _id(job)


def metrics_from(value: Any, objectives: Sequence[Objective]) -> dict[str, float]:
    """Return a result reported to NNI as metrics.

    NNI's client accepts any value; entries that are not numbers are left out.

    Args:
        value: A number, or a dict with "default".
        objectives: The objectives; the first one is NNI's "default".
    """
    first = objectives[0].metric
    given = cast(Mapping[str, Any], value if isinstance(value, Mapping) else {DEFAULT: value})
    numbers = {name: _number(number) for name, number in given.items()}
    known = {name: number for name, number in numbers.items() if number is not None}
    if DEFAULT in known and first != DEFAULT:
        known = {first: known[DEFAULT], **{n: v for n, v in known.items() if n != DEFAULT}}
    return known


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, Real):
        return None
    with suppress(OverflowError):  # an int that is too large for a float
        return float(value)
    return None


def objectives_without_number(values: Mapping[str, float], objectives: Sequence[Objective]) -> str:
    """Return the objectives without a finite value; a result that lacks one is a failure."""
    metrics = [objective.metric for objective in objectives]
    return ", ".join(m for m in metrics if not math.isfinite(values.get(m, math.nan)))


def record_of(number: int, parameters: Mapping[str, Any]) -> str:
    """Return the record that NNI stores for a trial of a managed run, as JSON.

    Args:
        number: The trial's number, which becomes NNI's `parameter_id`.
        parameters: See `webui.parameters_of`.
    """
    record = {
        "parameter_id": number,
        "parameter_source": "algorithm",
        "parameters": parameters,
        "parameter_index": 0,
    }
    return json.dumps(record, allow_nan=False)


def event_rows(trial: Trial, job: str, folder: str) -> Iterator[tuple[Any, ...]]:
    """Return a finished trial's rows of the table TrialJobEvent.

    Args:
        trial: The trial.
        job: NNI's id of it.
        folder: The folder of its files.
    """
    began = trial.started or time.time()
    ended = began + trial.seconds if trial.seconds is not None else trial.finished or began
    record = record_of(trial.number, parameters_of(trial.architecture))
    for at, event, data in (
        (began, "WAITING", record),
        (began, "RUNNING", None),
        (ended, ENDS[trial.state], None),
    ):
        yield milliseconds(at), job, event, data, folder, trial.number, None, ENVIRONMENT


def metric_rows(
    trial: Trial, job: str, objectives: tuple[Objective, ...]
) -> Iterator[tuple[Any, ...]]:
    """Return a finished trial's rows of the table MetricData; see `event_rows`."""
    parameters = frozenset(parameters_of(trial.architecture))
    reported = [("PERIODICAL", step.metrics) for step in trial.curve]
    if trial.state == "complete":
        reported.append(("FINAL", trial.values))
    at = milliseconds(trial.finished or time.time())
    for k, (kind, values) in enumerate(reported):
        shown = shown_metrics(values, objectives, parameters)
        if shown is not None:
            data = json.dumps(json.dumps(shown))
            yield at, job, str(trial.number), kind, k if kind == "PERIODICAL" else 0, data


def milliseconds(seconds: float) -> int:
    """Return a time as NNI stores it."""
    return round(1000 * seconds)
