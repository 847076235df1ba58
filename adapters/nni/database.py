"""NNI's database: one SQLite file per experiment, in a folder named after the experiment's id."""

import json
import sqlite3
from collections.abc import Generator, Iterable, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...engine.errors import BackendError

__all__ = [
    "DATABASE",
    "Job",
    "StoredExperiment",
    "create_database",
    "database_at",
    "experiment_in",
    "read_database",
    "update_settings",
]

DATABASE = Path("db") / "nni.sqlite"
ENDS = ("SUCCEEDED", "FAILED", "USER_CANCELED", "SYS_CANCELED", "EARLY_STOPPED")
NOT_STATES = ("ADD_RESUMED", "ADD_HYPERPARAMETER", "USER_TO_CANCEL", "IMPORT_DATA")

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


@dataclass
class Job:
    """A trial as NNI stores it.

    Attributes:
        id: NNI's id.
        sequence: Its number in the web UI.
        record: The parameters that NNI stores for it, with their id; None if it has none.
        status: NNI's status of it.
        reported: Its intermediate results, by sequence number.
        final: Its final result, or None.
        asked: The id of the parameters that it reports to have received, "None" for those that a
            user added; None if it has reported nothing.
        started: Start time, in seconds since 1970.
        ended: End time, in seconds since 1970.
        place: Position of its end among all events, which a clock that steps back does not change;
            None while it runs.
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
    place: int | None = None

    def add_event(
        self, place: int, time: float, event: str, data: str | None, sequence: int | None
    ) -> None:
        """Apply a row of the table TrialJobEvent, at its place in the table."""
        if event not in NOT_STATES:
            self.status = event
            self.ended, self.place = (time, place) if event in ENDS else (None, None)
        if data and self.record is None:
            self.record = dict(json.loads(data))
        if sequence is not None and self.sequence < 0:
            self.sequence = sequence
        if event == "RUNNING":
            self.started = time

    def add_metric(self, parameter: str | None, kind: str, sequence: int, value: Any) -> None:
        """Apply a row of the table MetricData."""
        self.asked = str(parameter)
        if kind == "FINAL":
            self.final = value
        elif kind == "PERIODICAL":
            self.reported[sequence] = value


@dataclass(frozen=True)
class StoredExperiment:
    """An experiment as NNI stores it.

    Attributes:
        settings: Its configuration.
        jobs: Its trials, in the order in which they began.
    """

    settings: Mapping[str, Any]
    jobs: tuple[Job, ...]

    @property
    def as_ended(self) -> tuple[Job, ...]:
        """Its trials in the order in which they ended, and then those that are running."""

        def key(job: Job) -> tuple[bool, int]:
            return job.place is None, job.sequence if job.place is None else job.place

        return tuple(sorted(self.jobs, key=key))


@contextmanager
def _opened(file: Path) -> Generator[sqlite3.Connection]:
    try:
        connection = sqlite3.connect(f"file:{file.resolve().as_posix()}?mode=rw", uri=True)
    except sqlite3.Error as error:
        raise BackendError(f"{file} cannot be read ({error}): check the path") from error
    try:
        with connection:
            yield connection
    except sqlite3.Error as error:
        raise BackendError(f"{file} is not an NNI 3.0 database, or damaged ({error})") from error
    finally:
        connection.close()


def experiment_in(folder: Path) -> str | None:
    """Return the id of the experiment below NNI's working directory, or None.

    Of several experiments the one with most trials counts, and of equal ones the latest.
    """
    sizes = {file: _trials_in(file) for file in folder.glob(f"*/{DATABASE.as_posix()}")}
    known = {file: (size, file.stat().st_mtime) for file, size in sizes.items() if size is not None}
    latest = max(known, key=lambda file: known[file], default=None)
    return None if latest is None else latest.parent.parent.resolve().name


def _trials_in(file: Path) -> int | None:
    """Return the number of trials of an experiment; None if there is none."""
    try:
        with _opened(file) as database:
            found = database.execute(
                "select max(nextSequenceId) from ExperimentProfile having count(*) > 0"
            ).fetchone()
            return None if found is None else int(found[0] or 0)
    except BackendError:  # NNI was killed before it created its tables
        return None


def database_at(location: Path) -> Path:
    """Return the database of an experiment.

    Args:
        location: The database, an experiment's folder, or a folder with one experiment in it.

    Raises:
        BackendError: There is no experiment, or more than one.
    """
    if location.is_file():
        return location
    found = [location / DATABASE] if (location / DATABASE).is_file() else []
    found = found or sorted(
        file
        for file in location.glob(f"*/{DATABASE.as_posix()}")
        if not file.parent.parent.is_symlink()  # `_latest`, a link to one of them
    )
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(file.parent.parent.name for file in found)
        raise BackendError(f"{location} holds several experiments ({names}): give the path of one")
    raise BackendError(
        f"{location} holds no experiment: give a run's directory, the folder of an NNI "
        f"experiment, or its {DATABASE.name}"
    )


def read_database(file: Path) -> StoredExperiment:
    """Read an experiment that is running, stopped or killed.

    Raises:
        BackendError: The file is not an NNI database, or holds no experiment yet.
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
        raise BackendError(f"{file} holds no experiment: NNI was killed before it stored one")
    jobs: dict[str, Job] = {}
    for place, (time, job, *event) in enumerate(events):
        if job:
            with _reading(file, f"event {place} of trial {job}"):
                jobs.setdefault(job, Job(job)).add_event(place, time / 1000, *event)
    for job, parameter, kind, sequence, data in metrics:
        if job in jobs:
            with _reading(file, f"metric {sequence} of trial {job}"):
                jobs[job].add_metric(parameter, kind, sequence, json.loads(json.loads(data)))
    with _reading(file, "configuration"):
        return StoredExperiment(dict(json.loads(profile[0])), tuple(jobs.values()))


@contextmanager
def _reading(file: Path, what: str) -> Generator[None]:
    """Name the file and the record in errors of damaged records."""
    try:
        yield
    except (TypeError, ValueError) as error:
        raise BackendError(
            f"{file} is damaged: its {what} is not readable ({error}); restore the file from a copy"
        ) from error


def update_settings(folder: Path, settings: Mapping[str, Any]) -> None:
    """Change the settings with which a stopped experiment is resumed.

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


def create_database(file: Path, rows: Mapping[str, Iterable[tuple[Any, ...]]]) -> None:
    """Create a database in one transaction.

    Args:
        file: The new file.
        rows: The rows of each table, with a value for every column in `TABLES`.
    """
    file.parent.mkdir(parents=True)
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("begin")
        for table, columns in TABLES.items():
            database.execute(f"create table {table} ({columns})")
        for table, column in INDICES:
            database.execute(f"create index {table}_{column} on {table}({column})")
        for table, entries in rows.items():
            places = ",".join("?" * (TABLES[table].count(",") + 1))
            database.executemany(f"insert into {table} values ({places})", list(entries))
