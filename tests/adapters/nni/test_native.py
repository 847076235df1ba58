# pyright: basic
# NNI ships no types that can be relied on.
"""The native integration: NASTuner in an experiment of nnictl, with trials that `import nni`."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nasbridge import History, RandomSearch
from nasbridge.adapters.nni import load
from nasbridge.adapters.nni.database import database_at, read_database
from nasbridge.adapters.nni.manager import free_port
from nasbridge.adapters.nni.space import architecture_from
from nasbridge.spaces import Integer, Space
from nasbridge.strategies import Search

pytestmark = [pytest.mark.frameworks, pytest.mark.xdist_group("nni_native")]

SPACE = Space({"slope": Integer(1, 40)})
CRASHED = 2  # number of the trial that raises
SEED = 44  # of the five random slopes the first two are the steepest

SEARCH = f"""
import json, os, psutil, time
from dataclasses import dataclass
from pathlib import Path
from nasbridge import Experiment, Integer, RandomSearch, Space
from nasbridge.strategies import Strategy

if os.environ.get("SDK_PROCESS") == "dispatcher":
    # As on a busy machine: NNI itself gives up after ten seconds.
    time.sleep(max(0, psutil.Process().create_time() + 10.5 - time.time()))

OBSERVED = Path(__file__).with_name("observed.jsonl")

@dataclass(frozen=True)
class Recording(Strategy):  # random search that writes down what it observes
    def start(self, problem):
        return problem

    def propose(self, state, rng):
        return RandomSearch().propose(state, rng)

    def observe(self, state, trial):
        with OBSERVED.open("a") as file:
            observed = trial.number, trial.architecture["slope"], trial.state, dict(trial.values)
            print(json.dumps(observed), file=file)
        return state

space = Space({{"slope": Integer(1, 40)}})
experiment = Experiment(space, lambda a, t: {{}}, {{"score": "max"}}, Recording(), seed={SEED})
"""

TRIAL = f"""
import json, os, time
import nni
from nasbridge.adapters.nni import architecture_from
from search import space

parameters = nni.get_next_parameter()
slope = architecture_from(parameters, space)["slope"]
with open(os.path.join(os.environ["NNI_OUTPUT_DIR"], "trained.json"), "w") as file:
    json.dump(parameters, file)
for step in range(3):
    nni.report_intermediate_result(slope * (step + 1.0))
    if os.environ["NNI_TRIAL_SEQ_ID"] == "{CRASHED}":
        raise MemoryError("no memory for this one")
    time.sleep(60 if slope < 20 and step == 1 else 0.1)  # a flat one waits for the assessor
nni.report_final_result({{"default": slope * 3.0, "steps": 3}})
"""

CONFIG: dict[str, Any] = {
    "trialCommand": f"{sys.executable} trial.py",
    "trialCodeDirectory": ".",
    "trialConcurrency": 2,
    "maxTrialNumber": 5,
    "searchSpace": {},
    "tuner": {"className": "nasbridge.adapters.nni.NASTuner", "codeDirectory": "."},
    "assessor": {
        "name": "Medianstop",
        "classArgs": {"optimize_mode": "maximize", "start_step": 2},
    },
    "trainingService": {"platform": "local"},
}


def nnictl(*arguments: str, folder: Path) -> None:
    # NNI finds its own programs on the path
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [sys.executable, "-m", "nasbridge", "nnictl", *arguments],
        cwd=folder,
        env={**os.environ, "HOME": str(folder), "PATH": path},  # which holds NNI's registry
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def status(address: str) -> str:
    with urllib.request.urlopen(f"{address}/check-status", timeout=10) as answer:
        return str(json.load(answer)["status"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of an experiment that nnictl has created and that has ended."""
    folder = tmp_path_factory.mktemp("native")
    (folder / "search.py").write_text(SEARCH)
    (folder / "trial.py").write_text(TRIAL)
    (folder / "work").mkdir()
    config = {**CONFIG, "experimentWorkingDirectory": str(folder / "work")}
    config["tuner"] = {**CONFIG["tuner"], "classArgs": {"experiment": str(folder / "search.py")}}
    (folder / "config.json").write_text(json.dumps(config))  # JSON is YAML
    port = free_port()
    address, deadline = f"http://127.0.0.1:{port}/api/v1/nni", time.monotonic() + 240
    nnictl("create", "--config", "config.json", "--port", str(port), folder=folder)
    try:
        while status(address) not in ("DONE", "ERROR"):
            assert time.monotonic() < deadline, status(address)
            time.sleep(0.2)
        assert status(address) == "DONE"
        yield folder
    finally:
        nnictl("stop", "--port", str(port), folder=folder)


