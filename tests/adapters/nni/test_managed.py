# pyright: basic
# NNI ships no types that can be relied on.
"""Managed runs under the real NNI: what it stores, shows and stops is what happened."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from nasbridge import BackendError, Experiment, History, Integer, RandomSearch, Space
from nasbridge import testing as material
from nasbridge.adapters import backend
from nasbridge.adapters.nni import manager
from nasbridge.adapters.nni.compat import node_options
from nasbridge.adapters.nni.database import DATABASE, experiment_in, read_database
from nasbridge.adapters.nni.dispatcher import Dispatcher
from nasbridge.adapters.nni.manager import COMMAND, Manager, free_port
from nasbridge.adapters.nni.space import architecture_from
from nasbridge.engine import ActiveTrial
from nasbridge.engine.driver import Silent
from nasbridge.spaces import Architecture
from nasbridge.strategies import Trial
from nasbridge.testing import comparable

pytestmark = [pytest.mark.frameworks, pytest.mark.xdist_group("nni_managed")]

SPACE = Space({"slope": Integer(1, 40)})
FOREVER = 100  # seconds
USERS = "--max-old-space-size=2048"  # node options of the user

Jobs = Callable[[Path], dict[int, Any]]


def experiment(evaluate: Callable[..., Any], trials: int) -> Experiment:
    return Experiment(SPACE, evaluate, {"score": "max"}, RandomSearch(), trials=trials, seed=1)


def run(searched: Experiment, directory: Path, jobs: int = 0, **options: Any) -> History:
    return searched.run("nni", directory, jobs, Silent(), **options)


def managers() -> list[psutil.Process]:
    """The node managers that this process has started."""
    children = psutil.Process().children()
    return [child for child in children if "main.js" in " ".join(child.cmdline())]


def process_of(number: int) -> psutil.Process:
    """The process of a trial below this process, by the number that NNI gives it."""
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            if child.environ().get("NNI_TRIAL_SEQ_ID") == str(number):
                return child
    raise AssertionError(f"trial {number} has no process")


def request(port: int, path: str, method: str = "GET", content: object = None) -> Any:
    body = None if content is None else json.dumps(content).encode()
    headers = {"Content-Type": "application/json"}
    address = f"http://127.0.0.1:{port}/api/v1/nni/{path}"
    made = urllib.request.Request(address, body, headers, method=method)
    with urllib.request.urlopen(made, timeout=10) as answer:
        return json.loads(answer.read() or b"null")


# How each trial of the shared run ends.
TRAINED_LONG, UI, NNICTL, SIGNAL, BREAKS, WORKER_DIES, CRASHES = range(7)
STATES = [
    ("complete", "SUCCEEDED"),
    ("pruned", "USER_CANCELED"),
    ("failed", "USER_CANCELED"),
    ("pruned", "USER_CANCELED"),
    ("failed", "FAILED"),
    ("failed", "FAILED"),
    ("failed", "FAILED"),
    *[("complete", "SUCCEEDED")] * 4,
]
STEPS = {TRAINED_LONG: 1, UI: 2, NNICTL: 0, SIGNAL: 1, BREAKS: 1, WORKER_DIES: 0}
BROKEN = f"""case "$NNI_TRIAL_SEQ_ID" in
{BREAKS}) timeout 2 {COMMAND.removeprefix("exec ")} ;;
{CRASHES}) exit 1 ;;
*) {COMMAND} ;;
esac"""


def evaluate_variously(architecture: Architecture, trial: ActiveTrial) -> dict[str, float]:
    """Write down what is trained, report, and then end as the number of the trial says."""
    number, slope = trial.number, float(architecture["slope"])
    (trial.directory / "trained.json").write_text(json.dumps(dict(architecture.choices)))
    for step in range(STEPS.get(number, 3)):
        trial.report(step, score=slope * (step + 1))
    (trial.directory / "waits").touch()
    if number == TRAINED_LONG:
        time.sleep(6)  # longer than NNI keeps an idle connection open
    if number in (UI, NNICTL, SIGNAL, BREAKS):
        time.sleep(FOREVER)
    if number == WORKER_DIES:
        os.kill(os.getpid(), signal.SIGKILL)
    return {"score": slope * 3}


class User(threading.Thread):
    """Kills trials when they wait: in the web UI, with nnictl and by a signal."""

    def __init__(self, directory: Path, port: int) -> None:
        super().__init__(daemon=True)
        self._directory, self._port = directory, port
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            for number, kill in ((UI, self._in_ui), (NNICTL, self._nnictl), (SIGNAL, self._signal)):
                waits = self._directory / "trials" / f"{number:05d}" / "waits"
                deadline = time.monotonic() + 90
                while not waits.exists():
                    assert time.monotonic() < deadline, f"trial {number} does not begin"
                    time.sleep(0.05)
                time.sleep(0.3)  # until NNI has its last report
                kill(number)
        except BaseException as error:
            self.error = error

    def _job(self, number: int) -> str:
        jobs = request(self._port, "trial-jobs")
        return {job["sequenceId"]: str(job["trialJobId"]) for job in jobs}[number]

    def _in_ui(self, number: int) -> None:
        """Send the request of the page's button."""
        request(self._port, f"trial-jobs/{self._job(number)}", "DELETE")

    def _nnictl(self, number: int) -> None:
        known = str(experiment_in(self._directory / "nni"))
        command = ["nnictl", "trial", "kill", known, "--trial_id", self._job(number)]
        subprocess.run([sys.executable, "-m", "nasbridge", *command], check=True, timeout=60)

    def _signal(self, number: int) -> None:
        process_of(number).kill()


