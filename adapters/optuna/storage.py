"""Storages: SQLite such as several processes need it, and first contact with a new database."""

import sqlite3
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from optuna.exceptions import DuplicatedStudyError
from optuna.storages import BaseStorage, RDBStorage

from ...engine.errors import BackendError

__all__ = ["Storage", "name_of", "opened", "patiently"]

Storage = str | Path | BaseStorage | None
"""Any storage of Optuna, its URL, the file of an SQLite database of ours, or None for memory."""

Result = TypeVar("Result")

BUSY = 60  # seconds that a process waits for others to finish writing
WAITS = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2)  # seconds between attempts at first contact
RACES = ("already exists", "unique constraint", "duplicate", "locked")


@contextmanager
def opened(storage: Storage) -> Generator[BaseStorage | str | None]:
    """Open a storage for Optuna, and close it afterwards if that is ours to do.

    With SQLite, processes wait for each other instead of failing. A database of ours has a
    write-ahead log besides: readers such as the dashboard stop no writer, and a commit, of which
    each trial needs a dozen, need not wait for the disk. What is written survives the death of
    the process; a loss of power may cost the last moments. While a process has it open, the file
    has companions that end in -wal and -shm and belong to it.

    Args:
        storage: The storage.

    Raises:
        BackendError: It cannot be opened.
    """
    settings: dict[str, Any]
    if isinstance(storage, Path):
        url = f"sqlite:///{quote(str(storage.resolve()))}"  # for show: `_connect` does the rest
        settings = {"creator": partial(_connect, storage.resolve())}
    elif isinstance(storage, str) and storage.startswith("sqlite:"):
        url, settings = storage, {"connect_args": {"timeout": BUSY}}
    else:
        yield storage
        return
    try:
        made = patiently(lambda: RDBStorage(url, engine_kwargs=settings))
    except Exception as error:  # each database has errors of its own
        raise BackendError(
            f"the storage {storage} cannot be opened ({type(error).__name__}: {error}): is it "
            "right, and may it be written to?"
        ) from error
    try:
        yield made
    finally:
        made.remove_session()
        made.engine.dispose()


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection


def patiently(contact: Callable[[], Result]) -> Result:
    """Make first contact with a database, again where another process is just doing the same.

    Optuna makes its tables without regard to others; who comes second fails, once.

    Args:
        contact: Opens the database, or makes a study in it.
    """
    for wait in WAITS:
        try:
            return contact()
        except DuplicatedStudyError:
            raise
        except Exception as error:  # each database has errors of its own
            if not any(race in f"{error} {error.__cause__}".lower() for race in RACES):
                raise
            time.sleep(wait)
    return contact()


def name_of(storage: object) -> str:
    """Return what messages call a storage."""
    return str(getattr(storage, "url", None) or storage)
