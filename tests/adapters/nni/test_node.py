"""NNI's node manager is mended, whatever the user has told node; or it does not stay up."""

import json
import os
import socket
import subprocess
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest

from nasbridge import BackendError, Experiment, Integer, RandomSearch, Space
from nasbridge.adapters.nni import ctl
from nasbridge.adapters.nni.node import EVERYWHERE, NODE_OPTIONS, check_closed, node_options
from nasbridge.engine import ActiveTrial, Silent
from nasbridge.spaces import Architecture

pytestmark = [pytest.mark.frameworks, pytest.mark.xdist_group("nni")]

THEIRS = "--max-old-space-size=2048"  # what a user may have set


def test_the_users_options_stay() -> None:
    assert node_options("") == NODE_OPTIONS
    assert node_options(THEIRS) == f"{THEIRS} {NODE_OPTIONS}"
    assert node_options(node_options(THEIRS)) == node_options(THEIRS)


def test_a_server_that_others_reach_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        check_closed(server.getsockname()[1])
    with socket.create_server((EVERYWHERE, 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(BackendError, match=rf"port {port} is open to other machines"):
            check_closed(port)


def nothing(*given: object) -> None:
    """Take the place of a function that waits."""


def test_opening_the_other_door_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NASBRIDGE_HOST", EVERYWHERE)
    monkeypatch.setattr(ctl, "wait_for_server", nothing)
    with pytest.warns(UserWarning, match=r"0\.0\.0\.0, as NASBRIDGE_HOST says.*no authentication"):
        ctl._check_server(1)  # pyright: ignore[reportPrivateUsage]


def test_their_door_ends_a_server_that_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NASBRIDGE_HOST", raising=False)
    monkeypatch.setattr(ctl, "wait_for_server", nothing)
    with (
        socket.create_server((EVERYWHERE, 0)) as server,
        pytest.raises(BackendError, match="has not loaded"),
    ):
        ctl._check_server(server.getsockname()[1])  # pyright: ignore[reportPrivateUsage]


LISTEN = """
const server = require("net").createServer();
server.listen(0, () => {
  console.log(JSON.stringify([server.address().address, process.env.NODE_OPTIONS ?? null]));
  server.close();
});
"""


@pytest.mark.parametrize("theirs", ["", THEIRS])
def test_node_with_the_users_options_is_mended(theirs: str) -> None:
    """It listens on one address, and what it starts is not told of the mends."""
    found = find_spec("nni_node")
    assert found is not None
    assert found.origin is not None
    node = Path(found.origin).with_name("node")
    done = subprocess.run(
        [node, "--eval", LISTEN],
        env={**os.environ, "NODE_OPTIONS": node_options(theirs)},
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert json.loads(done.stdout) == ["127.0.0.1", theirs or None]


def evaluate(architecture: Architecture, trial: ActiveTrial) -> dict[str, float]:
    """Note what NNI's manager was told."""
    children = psutil.Process().children()
    (manager,) = [child for child in children if "main.js" in " ".join(child.cmdline())]
    (trial.directory / "options").write_text(manager.environ()["NODE_OPTIONS"])
    return {"score": 1.0}


def test_our_door_adds_to_the_users_options(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NODE_OPTIONS", THEIRS)
    space = Space({"slope": Integer(1, 40)})
    searched = Experiment(space, evaluate, {"score": "max"}, RandomSearch(), trials=1)
    searched.run("nni", tmp_path, 0, Silent())
    assert (tmp_path / "trials" / "00000" / "options").read_text() == node_options(THEIRS)
    assert os.environ["NODE_OPTIONS"] == THEIRS