@dataclass
class Visitor:
    """Inspects NNI's manager and uses the buttons of the web UI when a late trial has ended."""

    port: int
    addresses: set[str] = field(default_factory=set[str])
    options: str = ""
    answers: list[str] = field(default_factory=list[str])

    def begun(self, history: History) -> None: ...

    def finished(self, trial: Trial) -> None:
        if trial.number < 7 or self.answers:
            return
        (node,) = managers()
        listening = [c for c in node.net_connections("inet") if c.status == psutil.CONN_LISTEN]
        self.addresses = {connection.laddr.ip for connection in listening}
        self.options = node.environ()["NODE_OPTIONS"]
        thread = threading.Thread(target=self._press_buttons, daemon=True)
        thread.start()
        thread.join(60)

    def _press_buttons(self) -> None:
        self._press("trial-jobs", "POST", {"slope": 3})
        profile = request(self.port, "experiment")
        for key, kind in (
            ("trialConcurrency", "TRIAL_CONCURRENCY"),
            ("maxTrialNumber", "MAX_TRIAL_NUM"),
        ):
            changed = {**profile, "params": {**profile["params"], key: 1}}
            self._press(f"experiment?update_type={kind}", "PUT", changed)

    def _press(self, path: str, method: str, content: object) -> None:
        try:
            request(self.port, path, method, content)
            self.answers.append("")
        except urllib.error.HTTPError as error:
            self.answers.append(error.read().decode())


@dataclass
class Shared:
    """One managed run, in which trials end in every way."""

    directory: Path
    history: History
    user: User
    visitor: Visitor
    seconds: float


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Shared:
    directory, port = tmp_path_factory.mktemp("shared"), free_port()
    user, visitor, began = User(directory, port), Visitor(port), time.monotonic()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manager, "COMMAND", BROKEN)
        patch.setenv("NODE_OPTIONS", USERS)
        user.start()
        searched = experiment(evaluate_variously, len(STATES))
        history = searched.run("nni", directory, 2, visitor, port=port)
        assert os.environ["NODE_OPTIONS"] == USERS
    assert user.error is None
    return Shared(directory, history, user, visitor, time.monotonic() - began)


def check_agreement(directory: Path, history: History, states: Any, jobs_in: Jobs) -> None:
    """Check that our states, reports and values are NNI's, and those that `load` reads alone."""
    shown, alone = jobs_in(directory), backend("nni").load(directory / "nni", history.space)
    by_number = sorted(history, key=lambda trial: trial.number)
    assert [(t.state, shown[t.number].status) for t in by_number] == list(states)
    stored = {json.dumps(dict(t.architecture.choices)): t for t in alone}
    for ours in by_number:
        native = stored[json.dumps(dict(ours.architecture.choices))]
        assert ours.state == native.state
        assert [step.metrics["score"] for step in ours.curve] == [
            step.metrics["default"] for step in native.curve
        ]
        if ours.state != "failed":
            assert ours.values["score"] == native.values["default"]
    again = History.load(directory / "history.jsonl")
    assert comparable(again) == comparable(history)
    assert [trial.curve for trial in again] == [trial.curve for trial in history]


