# pyright: basic
# NNI ships no types that can be relied on.
"""Patches of NNI: the user's node options are kept, and a server open to others is refused."""

import json
import os
import socket
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest
from nni.experiment import launcher

from nasbridge import BackendError
from nasbridge.adapters.nni import ctl
from nasbridge.adapters.nni.compat import (
    ANY_ADDRESS,
    NODE_OPTIONS,
    check_loopback_only,
    node_options,
    patched_launcher,
)

USERS = "--max-old-space-size=2048"  # what a user may have set

LISTEN = """
const server = require("net").createServer();
server.listen(0, () => {
  console.log(JSON.stringify([server.address().address, process.env.NODE_OPTIONS ?? null]));
  server.close();
});
"""


def no_wait(*arguments: object) -> None:
    """Take the place of a function that waits."""


def test_the_users_node_options_are_kept() -> None:
    assert node_options("") == NODE_OPTIONS
    assert node_options(USERS) == f"{USERS} {NODE_OPTIONS}"
    assert node_options(node_options(USERS)) == node_options(USERS)


def test_the_launcher_is_restored() -> None:
    """The user may start NNI directly afterwards."""
    before = dict(vars(launcher))
    with patched_launcher(_ensure_port_idle=no_wait):
        assert vars(launcher)["_ensure_port_idle"] is no_wait
    assert vars(launcher) == before


def test_a_server_open_to_other_machines_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        check_loopback_only(server.getsockname()[1])
    with socket.create_server((ANY_ADDRESS, 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(BackendError, match=rf"port {port} is open to other machines"):
            check_loopback_only(port)


def test_nnictl_warns_of_an_address_that_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NASBRIDGE_HOST", ANY_ADDRESS)
    monkeypatch.setattr(ctl, "wait_for_server", no_wait)
    with pytest.warns(UserWarning, match=r"0\.0\.0\.0, as set by NASBRIDGE_HOST.*no authenticat"):
        ctl._check_server(1)


def test_nnictl_refuses_a_server_without_the_patches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NASBRIDGE_HOST", raising=False)
    monkeypatch.setattr(ctl, "wait_for_server", no_wait)
    with (
        socket.create_server((ANY_ADDRESS, 0)) as server,
        pytest.raises(BackendError, match="has not loaded"),
    ):
        ctl._check_server(server.getsockname()[1])


@pytest.mark.parametrize("users", ["", USERS])
def test_node_is_patched_beside_the_users_options(users: str) -> None:
    """It listens on one address, and its own child processes load no patches."""
    found = find_spec("nni_node")
    assert found is not None
    assert found.origin is not None
    node = Path(found.origin).with_name("node")
    done = subprocess.run(
        [node, "--eval", LISTEN],
        env={**os.environ, "NODE_OPTIONS": node_options(users)},
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert json.loads(done.stdout) == ["127.0.0.1", users or None]
