# pyright: basic
# NNI ships no types that can be relied on.
"""Under the real NNI: what it stores, shows and stops is what happened, whoever is killed."""

import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from nni.algorithms.hpo.curvefitting_assessor import CurvefittingAssessor
from nni.algorithms.hpo.medianstop_assessor import MedianstopAssessor
from nni.experiment import launcher

from nasbridge import BackendError, Experiment, Integer, RandomSearch, Space
from nasbridge import testing as material
from nasbridge.adapters import backend
from nasbridge.adapters.nni import manager
from nasbridge.adapters.nni.architecture import architecture_from
from nasbridge.adapters.nni.manager import Manager
from nasbridge.adapters.nni.trials import DATABASE, Job, experiment_in, read_database
from nasbridge.engine import ActiveTrial, Silent, TooManyFailures, Unsupported
from nasbridge.spaces import Architecture
from nasbridge.strategies import History, Trial
from nasbridge.testing import bare_loop, comparable, strategy

pytestmark = [pytest.mark.frameworks, pytest.mark.xdist_group("nni_truth")]


def experiment(**settings: Any) -> Experiment:
    standard: dict[str, Any] = {
        "evaluate": material.evaluate,
        "objectives": {"score": "max"},
        "strategy": strategy("RegularizedEvolution"),
        "trials": 12,
        "seed": 3,
    }
    return Experiment(material.chain(), **standard | settings)


def run(searched: Experiment, directory: Path, jobs: int = 0, **options: Any) -> History:
    return searched.run("nni", directory, jobs, Silent(), **options)


def jobs_in(directory: Path) -> dict[int, Job]:
    """What NNI has stored, by the numbers of our trials."""
    known = experiment_in(directory / "nni")
    assert known is not None
    jobs = read_database(directory / "nni" / known / DATABASE).jobs
    return {job.record["parameter_id"]: job for job in jobs if job.record is not None}


def managers() -> set[int]:
    """The node managers that this process has started."""
    children = psutil.Process().children()
    return {child.pid for child in children if "main.js" in " ".join(child.cmdline())}


# ---------------------------------------------------------------------- the right architecture


def evaluate_and_write(architecture: Architecture, trial: ActiveTrial) -> dict[str, float]:
    """Write down what is trained; sleep at random, once longer than NNI keeps a line open."""
    (trial.directory / "trained.json").write_text(json.dumps(dict(architecture.choices)))
    time.sleep(random.Random(trial.seed).random() / 4 + 6 * (trial.number == 0))
    if trial.number in (2, 5):
        os.kill(os.getpid(), signal.SIGKILL)
    return material.score(architecture)


def test_what_nni_stores_is_what_was_trained(tmp_path: Path) -> None:
    history = run(experiment(evaluate=evaluate_and_write, trials=11), tmp_path, jobs=2)
    assert {trial.number for trial in history.of_state("failed")} == {2, 5}
    stored = jobs_in(tmp_path)
    assert sorted(stored) == list(range(11))
    for trial in history:
        written = tmp_path / "trials" / f"{trial.number:05d}" / "trained.json"
        record = stored[trial.number].record
        assert record is not None
        shown = architecture_from(record["parameters"], history.space)
        assert json.loads(written.read_text()) == dict(shown.choices)
        assert shown == trial.architecture
        if trial.state == "complete":
            assert stored[trial.number].final["default"] == trial.values["score"]
    assert [stored[n].sequence for n in range(11)] == list(range(11))


def test_the_database_alone_gives_the_history_back(tmp_path: Path) -> None:
    searched = experiment(evaluate=material.evaluate_variously)
    history = run(searched, tmp_path)
    (tmp_path / "history.jsonl").unlink()
    loaded = backend("nni").load(tmp_path / "nni", searched.space)
    assert [t.architecture for t in loaded] == [t.architecture for t in history]
    assert [t.state for t in loaded] == [t.state for t in history]
    for one, other in zip(loaded.of_state("complete"), history.of_state("complete"), strict=True):
        assert one.values == {"default": other.values["score"], "size": other.values["size"]}
        assert len(one.curve) == 3


def test_trials_that_were_moved_here_are_shown(tmp_path: Path) -> None:
    searched = experiment(evaluate=material.evaluate_variously)
    begun = replace(searched, strategy=RandomSearch(), trials=8).run("local", None, 0, Silent())
    backend("nni").store_history(begun, tmp_path)
    history = run(replace(searched, strategy=RandomSearch()), tmp_path)
    known = experiment_in(tmp_path / "nni")
    assert known is not None
    manager = Manager(tmp_path / "nni", None)
    try:
        manager.view(known)
        address = f"{manager.url}/api/v1/nni"
        with urllib.request.urlopen(f"{address}/trial-jobs", timeout=30) as answer:
            shown = {job["sequenceId"]: job for job in json.load(answer)}
        picture = f"{address}/trial-file/{shown[0]['trialJobId']}/architecture.svg"
        with urllib.request.urlopen(picture, timeout=30) as answer:
            assert answer.read().startswith(b"<svg")
    finally:
        manager.close()
    assert sorted(shown) == list(range(12))
    for trial in history:
        job = shown[trial.number]
        assert job["status"] == {"complete": "SUCCEEDED", "failed": "FAILED"}[trial.state]
        record = json.loads(job["hyperParameters"][0])
        assert architecture_from(record["parameters"], history.space) == trial.architecture
        if trial.state == "complete":
            final = json.loads(json.loads(job["finalMetricData"][0]["data"]))
            assert final["default"] == trial.values["score"]
    (tmp_path / "history.jsonl").unlink()
    alone = backend("nni").load(tmp_path / "nni", searched.space)
    assert [t.curve != () for t in alone] == [t.state == "complete" for t in history]


