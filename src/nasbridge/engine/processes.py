"""Which process a trial belongs to, and whether that process still lives."""

import os
import socket
from pathlib import Path

__all__ = ["identity", "is_alive", "is_here"]


def identity(pid: int | None = None) -> str:
    """Name a process so that no other one, before or after, has the same name.

    Args:
        pid: Its number on this host; None for this process.
    """
    number = os.getpid() if pid is None else pid
    return f"{socket.gethostname()}/{number}/{_started(number)}"


def is_here(name: str) -> bool:
    """Tell whether a named process is, or was, one of this host."""
    return name.partition("/")[0] == socket.gethostname()


def is_alive(name: str) -> bool:
    """Tell whether a named process lives; one of another host is believed to."""
    if not is_here(name):
        return True
    pid = int(name.split("/")[1])
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it is somebody else's, so it is there
    return identity(pid) == name


def _started(pid: int) -> str:
    """Return when a process began, in the kernel's ticks; numbers of processes are reused."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:  # not Linux, or gone
        return ""
    return stat.rpartition(")")[2].split()[19]
