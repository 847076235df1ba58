"""`nasbridge nnictl create` says what cannot work before anything starts."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from nasbridge.adapters.nni.node import node_options

pytestmark = [pytest.mark.frameworks, pytest.mark.xdist_group("nni_refused")]

# All in one process, for NNI takes seconds to import.
CREATE = """
import io, json, os
from contextlib import redirect_stderr
from pathlib import Path
from nasbridge.cli import app

said = {}
for name, (config, port) in json.loads(Path("cases.json").read_text()).items():
    Path("config.json").write_text(json.dumps(config))
    with redirect_stderr(io.StringIO()) as stream:
        try:
            app(["nnictl", "create", "--config", "config.json", "--port", str(port)])
        except SystemExit as end:
            said[name] = end.code, stream.getvalue()
Path("said.json").write_text(json.dumps(said))
Path("environment.json").write_text(json.dumps(dict(os.environ)))
"""
THEIRS = "--max-old-space-size=2048"  # what a user may have told node

SEARCH = """
from nasbridge import Experiment, Integer, RandomSearch, Space

experiment = Experiment(
    Space({"units": Integer(10, 13)}), lambda a, t: {}, {"loss": "min"}, RandomSearch()
)
"""


class Case(NamedTuple):
    """What stands in classArgs, and what must be said."""

    arguments: dict[str, Any]
    said: str
    tuner: str = "NASTuner"
    space: dict[str, Any] = {"units": {"_type": "choice", "_value": [1, 2]}}  # noqa: RUF012


CASES = {
    "an unknown argument": Case(
        {"experimnt": "search.py"}, "NASTuner has no 'experimnt' in classArgs: did you mean 'exper"
    ),
    "no such file": Case({"experiment": "/nowhere/search.py"}, "/nowhere/search.py does not exist"),
    "a file that only the user finds": Case(
        {"experiment": "search.py"}, "search.py does not exist here, and NNI makes"
    ),
    "the other direction": Case({"experiment": "FOLDER/search.py"}, "write optimize_mode: minim"),
    "an unknown strategy": Case(
        {"strategy": "RegularisedEvolution"}, "did you mean 'RegularizedEvolution'"
    ),
    "a strategy that is no name": Case({"strategy": 3}, "there is no strategy 3"),
    "a bad setting": Case(
        {"strategy": "RegularizedEvolution", "settings": {"population": -1}}, "population=-1"
    ),
    "a seed that is none": Case({"strategy": "RandomSearch", "seed": "x"}, "invalid seed='x'"),
    "a file that is no path": Case({"experiment": 3}, "classArgs {'experiment': 3} (TypeError"),
    "an unknown tuner": Case({}, "className nasbridge.adapters.nni.NASTunr", "NASTunr"),
    "a space without counterpart": Case(
        {}, "'normal'", space={"x": {"_type": "normal", "_value": [0, 1]}}
    ),
    "a port that is taken": Case({}, "is taken: give another one, by --port"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the command was given each case."""
    folder = tmp_path_factory.mktemp("refused")
    (folder / "search.py").write_text(SEARCH)
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as free:
        free.bind(("127.0.0.1", 0))  # nobody listens, and nobody else gets it
        ports = [each.getsockname()[1] for each in (free, server)]
        cases = {
            name: (config(folder, case), ports[name == "a port that is taken"])
            for name, case in CASES.items()
        }
        (folder / "cases.json").write_text(json.dumps(cases))
        # NNI's registry is in the home folder.
        environment = {**os.environ, "HOME": str(folder), "NODE_OPTIONS": THEIRS}
        command = [sys.executable, "-c", CREATE]
        subprocess.run(command, cwd=folder, env=environment, check=True, timeout=90)
    return folder


def config(folder: Path, case: Case) -> dict[str, Any]:
    given = {
        key: value.replace("FOLDER", str(folder)) if isinstance(value, str) else value
        for key, value in case.arguments.items()
    }
    return {
        "trialCommand": "false",
        "trialCodeDirectory": ".",
        "trialConcurrency": 1,
        "maxTrialNumber": 1,
        "experimentWorkingDirectory": str(folder / "work"),
        "searchSpace": case.space,
        "tuner": {
            "className": f"nasbridge.adapters.nni.{case.tuner}",
            "codeDirectory": ".",
            "classArgs": given,
        },
        "trainingService": {"platform": "local"},
    }


@pytest.mark.parametrize("name", CASES)
def test_what_cannot_work_is_said(folder: Path, name: str) -> None:
    code, text = json.loads((folder / "said.json").read_text())[name]
    assert code == 1
    assert text.startswith("error: ")
    assert CASES[name].said in text


def test_nothing_was_started(folder: Path) -> None:
    assert not (folder / "work").exists()
    assert not (folder / "nni-experiments").exists()


def test_what_the_manager_is_told(folder: Path) -> None:
    """What the user has told node stays; and NNI need not ask for its version."""
    told = json.loads((folder / "environment.json").read_text())
    assert told["NODE_OPTIONS"] == node_options(THEIRS)
    assert json.loads(told["NASBRIDGE_VERSIONS"])["nniVersion"] == "3.0"
