# pyright: basic
# NNI ships no types that can be relied on.
"""Managed runs under the real NNI: moved here, ended by NNI's own end, by SIGTERM, and resumed."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from nasbridge import BackendError, Experiment, History, Integer, RandomSearch, Space
from nasbridge import testing as material
from nasbridge.adapters import backend
from nasbridge.adapters.nni import manager
from nasbridge.adapters.nni.database import experiment_in
from nasbridge.adapters.nni.dispatcher import Dispatcher
from nasbridge.adapters.nni.manager import Manager
from nasbridge.adapters.nni.space import architecture_from
from nasbridge.engine import ActiveTrial
from nasbridge.engine.driver import Silent
from nasbridge.spaces import Architecture
from nasbridge.testing import comparable

pytestmark = [pytest.mark.frameworks, pytest.mark.xdist_group("nni")]

SPACE = Space({"slope": Integer(1, 40)})


def experiment(evaluate: Callable[..., Any], trials: int) -> Experiment:
    return Experiment(SPACE, evaluate, {"score": "max"}, RandomSearch(), trials=trials, seed=1)


def run(searched: Experiment, directory: Path, **options: Any) -> History:
    return searched.run("nni", directory, 0, Silent(), **options)


def managers() -> list[psutil.Process]:
    """The node managers that this process has started."""
    children = psutil.Process().children()
    return [child for child in children if "main.js" in " ".join(child.cmdline())]


def test_trials_that_were_moved_here_are_shown(tmp_path: Path) -> None:
    searched = Experiment(
        material.chain(),
        material.evaluate_variously,
        {"score": "max"},
        strategy=RandomSearch(),
        trials=12,
        seed=3,
    )
    begun = searched.run("local", tmp_path / "local", 0, Silent())
    backend("nni").store_history(begun, tmp_path / "nni_run")
    directory = tmp_path / "nni_run"
    history = run(replace(searched, trials=13), directory)
    known = experiment_in(directory / "nni")
    assert known is not None
    viewed = Manager(directory / "nni", None)
    try:
        viewed.view(known)
        address = f"{viewed.url}/api/v1/nni/trial-jobs"
        with urllib.request.urlopen(address, timeout=30) as answer:
            shown = {job["sequenceId"]: job for job in json.load(answer)}
        picture = f"trial-file/{shown[0]['trialJobId']}/architecture.svg"
        address = f"{viewed.url}/api/v1/nni/{picture}"
        with urllib.request.urlopen(address, timeout=30) as answer:
            assert answer.read().startswith(b"<svg")
    finally:
        viewed.close()
    assert sorted(shown) == list(range(13))
    for trial in history:
        job = shown[trial.number]
        assert job["status"] == {"complete": "SUCCEEDED", "failed": "FAILED"}[trial.state]
        record = json.loads(job["hyperParameters"][0])
        assert architecture_from(record["parameters"], history.space) == trial.architecture
        if trial.state == "complete":
            final = json.loads(json.loads(job["finalMetricData"][0]["data"]))
            assert final["default"] == trial.values["score"]
    (directory / "history.jsonl").unlink()
    alone = backend("nni").load(directory / "nni", searched.space)
    assert [t.curve != () for t in alone] == [t.state == "complete" for t in history]


def test_a_taken_port_is_refused(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(BackendError, match=rf"port {port} is taken.*--port .*port= "):
            run(experiment(evaluate_and_kill_nni, 1), tmp_path, port=port)


def evaluate_and_kill_nni(architecture: Architecture, trial: ActiveTrial) -> dict[str, float]:
    slope, killed = float(architecture["slope"]), trial.directory / "killed"
    for step in range(3):
        if trial.number == 1 and step == 1 and not killed.exists():
            killed.touch()
            (node,) = managers()
            below = node.children(recursive=True)
            node.kill()
            trial.report(step, score=slope)  # its process cannot pass it on, and ends
            psutil.wait_procs(below, 30)
            time.sleep(0.5)
            continue
        trial.report(step, score=slope * (step + 1))
    return {"score": slope * 3}


def test_a_trial_is_repeated_if_nni_was_killed(tmp_path: Path, check_agreement: Any) -> None:
    searched = experiment(evaluate_and_kill_nni, 3)
    with pytest.raises(BackendError, match=r"has ended.*resume"):
        run(searched, tmp_path)
    assert [trial.state for trial in backend("nni").load(tmp_path)] == ["complete", "running"]
    history = run(searched, tmp_path)
    check_agreement(tmp_path, history, [("complete", "SUCCEEDED")] * 3)
    assert [len(trial.curve) for trial in history] == [3] * 3


CONNECTIONS = list[Any]()  # of the managers that the following test starts


def evaluate_and_break_nni(architecture: Architecture, trial: ActiveTrial) -> dict[str, float]:
    """Make NNI stop the experiment, as an internal error does; its process stays alive."""
    if not (broken := trial.directory.parent / "broken").exists():
        broken.touch()
        new_trial = SimpleNamespace(value="TR")
        CONNECTIONS[0]._send(new_trial, "{")  # which is not JSON
        time.sleep(1)
    return {"score": 1.0}


def test_a_run_ends_when_nni_stops_and_its_directory_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def connect(url: str) -> Any:
        CONNECTIONS.append(Dispatcher(url))
        return CONNECTIONS[-1]

    monkeypatch.setattr(manager, "Dispatcher", connect)
    searched, began = experiment(evaluate_and_break_nni, 3), time.monotonic()
    with pytest.raises(BackendError, match=r"ERROR.*resume.*to continue, run with") as caught:
        searched.run("nni", None, 0, Silent())
    assert time.monotonic() - began < 90  # it waited for no process that never connects
    (kept,) = re.findall(r"directory='(.*?)'", str(caught.value))
    (logs,) = re.findall(r"its logs are in (.*?);", str(caught.value))
    assert list(Path(logs).glob("*.log"))
    assert len(run(searched, Path(kept)).of_state("complete")) == 3


FILE = """
import time
from nasbridge import Experiment, Integer, RandomSearch, Space

