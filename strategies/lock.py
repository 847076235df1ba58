"""Advisory file locks."""

from typing import IO, Any

__all__ = ["share_lock", "try_lock"]


def try_lock(file: IO[Any]) -> bool:
    """Lock an open file without waiting, until the file is closed or the process ends.

    Returns:
        Whether the lock was acquired. Always True on Windows, which has no `flock`.
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
    """Acquire a shared lock on an open file; wait while another process holds it exclusively.

    An exclusive lock held by the caller is downgraded to a shared one. No effect on Windows.
    """
    try:
        import fcntl
    except ImportError:
        return
    fcntl.flock(file, fcntl.LOCK_SH)
