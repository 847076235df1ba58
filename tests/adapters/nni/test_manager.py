# pyright: basic
# NNI ships no types that can be relied on.
"""`Manager` without NNI's process: its checks, and the arguments that it refuses."""

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from websockets.sync.server import ServerConnection, serve

from nasbridge import BackendError
from nasbridge.adapters.nni.dispatcher import Dispatcher
from nasbridge.adapters.nni.manager import Manager
from nasbridge.adapters.nni.relay import wait_until
from nasbridge.engine import Unsupported

WAIT = 20  # seconds


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A manager whose process is alive."""
    manager = Manager(tmp_path, None)
    process = SimpleNamespace(poll=lambda: None)
    monkeypatch.setattr(manager, "_experiment", SimpleNamespace(_proc=process, id="x"))
    return manager


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The status and the errors that NNI's server returns."""
    status: list[Any] = ["RUNNING"]

    def get(*arguments: object) -> dict[str, Any]:
        return {"status": status[0], "errors": status[1:]}

    monkeypatch.setattr("nasbridge.adapters.nni.manager.rest.get", get)
    return status


@pytest.mark.usefixtures("answers")
def test_a_closed_connection_is_an_error(manager: Any) -> None:
    close = threading.Event()

    def stay_open(connection: ServerConnection) -> None:
        close.wait(WAIT)

    with serve(stay_open, "127.0.0.1", 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.socket.getsockname()[1]
        dispatcher: Any = Dispatcher(f"ws://127.0.0.1:{port}")
        manager._dispatcher = dispatcher
        manager.check()
        assert dispatcher._connection.ping_interval is None  # NNI may be suspended for a minute
        close.set()
        assert wait_until(lambda: dispatcher.is_closed, WAIT)
        with pytest.raises(BackendError, match=r"has stopped.*RUNNING.*resume.*logs are in"):
            manager.check()


def test_an_error_status_is_an_error(
    manager: Any, answers: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    manager.check()
    answers[:] = ["ERROR", "it is broken"]
    manager.check()  # the status is requested every few seconds only
    monkeypatch.setattr(manager, "_next_status", 0)
    with pytest.raises(BackendError, match=r"ERROR \(it is broken\).*resume"):
        manager.check()


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_an_invalid_port_is_refused(tmp_path: Path, port: int) -> None:
    with pytest.raises(Unsupported, match=rf"invalid port {port}: give one from 1 to 65535"):
        Manager(tmp_path, port)


def test_another_address_is_warned_of_or_refused(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="no authentication"):
        Manager(tmp_path, None, "0.0.0.0")
    with pytest.raises(Unsupported, match=r"'192\.0\.2\.1'.*0\.0\.0\.0"):
        Manager(tmp_path, None, "192.0.2.1")
