# pyright: basic
# NNI ships no types that can be relied on.
"""Their door: NASTuner in an experiment of NNI's own, made by nnictl; trials `import nni`."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from nni.runtime import msg_dispatcher

from nasbridge import RandomSearch
from nasbridge.adapters._nni_manager import free_port
from nasbridge.adapters._nni_space import architecture_from
from nasbridge.adapters.nni import NASTuner, load
from nasbridge.spaces import Integer, Space
from nasbridge.strategies import Search, Trial

pytestmark = [pytest.mark.frameworks, pytest.mark.xdist_group("nni")]

SEARCH = """
from nasbridge import Experiment, Integer, RandomSearch, Space

space = Space({"slope": Integer(1, 40)})
experiment = Experiment(space, lambda a, t: {}, {"score": "max"}, RandomSearch(), seed=1)
"""

TRIAL = """
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
    time.sleep(0.5)
nni.report_final_result({"default": slope * 3.0, "steps": 3})
"""

CONFIG: dict[str, Any] = {
    "trialCommand": f"{sys.executable} trial.py",
    "trialCodeDirectory": ".",
    "trialConcurrency": 2,
    "maxTrialNumber": 6,
    "searchSpace": {},
    "tuner": {
        "className": "nasbridge.adapters.nni.NASTuner",
        "codeDirectory": ".",
        "classArgs": {"experiment": "search.py"},
    },
    "assessor": {
        "name": "Medianstop",
        "classArgs": {"optimize_mode": "maximize", "start_step": 1},
    },
    "trainingService": {"platform": "local"},
}


def nnictl(*arguments: str, folder: Path) -> None:
    command = [sys.executable, "-m", "nasbridge.adapters._nni_ctl", *arguments]
    # Only what NNI starts itself is found on the path.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def created(folder: Path) -> Generator[str]:
    """Create the experiment, and stop it in the end; gives the address of its REST API."""
    (folder / "search.py").write_text(SEARCH)
    (folder / "trial.py").write_text(TRIAL)
    (folder / "work").mkdir()
    config = {**CONFIG, "experimentWorkingDirectory": str(folder / "work")}
    config["tuner"] = {**CONFIG["tuner"], "classArgs": {"experiment": str(folder / "search.py")}}
    (folder / "config.json").write_text(json.dumps(config))  # which YAML can read
    port = free_port()
    nnictl("create", "--config", "config.json", "--port", str(port), folder=folder)
    try:
        yield f"http://127.0.0.1:{port}/api/v1/nni"
    finally:
        nnictl("stop", "--port", str(port), folder=folder)


def status(address: str) -> str:
    with urllib.request.urlopen(f"{address}/check-status", timeout=10) as answer:
        return str(json.load(answer)["status"])


def test_an_experiment_of_nnictl_runs_our_strategy(tmp_path: Path) -> None:
    with created(tmp_path) as address:
        deadline = time.monotonic() + 150
        while status(address) not in ("DONE", "ERROR"):
            assert time.monotonic() < deadline, status(address)
            time.sleep(0.5)
        assert status(address) == "DONE"
    space = Space({"slope": Integer(1, 40)})
    history = load(tmp_path / "work", space)
    assert sorted(trial.number for trial in history) == list(range(6))
    assert {trial.state for trial in history} <= {"complete", "pruned"}
    assert len({trial.architecture.key for trial in history}) == 6
    written = sorted((tmp_path / "work").glob("*/environments/*/trials/*/trained.json"))
    trained = {architecture_from(json.loads(f.read_text()), space).key for f in written}
    assert trained == {trial.architecture.key for trial in history}
    assert not any("doubtful" in trial.notes or "stored" in trial.notes for trial in history)
    for trial in history.of_state("complete"):
        assert trial.values["default"] == 3.0 * trial.architecture["slope"]
    # What is proposed does not depend on results here: it is a bare search's.
    search = Search(RandomSearch(), space, {"score": "max"}, 1)
    assert {search.ask(n).key for n in range(6)} == trained


def test_a_trial_that_an_assessor_stops_is_told_as_pruned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NNI's dispatcher gives the last value as the result, and then a failed end."""
    told: list[Trial] = []
    monkeypatch.setattr(Search, "tell", lambda _, trial: told.append(trial))
    tuner = NASTuner(strategy="RandomSearch")
    assert msg_dispatcher.dispatcher_env_vars.NNI_INCLUDE_INTERMEDIATE_RESULTS == "true"
    tuner.update_search_space({"a": {"_type": "choice", "_value": [1, 2, 3]}})
    given = [tuner.generate_parameters(number) for number in range(3)]
    tuner.receive_trial_result(0, given[0], 0.5)
    tuner.trial_end(0, False)
    tuner.trial_end(1, False)
    tuner.receive_trial_result(2, given[2], {"default": 0.7, "size": 3})
    tuner.trial_end(2, True)
    assert [(t.number, t.state) for t in told] == [(0, "pruned"), (1, "failed"), (2, "complete")]
    assert told[0].values == {"default": 0.5}
    assert told[2].values == {"default": 0.7, "size": 3.0}
