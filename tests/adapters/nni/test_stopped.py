"""The process that stands for a trial in NNI ends too early, or never comes.

Somebody kills a trial in the web UI, with nnictl or by a signal; its process breaks down; NNI is
killed below a trial; or the process does not begin. NNI and our history tell the same of it.
"""

import json
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from nasbridge import BackendError, Experiment, History, Integer, RandomSearch, Space
from nasbridge.adapters import backend
from nasbridge.adapters.nni import client, manager, store
from nasbridge.adapters.nni.manager import COMMAND, free_port
from nasbridge.adapters.nni.trials import DATABASE, Job, experiment_in, read_database
from nasbridge.engine import ActiveTrial, Silent
from nasbridge.spaces import Architecture
from nasbridge.testing import bare_loop, comparable

pytestmark = [pytest.mark.frameworks, pytest.mark.xdist_group("nni")]

SPACE = Space({"slope": Integer(1, 40)})
FOREVER = 100  # seconds


def experiment(evaluate: Callable[..., Any], trials: int) -> Experiment:
    return Experiment(SPACE, evaluate, {"score": "max"}, RandomSearch(), trials=trials, seed=1)


def stored_in(directory: Path) -> dict[int, Job]:
    """What NNI has stored, by the numbers of our trials."""
    known = experiment_in(directory / "nni")
    assert known is not None
    jobs = read_database(directory / "nni" / known / DATABASE).jobs
    return {job.record["parameter_id"]: job for job in jobs if job.record is not None}


def below(process: psutil.Process, number: int) -> psutil.Process | None:
    """The process that stands for a trial, by the number that NNI gives it."""
    for child in process.children(recursive=True):
        with suppress(psutil.Error):
            if child.environ().get("NNI_TRIAL_SEQ_ID") == str(number):
                return child
    return None


def kill_own(number: int) -> None:
    """Kill the process of the trial that runs in this process."""
    time.sleep(0.5)  # its last report is on its way
    stands = below(psutil.Process(), number)
    assert stands is not None
    stands.kill()
    time.sleep(0.5)  # until everybody has seen it


def check_agreement(directory: Path, history: History, states: list[tuple[str, str]]) -> None:
    """Compare our states and NNI's, and what either has stored of reports and values."""
    shown, alone = stored_in(directory), backend("nni").load(directory / "nni", SPACE)
    by_number = sorted(history, key=lambda trial: trial.number)
    assert [(t.state, shown[t.number].status) for t in by_number] == states
    for ours, theirs in zip(by_number, sorted(alone, key=lambda t: t.number), strict=True):
        assert (ours.architecture, ours.state) == (theirs.architecture, theirs.state)
        assert [step.metrics["score"] for step in ours.curve] == [
            step.metrics["default"] for step in theirs.curve
        ]
        if ours.state != "failed":
            assert ours.values["score"] == theirs.values["default"]
    again = History.load(directory / "history.jsonl")
    assert comparable(again) == comparable(history)
    assert [trial.curve for trial in again] == [trial.curve for trial in history]


# ---------------------------------------------------------------------- killed by somebody


def evaluate_and_wait(architecture: Architecture, trial: ActiveTrial) -> dict[str, float]:
    """Wait to be killed, for longer than the test lasts; only the fourth one ends by itself."""
    slope = float(architecture["slope"])
    for step in range({0: 2, 1: 0, 2: 1, 3: 3, 4: 1}[trial.number]):
        trial.report(step, score=slope * (step + 1))
    (trial.directory / "waits").touch()
    time.sleep(0 if trial.number == 3 else FOREVER)
    return {"score": slope * 3}


class Somebody(threading.Thread):
    """Kills trials when they wait: in the web UI, with nnictl and by a signal."""

    def __init__(self, directory: Path, port: int) -> None:
        super().__init__(daemon=True)
        self._directory, self._port = directory, port
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            for number, kill in enumerate((self._in_the_ui, self._with_nnictl, self._by_signal)):
                waits = self._directory / "trials" / f"{number:05d}" / "waits"
                deadline = time.monotonic() + 90
                while not waits.exists():
                    assert time.monotonic() < deadline, f"trial {number} does not begin"
                    time.sleep(0.1)
                time.sleep(0.3)  # its last report is on its way
                kill(number)
        except Exception as error:
            self.error = error

    def _job(self, number: int) -> str:
        address = f"http://127.0.0.1:{self._port}/api/v1/nni/trial-jobs"
        with urllib.request.urlopen(address, timeout=10) as answer:
            jobs = {job["sequenceId"]: str(job["trialJobId"]) for job in json.load(answer)}
        return jobs[number]

    def _in_the_ui(self, number: int) -> None:
        """Ask as the page does when its button is pressed."""
        address = f"http://127.0.0.1:{self._port}/api/v1/nni/trial-jobs/{self._job(number)}"
        urllib.request.urlopen(urllib.request.Request(address, method="DELETE"), timeout=10).close()

    def _with_nnictl(self, number: int) -> None:
        known = experiment_in(self._directory / "nni")
        command = ["nnictl", "trial", "kill", str(known), "--trial_id", self._job(number)]
        subprocess.run([sys.executable, "-m", "nasbridge", *command], check=True, timeout=60)

    def _by_signal(self, number: int) -> None:
        stands = below(psutil.Process(), number)
        assert stands is not None
        stands.kill()


