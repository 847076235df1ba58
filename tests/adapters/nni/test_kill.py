"""Proposals under NNI are those of a bare search, even if the run, NNI, or both are killed.

The moment is a function call of the run, drawn at random after some trial has ended: in a trial,
between ask and tell, before and after a write, and while NNI starts. NASBRIDGE_KILLS sets the
number of kills.
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
from nasbridge.adapters.nni.database import DATABASE, experiment_in, read_database
from nasbridge.adapters.nni.space import architecture_from
from nasbridge.engine.driver import Silent
from nasbridge.strategies import Trial
from nasbridge.testing import bare_loop, comparable, strategy

pytestmark = [pytest.mark.frameworks, pytest.mark.xdist_group("nni")]

processes = multiprocessing.get_context("forkserver")

EXPERIMENT = Experiment(
    material.chain(),
    material.evaluate_variously,  # trials end in all three states, with reports
    {"score": "max"},
    strategy=strategy("RegularizedEvolution"),
    trials=20,
    seed=3,
    pruner=MedianPruner(startup=3),
)
LOST = 3  # exit code of a run whose manager was killed
KILLS = int(os.environ.get("NASBRIDGE_KILLS", "2"))


class Killer:
    """An observer that kills at a function call, counted once some trials have ended.

    Args:
        who: "run", "manager" or "both".
        trials: Number of trials before the count starts.
        calls: Number of function calls before the kill.
    """

    def __init__(self, who: str, trials: int, calls: int) -> None:
        self._who, self._trials, self._calls = who, trials, calls

    def begun(self, history: History) -> None:
        self._start_if_due()

    def finished(self, trial: Trial) -> None:
        self._trials -= 1
        self._start_if_due()

    def _start_if_due(self) -> None:
        if self._trials == 0:
            sys.setprofile(self._count)

    def _count(self, frame: object, event: str, argument: object) -> None:
        self._calls -= event.endswith("call")
        if self._calls >= 0:
            return
        managers = psutil.Process().children()
        if self._who == "manager" and not managers:
            self._calls = 500  # NNI has not started yet
            return
        sys.setprofile(None)
        for manager in managers if self._who != "run" else ():
            manager.kill()
        if self._who != "manager":
            os.kill(os.getpid(), signal.SIGKILL)


def run_and_kill(directory: Path, killer: Killer) -> None:
    """Run in a separate process."""
    os.setsid()  # so that remaining processes are found by the session
    try:
        EXPERIMENT.run("nni", directory, 0, killer)
    except BackendError:
        sys.exit(LOST)


def left_behind(session: int) -> list[int]:
    """Return the processes of a run that are alive; NNI's manager has its own group."""
    found: list[int] = []
    for process in psutil.process_iter(["pid", "status"]):
        try:
            if os.getsid(process.pid) == session and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except (OSError, psutil.Error):
            continue
    return found


def test_killed_at_random_moments(tmp_path: Path) -> None:
    expected, moments = comparable(bare_loop(EXPERIMENT)), random.Random(5)
    finished, codes, adapter = 0, list[int | None](), backend("nni")
    for turn in range(KILLS):
        who = ("both", "manager", "run")[turn % 3]  # the conformance suite kills the run alone
        killer = Killer(who, moments.randrange(1, 6), moments.randrange(4000))
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
            assert time.monotonic() < deadline, "a process is alive"
            time.sleep(0.05)
        ended = adapter.load(tmp_path).of_state("complete", "pruned", "failed")
        assert len(ended) >= finished  # nothing is lost
        assert comparable(ended) == expected[: len(ended)]
        finished = len(ended)
    assert LOST in codes
    assert 3 <= finished < 20
    assert comparable(EXPERIMENT.run("nni", tmp_path, 1, Silent())) == expected
    check_architectures(tmp_path)


def check_architectures(directory: Path) -> None:
    """Check that NNI stores each trial, begun once or twice, with its own architecture."""
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
    assert shown == set(range(EXPERIMENT.trials or 0))