def test_nni_and_the_history_agree_however_trials_end(shared: Shared, jobs_in: Jobs) -> None:
    check_agreement(shared.directory, shared.history, STATES, jobs_in)
    assert shared.seconds < FOREVER  # the run waited for no killed trial


def test_nni_stores_the_architecture_that_was_trained(shared: Shared, jobs_in: Jobs) -> None:
    stored = jobs_in(shared.directory)
    assert sorted(stored) == list(range(len(STATES)))
    for trial in shared.history:
        shown = architecture_from(stored[trial.number].record["parameters"], SPACE)
        assert shown == trial.architecture
        written = shared.directory / "trials" / f"{trial.number:05d}" / "trained.json"
        if trial.number != CRASHES:
            assert json.loads(written.read_text()) == dict(shown.choices)
    assert [stored[number].sequence for number in range(7)] == list(range(7))


def test_a_killed_trial_is_pruned_with_its_last_value_or_failed(shared: Shared) -> None:
    trials = {trial.number: trial for trial in shared.history}
    for number in (UI, SIGNAL):
        slope = trials[number].architecture["slope"]
        assert trials[number].values == {"score": slope * STEPS[number]}
        assert "killed in the web UI, by nnictl or by a signal" in trials[number].notes["stopped"]
    assert "(USER_CANCELED)" in trials[NNICTL].notes["error"]
    assert "(FAILED) before the evaluation" in trials[BREAKS].notes["error"]
    assert "SIGKILL" in trials[WORKER_DIES].notes["error"]
    assert "(FAILED) before the evaluation began" in trials[CRASHES].notes["error"]


def test_the_manager_listens_on_loopback_with_the_users_options(shared: Shared) -> None:
    assert shared.visitor.addresses == {"127.0.0.1"}
    assert shared.visitor.options == node_options(USERS)
    assert not managers()


def test_the_buttons_of_the_web_ui_cannot_hang_the_run(shared: Shared) -> None:
    added, *refused = shared.visitor.answers
    assert added == ""
    assert len(refused) == 2
    assert all("managed by a run of nasbridge" in answer for answer in refused)
    jobs = all_jobs(shared.directory)
    (custom,) = [job for job in jobs if job.record["parameter_id"] is None]
    assert custom.status == "FAILED"
    log = f"nni/_latest/environments/*/trials/{custom.id}/trial.stderr"
    (file,) = shared.directory.glob(log)
    assert "the strategy alone proposes" in file.read_text()


def all_jobs(directory: Path) -> list[Any]:
    """All trials that NNI has stored, those that a user added included."""
    known = str(experiment_in(directory / "nni"))
    return list(read_database(directory / "nni" / known / DATABASE).jobs)


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
        shown = {job["sequenceId"]: job for job in request(viewed.port, "trial-jobs")}
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
            run(experiment(evaluate_variously, 1), tmp_path, port=port)


def evaluate_and_kill_nni(architecture: Architecture, trial: ActiveTrial) -> dict[str, float]:
    slope, killed = float(architecture["slope"]), trial.directory / "killed"
    for step in range(3):
        if trial.number == 1 and step == 1 and not killed.exists():
            killed.touch()
            process = process_of(1)
            managers()[0].kill()
            trial.report(step, score=slope)  # its process cannot pass it on, and ends
            process.wait(30)
            time.sleep(0.5)
            continue
        trial.report(step, score=slope * (step + 1))
    return {"score": slope * 3}


def test_a_trial_is_repeated_if_nni_was_killed(tmp_path: Path, jobs_in: Jobs) -> None:
    searched = experiment(evaluate_and_kill_nni, 3)
    with pytest.raises(BackendError, match=r"has ended.*resume"):
        run(searched, tmp_path)
    assert [trial.state for trial in backend("nni").load(tmp_path)] == ["complete", "running"]
    history = run(searched, tmp_path)
    check_agreement(tmp_path, history, [("complete", "SUCCEEDED")] * 3, jobs_in)
    assert [len(trial.curve) for trial in history] == [3] * 3


CONNECTIONS = list[Any]()  # of the managers that the following test starts


def evaluate_and_break_nni(architecture: Architecture, trial: ActiveTrial) -> dict[str, float]:
    """Let NNI stop the experiment, as a defect of its own would; its process stays alive."""
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
    resume = [sys.executable, "-m", "nasbridge", "resume", "run", "--trials", "12"]
    resume += ["--assessor", "Medianstop"]  # not given to the first run
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