# ---------------------------------------------------------------------- the server


class _Look:
    """Looks at the machine when the third trial has ended."""

    def __init__(self) -> None:
        self.addresses: set[str] = set()

    def begun(self, history: History) -> None: ...

    def finished(self, trial: Trial) -> None:
        if trial.number == 3:
            (pid,) = managers()
            connections = psutil.Process(pid).net_connections("inet")
            self.addresses = {c.laddr.ip for c in connections if c.status == psutil.CONN_LISTEN}


def test_the_web_ui_is_on_the_loopback_address_only(tmp_path: Path) -> None:
    look, before = _Look(), dict(vars(launcher))
    experiment(strategy=RandomSearch(), trials=4).run("nni", tmp_path, 0, look)
    assert look.addresses == {"127.0.0.1"}
    assert not managers()
    assert vars(launcher) == before  # an experiment of the user's own may follow


def test_another_address_is_warned_of(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="no authentication"):
        Manager(tmp_path, None, "0.0.0.0")
    with pytest.raises(Unsupported, match=r"'192\.0\.2\.1'.*0\.0\.0\.0"):
        Manager(tmp_path, None, "192.0.2.1")


def test_a_taken_port_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(BackendError, match=rf"port {port} is taken.*--port .*port= "):
            run(experiment(), tmp_path, port=port)


# ---------------------------------------------------------------------- assessors


SLOPES = Space({"slope": Integer(1, 40)})


def evaluate_slope(architecture: Architecture, trial: ActiveTrial) -> dict[str, float]:
    for step in range(6):
        trial.report(step, score=architecture["slope"] * (step + 1.0))
    return {"score": architecture["slope"] * 6.0}


STEEP = Experiment(
    SLOPES, evaluate_slope, {"score": "max"}, strategy=RandomSearch(), trials=12, seed=1
)


@pytest.fixture(scope="module")
def assessed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with Medianstop."""
    place = tmp_path_factory.mktemp("assessed")
    run(STEEP, place, assessor="Medianstop")
    return place


def test_an_assessor_of_nni_stops_trials(assessed: Path) -> None:
    history = backend("nni").load(assessed)
    pruned = history.of_state("pruned")
    assert len(pruned) >= 2
    assert len(history.of_state("complete")) >= 2
    for trial in pruned:
        assert len(trial.curve) < 6
        assert trial.values == list(trial.curve)[-1].metrics
    stored = jobs_in(assessed)
    assert {n for n in stored if stored[n].status == "EARLY_STOPPED"} == {t.number for t in pruned}


def test_an_assessor_goes_on_as_if_nothing_had_happened(assessed: Path, tmp_path: Path) -> None:
    run(replace(STEEP, trials=7), tmp_path, assessor=MedianstopAssessor("maximize"))
    resumed = run(STEEP, tmp_path, assessor=MedianstopAssessor("maximize"))
    assert comparable(resumed) == comparable(backend("nni").load(assessed))


def evaluate_saturating(architecture: Architecture, trial: ActiveTrial) -> dict[str, float]:
    """Learn as a network does, the first time well and then badly."""
    level = 0.9 if trial.number == 0 else 0.3
    for step in range(1, 9):
        accuracy = level * (1 - 0.5**step)
        trial.report(step, score=accuracy)
    return {"score": accuracy}


def test_curvefitting_stops_a_bad_curve(tmp_path: Path) -> None:
    searched = replace(STEEP, evaluate=evaluate_saturating, trials=2)
    assessor = CurvefittingAssessor(epoch_num=8, start_step=6)
    good, bad = run(searched, tmp_path, assessor=assessor)
    assert (good.state, len(good.curve)) == ("complete", 8)
    assert (bad.state, len(bad.curve)) == ("pruned", 6)
    assert jobs_in(tmp_path)[1].status == "EARLY_STOPPED"


# ---------------------------------------------------------------------- crashes and kills


CRASH = f"test $NNI_TRIAL_SEQ_ID -lt 2 -o $NNI_TRIAL_SEQ_ID -gt 4 || exit 1; {manager.COMMAND}"


def evaluate_or_crash(architecture: Architecture, trial: ActiveTrial) -> dict[str, float]:
    """Do as NNI's processes do with that command."""
    if 2 <= trial.number <= 4:
        raise MemoryError("it has ended")
    return material.score(architecture)


