"""The attributes that nasbridge stores in Optuna's trials, and access to a study's storage.

An Optuna trial is called a row here; our trials are the rows that count. A void row does not
count: a later row repeats it and carries the number of its trial, so that our numbers have no gaps,
whichever processes were killed. `store` describes when each attribute is written.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, cast, final

import optuna
from optuna.storages import BaseStorage
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial

from ...strategies import Objective

__all__ = [
    "CHOICES",
    "EXTRA",
    "FIXED",
    "INTERRUPTED",
    "NUMBER",
    "OWNER",
    "REFUSED",
    "RESULT",
    "SEQUENCE",
    "STEP",
    "SURPLUS",
    "VOID",
    "Numbering",
    "fixed_of",
    "id_of",
    "objectives_of",
    "owner_of",
    "places_of",
    "rows_of",
    "sequence_of",
    "set_internal",
    "storage_of",
    "whole_study",
]

# User attributes, shown by the dashboard.
NUMBER = "nasbridge:number"  # the number of the interrupted trial that the row repeats
VOID = "nasbridge:void"  # why the row does not count, one of the next three
INTERRUPTED = "interrupted"  # its process was killed: it must be repeated
REFUSED = "refused"  # its enqueued values are outside the space
SURPLUS = "surplus"  # it was made when no trial was left to run

# System attributes, internal.
FIXED = "fixed_params"  # Optuna's own: enqueued values
CHOICES = "nasbridge:choices"  # the proposed architecture
EXTRA = "nasbridge:extra"  # proposed values of parameters beside the space
OWNER = "nasbridge:owner"  # the process that runs the row, see `engine.owners.owner_id`
SEQUENCE = "nasbridge:sequence"  # row number, and position in the order of finishing
RESULT = "nasbridge:result"  # values, seconds, finish time and notes
STEP = "nasbridge:step:"  # prefix, followed by the step: metrics that Optuna does not store


def whole_study(study: Study) -> Study:
    """Return the study itself, also where Hyperband passes the study of one bracket."""
    whole: Study = getattr(study, "_study", study)
    return whole


def storage_of(study: Study) -> BaseStorage:
    """Return a study's storage, which has no public name; Optuna's samplers use this one."""
    return study._storage  # pyright: ignore[reportPrivateUsage]


def rows_of(study: Study) -> list[FrozenTrial]:
    """Return all rows of a study without copying them, whichever bracket Hyperband passes."""
    return storage_of(study).get_all_trials(
        study._study_id,  # pyright: ignore[reportPrivateUsage]
        deepcopy=False,
    )


def id_of(row: optuna.Trial | FrozenTrial) -> int:
    """Return the id by which a storage finds a row."""
    return row._trial_id  # pyright: ignore[reportPrivateUsage]


def set_internal(study: Study, row: int, key: str, value: Any) -> None:
    """Set a system attribute, as JSON text, of the row with this id."""
    storage_of(study).set_trial_system_attr(row, key, json.dumps(value))


def owner_of(row: FrozenTrial) -> str | None:
    """Return the process that runs a row; None for rows of a user's own code."""
    owner: str | None = row.system_attrs.get(OWNER)
    return None if owner is None else json.loads(owner)


def places_of(rows: Iterable[FrozenTrial]) -> Mapping[int, tuple[int, int]]:
    """Return by row what sorts rows in the order in which they finished.

    Clocks can be set back, so the order is a stored one. A row that no `NASSampler` has finished
    comes directly after the rows before it.
    """
    places: dict[int, tuple[int, int]] = {}
    latest = 0
    for row in rows:
        sequence = sequence_of(row)
        latest = max(latest, sequence or 0)
        places[row.number] = sequence or latest, row.number
    return places


def sequence_of(row: FrozenTrial) -> int | None:
    """Return the stored position of a finished row; None without one.

    It holds for one row number, because `Study.add_trials` copies it into other studies.
    """
    text = row.system_attrs.get(SEQUENCE)
    number, sequence = (None, None) if text is None else json.loads(text)
    return sequence if number == row.number else None


def fixed_of(row: FrozenTrial) -> Mapping[str, Any]:
    """Return the values that were enqueued with a row."""
    return cast(Mapping[str, Any], row.system_attrs.get(FIXED, {}))


def objectives_of(study: Study) -> tuple[Objective, ...]:
    """Return a study's objectives; unnamed metrics are "value", or "value_0", "value_1", ..."""
    whole = whole_study(study)
    directions, names = whole.directions, whole.metric_names
    if names is None:
        names = (
            ["value"] if len(directions) == 1 else [f"value_{k}" for k in range(len(directions))]
        )
    return tuple(
        Objective(name, "max" if direction == StudyDirection.MAXIMIZE else "min")
        for name, direction in zip(names, directions, strict=True)
    )


@final
class Numbering:
    """Maps rows to trial numbers; takes the rows in the order of the study."""

    def __init__(self) -> None:
        self._repeats = 0  # rows so far that repeat others
        self.next = 0  # the number of the next new trial

    def number(self, row: FrozenTrial) -> int:
        """Return the trial number of the next row."""
        repeated: int | None = row.user_attrs.get(NUMBER)
        if repeated is not None:
            self._repeats += 1
            return repeated
        return self.number_new()

    def number_new(self) -> int:
        """Return the trial number of the next row, which repeats no other."""
        self.next += 1
        return self.next - 1
