"""The lock file of a run's directory, which processes share."""

from pathlib import Path
from typing import IO

from .errors import BackendError

__all__ = ["lock_in"]


def lock_in(directory: Path) -> IO[bytes]:
    """Open the lock file of a directory, and make the directory if it does not exist."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        return (directory / "lock").open("ab")
    except OSError as error:
        raise BackendError(
            f"{directory} cannot be written to ({error.strerror}): give another directory"
        ) from error
