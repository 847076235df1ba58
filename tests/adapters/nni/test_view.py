"""On the command line: the web UI stays with `keep`, and `nasbridge view` shows it again."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from nasbridge.adapters.nni.manager import free_port

pytestmark = [pytest.mark.frameworks, pytest.mark.xdist_group("nni_view")]

FILE = """
from nasbridge import Experiment, Integer, RandomSearch, Space

def evaluate(architecture, trial):
    return {"score": float(architecture["x"])}

experiment = Experiment(
    Space({"x": Integer(1, 99)}), evaluate, {"score": "max"}, strategy=RandomSearch(), trials=3
)
"""


def environment(folder: Path, temporary: Path) -> dict[str, str]:
    """Return an environment with its own home folder and temporary directory."""
    home = folder / "home"
    for place in (home, temporary):
        place.mkdir(exist_ok=True)
    return {**os.environ, "HOME": str(home), "TMPDIR": str(temporary)}


@contextmanager
def nasbridge(folder: Path, *arguments: str, temporary: str = "temporary") -> Generator[None]:
    """Run a command of nasbridge, then press Ctrl-C, which must end all of its processes."""
    command = [sys.executable, "-m", "nasbridge", *arguments]
    printed = folder / "printed"
    places = environment(folder, folder / temporary)
    with printed.open("w") as stream:
        process = subprocess.Popen(command, cwd=folder, env=places, stderr=stream)
    try:
        yield
        deadline = time.monotonic() + 30
        while "until Ctrl-C" not in printed.read_text():  # earlier, Ctrl-C would interrupt the run
            assert time.monotonic() < deadline, printed.read_text()
            time.sleep(0.1)
        below = psutil.Process(process.pid).children()
        assert below
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
        assert not psutil.wait_procs(below, 10)[1]
    finally:
        process.kill()
        process.wait()


def request(port: int, path: str) -> Any:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/nni/{path}", timeout=10) as answer:
        return json.load(answer)


def wait_for(port: int, wanted: str) -> None:
    deadline, status = time.monotonic() + 90, ""
    while status != wanted:
        assert time.monotonic() < deadline, status
        time.sleep(0.1)
        with suppress(OSError, ValueError):  # the server has not started yet
            status = request(port, "check-status")["status"]


def values(port: int) -> list[float]:
    jobs = request(port, "trial-jobs")
    return [json.loads(json.loads(job["finalMetricData"][0]["data"]))["default"] for job in jobs]


def test_the_web_ui_stays_and_comes_back(tmp_path: Path) -> None:
    (tmp_path / "search.py").write_text(FILE)
    run = "run", "search.py", "--backend", "nni", "--directory", "run"
    port = free_port()
    with nasbridge(tmp_path, *run, "--option", f"port={port}", "--option", "keep=true"):
        wait_for(port, "DONE")
        kept = values(port)
        assert len(kept) == 3
    assert "3 trials, the best has {'score': " in (tmp_path / "printed").read_text()
    port = free_port()
    # by the experiment's own folder, below the temporary directory: its entry existed before
    (folder,) = {file.resolve().parent.parent for file in tmp_path.glob("run/nni/*/db/*.sqlite")}
    with nasbridge(tmp_path, "view", str(folder), "--port", str(port), temporary="."):
        wait_for(port, "VIEWED")
        assert values(port) == kept
    known = json.loads((tmp_path / "home" / "nni-experiments" / ".experiment").read_text())
    (entry,) = known.values()  # so nnictl finds it
    assert (entry["status"], entry["logDir"]) == ("STOPPED", str(tmp_path / "run" / "nni"))
