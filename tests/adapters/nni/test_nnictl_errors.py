"""`nasbridge nnictl create` reports errors before anything starts."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from nasbridge.adapters.nni.compat import node_options

pytestmark = [pytest.mark.frameworks, pytest.mark.xdist_group("nni_refused")]

# All cases in one process, because importing NNI takes seconds.
CREATE = """
import io, json, os
from contextlib import redirect_stderr
from pathlib import Path
from nasbridge.cli import app

errors = {}
for name, (config, port) in json.loads(Path("cases.json").read_text()).items():
    Path("config.json").write_text(json.dumps(config))
    with redirect_stderr(io.StringIO()) as stream:
        try:
            app(["nnictl", "create", "--config", "config.json", "--port", str(port)])
        except SystemExit as end:
            errors[name] = end.code, stream.getvalue()
Path("errors.json").write_text(json.dumps(errors))
Path("environment.json").write_text(json.dumps(dict(os.environ)))
"""
USERS = "--max-old-space-size=2048"  # what a user may have set

SEARCH = """
from nasbridge import Experiment, Integer, RandomSearch, Space

experiment = Experiment(
    Space({"units": Integer(10, 13)}), lambda a, t: {}, {"loss": "min"}, RandomSearch()
)
"""


class Case(NamedTuple):
    """The classArgs of a configuration, and the expected message."""

    arguments: dict[str, Any]
    message: str
    tuner: str = "NASTuner"
    space: dict[str, Any] = {"units": {"_type": "choice", "_value": [1, 2]}}  # noqa: RUF012


CASES = {
    "an unknown argument": Case(
        {"experimnt": "search.py"},
        "NASTuner has no argument 'experimnt' in classArgs: did you mean 'ex",
    ),
    "no such file": Case({"experiment": "/nowhere/search.py"}, "/nowhere/search.py does not exist"),
    "a file that only the user finds": Case(
        {"experiment": "search.py"}, "search.py does not exist here, and NNI creates"
    ),
    "the other direction": Case({"experiment": "FOLDER/search.py"}, "write optimize_mode: minim"),
    "an unknown strategy": Case(
        {"strategy": "RegularisedEvolution"}, "did you mean 'RegularizedEvolution'"
    ),
    "a strategy that is a number": Case({"strategy": 3}, "unknown strategy 3"),
    "a bad setting": Case(
        {"strategy": "RegularizedEvolution", "settings": {"population": -1}}, "population=-1"
    ),
    "an invalid seed": Case({"strategy": "RandomSearch", "seed": "x"}, "invalid seed='x'"),
    "a file that is a number": Case({"experiment": 3}, "classArgs {'experiment': 3} (TypeError"),
    "an unknown tuner": Case({}, "className nasbridge.adapters.nni.NASTunr", "NASTunr"),
    "a space without counterpart": Case(
        {}, "'normal'", space={"x": {"_type": "normal", "_value": [0, 1]}}
    ),
    "a port that is taken": Case({}, "is taken: choose another one, by --port"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the command ran with each case."""
    folder = tmp_path_factory.mktemp("refused")
    (folder / "search.py").write_text(SEARCH)
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as free:
        free.bind(("127.0.0.1", 0))  # bound without listening: free, and taken by no other program
        ports = [each.getsockname()[1] for each in (free, server)]
        cases = {
            name: (config(folder, case), ports[name == "a port that is taken"])
            for name, case in CASES.items()
        }
        (folder / "cases.json").write_text(json.dumps(cases))
        # NNI's registry is in the home folder
        environment = {**os.environ, "HOME": str(folder), "NODE_OPTIONS": USERS}
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
def test_an_invalid_configuration_is_refused(folder: Path, name: str) -> None:
    code, text = json.loads((folder / "errors.json").read_text())[name]
    assert code == 1
    assert text.startswith("error: ")
    assert CASES[name].message in text


def test_nothing_starts_after_an_error(folder: Path) -> None:
    assert not (folder / "work").exists()
    assert not (folder / "nni-experiments").exists()


def test_the_manager_receives_its_options(folder: Path) -> None:
    """The user's node options are kept, and NNI need not look up its version."""
    environment = json.loads((folder / "environment.json").read_text())
    assert environment["NODE_OPTIONS"] == node_options(USERS)
    assert json.loads(environment["NASBRIDGE_VERSIONS"])["nniVersion"] == "3.0"
