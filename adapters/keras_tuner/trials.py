# pyright: basic
# Keras Tuner ships no types.
"""One trial of Keras Tuner, as its file holds it, and our `Trial`: from one to the other.

A trial's file is that of Keras Tuner with one more entry, the note, which Keras Tuner ignores.
"""

import re
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from keras_tuner import HyperParameters
from keras_tuner.engine.trial import Trial as Row
from keras_tuner.engine.trial import TrialStatus
from keras_tuner.src.engine.metrics_tracking import MetricsTracker

from ...spaces import Architecture, InvalidArchitecture, SearchSpace
from ...strategies import Step, Trial
from .files import NOTE, read_json
from .space import architecture_in

__all__ = [
    "SKIPPED",
    "Note",
    "Record",
    "ProjectState",
    "curve_of",
    "error_in",
    "forget_reports",
    "read_project",
    "read_rows",
    "record_end",
    "record_start",
    "take_over",
    "trial_of",
]

SKIPPED = "skipped"  # the state of a trial that failed before sampling, under another backend

Note = dict[str, Any]


class Record(NamedTuple):
    """A trial of Keras Tuner with its note.

    Attributes:
        row: The trial of Keras Tuner.
        note: The steps that were reported ("steps"), when the trial began ("started"), whether
            the space grew during the search, so that the trial may lack later hyperparameters
            ("grown"), the worker that has the trial ("worker"), and the step at which the pruner
            stopped it ("pruned"). The end of the trial adds "state", "values", "seconds",
            "finished", "notes", and the position among all ended trials ("ended"). A trial that
            was put in by hand, under any id, has a "number".
    """

    row: Row
    note: Note

    @property
    def number(self) -> int:
        """The number of our trial."""
        return int(self.note.get("number", self.row.trial_id))

    @property
    def state(self) -> str:
        """The state of our trial."""
        return str(self.note.get("state", "running"))

    @property
    def notes(self) -> Mapping[str, Any]:
        """The notes of our trial."""
        return self.note.get("notes", {})


def read_rows(project: Path) -> list[Record]:
    """Read all trials of a project, in the order of their numbers.

    A trial that Keras Tuner itself has run has no note, and gets one. A damaged trial is returned
    as a running one without values, so that it is run again.

    Args:
        project: The directory that holds `oracle.json`.
    """
    rows: list[Record] = []
    ended = read_json(project / "oracle.json").get("end_order", ())
    for file in project.glob("trial_*/trial.json"):
        number = re.fullmatch(r"trial_(\d+)", file.parent.name)
        if number is None:
            continue  # an id that no oracle of Keras Tuner gives
        document = read_json(file)
        try:
            row = Row.from_state(document)
        except Exception as error:  # a damaged entry may lead to any error
            warnings.warn(f"{file} is damaged ({error!r}): the trial is run again", stacklevel=2)
            row, document = Row(HyperParameters(), number[1]), {NOTE: {}}
        note = document.get(NOTE)
        rows.append(Record(row, _note_for(row, ended) if note is None else dict(note)))
    return sorted(rows, key=lambda record: record.number)


def _note_for(row: Row, ended: Sequence[str]) -> Note:
    """Return a note for a trial that Keras Tuner itself has run."""
    if row.status not in (TrialStatus.COMPLETED, TrialStatus.FAILED):
        return {"grown": True}
    end = ended.index(row.trial_id) if row.trial_id in ended else len(ended) + int(row.trial_id)
    note: Note = {"ended": end, "state": "failed", "grown": True}
    note["notes"] = error_in(row.message) if row.status == TrialStatus.FAILED else {}
    if row.status == TrialStatus.COMPLETED:
        steps = {step.step: step.metrics for step in curve_of(row)}
        note |= {"state": "complete", "values": dict(steps.get(row.best_step, {}))}
    return note


class ProjectState(NamedTuple):
    """Everything that a project stores.

    Attributes:
        rows: The trials, in the order of their numbers.
        hyperparameters: All hyperparameters that are known.
        display: What Keras Tuner needs to print its progress; None if it is not stored.
        start_order: The ids of all trials.
        end_order: The ids of the trials that have ended, in that order.
    """

    rows: list[Record]
    hyperparameters: HyperParameters
    display: Mapping[str, Any] | None
    start_order: list[str]
    end_order: list[str]


def read_project(project: Path, grows: bool = True) -> ProjectState:
    """Read a project: its trials, and what `oracle.json` adds to them.

    Args:
        project: The directory that holds `oracle.json`.
        grows: Whether hyperparameters of trials that `oracle.json` lacks join the space.
    """
    rows, summary = read_rows(project), read_json(project / "oracle.json")
    config, written = summary.get("hyperparameters"), set(summary.get("end_order", ()))
    known = HyperParameters() if config is None else HyperParameters.from_config(dict(config))
    for row, _ in rows if grows else []:
        if config is None or row.trial_id not in written:
            known.merge(row.hyperparameters, overwrite=False)
    ended = sorted((n for n in rows if "ended" in n.note), key=lambda n: n.note["ended"])
    starts, ends = ([row.trial_id for row, _ in some] for some in (rows, ended))
    return ProjectState(rows, known, summary.get("display"), starts, ends)


