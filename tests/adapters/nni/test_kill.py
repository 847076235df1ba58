"""Sixty proposals under NNI are those of a bare search, when the run, NNI, or both are killed.

A moment is a function call of the run, drawn at random after some trial has ended: in a trial,
between ask and tell, before a write and after it, and while NNI starts.
"""

import multiprocessing
import os
import random
import signal
import sys
import time
from pathlib import Path

import psutil
import pytest

from nasbridge import BackendError, Experiment, History, MedianPruner
from nasbridge import testing as material
from nasbridge.adapters import backend
from nasbridge.adapters.nni.architecture import architecture_from
from nasbridge.adapters.nni.trials import DATABASE, experiment_in, read_database
from nasbridge.engine import Silent
from nasbridge.strategies import Trial
from nasbridge.testing import bare_loop, comparable, strategy

pytestmark = [pytest.mark.frameworks, pytest.mark.xdist_group("nni")]

processes = multiprocessing.get_context("forkserver")

EXPERIMENT = Experiment(
    material.chain(),
    material.evaluate_variously,  # trials end in all three ways, and report on their way
    {"score": "max"},
    strategy=strategy("RegularizedEvolution"),
    trials=60,
    seed=3,
    pruner=MedianPruner(startup=3),
)
LOST = 3  # exit code when NNI was killed below the run


class Killer:
    """Kills at a function call, counted from when some trials have ended.

    Args:
        who: "run", "manager" or "both".
        trials: How many trials end before it counts.
        calls: How many calls it counts.
    """

    def __init__(self, who: str, trials: int, calls: int) -> None:
        self._who, self._trials, self._calls = who, trials, calls

    def begun(self, history: History) -> None:
        self._look()

    def finished(self, trial: Trial) -> None:
        self._trials -= 1
        self._look()

    def _look(self) -> None:
        if self._trials == 0:
            sys.setprofile(self._count)

    def _count(self, frame: object, event: str, argument: object) -> None:
        self._calls -= event.endswith("call")
        if self._calls >= 0:
            return
        managers = psutil.Process().children()
        if self._who == "manager" and not managers:
            self._calls = 500  # it has not begun: look again
            return
        sys.setprofile(None)
        for manager in managers if self._who != "run" else ():
            manager.kill()
        if self._who != "manager":
            os.kill(os.getpid(), signal.SIGKILL)


def run_and_kill(directory: Path, killer: Killer) -> None:
    """Runs in a process of its own."""
    os.setsid()  # whatever it leaves behind can be found by its session
    try:
        EXPERIMENT.run("nni", directory, 0, killer)
    except BackendError:
        sys.exit(LOST)


def left_behind(session: int) -> list[int]:
    """The processes below a run that still live; NNI's manager has a group of its own."""
    found: list[int] = []
    for process in psutil.process_iter(["pid", "status"]):
        try:
            if os.getsid(process.pid) == session and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except (OSError, psutil.Error):
            continue
    return found


def test_killed_at_ten_moments(tmp_path: Path) -> None:
    expected, moments = comparable(bare_loop(EXPERIMENT)), random.Random(5)
    finished, codes, adapter = 0, list[int | None](), backend("nni")
    for turn in range(10):
        who = ("run", "manager", "both")[turn % 3]
        killer = Killer(who, moments.randrange(6), moments.randrange(4000))
        process = processes.Process(target=run_and_kill, args=(tmp_path, killer))
        process.start()
        process.join(90)
        if process.exitcode is None:
            process.kill()
            pytest.fail("the process hangs")
        assert process.exitcode in (LOST, -signal.SIGKILL), process.exitcode
        codes.append(process.exitcode)
        deadline = time.monotonic() + 20
        while left_behind(process.pid or 0):
            assert time.monotonic() < deadline, "something lives on"
            time.sleep(0.05)
        ended = adapter.load(tmp_path).of_state("complete", "pruned", "failed")
        assert len(ended) >= finished  # nothing is lost
        assert comparable(ended) == expected[: len(ended)]
        finished = len(ended)
    assert codes.count(LOST) >= 2
    assert 10 < finished < 60
    assert comparable(EXPERIMENT.run("nni", tmp_path, 1, Silent())) == expected
    assert_nothing_is_shifted(tmp_path)


def assert_nothing_is_shifted(directory: Path) -> None:
    """Whatever NNI shows of a trial, begun once or twice, is the architecture of its number."""
    history = backend("nni").load(directory)
    known = {trial.number: trial for trial in history}
    experiment = experiment_in(directory / "nni")
    assert experiment is not None
    shown = set[int]()
    for job in read_database(directory / "nni" / experiment / DATABASE).jobs:
        assert job.record is not None
        number = job.record["parameter_id"]
        architecture = architecture_from(job.record["parameters"], history.space)
        assert architecture == known[number].architecture
        if job.final is not None:
            assert job.final["default"] == known[number].values["score"]
        shown.add(number)
    assert shown == set(range(60))
