"""A run that is killed before NNI receives how a trial ended sends it when it is resumed."""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from nasbridge import Experiment, Integer, RandomSearch, Space
from nasbridge.adapters.nni.relay import Link
from nasbridge.adapters.nni.store import NNIStore
from nasbridge.engine import ActiveTrial
from nasbridge.engine.driver import Silent
from nasbridge.spaces import Architecture
from nasbridge.strategies import Trial

pytestmark = [pytest.mark.frameworks, pytest.mark.xdist_group("nni")]

processes = multiprocessing.get_context("forkserver")
WAITS = "NASBRIDGE_TEST_WAITS"


def evaluate(architecture: Architecture, trial: ActiveTrial) -> dict[str, float]:
    """Return the slope; trial 0 waits if it must be running when the run is killed."""
    if trial.number == 0 and os.environ.get(WAITS):
        time.sleep(100)
    return {"score": float(architecture["slope"])}


EXPERIMENT = Experiment(
    Space({"slope": Integer(1, 40)}), evaluate, {"score": "max"}, RandomSearch(), trials=2, seed=1
)


def run_and_kill(directory: Path) -> None:
    """Run until trial 1 has ended in the history file, and not in NNI."""
    send_end = NNIStore._send_end  # pyright: ignore[reportPrivateUsage]

    def kill(self: NNIStore, trial: Trial, link: Link) -> None:
        if trial.number == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        send_end(self, trial, link)

    NNIStore._send_end = kill  # type: ignore[method-assign] # pyright: ignore[reportPrivateUsage]
    os.environ[WAITS] = "1"
    EXPERIMENT.run("nni", directory, 2, Silent())


def test_a_missed_end_is_sent_when_the_run_is_resumed(
    tmp_path: Path, jobs_in: Callable[[Path], dict[int, Any]]
) -> None:
    """Trial 0 is still running at the kill, so NNI restarts the processes of both trials."""
    process = processes.Process(target=run_and_kill, args=(tmp_path,))
    process.start()
    below = wait_for_manager(process)
    process.join(90)
    assert process.exitcode == -signal.SIGKILL
    assert not psutil.wait_procs(below, 10)[1]
    assert {number: job.status for number, job in jobs_in(tmp_path).items()} == {
        0: "RUNNING",
        1: "RUNNING",
    }
    history = EXPERIMENT.run("nni", tmp_path, 0, Silent())  # one trial waits for the other
    assert [trial.state for trial in history] == ["complete"] * 2
    shown = {n: (job.status, job.final["default"]) for n, job in jobs_in(tmp_path).items()}
    assert shown == {t.number: ("SUCCEEDED", t.values["score"]) for t in history}


def wait_for_manager(process: Any) -> list[psutil.Process]:
    """Return the processes below a run once NNI has started."""
    deadline = time.monotonic() + 60
    while not (below := psutil.Process(process.pid).children()):
        assert time.monotonic() < deadline, "NNI does not start"
        time.sleep(0.05)
    return below
