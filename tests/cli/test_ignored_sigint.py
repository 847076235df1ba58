"""Ctrl-C ends a command that was started with SIGINT ignored, as a shell's background job is."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from nasbridge.runs import load_run

SHELL = """trap '' INT; exec "$@" """


def test_ctrl_c_ends_a_run_that_was_started_with_sigint_ignored(folder: Path) -> None:
    run = [sys.executable, "-m", "nasbridge", "run", "toy.py", "--directory", "d", "--jobs", "1"]
    process = subprocess.Popen(
        ["sh", "-c", SHELL, "sh", *run],
        cwd=folder,
        env={**os.environ, "PACE": "0.15", "KERAS_BACKEND": "numpy"},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while not (folder / "evaluated").exists():
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode in {128 + signal.SIGINT, -signal.SIGINT}, stderr
    assert "nasbridge resume d" in stderr
    assert load_run(folder / "d").of_state("running")