@pytest.mark.parametrize("jobs", [0, 2])
def test_a_process_that_crashes_before_it_asks_costs_its_trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jobs: int
) -> None:
    monkeypatch.setattr(manager, "COMMAND", CRASH)
    history = run(experiment(), tmp_path, jobs=jobs)
    if jobs == 0:  # with two at a time it depends on which of them ends first
        assert comparable(history) == comparable(bare_loop(experiment(evaluate=evaluate_or_crash)))
    assert {trial.number for trial in history.of_state("failed")} == {2, 3, 4}
    for trial in history.of_state("failed"):
        assert "(FAILED) before it could begin" in trial.notes["error"]
    for number, job in jobs_in(tmp_path).items():
        assert job.status == ("FAILED" if 2 <= number <= 4 else "SUCCEEDED")
        assert job.sequence == number


def test_processes_that_always_crash_end_the_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manager, "COMMAND", CRASH)
    searched = experiment(max_failures=2)
    with pytest.raises(TooManyFailures, match=r"trial 3 .*before it could begin.*trial\.stderr"):
        run(searched, tmp_path)
    assert len(run(searched, tmp_path)) == 12  # a resume goes on after them


class _Kill:
    """Kills the manager when a trial has ended."""

    def begun(self, history: History) -> None: ...

    def finished(self, trial: Trial) -> None:
        if trial.number == 4:
            (pid,) = managers()
            os.kill(pid, signal.SIGKILL)


def test_a_killed_manager_is_said_and_the_run_goes_on(tmp_path: Path) -> None:
    searched = experiment()
    with pytest.raises(BackendError, match=r"has ended.*resume"):
        searched.run("nni", tmp_path, 0, _Kill())
    assert comparable(run(searched, tmp_path)) == comparable(bare_loop(searched))
    stored = jobs_in(tmp_path)
    assert sorted(job.sequence for job in stored.values()) == list(range(12))
    assert {job.status for job in stored.values()} == {"SUCCEEDED"}


FILE = """
import time
from dataclasses import replace
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


def started(directory: Path) -> tuple[subprocess.Popen[bytes], set[int]]:
    """Start a run by the command line; return it and its managers, when trials have ended."""
    (directory / "search.py").write_text(FILE)
    command = [sys.executable, "-m", "nasbridge", "run", "search.py", "--backend", "nni"]
    home = {**os.environ, "HOME": str(directory)}  # a killed run leaves its entry in NNI's registry
    process = subprocess.Popen([*command, "--directory", "run"], cwd=directory, env=home)
    history, deadline = directory / "run" / "history.jsonl", time.monotonic() + 90
    while not history.exists() or history.read_text().count('"finish"') < 3:
        assert time.monotonic() < deadline, "no trial has ended"
        assert process.poll() is None, "it has ended by itself"
        time.sleep(0.05)
    children = psutil.Process(process.pid).children()
    nodes = {child.pid for child in children if "main.js" in " ".join(child.cmdline())}
    assert len(nodes) == 1
    return process, nodes


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_the_manager_ends_with_the_run(tmp_path: Path, how: signal.Signals) -> None:
    """That it ends with one that is killed, test_nni_kill.py shows."""
    process, nodes = started(tmp_path)
    process.send_signal(how)
    assert process.wait(30) == 128 + how
    deadline = time.monotonic() + 10
    while any(psutil.pid_exists(pid) for pid in nodes):
        assert time.monotonic() < deadline, "the manager lives on"
        time.sleep(0.05)
    before = backend("nni").load(tmp_path / "run")
    assert 3 <= len(before.of_state("complete")) < 80
    if how != signal.SIGTERM:  # test_nni.py goes on after the other one
        return
    resume = [sys.executable, "-m", "nasbridge", "resume", "run", "--trials", "12"]
    resume += ["--option", "assessor=Medianstop"]  # which the run was begun without
    subprocess.run(resume, cwd=tmp_path, check=True, capture_output=True, timeout=90)
    after = backend("nni").load(tmp_path / "run")
    assert after.of_state("pruned")
    note = json.loads((tmp_path / "run" / "run.json").read_text())
    assert note["options"]["assessor"] == "Medianstop"  # and the next resume has it, too
    assert comparable(after)[: len(before.of_state("complete"))] == comparable(
        before.of_state("complete")
    )
    assert sorted(trial.number for trial in after) == list(range(12))


# ---------------------------------------------------------------------- the page in docs/


def test_the_example_of_the_page_runs(tmp_path: Path) -> None:
    page = Path(__file__).resolve().parents[3] / "docs" / "nni.md"
    run, space = re.findall(r"^```python\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE)
    (tmp_path / "block.py").write_text(run)
    subprocess.run([sys.executable, "block.py"], cwd=tmp_path, check=True, timeout=90)
    exec(compile(space, "block.py", "exec"), {})
    history = backend("nni").load(tmp_path / "runs" / "nni")
    assert len(history.of_state("complete", "pruned")) == 12
