"""NNI's database as a History: also of experiments that ran with NNI's own client and tuners.

NNI 3.0 hands parameters to trials first come, first served, and stores which trial should have had
which. What a trial really had it says itself, with each metric; a trial that has said nothing may
have had anything.
"""

import math
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from numbers import Real
from pathlib import Path
from typing import Any, Literal, cast

from ...engine.errors import BackendError
from ...spaces import NasbridgeError, SearchSpace
from ...strategies import History, Objective, Step, Trial
from ...strategies.history import in_order
from .architecture import architecture_from
from .space import from_native
from .trials import DATABASE, Job, Stored

__all__ = ["STATES", "database_at", "history_of", "metrics_from", "without_number"]

DEFAULT = "default"  # NNI's name for what is optimized

STATES: Mapping[str, Literal["complete", "pruned", "failed"]] = {
    "EARLY_STOPPED": "pruned",
    "FAILED": "failed",
    "SUCCEEDED": "complete",
    "SYS_CANCELED": "failed",
    "USER_CANCELED": "pruned",  # by a user or a signal; NNI 3.0 says it of an assessor's work, too
}


def database_at(location: Path) -> Path:
    """Return the database that a location speaks of.

    Args:
        location: The database, an experiment's folder, or a folder with one experiment in it.

    Raises:
        BackendError: There is none, or there are several.
    """
    if location.is_file():
        return location
    found = [location / DATABASE] if (location / DATABASE).is_file() else []
    found = found or sorted(
        file
        for file in location.glob(f"*/{DATABASE.as_posix()}")
        if not file.parent.parent.is_symlink()  # NNI's link to its latest experiment
    )
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(file.parent.parent.name for file in found)
        raise BackendError(f"{location} holds several experiments, {names}: name one of them")
    raise BackendError(
        f"{location} holds no experiment: give a run's directory, the folder of an NNI "
        f"experiment, or its {DATABASE.name}"
    )


def history_of(
    stored: Stored, space: SearchSpace | None, objectives: Sequence[Objective] | None
) -> History:
    """Read an experiment of NNI's.

    Args:
        stored: What is in the database.
        space: The space; None takes NNI's own description.
        objectives: What was optimized; None takes "default", as the tuner's settings say.

    Raises:
        BackendError: Neither is a space given nor can one be made; or no trial is in it.
    """
    settings = stored.settings
    if space is None:
        try:
            space = from_native(settings.get("searchSpace") or {})
        except NasbridgeError as error:
            raise BackendError(
                f"the space of the experiment cannot be made of NNI's search space ({error}): "
                "give it, as load(location, space=space)"
            ) from error
    wanted = tuple(objectives or (_objective(settings),))
    reader = _Reader(stored, space, wanted)
    trials = [trial for job in stored.jobs if (trial := reader.trial(job)) is not None]
    metadata = {"backend": "nni", "experiment": settings.get("experimentName") or ""}
    skipped = sorted(job.sequence for job in stored.jobs if job.sequence in reader.outside)
    if skipped:
        told = f"{len(skipped)} of {len(stored.jobs)} trials are outside the space"
        if not trials:
            raise BackendError(f"{told}: give the one that was searched, as load(..., space=...)")
        warnings.warn(f"{told} and were left out, by number {skipped}", stacklevel=3)
    return History(
        space,
        wanted,
        in_order(trials),
        strategy=_tuner(settings),
        metadata=metadata,
        skipped=tuple(skipped),
    )


def _tuner(settings: Mapping[str, Any]) -> str:
    tuner: Mapping[str, Any] = settings.get("tuner") or {}
    return str(tuner.get("name") or tuner.get("className") or "")


def _objective(settings: Mapping[str, Any]) -> Objective:
    tuner: Mapping[str, Any] = settings.get("tuner") or {}
    arguments: Mapping[str, Any] = tuner.get("classArgs") or {}
    mode = arguments.get("optimize_mode", "maximize")
    return Objective(DEFAULT, "min" if mode == "minimize" else "max")


class _Reader:
    """Reads stored trials as ours.

    Args:
        stored: What is in the database.
        space: The space.
        objectives: What was optimized.
    """

    def __init__(
        self, stored: Stored, space: SearchSpace, objectives: tuple[Objective, ...]
    ) -> None:
        self._space, self._objectives = space, objectives
        ids = [_id(job) for job in stored.jobs if job.record is not None]
        self._by_id = {_id(job): job for job in stored.jobs if job.record is not None}
        # a resumed experiment counts anew, and what a user adds has no id
        self._ambiguous = {each for each, count in Counter(ids).items() if count > 1}
        self._shifted = any(self._had_another(job) for job in stored.jobs)
        self.outside: set[int] = set()  # numbers of trials that are outside the space

    def _had_another(self, job: Job) -> bool:
        return job.asked is not None and job.record is not None and job.asked != _id(job)

    def trial(self, job: Job) -> Trial | None:
        """Read a trial; None if it has no parameters of the space."""
        record, notes = job.record, dict[str, Any]()
        if self._had_another(job):
            other = self._by_id.get(str(job.asked))
            if other is not None and job.asked not in self._ambiguous:
                record = other.record
                notes["stored"] = "NNI shows other parameters for it than it had"
            else:
                notes["doubtful"] = "it had other parameters than NNI shows, and which is not known"
        elif job.asked is None and self._shifted:
            notes["doubtful"] = (
                "it has reported nothing, and others of the experiment had parameters that were "
                "meant for another trial"
            )
        try:
            parameters: dict[str, Any] = dict(cast(Any, record)["parameters"])
            architecture = architecture_from(parameters, self._space)
        except (NasbridgeError, KeyError, TypeError):
            self.outside.add(job.sequence)
            return None
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
            notes["error"] = f"NNI calls it {job.status}; see its trial.stderr"
        elif state == "complete" and (missing := without_number(values, self._objectives)):
            state = "failed"
            notes["error"] = f"its result {job.final!r} has no finite number for {missing}"
        seconds = job.ended - job.started if job.ended and job.started else None
        return Trial(
            job.sequence, architecture, state, values, curve, seconds, job.started, job.ended, notes
        )

    def _metrics(self, value: Any) -> dict[str, float]:
        return metrics_from(value, self._objectives)


def metrics_from(value: Any, objectives: Sequence[Objective]) -> dict[str, float]:
    """Return what a trial has reported to NNI as metrics: a number, or a dict with "default".

    NNI's client takes anything, so one trial may report what no other reader can use: what is no
    number is left out.

    Args:
        value: What it has reported.
        objectives: What is optimized; the first one is NNI's "default".
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


def without_number(values: Mapping[str, float], objectives: Sequence[Objective]) -> str:
    """Return the objectives that a result has no finite number for, which makes a trial failed.

    Args:
        values: The result.
        objectives: What is optimized.
    """
    metrics = [objective.metric for objective in objectives]
    return ", ".join(m for m in metrics if not math.isfinite(values.get(m, math.nan)))


def _id(job: Job) -> str:
    return str(cast(Mapping[str, Any], job.record).get("parameter_id"))
