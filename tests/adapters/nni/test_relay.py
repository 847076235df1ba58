"""The relay with sockets in place of processes: many trials, and unknown programs."""

import errno
import json
import os
import socket
import threading
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from nasbridge import BackendError
from nasbridge.adapters.nni.relay import FAILED, Relay, wait_until

WAIT = 10  # seconds


@pytest.fixture
def relay() -> Generator[Relay]:
    relay = Relay()
    yield relay
    relay.close()


def no_check() -> None:
    """Check nothing."""


def connect(relay: Relay, number: int | None, **changed: Any) -> socket.socket:
    """Connect as a trial's process does."""
    port, token = relay.address.split(":")
    connection = socket.create_connection(("127.0.0.1", int(port)), timeout=WAIT)
    hello = {"token": token, "job": "a", "record": {"parameter_id": number}, "folder": "."}
    connection.sendall(json.dumps({**hello, **changed}).encode() + b"\n")
    return connection


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def received(connection: socket.socket) -> list[dict[str, Any]]:
    """Return all messages until the connection is closed."""
    with connection.makefile() as lines:
        return [json.loads(line) for line in lines]


def test_a_trial_leaves_no_open_file(relay: Relay) -> None:
    before = open_files()
    for number in range(50):
        with connect(relay, number) as connection:
            link = relay.take(number, no_check)
            link.end(0, {"default": 1.0})
            assert b'"end": 0' in connection.recv(1000)
        assert wait_until(lambda: link.is_lost, WAIT)  # noqa: B023 - called before the next iteration
    assert wait_until(lambda: open_files() <= before, WAIT), open_files() - before


def test_a_trial_that_a_user_added_fails_with_a_reason(relay: Relay) -> None:
    with connect(relay, None) as connection:
        message = json.loads(connection.makefile().readline())
    assert message["end"] == FAILED
    assert "the strategy alone proposes" in message["log"]
    with connect(relay, 7):  # the next process is accepted
        assert relay.take(7, no_check).number == 7


@pytest.mark.parametrize("changed", [{"token": "other"}, {"record": None}, {"folder": 3}])
def test_an_invalid_hello_closes_the_connection(relay: Relay, changed: dict[str, Any]) -> None:
    before = open_files()
    with connect(relay, 1, **changed) as connection:
        assert received(connection) == []
    assert wait_until(lambda: open_files() <= before, WAIT)


class Exhausted:
    """A server whose process has run out of open files."""

    def __init__(self, server: socket.socket) -> None:
        self._server = server

    def accept(self) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._server, name)


def test_exhausted_open_files_are_an_error_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    create = socket.create_server
    monkeypatch.setattr(socket, "create_server", lambda address: Exhausted(create(address)))  # pyright: ignore[reportUnknownArgumentType, reportUnknownLambdaType]
    relay, began = Relay(), time.monotonic()
    with pytest.raises(BackendError, match=r"open files.*resume"):
        relay.take(0, no_check)
    assert time.monotonic() - began < WAIT
    relay.close()


def test_closing_closes_every_connection() -> None:
    relay, before = Relay(), threading.active_count()
    connections = [connect(relay, number) for number in range(3)]
    for number in range(3):
        relay.take(number, no_check)
    relay.close()
    assert [received(connection) for connection in connections] == [[], [], []]
    for connection in connections:
        connection.close()
    assert wait_until(lambda: threading.active_count() < before, WAIT)
