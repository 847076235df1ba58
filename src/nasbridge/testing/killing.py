"""Killing runs: at a write, at a random function call, or during a trial."""

import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, cast, final

__all__ = ["Fault", "kill_in_a_trial", "run_until_call", "run_until_fault"]


def _kill_this_process() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@final
@dataclass(frozen=True)
class Fault:
    """A call at which a process is killed with SIGKILL.

    Attributes:
        target: The function, as "module:name" or "module:Class.method". It must be called through
            that module or class.
        call: Which call is fatal, from 1.
        when: Whether the process is killed before the function runs, or after it returns.

    Example:
        >>> Fault("os:replace", call=2, when="after")
        Fault(target='os:replace', call=2, when='after')
    """

    target: str
    call: int = 1
    when: Literal["before", "after"] = "before"

    def inject(self) -> None:
        """Patch the function in this process.

        Raises:
            AttributeError: The function does not exist.
        """
        module, _, path = self.target.partition(":")
        *owners, name = path.split(".")
        owner: Any = import_module(module)
        for attribute in owners:
            owner = getattr(owner, attribute)
        original, calls = getattr(owner, name), 0

        @wraps(original)
        def patched(*args: Any, **kwargs: Any) -> Any:
            nonlocal calls
            calls += 1
            fatal = calls == self.call
            if fatal and self.when == "before":
                _kill_this_process()
            result = original(*args, **kwargs)
            if fatal:
                _kill_this_process()
            return result

        setattr(owner, name, patched)


def run_until_fault(run: Callable[[], object], fault: Fault) -> None:
    """Run in this process until a fault kills it.

    Args:
        run: What to run.
        fault: The call that is fatal.
    """
    os.setsid()  # processes that it leaves behind are found by their session
    fault.inject()
    run()


def run_until_call(run: Callable[[], object], calls: int) -> None:
    """Run in this process until a number of function calls, then kill it with SIGKILL.

    Args:
        run: What to run.
        calls: Number of calls, of Python and C functions, before the fatal one.
    """
    os.setsid()
    left = calls

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal left
        left -= event.endswith("call")
        if left < 0:
            _kill_this_process()

    sys.setprofile(count)
    run()


CHILD = """
import pickle, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in a shell's background jobs
pickle.load(sys.stdin.buffer)()
"""


def kill_in_a_trial(
    run: Callable[[], object], directory: Path, how: signal.Signals, seconds: float = 120
) -> None:
    """Run in a new process, and end it while a trial of `Waiting` blocks.

    Args:
        run: What to run; it must go through pickle.
        directory: A directory above those of the trials.
        how: The signal that ends the process group.
        seconds: Time limit for reaching the trial, and for the end of the process.

    Raises:
        RuntimeError: The process ended, or the time was up, before the trial blocked.
        subprocess.TimeoutExpired: The process did not end.
    """
    with (directory / "output.txt").open("w+") as output:
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            with cast(Any, child.stdin) as pipe:
                pickle.dump(run, pipe)
            deadline = time.monotonic() + seconds
            while not list(directory.rglob("reached")):
                if child.poll() is not None or time.monotonic() > deadline:
                    output.seek(0)
                    raise RuntimeError(f"the trial did not begin:\n{output.read()}")
                time.sleep(0.02)
            os.killpg(child.pid, how)
            child.wait(seconds)
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