def error_in(message: str | None) -> dict[str, str]:
    """Return the notes of a failed trial: the last line of its traceback, and all of it."""
    text = (message or "").strip()
    if not text:
        return {"error": "unknown: Keras Tuner passes no messages from worker to chief"}
    ends = [line for line in text.splitlines() if re.match(r"[\w.]+(: |$)", line)]
    error = (ends or [text])[-1]
    error = re.sub(r"^(?:\w+\.)+(?=\w+(: |$))", "", error)
    return {"error": error, "traceback": text}


def curve_of(row: Row, steps: Sequence[int] | None = None) -> tuple[Step, ...]:
    """Return the steps that a trial has reported, with the mean over its executions.

    Args:
        row: The trial.
        steps: The steps that were reported; None for all that Keras Tuner has stored.
    """
    found: dict[int, dict[str, float]] = {}
    for name, history in row.metrics.metrics.items():
        for observed in history.get_history():
            value = observed.value
            mean = float(value[0]) if len(value) == 1 else float(sum(value) / len(value))
            found.setdefault(int(observed.step), {})[name] = mean
    wanted = found if steps is None else steps
    return tuple(Step(step, found[step]) for step in sorted(wanted) if step in found)


def trial_of(record: Record, space: SearchSpace) -> Trial | None:
    """Return our trial; None if the record has no architecture of the space."""
    note, row = record.note, record.row
    architecture = _architecture(record, space)
    if architecture is None or note.get("state") == SKIPPED:
        return None
    if "ended" not in note:
        curve = curve_of(row, note.get("steps", ()))
        return Trial(record.number, architecture, curve=curve, started=note.get("started"))
    return Trial(
        record.number,
        architecture,
        note["state"],
        note.get("values", {}),
        curve_of(row, note.get("steps")),
        note.get("seconds"),
        note.get("started"),
        note.get("finished"),
        note.get("notes", {}),
    )


def _architecture(record: Record, space: SearchSpace) -> Architecture | None:
    values = record.row.hyperparameters.values
    if record.note.get("grown") and values:  # a model does not use what it does not declare
        missing = (d for d in space.decisions if d.name not in values)
        values = {**{d.name: d.domain.values(points=2)[0] for d in missing}, **values}
    try:
        return architecture_in(space, values)
    except InvalidArchitecture as error:
        if values and "ended" in record.note:
            warnings.warn(
                f"trial {record.number} is outside the space, and ignored: {error}", stacklevel=2
            )
        return None


def record_start(note: Note, grows: bool, worker: str | None) -> None:
    """Note that a trial begins.

    Args:
        note: The note of the trial.
        grows: Whether the space grows during the search.
        worker: The worker, for a chief that succeeds this one; None without a chief.
    """
    note["started"] = time.time()
    if grows:
        note["grown"] = True
    if worker is not None:
        note["worker"] = worker


def forget_reports(row: Row) -> Note:
    """Forget what a trial has reported, and return its new note."""
    row.metrics, row.score, row.best_step = MetricsTracker(), None, 0
    return {}


def record_end(record: Record, trial: Trial) -> None:
    """Record the end of our trial in the trial of Keras Tuner and in its note."""
    row, note = record
    note |= {"values": dict(trial.values), "seconds": trial.seconds, "notes": dict(trial.notes)}
    if trial.state == "failed":
        row.status = TrialStatus.FAILED
        row.message = str(trial.notes.get("traceback") or trial.notes.get("error"))
        return
    row.status = TrialStatus.COMPLETED
    last = trial.curve[-1].step if trial.curve else -1
    if trial.state == "pruned":
        note["pruned"] = last
        return
    row.best_step = last + 1
    for metric, value in trial.values.items():  # so that Keras Tuner displays it
        row.metrics.update(metric, value, step=last + 1)


def take_over(row: Row, message: Row) -> None:
    """Copy what a worker sends about the end of a trial; proposed values stay as they are.

    On the way to the chief, numbers are rounded, hyperparameters are reordered, and inactive ones
    are added.
    """
    row.status, row.message = message.status, message.message
    sent, known = message.hyperparameters, row.hyperparameters
    for hp in sent.space:
        if not known._exists(hp.name, hp.conditions):
            known.merge([hp], overwrite=False)
            if known.is_active(hp) and hp.name in sent.values:
                known.values[hp.name] = sent.values[hp.name]
