"""Rows: the trials of an Optuna study as it stores them, read as ours.

A row is a trial of Optuna's; our trials are those rows that count. An interrupted row is void and
repeated by a later one, which carries the number of the trial that it repeats; so our numbers have
no gaps, whatever was killed.
"""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, cast

from optuna.storages import BaseStorage
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from ..spaces import Architecture, InvalidArchitecture, Searchable
from ..strategies import Objective, Step, Trial
from ._errors import BackendError

__all__ = [
    "CHOICES",
    "CURVE",
    "NUMBER",
    "OWNER",
    "RESULT",
    "VOID",
    "Numbering",
    "curve_of",
    "note",
    "objectives_of",
    "rows_of",
    "storage_of",
    "trial_of",
]

NUMBER = "nasbridge:number"  # user attribute: this row repeats an interrupted trial
VOID = "nasbridge:void"  # user attribute: why this row is no trial
CHOICES = "nasbridge:choices"  # system attributes: what the sampler and the driver note
OWNER = "nasbridge:owner"
CURVE = "nasbridge:curve"
RESULT = "nasbridge:result"

_STATES: Mapping[TrialState, Any] = {
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
    TrialState.RUNNING: "running",
}


def storage_of(study: Study) -> BaseStorage:
    """Return a study's storage.

    Optuna has no public way to it; its own samplers take this one.
    """
    return study._storage  # pyright: ignore[reportPrivateUsage]


def rows_of(study: Study) -> list[FrozenTrial]:
    """Return all rows, not copied; under Hyperband, too, which shows samplers one bracket only."""
    return storage_of(study).get_all_trials(
        study._study_id,  # pyright: ignore[reportPrivateUsage]
        deepcopy=False,
    )


def note(study: Study, row: int, key: str, value: Any) -> None:
    """Note something that is not for people's eyes on a row, by its id."""
    storage_of(study).set_trial_system_attr(row, key, json.dumps(value))


def objectives_of(study: Study) -> tuple[Objective, ...]:
    """Return a study's objectives; metrics without names are "value", or "value_0" and so on."""
    directions = study.directions
    names = study.metric_names
    if names is None:
        names = (
            ["value"] if len(directions) == 1 else [f"value_{k}" for k in range(len(directions))]
        )
    return tuple(
        Objective(name, "max" if direction == StudyDirection.MAXIMIZE else "min")
        for name, direction in zip(names, directions, strict=True)
    )


class Numbering:
    """Gives rows the numbers of our trials; rows must be shown in their order."""

    def __init__(self) -> None:
        self._extra = 0  # rows so far that are repetitions or surplus
        self.next = 0  # the number of the next new trial

    def number(self, row: FrozenTrial) -> int | None:
        """Return the number of our trial; None for a row that is none."""
        number = self._number(row)
        self.next = row.number + 1 - self._extra
        return number

    def _number(self, row: FrozenTrial) -> int | None:
        if row.user_attrs.get(VOID) == "surplus":
            self._extra += 1
            return None
        if NUMBER in row.user_attrs:
            self._extra += 1
            return int(row.user_attrs[NUMBER])
        return row.number - self._extra


@lru_cache(maxsize=100_000)
def _parsed_curve(text: str) -> tuple[Step, ...]:
    return tuple(Step(step, metrics) for step, metrics in json.loads(text))


def curve_of(row: FrozenTrial, objectives: Sequence[Objective]) -> tuple[Step, ...]:
    """Return what a row has reported, to us or to Optuna itself."""
    text = row.system_attrs.get(CURVE)
    if text is not None:
        return _parsed_curve(cast(str, text))
    metric = objectives[0].metric
    return tuple(Step(k, {metric: v}) for k, v in sorted(row.intermediate_values.items()))


def _architecture(row: FrozenTrial, space: Searchable) -> Architecture | None:
    text = row.system_attrs.get(CHOICES)
    if text is not None:
        try:
            return space.architecture(json.loads(text))
        except InvalidArchitecture as error:
            raise BackendError(
                f"trial {row.number} of the study is of another space ({error}): use another "
                "study_name, or the space that the study was made with"
            ) from error
    names = {decision.name for decision in space.decisions}
    try:  # a row that the user enqueued, or that another sampler made
        return space.architecture({k: v for k, v in row.params.items() if k in names})
    except InvalidArchitecture:
        return None


def trial_of(
    row: FrozenTrial, number: int, space: Searchable, objectives: Sequence[Objective]
) -> Trial | None:
    """Read a row as one of our trials; None if it has no architecture of the space.

    Args:
        row: The row.
        number: The trial's number.
        space: The space.
        objectives: The study's objectives.
    """
    architecture = _architecture(row, space) if row.state in _STATES else None
    if architecture is None:
        return None
    curve = curve_of(row, objectives)
    result: dict[str, Any] = json.loads(cast(str, row.system_attrs.get(RESULT, "{}")))
    values: dict[str, float] = result.get("values", {})
    if not values and row.values is not None:
        values = dict(zip((o.metric for o in objectives), row.values, strict=True))
    if not values and row.state == TrialState.PRUNED:
        for step in curve:
            values |= step.metrics
    started, finished = row.datetime_start, row.datetime_complete
    return Trial(
        number,
        architecture,
        _STATES[row.state],
        values,
        curve,
        result.get("seconds", row.duration.total_seconds() if row.duration else None),
        started.timestamp() if started else None,
        finished.timestamp() if finished else None,
        result.get("notes", {}),
    )
