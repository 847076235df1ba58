"""The run rules what NNI does: a killed one is caught up with, and no button can hang one."""

import json
import multiprocessing
import os
import signal
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from nasbridge import Experiment, History, Integer, RandomSearch, Space
from nasbridge.adapters.nni.manager import free_port
from nasbridge.adapters.nni.relay import Link
from nasbridge.adapters.nni.store import NNIStore
from nasbridge.adapters.nni.trials import DATABASE, Job, experiment_in, read_database
from nasbridge.engine import ActiveTrial, Silent
from nasbridge.spaces import Architecture
from nasbridge.strategies import Trial

pytestmark = [pytest.mark.frameworks, pytest.mark.xdist_group("nni")]

processes = multiprocessing.get_context("forkserver")


def evaluate(architecture: Architecture, trial: ActiveTrial) -> dict[str, float]:
    """Let the last trial of a run that is to be killed end before the others."""
    if trial.number == 0 and os.environ.get("NASBRIDGE_TEST_WAITS"):
        time.sleep(100)
    return {"score": float(architecture["slope"])}


def experiment(trials: int) -> Experiment:
    space = Space({"slope": Integer(1, 40)})
    return Experiment(space, evaluate, {"score": "max"}, RandomSearch(), trials=trials, seed=1)


def jobs_in(directory: Path) -> tuple[Job, ...]:
    known = experiment_in(directory / "nni")
    assert known is not None
    return read_database(directory / "nni" / known / DATABASE).jobs


# ---------------------------------------------------------------------- killed before NNI is told


def run_and_die(directory: Path, jobs: int) -> None:
    """Run in a process of its own until the last trial is stored, and NNI was not told."""
    tell = NNIStore._tell  # pyright: ignore[reportPrivateUsage]

    def die(self: NNIStore, trial: Trial, link: Link) -> None:
        if trial.number == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        tell(self, trial, link)

    NNIStore._tell = die  # type: ignore[method-assign] # pyright: ignore[reportPrivateUsage]
    if jobs == 2:
        os.environ["NASBRIDGE_TEST_WAITS"] = "1"
    experiment(2).run("nni", directory, jobs, Silent())


@pytest.mark.parametrize("jobs", [0, 2], ids=["all have ended", "one has not"])
def test_nni_is_told_later_how_a_trial_ended(tmp_path: Path, jobs: int) -> None:
    process = processes.Process(target=run_and_die, args=(tmp_path, jobs))
    process.start()
    process.join(90)
    assert process.exitcode == -signal.SIGKILL
    time.sleep(1)  # the manager ends, too
    assert [job.status for job in jobs_in(tmp_path)][1] == "RUNNING"
    history = experiment(2).run("nni", tmp_path, 0, Silent())  # where one waits for the other
    assert [trial.state for trial in history] == ["complete"] * 2
    shown = {job.sequence: (job.status, job.final["default"]) for job in jobs_in(tmp_path)}
    assert shown == {t.number: ("SUCCEEDED", t.values["score"]) for t in history}


# ---------------------------------------------------------------------- the web UI's buttons


class Presses:
    """Presses the buttons of the web UI when the first trial has ended."""

    def __init__(self, port: int) -> None:
        self._address = f"http://127.0.0.1:{port}/api/v1/nni"
        self._has_pressed = False
        self.answers: list[str] = []

    def begun(self, history: History) -> None: ...

    def finished(self, trial: Trial) -> None:
        if not self._has_pressed:  # whichever it is: NNI refuses trials when it has given all out
            self._has_pressed = True
            thread = threading.Thread(target=self._press, daemon=True)
            thread.start()
            thread.join(60)

    def _press(self) -> None:
        self._send("POST", "trial-jobs", {"slope": 3})
        with urllib.request.urlopen(f"{self._address}/experiment", timeout=10) as answer:
            profile = json.load(answer)
        for key, kind in (
            ("trialConcurrency", "TRIAL_CONCURRENCY"),
            ("maxTrialNumber", "MAX_TRIAL_NUM"),
        ):
            changed = {**profile, "params": {**profile["params"], key: 1}}
            self._send("PUT", f"experiment?update_type={kind}", changed)

    def _send(self, method: str, path: str, content: Any) -> None:
        request = urllib.request.Request(
            f"{self._address}/{path}",
            json.dumps(content).encode(),
            {"Content-Type": "application/json"},
            method=method,
        )
        try:
            urllib.request.urlopen(request, timeout=10).close()
            self.answers.append("")
        except urllib.error.HTTPError as error:
            self.answers.append(error.read().decode())


def test_no_button_of_the_web_ui_hangs_the_run(tmp_path: Path) -> None:
    presses, began = Presses(port := free_port()), time.monotonic()
    history = experiment(8).run("nni", tmp_path, 2, presses, port=port)
    assert time.monotonic() - began < 100  # nobody waited for what never comes
    assert [trial.state for trial in history] == ["complete"] * 8
    added, *refused = presses.answers
    assert added == ""
    assert len(refused) == 2
    assert all("ruled by a run of nasbridge" in answer for answer in refused)
    ours, theirs = list[str](), list[Job]()
    for job in jobs_in(tmp_path):
        assert job.record is not None
        if job.record["parameter_id"] is None:
            theirs.append(job)
        else:
            ours.append(job.status)
    assert ours == ["SUCCEEDED"] * 8
    assert [job.status for job in theirs] == ["FAILED"]
    (log,) = tmp_path.glob(f"nni/_latest/environments/*/trials/{theirs[0].id}/trial.stderr")
    assert "the strategy alone proposes" in log.read_text()
