"""NNI's database: SQLite, one a experiment, in the folder that bears the experiment's id."""

import json
import sqlite3
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...engine.errors import BackendError

__all__ = ["DATABASE", "Job", "Stored", "experiment_in", "read_database", "update_settings"]

DATABASE = Path("db") / "nni.sqlite"
ENDS = ("SUCCEEDED", "FAILED", "USER_CANCELED", "SYS_CANCELED", "EARLY_STOPPED")


@dataclass
class Job:
    """A trial as NNI has stored it.

    Attributes:
        id: NNI's id.
        sequence: Its number in the web UI.
        record: The parameters that NNI stores for it, with their id; None if it has none.
        status: NNI's word for how it is.
        reported: What it has reported on the way, by sequence number.
        final: Its final result, if it has one.
        asked: The id of the parameters that it says it had, "None" for a user's own; None if it has
            said nothing.
        started: Seconds since 1970.
        ended: Seconds since 1970.
    """

    id: str
    sequence: int = -1
    record: Mapping[str, Any] | None = None
    status: str = "UNKNOWN"
    reported: dict[int, Any] = field(default_factory=dict[int, Any])
    final: Any = None
    asked: str | None = None
    started: float | None = None
    ended: float | None = None


@dataclass(frozen=True)
class Stored:
    """An experiment as NNI has stored it.

    Attributes:
        settings: Its configuration.
        jobs: Its trials, in the order in which they began.
        resumed: Whether it was resumed, or given data from elsewhere.
    """

    settings: Mapping[str, Any]
    jobs: tuple[Job, ...]
    resumed: bool


@contextmanager
def _opened(file: Path) -> Generator[sqlite3.Connection]:
    try:
        connection = sqlite3.connect(f"file:{file.resolve().as_posix()}?mode=rw", uri=True)
    except sqlite3.Error as error:
        raise BackendError(f"{file} cannot be read ({error}): is the path right?") from error
    try:
        with connection:
            yield connection
    except sqlite3.Error as error:
        raise BackendError(f"{file} is no database of NNI 3.0, or damaged ({error})") from error
    finally:
        connection.close()


def experiment_in(place: Path) -> str | None:
    """Return the id of the experiment below a folder, the latest of several; None for none.

    Args:
        place: What NNI calls the experiment's working directory.
    """
    found = [file for file in place.glob(f"*/{DATABASE.as_posix()}") if _has_begun(file)]
    latest = max(found, key=lambda file: file.stat().st_mtime, default=None)
    return None if latest is None else latest.parent.parent.resolve().name


def _has_begun(file: Path) -> bool:
    try:
        with _opened(file) as database:
            return database.execute("select 1 from ExperimentProfile").fetchone() is not None
    except BackendError:  # it was killed before it had made its tables
        return False


def update_settings(folder: Path, settings: Mapping[str, Any]) -> None:
    """Change what a stopped experiment goes on with.

    Args:
        folder: The experiment's folder.
        settings: Its new configuration.
    """
    with _opened(folder / DATABASE) as database:
        database.execute(
            "update ExperimentProfile set params = ?, logDir = ? where revision = "
            "(select max(revision) from ExperimentProfile)",
            (json.dumps(settings), str(folder)),
        )


def read_database(file: Path) -> Stored:
    """Read an experiment; it may be running, stopped or killed.

    Args:
        file: The database.

    Raises:
        BackendError: It is no database of NNI.
    """
    with _opened(file) as database:
        profile = database.execute(
            "select params from ExperimentProfile order by revision desc"
        ).fetchone()
        events = database.execute(
            "select timestamp, trialJobId, event, data, sequenceId from TrialJobEvent "
            "order by rowid"
        ).fetchall()
        metrics = database.execute(
            "select trialJobId, parameterId, type, sequence, data from MetricData order by rowid"
        ).fetchall()
    if profile is None:
        raise BackendError(f"{file} holds no experiment: it was killed before it had begun")
    jobs: dict[str, Job] = {}
    resumed = False
    for time, job, event, data, sequence in events:
        resumed |= event in ("ADD_RESUMED", "IMPORT_DATA")
        if job:
            _happened(jobs.setdefault(job, Job(job)), time / 1000, event, data, sequence)
    for job, parameter, kind, sequence, data in metrics:
        if job in jobs:
            _said(jobs[job], parameter, kind, sequence, json.loads(json.loads(data)))
    return Stored(json.loads(profile[0]), tuple(jobs.values()), resumed)


def _happened(job: Job, time: float, event: str, data: str | None, sequence: int | None) -> None:
    if event not in ("ADD_RESUMED", "ADD_HYPERPARAMETER", "USER_TO_CANCEL", "IMPORT_DATA"):
        job.status = event
    if data and job.record is None:
        job.record = json.loads(data)
    if sequence is not None and job.sequence < 0:
        job.sequence = sequence
    if event == "RUNNING":
        job.started = time
    if event in ENDS:
        job.ended = time


def _said(job: Job, parameter: str | None, kind: str, sequence: int, value: Any) -> None:
    job.asked = str(parameter)
    if kind == "FINAL":
        job.final = value
    elif kind == "PERIODICAL":
        job.reported[sequence] = value
