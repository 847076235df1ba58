# pyright: basic
# Keras Tuner ships no types.
"""How the oracle scores a trial: by its result, or else by its best epoch.

All values of a trial are those of one epoch. A pruned trial has the last value
of each metric, and counts by the objectives that it has.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from typing import Any

from keras_tuner.engine.trial import Trial as Row
from keras_tuner.engine.trial import TrialStatus

from ...strategies import Objective
from .objectives import score_of
from .protocol import TrialResult
from .trials import Note, Record, curve_of, error_in

__all__ = [
    "add_notes",
    "ended_row",
    "pruned_message",
    "rank_by",
    "record_end_state",
    "record_result",
    "score",
]

BEFORE = 10**9  # trials put in by hand come before all that end in a search


def score(record: Record, native: Any, objectives: Sequence[Objective]) -> None:
    """Set the score of a completed trial; NaN, which makes it a failed one, without a value.

    Args:
        record: The trial.
        native: The objective of the oracle.
        objectives: The same ones as ours.
    """
    row, note = record
    names = [objective.metric for objective in objectives]
    row.score = math.nan
    if "values" in note:
        if all(math.isfinite(note["values"].get(name, 0.0)) for name in names):
            row.score = score_of(native, objectives, note["values"])
        else:
            del note["values"]
        return
    epochs = [
        step
        for step in curve_of(row)
        if all(math.isfinite(step.metrics.get(name, math.nan)) for name in names)
    ]
    values: dict[str, float] = {}
    for epoch in epochs:
        value = native.get_value(epoch.metrics)
        if math.isnan(row.score) or native.better_than(value, row.score):
            row.score, row.best_step = value, epoch.step
            values = dict(epoch.metrics)
    if "pruned" in note:
        values = {name: value for step in curve_of(row) for name, value in step.metrics.items()}
        reached = [values[name] for name in names if name in values]
        if not reached or not all(map(math.isfinite, reached)):
            row.score = math.nan
            return
        row.score = score_of(native, objectives, values)
    if values:
        note["values"] = _without_sum(values)


def rank_by(native: Any) -> Callable[[Record], tuple[bool, bool, float]]:
    """Return the sort key of completed trials: the best first, pruned and unscored ones last."""
    sign = -1 if native.direction == "max" else 1

    def key(record: Record) -> tuple[bool, bool, float]:
        row: Any = record.row  # one that was put in by hand may have no score
        return row.score is None, record.state == "pruned", sign * float(row.score or 0.0)

    return key


def record_result(record: Record, result: TrialResult, objectives: Sequence[Objective]) -> None:
    """Record the result of a trial; a pruned trial keeps the last value of each metric.

    Args:
        record: The trial.
        result: The result.
        objectives: The objectives.
    """
    row, note = record
    note.setdefault("steps", [])
    if "pruned" in note:
        return
    note["values"], row.best_step = _without_sum(result.metrics), result.best_epoch
    after = 1 + max(note["steps"], default=-1)
    directions = {objective.metric: objective.direction for objective in objectives}
    for name, value in result.metrics.items():  # so that Keras Tuner displays it
        if not row.metrics.exists(name):
            row.metrics.register(name, directions.get(name))
            row.metrics.update(name, value, step=after)


def record_end_state(record: Record, objectives: Sequence[Objective]) -> None:
    """Record in the note how a trial has ended, except for its position among the ended ones."""
    row, note = record
    failed = row.status == TrialStatus.FAILED
    note["state"] = "failed" if failed else "pruned" if "pruned" in note else "complete"
    note.setdefault("finished", time.time())
    note.setdefault("seconds", note["finished"] - note.get("started", note["finished"]))
    if failed:
        note.setdefault("notes", error_in(row.message or _missing_score(row, objectives)))
        note.setdefault("values", {})
    elif "pruned" in note:
        row.message = pruned_message(note)


def add_notes(
    rows: Mapping[str, Row], notes: dict[str, Note], objectives: Sequence[Objective]
) -> bool:
    """Add the notes of trials without one; return whether one of them was put in by hand.

    Args:
        rows: All trials by their ids, in the order in which they began.
        notes: Their notes by their ids.
        objectives: The objectives.
    """
    if len(notes) == len(rows):
        return False
    added = False
    for position, (name, row) in enumerate(rows.items()):
        if name not in notes:
            is_foreign = row.status in (TrialStatus.COMPLETED, TrialStatus.FAILED)
            notes[name] = _foreign(row, position, objectives) if is_foreign else {}
            added |= is_foreign
            if not name.isdigit():
                notes[name]["number"] = position
    return added


def _foreign(row: Row, position: int, objectives: Sequence[Objective]) -> Note:
    """Return the note of an ended trial of which Keras Tuner knows only status and score."""
    names = [objective.metric for objective in objectives]
    known = [name for name in names if row.metrics.exists(name)]
    values = {name: float(row.metrics.get_best_value(name)) for name in known}
    if len(names) == 1 and row.score is not None:
        values[names[0]] = float(row.score)
    note: Note = {"number": position, "ended": position - BEFORE, "values": values}
    is_scored = all(math.isfinite(values.get(name, math.nan)) for name in names)
    if row.status == TrialStatus.COMPLETED and is_scored:
        return note | {"state": "complete"}
    reason = row.message or "ValueError: it was put in by hand, without a score"
    return note | {"state": "failed", "notes": error_in(reason)}


def ended_row(
    rows: Mapping[str, Row], trial: Row | str, status: str = "COMPLETED", trial_id: str = ""
) -> Row:
    """Return the trial that a call of `end_trial` ends.

    Args:
        rows: All trials by their ids.
        trial: A trial with its status; or its id, as in Keras Tuner 1.1.
        status: With an id: the trial's status.
        trial_id: The id, by name.
    """
    if isinstance(trial, Row):
        return trial
    row = copy(rows[trial or trial_id])
    row.status = TrialStatus.COMPLETED if status == "COMPLETE" else status
    return row


def pruned_message(note: Note) -> str:
    """Return the message by which Keras Tuner's record shows that a trial was pruned."""
    return f"PRUNED: stopped early at step {note['pruned']}"


def _missing_score(row: Row, objectives: Sequence[Objective]) -> str:
    """Return why a trial without an error has failed; nothing if it has a score."""
    if row.score is None or not math.isnan(row.score):
        return ""
    names = " and ".join(repr(objective.metric) for objective in objectives)
    return f"ValueError: no finite value of the objective {names} was reported"


def _without_sum(metrics: Mapping[str, float]) -> dict[str, float]:
    """Return metrics without the sum that Keras Tuner makes of several objectives."""
    return {name: value for name, value in metrics.items() if name != "multi_objective"}
