# pyright: basic
# NNI ships no types that can be relied on.
"""One managed run under the real NNI, in which trials end in every way that they can."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from nasbridge import Experiment, History, Integer, RandomSearch, Space
from nasbridge.adapters.nni import manager
from nasbridge.adapters.nni.compat import node_options
from nasbridge.adapters.nni.database import DATABASE, experiment_in, read_database
from nasbridge.adapters.nni.manager import COMMAND, free_port
from nasbridge.adapters.nni.space import architecture_from
from nasbridge.engine import ActiveTrial
from nasbridge.engine.driver import Silent
from nasbridge.spaces import Architecture
from nasbridge.strategies import Trial

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


def command(directory: Path) -> str:
    """Return a command for trials: one process ends while its trial waits, one before it starts."""
    waits = directory / "trials" / f"{BREAKS:05d}" / "waits"
    client = COMMAND.removeprefix("exec ")
    return f"""case "$NNI_TRIAL_SEQ_ID" in
{BREAKS}) {client} & until test -e {waits}; do sleep 0.1; done; sleep 0.3; kill $!; exit 3 ;;
{CRASHES}) exit 1 ;;
*) {COMMAND} ;;
esac"""


def evaluate_variously(architecture: Architecture, trial: ActiveTrial) -> dict[str, float]:
    """Record the architecture, report, and end in the way that the trial's number selects."""
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
        patch.setattr(manager, "COMMAND", command(directory))
        patch.setenv("NODE_OPTIONS", USERS)
        user.start()
        searched = experiment(evaluate_variously, len(STATES))
        history = searched.run("nni", directory, 2, visitor, port=port)
        assert os.environ["NODE_OPTIONS"] == USERS
    assert user.error is None
    return Shared(directory, history, user, visitor, time.monotonic() - began)


def test_nni_and_the_history_agree_however_trials_end(shared: Shared, check_agreement: Any) -> None:
    check_agreement(shared.directory, shared.history, STATES)
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
