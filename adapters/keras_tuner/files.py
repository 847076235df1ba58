# pyright: basic
# Keras Tuner ships no types.
"""The files of a project: what is stored, in which order, and what a kill leaves behind.

Each write goes to a draft that then replaces the file, so a kill during a write leaves the old
file. The files of the trials are the source of truth: everything in `oracle.json` follows from
them, so a stale or half-written one does no harm.

| file | content | written | a kill before the write leaves |
|---|---|---|---|
| `nasbridge.json` | what identifies the search | once, before the first trial | an empty project |
| `trial_<n>/trial.json` | Keras Tuner's record, and our note | when trial n begins | a project in which the number n is free: the same proposal follows |
| the same | what trial n has reported | at most every half second; under a chief at every report | a running trial, which is repeated anyway |
| the same | the end of trial n | when it ends | a running trial, which is repeated |
| `oracle.json` | Keras Tuner's summary of all trials | after the first write of each trial, and when a search stops | a stale summary, for Keras Tuner's own tuners alone |
| `<tuner>.json` | the state of a tuner | when it changes | the former state |
"""  # noqa: E501

import json
import math
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, final

from keras_tuner.engine.trial import Trial as Row

__all__ = ["NOTE", "ProjectFiles", "read_identity", "read_json", "write_json"]

NOTE = "nasbridge"  # the entry of trial.json, and the name of the project's own file
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


def read_identity(project: Path) -> Mapping[str, Any]:
    """Read what identifies the search of a project; empty if nothing is stored."""
    return read_json(project / f"{NOTE}.json")


@final
class ProjectFiles:
    """Writes the files of one project, each no more often than resuming needs.

    Invariants: a trial's file is written before `oracle.json` names the trial; `oracle.json` is
    written at most once for each trial that begins and once when a search stops.
    """

    def __init__(self) -> None:
        self._project = Path()
        self._written = -math.inf  # when a trial was written last
        self._summary: tuple[int, int] | None = None  # trials begun and ended, in oracle.json

    def open(self, project: Path, builds_nothing: bool) -> None:
        """Enter a project, and repair the files that a crash has left half-written.

        Keras Tuner resumes a project if the tuner's own file exists. Otherwise it builds a model
        to find the hyperparameters, which is useless if they are given.

        Args:
            project: The directory of the project.
            builds_nothing: Whether the hyperparameters are known without a model.
        """
        self._project, self._summary = project, None
        own = project / f"{os.environ.get('KERASTUNER_TUNER_ID', 'tuner0')}.json"
        if next(project.glob("trial_*/trial.json"), None) is None:
            if builds_nothing and not _is_whole(own):
                project.mkdir(parents=True, exist_ok=True)
                write_json(own, {})
            return
        for file in {project / "tuner0.json", own, *project.glob("*.json")}:
            if file.name not in ("oracle.json", f"{NOTE}.json") and not _is_whole(file):
                write_json(file, {})

    def write_identity(self, identity: Callable[[], Mapping[str, Any]]) -> None:
        """Write what identifies the search, unless the project has it."""
        file = self._project / f"{NOTE}.json"
        if not file.exists():
            self._project.mkdir(parents=True, exist_ok=True)
            write_json(file, identity())

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
            write_json(self._project / "oracle.json", oracle.get_state())
            self._summary = summary


def _is_whole(file: Path) -> bool:
    return file.exists() and file.read_text("utf-8").strip().startswith("{")