@pytest.fixture
def history(folder: Path) -> History:
    return load(folder / "work", SPACE)


def test_an_experiment_of_nnictl_runs_our_strategy(folder: Path, history: History) -> None:
    assert sorted(trial.number for trial in history) == list(range(5))
    written = (folder / "work" / "_latest").glob("environments/*/trials/*/trained.json")
    trained = [architecture_from(json.loads(f.read_text()), SPACE).key for f in written]
    assert sorted(trained) == sorted(trial.architecture.key for trial in history)
    assert not any("doubtful" in trial.notes or "stored" in trial.notes for trial in history)
    # Random search does not depend on results: a bare search proposes the same.
    search = Search(RandomSearch(), SPACE, {"score": "max"}, SEED)
    proposed = {number: search.ask(number).key for number in range(5)}
    assert {trial.number: trial.architecture.key for trial in history} == proposed


def test_an_assessor_of_nnictl_stops_trials(history: History) -> None:
    """They are shown as stopped early, with their reports."""
    for trial in [trial for trial in history if trial.number != CRASHED]:
        slope, steps = trial.architecture["slope"], 3 if trial.number < 2 else 2
        assert trial.state == ("complete" if trial.number < 2 else "pruned")
        reported = [step.metrics["default"] for step in trial.curve]
        assert reported == [slope * (k + 1) for k in range(steps)]
        assert trial.values["default"] == slope * steps


def observed_in(folder: Path) -> dict[int, list[Any]]:
    """Return the trials that the strategy observed, by number."""
    lines = (folder / "observed.jsonl").read_text().splitlines()
    return {number: facts for number, *facts in map(json.loads, lines)}


def test_the_strategy_observes_stopped_trials(folder: Path, history: History) -> None:
    """NNI's dispatcher passes the last value as the result, and then a failed end."""
    observed = observed_in(folder)
    assert sorted(observed) == list(range(5))
    for trial in [trial for trial in history if trial.number != CRASHED]:
        slope, state, values = observed[trial.number]
        assert (slope, state) == (trial.architecture["slope"], trial.state)
        assert values["score"] == trial.values["default"]


def test_the_strategy_observes_a_crash_and_the_experiment_continues(
    folder: Path, history: History
) -> None:
    """The code of a trial raises: NNI, our history and the strategy have it as failed."""
    (crashed,) = history.of_state("failed")
    slope = crashed.architecture["slope"]
    assert (crashed.number, crashed.values) == (CRASHED, {})
    assert [step.metrics for step in crashed.curve] == [{"default": slope}]  # before the crash
    assert "FAILED" in crashed.notes["error"]
    assert observed_in(folder)[CRASHED] == [slope, "failed", {}]
    stored = {job.sequence: job for job in read_database(database_at(folder / "work")).jobs}
    assert stored[CRASHED].status == "FAILED"
    log = folder / "work" / "_latest" / "environments" / "local-env" / "trials" / stored[CRASHED].id
    assert "MemoryError: no memory for this one" in (log / "trial.stderr").read_text()
    assert {trial.number for trial in history if trial.state != "failed"} == {0, 1, 3, 4}