def test_a_killed_trial_is_stopped_in_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its last value like one that was pruned, or failed if it had reported none."""
    # The last one breaks down by itself, which is not the same.
    client = COMMAND.removeprefix("exec ")
    broken = f'if test "$NNI_TRIAL_SEQ_ID" = 4; then timeout 3 {client}; else {COMMAND}; fi'
    monkeypatch.setattr(manager, "COMMAND", broken)
    somebody, began = Somebody(tmp_path, port := free_port()), time.monotonic()
    somebody.start()
    history = experiment(evaluate_and_wait, 5).run("nni", tmp_path, 2, Silent(), port=port)
    assert somebody.error is None
    assert time.monotonic() - began < FOREVER  # nobody waited for it
    states = [
        ("pruned", "USER_CANCELED"),
        ("failed", "USER_CANCELED"),
        ("pruned", "USER_CANCELED"),
        ("complete", "SUCCEEDED"),
        ("failed", "FAILED"),
    ]
    check_agreement(tmp_path, history, states)
    trials = {trial.number: trial for trial in history}
    for number, steps in ((0, 2), (2, 1)):
        assert trials[number].values == {"score": trials[number].architecture["slope"] * steps}
        assert "killed, in the web UI, by nnictl or by a signal" in trials[number].notes["stopped"]
    assert "(USER_CANCELED)" in trials[1].notes["error"]
    assert "(FAILED)" in trials[4].notes["error"]


def evaluate_and_kill(architecture: Architecture, trial: ActiveTrial) -> dict[str, float]:
    """Is killed between two reports, after the last one, before the first one, and not at all."""
    slope = float(architecture["slope"])
    for step in range(3):
        if trial.number == 0 and step == 2:
            kill_own(0)
        if trial.number != 2:
            trial.report(step, score=slope * (step + 1))
    if trial.number in (1, 2):
        kill_own(trial.number)
    return {"score": slope * 3}


def test_in_the_runs_own_process_a_killed_trial_says_no_more(tmp_path: Path) -> None:
    history = experiment(evaluate_and_kill, 4).run("nni", tmp_path, 0, Silent())
    states = [
        ("pruned", "USER_CANCELED"),
        ("pruned", "USER_CANCELED"),
        ("failed", "USER_CANCELED"),
        ("complete", "SUCCEEDED"),
    ]
    check_agreement(tmp_path, history, states)
    assert [len(trial.curve) for trial in history] == [2, 3, 0, 3]


# ---------------------------------------------------------------------- NNI is killed below it


def evaluate_slowly(architecture: Architecture, trial: ActiveTrial) -> dict[str, float]:
    slope, killed = float(architecture["slope"]), trial.directory / "killed"
    for step in range(3):
        if trial.number == 1 and step == 1 and not killed.exists():
            killed.touch()
            stands = below(psutil.Process(), 1)
            assert stands is not None
            manager = stands.parent()
            assert manager is not None
            manager.kill()
            trial.report(step, score=slope)  # which its process cannot pass on, and ends
            stands.wait(30)
            time.sleep(0.5)
            continue
        trial.report(step, score=slope * (step + 1))
    return {"score": slope * 3}


def test_a_trial_below_which_nni_was_killed_is_not_stopped_but_repeated(tmp_path: Path) -> None:
    searched = experiment(evaluate_slowly, 3)
    with pytest.raises(BackendError, match=r"has ended.*resume"):
        searched.run("nni", tmp_path, 0, Silent())
    assert [trial.state for trial in backend("nni").load(tmp_path)] == ["complete", "running"]
    history = searched.run("nni", tmp_path, 0, Silent())
    check_agreement(tmp_path, history, [("complete", "SUCCEEDED")] * 3)
    assert [len(trial.curve) for trial in history] == [3] * 3


def test_a_process_does_not_wait_for_a_manager_that_has_ended_before() -> None:
    began = time.monotonic()
    client._stay(os.getppid() + 1)  # pyright: ignore[reportPrivateUsage]
    assert time.monotonic() - began < client.AFTER / 2


# ---------------------------------------------------------------------- it never comes


def evaluate(architecture: Architecture, trial: ActiveTrial) -> dict[str, float]:
    return {"score": float(architecture["slope"])}


@pytest.mark.parametrize(
    "command",
    [
        f"exec sleep {FOREVER}",  # it does not call
        f"exec {shlex.quote('x' * 200_000)}",  # Linux starts no process with so long an argument
    ],
    ids=["silent", "not started"],
)
def test_a_process_that_never_comes_is_an_error_after_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setattr(store, "PATIENCE", 3)
    monkeypatch.setattr(manager, "COMMAND", command)
    searched, began = experiment(evaluate, 3), time.monotonic()
    message = r"not begun trial 0 within 3 s.*is RUNNING.*processes.*logs are in .*log; resume"
    with pytest.raises(BackendError, match=message):
        searched.run("nni", tmp_path, 0, Silent())
    assert time.monotonic() - began < 60
    assert below(psutil.Process(), 0) is None
    monkeypatch.undo()
    assert comparable(searched.run("nni", tmp_path, 0, Silent())) == comparable(bare_loop(searched))


def test_waiting_for_a_process_can_be_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manager, "COMMAND", f"exec sleep {FOREVER}")

    def interrupt() -> None:
        while below(psutil.Process(), 0) is None:
            time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        experiment(evaluate, 3).run("nni", tmp_path, 0, Silent())
    assert time.monotonic() - began < 60
    assert below(psutil.Process(), 0) is None
