"""The directory of a run, as the processes that work in it share it."""

from pathlib import Path
from typing import IO

from .errors import BackendError

__all__ = ["lock_in"]


def lock_in(directory: Path) -> IO[bytes]:
    """Open the file by which the processes that work in a directory know of each other."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        return (directory / "lock").open("ab")
    except OSError as error:
        raise BackendError(
            f"{directory} cannot be written to ({error.strerror}): give another directory"
        ) from error
