# pyright: basic
# Keras Tuner ships no types.
"""The files of a project: what is stored, in which order, and what a kill leaves behind.

Each write goes to a draft that then replaces the file, so a kill during a write leaves the old
file. The files of the trials are the source of truth: everything in `oracle.json` follows from
them, so a stale or half-written one does no harm.

| write | when | a kill before it leaves |
|---|---|---|
| `nasbridge.json`: what identifies the search | once, before the first trial | an empty project |
| `trial_<n>/trial.json`: the trial, and our note | trial n begins | no trial n: proposed again |
| `trial_<n>/trial.json`: what it has reported | every half second at most (1) | trial n: repeated |
| `trial_<n>/trial.json`: its end | trial n ends | a running trial n: repeated |
| `oracle.json`: Keras Tuner's summary | a trial begins, the search stops | a stale summary (2) |
| `<tuner>.json`: the state of a tuner | it changes | the former state |

(1) A chief writes every report, because its successor continues the trial.
(2) Only Keras Tuner's own tuners depend on it; they find the running trial in it.
"""

import json
import math
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, final

from keras_tuner.engine.trial import Trial as Row

from ...engine.errors import BackendError
from ...engine.identity import ExperimentIdentity

__all__ = [
    "ANOTHER_PROJECT",
    "NOTE",
    "ProjectFiles",
    "check_stored",
    "read_description",
    "read_identity",
    "read_json",
    "write_json",
]

NOTE = "nasbridge"  # the entry of trial.json, and the name of the project's own file
ANOTHER_PROJECT = "continue it with the same settings, or use another project_name or directory"
REPORT_SECONDS = 0.5  # between two writes of what a running trial has reported


def write_json(file: Path, document: object) -> None:
    """Write a file; a crash leaves the old one or the new one."""
    draft = f"{file}.draft"
    with open(draft, "w", encoding="utf-8") as opened:  # noqa: PTH123  (a third of the time)
        opened.write(json.dumps(document))
    os.replace(draft, file)  # noqa: PTH105


def read_json(file: Path) -> Mapping[str, Any]:
    """Read a file of Keras Tuner; a missing or half-written one is empty."""
    try:
        document = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def read_description(project: Path) -> Mapping[str, Any] | None:
    """Return what a project's own file holds; None without such a file."""
    file = project / f"{NOTE}.json"
    return read_json(file) if file.exists() else None


def read_identity(project: Path) -> ExperimentIdentity | None:
    """Return what identifies the search of a project; None if Keras Tuner itself made it.

    Raises:
        BackendError: The project's own file is damaged.
    """
    stored = read_description(project)
    return None if stored is None else ExperimentIdentity.from_dict(stored, f"{project}")


def check_stored(stored: Mapping[str, Any], now: ExperimentIdentity, where: str) -> str:
    """Raise an error if a project belongs to another search; the strategy may change.

    Args:
        stored: What the project's own file holds.
        now: What identifies the search that resumes.
        where: What the message calls the project.

    Returns:
        The strategy that the search began with, as text.

    Raises:
        BackendError: The project belongs to another search.
    """
    before = ExperimentIdentity.from_dict(stored, where)
    before.check(replace(now, strategy=before.strategy), where, ANOTHER_PROJECT)
    return before.strategy


@final
class ProjectFiles:
    """Writes the files of one project, each no more often than resuming needs.

    Invariants: a trial's file is written before `oracle.json` names the trial; `oracle.json` is
    written at most once for each trial that begins and once when a search stops.
    """

    def __init__(self) -> None:
        self._opened: Path | None = None
        self._written = -math.inf  # when a trial was written last
        self._summary: tuple[int, int] | None = None  # trials begun and ended, in oracle.json

    @property
    def _project(self) -> Path:
        """The project.

        Raises:
            BackendError: No tuner has opened a project.
        """
        if self._opened is None:
            raise BackendError(
                "the oracle has no project to store trials in: give it to a tuner, as "
                "keras_tuner.Tuner(oracle=oracle, hypermodel=build_model, directory=...)"
            )
        return self._opened

    def open(self, project: Path, builds_nothing: bool) -> None:
        """Enter a project, and repair the files that a crash has left half-written.

        Keras Tuner resumes a project if the tuner's own file exists. Otherwise it builds a model
        to find the hyperparameters, which is useless if they are given.

        Args:
            project: The directory of the project.
            builds_nothing: Whether the hyperparameters are known without a model.
        """
        self._opened, self._summary = project, None
        own = project / f"{os.environ.get('KERASTUNER_TUNER_ID', 'tuner0')}.json"
        if next(project.glob("trial_*/trial.json"), None) is None:
            if builds_nothing and not _is_whole(own):
                project.mkdir(parents=True, exist_ok=True)
                write_json(own, {})
            return
        for file in {project / "tuner0.json", own, *project.glob("*.json")}:
            if file.name not in ("oracle.json", f"{NOTE}.json") and not _is_whole(file):
                write_json(file, {})

    def write_description(self, describe: Callable[[], Mapping[str, Any]]) -> None:
        """Write the project's own file, unless it exists.

        Args:
            describe: Returns what identifies the search.
        """
        file = self._project / f"{NOTE}.json"
        if not file.exists():
            self._project.mkdir(parents=True, exist_ok=True)
            write_json(file, describe())

    def write_trial(self, row: Row, note: Mapping[str, Any]) -> None:
        """Write a trial with its note."""
        place = self._project / f"trial_{row.trial_id}"
        place.mkdir(parents=True, exist_ok=True)
        write_json(place / "trial.json", {**row.get_state(), NOTE: note})
        self._written = time.monotonic()

    def write_report(self, row: Row, note: Mapping[str, Any], is_needed: bool) -> None:
        """Write what a running trial has reported, if it is needed or due.

        Args:
            row: The trial.
            note: Its note.
            is_needed: Whether a successor of this process continues the trial.
        """
        if is_needed or time.monotonic() - self._written > REPORT_SECONDS:
            self.write_trial(row, note)

    def write_summary(self, oracle: Any) -> None:
        """Write `oracle.json`, unless no trial has begun or ended since the last time."""
        summary = len(oracle.start_order), len(oracle.end_order)
        if summary != self._summary:
            self._project.mkdir(parents=True, exist_ok=True)
            write_json(self._project / "oracle.json", oracle.get_state())
            self._summary = summary


def _is_whole(file: Path) -> bool:
    return file.exists() and file.read_text("utf-8").strip().startswith("{")
