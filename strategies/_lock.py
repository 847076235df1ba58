"""Keeping two processes off one file."""

from typing import IO, Any

__all__ = ["try_lock"]


def try_lock(file: IO[Any]) -> bool:
    """Lock an open file until it is closed, or the process ends in whatever way.

    Returns:
        Whether the lock was free. Always True on Windows, where nothing is locked.
    """
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
