"""How the conformance suite kills runs: at a function call, or in a trial that waits for it."""

import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

__all__ = ["kill_in_a_trial", "run_until"]


def run_until(run: Callable[[], object], calls: int) -> None:
    """Run in a process of one's own, which dies at a function call as if it were killed.

    Args:
        run: What to run.
        calls: How many calls, of functions in Python or not, come before the one that is fatal.
    """
    os.setsid()  # whatever it leaves behind can be found by its session
    left = calls

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal left
        left -= event.endswith("call")
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(count)
    run()


CHILD = """
import pickle, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored below a job in the background
pickle.load(sys.stdin.buffer)()
"""


def kill_in_a_trial(
    run: Callable[[], object], directory: Path, how: signal.Signals, seconds: float = 120
) -> None:
    """Run in another process, and end that while a trial of `Waiting` waits.

    Args:
        run: What to run; goes through pickle.
        directory: Where below trials have their directories.
        how: The signal.
        seconds: How long it may take until the trial begins, and until the process ends.

    Raises:
        RuntimeError: The trial did not begin.
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
