"""A history from elsewhere as an experiment of NNI's, so that its web UI shows all trials."""

import json
import secrets
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from ...spaces import NasbridgeError
from ...strategies import History, Trial
from .store import shown_metrics
from .trials import DATABASE
from .webui import parameters_of

__all__ = ["write_experiment"]

ENVIRONMENT = "local-env"  # NNI's name for this machine
ENDS: Mapping[str, str] = {
    "complete": "SUCCEEDED",
    "failed": "FAILED",
    "pruned": "EARLY_STOPPED",
}
TABLES: Mapping[str, str] = {
    "TrialJobEvent": "timestamp integer, trialJobId text, event text, data text, logPath text, "
    "sequenceId integer, message text, environmentId text",
    "MetricData": "timestamp integer, trialJobId text, parameterId text, type text, "
    "sequence integer, data text",
    "ExperimentProfile": "params text, id text, execDuration integer, startTime integer, "
    "endTime integer, logDir text, nextSequenceId integer, revision integer",
}
INDICES = (
    ("TrialJobEvent", "trialJobId"),
    ("TrialJobEvent", "event"),
    ("MetricData", "trialJobId"),
    ("MetricData", "type"),
    ("ExperimentProfile", "id"),
)


def write_experiment(place: Path, history: History) -> None:
    """Write trials that have ended as NNI would have stored them; it then resumes the experiment.

    Args:
        place: Where NNI keeps everything; it holds no experiment.
        history: The history.
    """
    trials = history.of_state(*ENDS)
    if not trials:
        return
    name = secrets.token_hex(4)
    folder = place.resolve() / name
    (folder / DATABASE).parent.mkdir(parents=True)
    (folder / "log").mkdir()
    with closing(sqlite3.connect(folder / DATABASE)) as database, database:  # all of it or nothing
        database.execute("begin")
        for table, columns in TABLES.items():
            database.execute(f"create table {table} ({columns})")
        for table, column in INDICES:
            database.execute(f"create index {table}_{column} on {table}({column})")
        for trial in trials:
            job = f"moved{trial.number:05d}"
            files = folder / "environments" / ENVIRONMENT / "trials" / job
            _write_files(trial, files)
            events = [
                (*event, str(files), trial.number, None, ENVIRONMENT)
                for event in _events(trial, job)
            ]
            database.executemany("insert into TrialJobEvent values (?,?,?,?,?,?,?,?)", events)
            metrics = list(_metrics(trial, job, history))
            database.executemany("insert into MetricData values (?,?,?,?,?,?)", metrics)
        began = _milliseconds(min(trial.started or time.time() for trial in trials))
        after = max(trial.number for trial in trials) + 1
        profile = ("{}", name, 0, began, None, str(folder), after, 0)
        database.execute("insert into ExperimentProfile values (?,?,?,?,?,?,?,?)", profile)


def _write_files(trial: Trial, folder: Path) -> None:
    """Write what the web UI shows of a trial: its log, and its picture if it can be drawn."""
    folder.mkdir(parents=True)
    said = trial.notes.get("traceback") or trial.notes.get("error", "")
    (folder / "trial.stderr").write_text(f"{trial.architecture}\n{said}\n")
    for name in ("trial.log", "trial.stdout"):
        (folder / name).touch()
    with suppress(NasbridgeError):  # it is a set of plain values
        trial.architecture.draw(folder / "architecture.svg")


def _events(trial: Trial, job: str) -> Iterator[tuple[int, str, str, str | None]]:
    record = {
        "parameter_id": trial.number,
        "parameter_source": "algorithm",
        "parameters": parameters_of(trial.architecture),
        "parameter_index": 0,
    }
    began = trial.started or time.time()
    yield _milliseconds(began), job, "WAITING", json.dumps(record, allow_nan=False)
    yield _milliseconds(began), job, "RUNNING", None
    ended = began + trial.seconds if trial.seconds is not None else trial.finished or began
    yield _milliseconds(ended), job, ENDS[trial.state], None


def _metrics(trial: Trial, job: str, history: History) -> Iterator[tuple[Any, ...]]:
    taken = frozenset(parameters_of(trial.architecture))
    reported = [("PERIODICAL", step.metrics) for step in trial.curve]
    if trial.state == "complete":
        reported.append(("FINAL", trial.values))
    at = _milliseconds(trial.finished or time.time())
    for k, (kind, values) in enumerate(reported):
        shown = shown_metrics(values, history.objectives, taken)
        if shown is not None:
            data = json.dumps(json.dumps(shown))
            yield at, job, str(trial.number), kind, k if kind == "PERIODICAL" else 0, data


def _milliseconds(seconds: float) -> int:
    return round(1000 * seconds)
