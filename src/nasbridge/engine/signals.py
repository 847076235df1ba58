"""Deferring SIGINT and SIGTERM until a write is complete."""

import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType
from typing import Any

__all__ = ["interruptible", "uninterrupted"]

Handler = Callable[[int, FrameType | None], Any]


@contextmanager
def uninterrupted() -> Generator[None]:
    """Defer SIGINT and SIGTERM while the context lasts, and deliver them on exit.

    A second signal is delivered at once. Outside the main thread, where Python handles no signals,
    nothing is deferred.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before: dict[int, Handler] = {}
    held: list[int] = []

    def hold(number: int, frame: FrameType | None) -> None:
        if held:
            before[number](number, frame)
        held.append(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        handler = signal.getsignal(number)
        if callable(handler):  # neither ignored nor the system's default
            before[number] = handler
            signal.signal(number, hold)
    try:
        yield
    finally:
        for caught, handler in before.items():
            signal.signal(caught, handler)
        if held:
            signal.raise_signal(held[0])


@contextmanager
def interruptible() -> Generator[None]:
    """Let SIGINT raise KeyboardInterrupt, even if the process was started with SIGINT ignored.

    Shells start background jobs with SIGINT ignored, so a wait "until Ctrl-C" would not end there.
    A handler that is not "ignore" stays, and so do handlers outside the main thread. The previous
    handler is restored.
    """
    if (
        threading.current_thread() is not threading.main_thread()
        or signal.getsignal(signal.SIGINT) is not signal.SIG_IGN
    ):
        yield
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
