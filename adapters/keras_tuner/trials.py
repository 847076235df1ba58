# pyright: basic
# Keras Tuner ships no types.
"""The trials of Keras Tuner as its directory holds them, read as ours.

A trial's file is Keras Tuner's own, with one more entry, its note, which Keras Tuner passes over.
These files alone are the truth: what `oracle.json` says can be told from them, so that neither a
half-written one nor a moment between two writes matters.
"""

import json
import math
import os
import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from keras_tuner import HyperParameters
from keras_tuner.engine.trial import Trial as Row
from keras_tuner.engine.trial import TrialStatus

from ...spaces import Architecture, InvalidArchitecture, SearchSpace
from ...strategies import Objective, Step, Trial
from .space import architecture_in

__all__ = [
    "NOTE",
    "SKIPPED",
    "Noted",
    "curve_of",
    "error_in",
    "read_json",
    "read_rows",
    "trial_of",
    "unscored",
    "write_json",
]

NOTE = "nasbridge"  # the entry of trial.json, and the name of the project's own file
SKIPPED = "skipped"  # the state of a number that another backend has given in vain

Note = dict[str, Any]


class Noted(NamedTuple):
    """A trial of Keras Tuner, and what we note on it.

    Attributes:
        row: Keras Tuner's trial.
        note: "steps" that were reported, "started", "grown" (the space was not given, so the
            trial may lack what was declared later), and what the end adds: "state", "values",
            "seconds", "finished", "ended" (which end this was) and "notes".
    """

    row: Row
    note: Note

    @property
    def number(self) -> int:
        """The number of our trial."""
        return int(self.row.trial_id)


def write_json(file: Path, document: object) -> None:
    """Write a file so that a crash leaves the old one or the new one."""
    draft = f"{file}.draft"
    with open(draft, "w", encoding="utf-8") as opened:  # noqa: PTH123  (a third of the time)
        opened.write(json.dumps(document))
    os.replace(draft, file)  # noqa: PTH105


def read_json(file: Path) -> Mapping[str, Any]:
    """Read a file of Keras Tuner's; a missing or half-written one is empty."""
    try:
        document = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def read_rows(project: Path) -> list[Noted]:
    """Read all trials of a project, in the order of their numbers.

    Those that Keras Tuner itself has run have no note, and are given one. A damaged one is given
    back as running with nothing known, so that it is run again.

    Args:
        project: The directory that holds `oracle.json`.
    """
    rows: list[Noted] = []
    ended = read_json(project / "oracle.json").get("end_order", ())
    for file in project.glob("trial_*/trial.json"):
        number = re.fullmatch(r"trial_(\d+)", file.parent.name)
        if number is None:
            continue  # no oracle of Keras Tuner's numbers its trials otherwise
        document = read_json(file)
        try:
            row = Row.from_state(document)
        except Exception as error:  # whatever a damaged entry leads to
            warnings.warn(f"{file} is damaged ({error!r}): the trial is run again", stacklevel=2)
            row, document = Row(HyperParameters(), number[1]), {NOTE: {}}
        note = document.get(NOTE)
        rows.append(Noted(row, _note_for(row, ended) if note is None else dict(note)))
    return sorted(rows, key=lambda noted: noted.number)


def _note_for(row: Row, ended: Sequence[str]) -> Note:
    """Make the note of a trial that Keras Tuner itself has run."""
    if row.status not in (TrialStatus.COMPLETED, TrialStatus.FAILED):
        return {"grown": True}
    end = ended.index(row.trial_id) if row.trial_id in ended else len(ended) + int(row.trial_id)
    note: Note = {"ended": end, "state": "failed", "grown": True}
    note["notes"] = error_in(row.message) if row.status == TrialStatus.FAILED else {}
    if row.status == TrialStatus.COMPLETED:
        steps = {step.step: step.metrics for step in curve_of(row)}
        note |= {"state": "complete", "values": dict(steps.get(row.best_step, {}))}
    return note


def error_in(message: str | None) -> dict[str, str]:
    """Return the notes of a failed trial: the last line of a traceback, and the whole."""
    text = (message or "").strip()
    if not text:
        return {"error": "unknown: Keras Tuner passes no messages from worker to chief"}
    ends = [line for line in text.splitlines() if re.match(r"[\w.]+(: |$)", line)]
    error = (ends or [text])[-1]
    error = re.sub(r"^(?:\w+\.)+(?=\w+(: |$))", "", error)
    return {"error": error, "traceback": text}


def unscored(row: Row, objectives: Sequence[Objective]) -> str:
    """Say why a trial that raised no error has failed; nothing where it has a score."""
    if row.score is None or not math.isnan(row.score):
        return ""
    names = " and ".join(repr(objective.metric) for objective in objectives)
    return f"ValueError: no finite value of the objective {names} was reported"


def curve_of(row: Row, steps: Sequence[int] | None = None) -> tuple[Step, ...]:
    """Return what a trial has reported: of several executions the mean.

    Args:
        row: Keras Tuner's trial.
        steps: Those that were reported; None for all that have been observed.
    """
    found: dict[int, dict[str, float]] = {}
    for name, history in row.metrics.metrics.items():
        for observed in history.get_history():
            value = observed.value
            mean = float(value[0]) if len(value) == 1 else float(sum(value) / len(value))
            found.setdefault(int(observed.step), {})[name] = mean
    wanted = found if steps is None else steps
    return tuple(Step(step, found[step]) for step in sorted(wanted) if step in found)


def trial_of(noted: Noted, space: SearchSpace) -> Trial | None:
    """Read a trial as ours; None if it has no architecture of the space.

    Args:
        noted: The trial.
        space: The space.
    """
    note, row = noted.note, noted.row
    architecture = _architecture(noted, space)
    if architecture is None or note.get("state") == SKIPPED:
        return None
    if "ended" not in note:
        curve = curve_of(row, note.get("steps", ()))
        return Trial(noted.number, architecture, curve=curve, started=note.get("started"))
    return Trial(
        noted.number,
        architecture,
        note["state"],
        note.get("values", {}),
        curve_of(row, note.get("steps")),
        note.get("seconds"),
        note.get("started"),
        note.get("finished"),
        note.get("notes", {}),
    )


def _architecture(noted: Noted, space: SearchSpace) -> Architecture | None:
    values = noted.row.hyperparameters.values
    if noted.note.get("grown") and values:  # what it did not declare, it did not use
        missing = (d for d in space.decisions if d.name not in values)
        values = {**{d.name: d.domain.values(points=2)[0] for d in missing}, **values}
    try:
        return architecture_in(space, values)
    except InvalidArchitecture as error:
        if values and "ended" in noted.note:
            warnings.warn(
                f"trial {noted.number} is outside the space, and ignored: {error}", stacklevel=2
            )
        return None
