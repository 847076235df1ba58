"""Keeping two processes off one file."""

from typing import IO, Any

__all__ = ["share_lock", "try_lock"]


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


def share_lock(file: IO[Any]) -> None:
    """Share the lock of an open file with others, waiting for one who has it alone.

    Who has it alone gives that up, and keeps a share. Does nothing on Windows.
    """
    try:
        import fcntl
    except ImportError:
        return
    fcntl.flock(file, fcntl.LOCK_SH)