def evaluate(architecture, trial):
    time.sleep(0.1)
    for step in range(3):
        trial.report(step, score=float(architecture["x"]))
    return {"score": float(architecture["x"])}

experiment = Experiment(
    Space({"x": Integer(1, 99)}), evaluate, {"score": "max"}, strategy=RandomSearch(), trials=80
)
"""


def test_sigterm_ends_the_manager_and_a_resume_continues(tmp_path: Path) -> None:
    """test_view.py shows the same for Ctrl-C, and test_kill.py for SIGKILL."""
    (tmp_path / "search.py").write_text(FILE)
    command = [sys.executable, "-m", "nasbridge", "run", "search.py", "--backend", "nni"]
    home = {**os.environ, "HOME": str(tmp_path)}  # the run leaves its entry in NNI's registry
    process = subprocess.Popen([*command, "--directory", "run"], cwd=tmp_path, env=home)
    file, deadline = tmp_path / "run" / "history.jsonl", time.monotonic() + 90
    while not file.exists() or file.read_text().count('"finish"') < 3:
        assert time.monotonic() < deadline, "no trial has ended"
        assert process.poll() is None, "the run has ended"
        time.sleep(0.05)
    children = psutil.Process(process.pid).children()
    assert len([child for child in children if "main.js" in " ".join(child.cmdline())]) == 1
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 128 + signal.SIGTERM
    assert not psutil.wait_procs(children, 10)[1]
    before = backend("nni").load(tmp_path / "run")
    assert 3 <= len(before.of_state("complete")) < 80
    resume = [sys.executable, "-m", "nasbridge", "resume", "run", "--experiment", "search.py"]
    resume += ["--trials", "12", "--option", "assessor=Medianstop"]  # not given before
    subprocess.run(resume, cwd=tmp_path, env=home, check=True, capture_output=True, timeout=90)
    after = backend("nni").load(tmp_path / "run")
    assert after.of_state("pruned")
    note = json.loads((tmp_path / "run" / "run.json").read_text())
    assert note["options"]["assessor"] == "Medianstop"  # the next resume uses it again
    assert comparable(after)[: len(before.of_state("complete"))] == comparable(
        before.of_state("complete")
    )
    assert sorted(trial.number for trial in after) == list(range(12))


def test_the_example_of_the_page_runs(tmp_path: Path) -> None:
    (page,) = (Path(__file__).resolve().parents[3] / "docs").rglob("nni.md")
    run, space = re.findall(r"^```python\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE)
    (tmp_path / "block.py").write_text(run)
    subprocess.run([sys.executable, "block.py"], cwd=tmp_path, check=True, timeout=90)
    exec(compile(space, "block.py", "exec"), {})
    history = backend("nni").load(tmp_path / "runs" / "nni")
    assert len(history.of_state("complete", "pruned")) == 12
