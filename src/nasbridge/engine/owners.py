"""Identifying the process that runs a trial, and checking whether it is alive."""

import os
import socket
from pathlib import Path

__all__ = ["owner_id", "is_alive", "is_here"]


def owner_id(pid: int | None = None) -> str:
    """Return a name that no other process has, earlier or later ones included.

    Args:
        pid: The process's number on this host; None for this process.
    """
    number = os.getpid() if pid is None else pid
    return f"{socket.gethostname()}/{number}/{_started(number)}"


def is_here(name: str) -> bool:
    """Return whether a named process is, or was, on this host."""
    return name.partition("/")[0] == socket.gethostname()


def is_alive(name: str) -> bool:
    """Return whether a named process is alive; True for one on another host."""
    if not is_here(name):
        return True
    pid = int(name.split("/")[1])
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it exists, and belongs to another user
    return owner_id(pid) == name


def _started(pid: int) -> str:
    """Return a process's start in kernel ticks: the kernel reuses process numbers."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:  # not Linux, or gone
        return ""
    return stat.rpartition(")")[2].split()[19]
