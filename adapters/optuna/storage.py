"""Opening storages: SQLite for several processes, and the storage of a run's directory."""

import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar
from urllib.parse import quote

from optuna.exceptions import DuplicatedStudyError
from optuna.storages import BaseStorage, RDBStorage

from ...engine.errors import BackendError
from ...engine.run_note import find_note
from ...engine.secrets import masked

__all__ = [
    "STUDY_NAME",
    "Storage",
    "default_storage",
    "describe_error",
    "describe_storage",
    "find_storage",
    "open_for_reading",
    "open_storage",
    "with_retries",
]

Storage = str | Path | BaseStorage | None
"""An Optuna storage, its URL, the file of a run's own SQLite database, or None for memory."""

Result = TypeVar("Result")

STUDY_NAME = "nasbridge"  # the default
DATABASE = "study.db"
BUSY_TIMEOUT = 60  # seconds to wait for other processes to finish writing
RETRY_SECONDS = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2)  # between attempts to create tables
RACE_MESSAGES = ("already exists", "unique constraint", "duplicate", "locked")


def default_storage(storage: str | BaseStorage | None, directory: Path | None) -> Storage:
    """Return the storage of a run: by default a database in its directory, if it has one."""
    return directory / DATABASE if storage is None and directory is not None else storage


def find_storage(
    location: Path | str, study_name: str, given: str | None = None
) -> tuple[Storage, str]:
    """Return the storage and the study's name of a storage URL or a run's directory.

    Args:
        location: The URL or directory.
        study_name: The study's name, unless the run has another.
        given: The URL of the run's storage. The one that the note of a directory names is not
            opened, because the directory may be a stranger's.

    Raises:
        BackendError: The directory holds no study.
        ExperimentError: The run's note is damaged.
    """
    if "://" in str(location):
        return str(location), study_name
    note, database = find_note(Path(location)), Path(location) / DATABASE
    options: Mapping[str, Any] = {} if note is None else note.options
    named = options.get("storage")
    if named and given is None:
        raise BackendError(
            f"the note of {location} names the storage {describe_storage(named)}, which is not "
            "opened unless you ask for it: if you trust it, pass its URL, as "
            "load(directory, storage=URL)"
        )
    storage: str | Path = given or database
    if note is not None and "storage" in note.left_out:
        raise BackendError(
            f"the trials of {location} are in a storage object of the program that ran them, not "
            "in the directory: write them to a file there with "
            "nasbridge.adapters.optuna.load(optuna.load_study(study_name="
            f"{options.get('study_name', study_name)!r}, storage=...)).save('history.jsonl'); "
            "reports and moves can start from that file"
        )
    if storage is database and not database.exists():
        raise BackendError(
            f"{location} holds no study, because it has no {DATABASE}: pass the directory= of a "
            "run, a storage's URL, or a study"
        )
    return storage, options.get("study_name", study_name)


@contextmanager
def open_storage(storage: Storage) -> Generator[BaseStorage | str | None]:
    """Open a storage for Optuna, and close it afterwards if it was opened here.

    Processes that share an SQLite database wait for each other instead of failing. A run's own
    database has a write-ahead log besides: readers such as the dashboard block no writer, and a
    commit, of which each trial needs a dozen, does not wait for the disk. Commits survive a kill of
    the process; a power failure may lose the latest ones. While a process has the database open,
    it includes two more files, which end in -wal and -shm.

    Args:
        storage: The storage.

    Raises:
        BackendError: The storage cannot be opened.
    """
    settings: dict[str, Any]
    if isinstance(storage, Path):
        url = (
            f"sqlite:///{quote(str(storage.resolve()))}"  # for messages: `_connect` opens the file
        )
        settings = {"creator": partial(_connect, storage.resolve())}
    elif isinstance(storage, str) and storage.startswith("sqlite:"):
        url, settings = storage, {"connect_args": {"timeout": BUSY_TIMEOUT}}
    else:
        yield storage
        return
    try:
        opened = with_retries(lambda: RDBStorage(url, engine_kwargs=settings))
    except Exception as error:  # each database has its own errors
        raise BackendError(
            f"the storage {describe_storage(storage)} cannot be opened ({describe_error(error)}): "
            "check its URL or path, and that it is writable"
        ) from error
    try:
        yield opened
    finally:
        opened.remove_session()
        opened.engine.dispose()


@contextmanager
def open_for_reading(storage: Storage) -> Generator[BaseStorage | str | None]:
    """Open a storage as `open_storage` does, also a database that this process cannot write.

    Optuna and SQLite's write-ahead log need to write even where trials are only read, so such a
    database is copied.

    Args:
        storage: The storage.

    Raises:
        BackendError: The storage cannot be opened.
    """
    file = _file_of(storage)
    with ExitStack() as stack:
        if file is not None and file.is_file() and not _is_writable(file):
            place = Path(stack.enter_context(TemporaryDirectory(prefix="nasbridge-")))
            for suffix in ("", "-wal", "-journal"):  # the last two exist while a process writes
                part = file.with_name(file.name + suffix)
                if part.exists():
                    shutil.copyfile(part, place / (DATABASE + suffix))
            storage = place / DATABASE
        yield stack.enter_context(open_storage(storage))


def _file_of(storage: Storage) -> Path | None:
    """Return the file of an SQLite database; None for other storages."""
    if isinstance(storage, str) and storage.startswith("sqlite:///"):
        return Path(storage.removeprefix("sqlite:///").partition("?")[0])
    return storage if isinstance(storage, Path) else None


def _is_writable(file: Path) -> bool:
    return os.access(file, os.W_OK) and os.access(file.parent, os.W_OK)


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection


def with_retries(connect: Callable[[], Result]) -> Result:
    """Open a database or create a study, and retry while another process is doing the same.

    Optuna creates its tables without a lock, so that the second of two processes fails once.
    """
    for seconds in RETRY_SECONDS:
        try:
            return connect()
        except DuplicatedStudyError:
            raise
        except Exception as error:  # each database has its own errors
            if not any(race in f"{error} {error.__cause__}".lower() for race in RACE_MESSAGES):
                raise
            time.sleep(seconds)
    return connect()


def describe_error(error: Exception) -> str:
    """Return the class and the text of a database's error, without passwords."""
    return masked(f"{type(error).__name__}: {error}")


def describe_storage(storage: object) -> str:
    """Return what messages call a storage: its URL, if it has one, without the password."""
    return masked(str(getattr(storage, "url", None) or storage))
