"""Ctrl-C and SIGTERM: a run ends cleanly, and nothing is lost."""

import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from nasbridge.runs import load_run

Run = Callable[..., subprocess.CompletedProcess[str]]
Start = Callable[..., subprocess.Popen[str]]
Stop = Callable[..., str]
Outcomes = Callable[[str], list[tuple[Any, ...]]]
Edit = Callable[[str, str], None]


@pytest.mark.parametrize("jobs", [0, 1])
@pytest.mark.parametrize("backend", ["local", "optuna"])
def test_ctrl_c_loses_nothing(
    folder: Path, nasbridge: Run, stop: Stop, outcomes: Outcomes, backend: str, jobs: int
) -> None:
    options = ("--backend", backend, "--trials", 12)
    nasbridge("run", "toy.py", *options, "--directory", "whole")
    stderr = stop("run", "toy.py", *options, "--directory", "d", "--jobs", jobs, trials=5)
    assert "nasbridge resume d" in stderr
    before = load_run(folder / "d")
    assert 4 <= len(before.of_state("complete", "failed")) < 12
    assert len(before.of_state("running")) == 1

    nasbridge("resume", "d", "--experiment", "toy.py")
    assert outcomes("d") == outcomes("whole")
    evaluated = (folder / "evaluated").read_text().split()
    assert len(evaluated) - len(set(evaluated)) == 1  # the interrupted one


@pytest.mark.parametrize("backend", ["local", "optuna"])
def test_ctrl_c_with_two_workers_loses_nothing(
    nasbridge: Run, stop: Stop, outcomes: Outcomes, edit: Edit, backend: str
) -> None:
    edit("RegularizedEvolution(6, 3)", "RandomSearch()")  # does not depend on the order of ends
    options = ("--backend", backend, "--trials", 12, "--jobs", 2)
    nasbridge("run", "toy.py", *options, "--directory", "whole")
    stop("run", "toy.py", *options, "--directory", "d", trials=5)
    nasbridge("resume", "d", "--experiment", "toy.py")
    assert sorted(outcomes("d"), key=str) == sorted(outcomes("whole"), key=str)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_workers_are_ended(start: Start, how: signal.Signals) -> None:
    process = start("run", "toy.py", "--directory", "d", "--jobs", 2, trials=3)
    workers = psutil.Process(process.pid).children(recursive=True)
    assert len(workers) >= 2
    process.send_signal(how)  # to the parent only, as `kill` and `timeout` do
    _, stderr = process.communicate(timeout=60)
    assert process.returncode in {128 + how, -how}
    assert "nasbridge resume d" in stderr
    assert not psutil.wait_procs(workers, timeout=10)[1]


def test_a_second_ctrl_c_ends_at_once(
    folder: Path, start: Start, outcomes: Outcomes, edit: Edit
) -> None:
    edit(
        "    width = ",
        "    try: time.sleep(60)\n"
        "    except KeyboardInterrupt:\n"
        "        Path('stubborn').touch()\n"
        "        time.sleep(60)\n"
        "    width = ",
    )
    process = start("run", "toy.py", "--directory", "d", trials=1)
    time.sleep(0.5)  # `evaluate` first sleeps for 0.15 s, its PACE
    process.send_signal(signal.SIGINT)
    end = time.monotonic() + 60
    while not (folder / "stubborn").exists() and time.monotonic() < end:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == -signal.SIGINT
    assert [state for _, state, *_ in outcomes("d")] == ["running"]
