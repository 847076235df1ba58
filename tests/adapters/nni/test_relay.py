"""The relay to trials' processes, with sockets for processes: many trials, and odd callers."""

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
from nasbridge.adapters.nni.relay import FAILED, Relay, patiently

WAIT = 10  # seconds


@pytest.fixture
def relay() -> Generator[Relay]:
    relay = Relay()
    yield relay
    relay.close()


def nothing() -> None:
    """Never gives up."""


def call(relay: Relay, number: int | None, **said: Any) -> socket.socket:
    """Do as a trial's process."""
    port, token = relay.address.split(":")
    wire = socket.create_connection(("127.0.0.1", int(port)), timeout=WAIT)
    hello = {"token": token, "job": "a", "record": {"parameter_id": number}, "folder": "."}
    wire.sendall(json.dumps({**hello, **said}).encode() + b"\n")
    return wire


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def heard(wire: socket.socket) -> list[dict[str, Any]]:
    """Hear what a process is told until somebody hangs up."""
    with wire.makefile() as lines:
        return [json.loads(line) for line in lines]


def test_a_trial_leaves_no_open_file(relay: Relay) -> None:
    before = open_files()
    for number in range(50):
        with call(relay, number) as wire:
            link = relay.take(number.__eq__, nothing)
            link.end(0, {"default": 1.0})
            assert b'"end": 0' in wire.recv(1000)
        assert patiently(lambda: link.is_lost, WAIT)  # noqa: B023 - it is called at once
    assert patiently(lambda: open_files() <= before, WAIT), open_files() - before


def test_a_trial_that_a_user_has_added_fails_and_says_why(relay: Relay) -> None:
    with call(relay, None) as wire:
        message = json.loads(wire.makefile().readline())
    assert message["end"] == FAILED
    assert "the strategy alone proposes" in message["say"]
    with call(relay, 7):  # the next one is heard
        assert relay.take(lambda one: True, nothing).number == 7


@pytest.mark.parametrize("said", [{"token": "other"}, {"record": None}, {"folder": 3}])
def test_who_says_something_else_is_hung_up_on(relay: Relay, said: dict[str, Any]) -> None:
    before = open_files()
    with call(relay, 1, **said) as wire:
        assert heard(wire) == []
    assert patiently(lambda: open_files() <= before, WAIT)


class Exhausted:
    """A server whose process has run out of open files."""

    def __init__(self, server: socket.socket) -> None:
        self._server = server

    def accept(self) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._server, name)


def test_running_out_of_open_files_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    create = socket.create_server
    monkeypatch.setattr(socket, "create_server", lambda address: Exhausted(create(address)))  # pyright: ignore[reportUnknownArgumentType, reportUnknownLambdaType]
    relay, began = Relay(), time.monotonic()
    with pytest.raises(BackendError, match=r"open files.*resume"):
        relay.take(lambda number: True, nothing)
    assert time.monotonic() - began < WAIT
    relay.close()


def test_closing_hangs_up_on_everybody() -> None:
    relay, before = Relay(), threading.active_count()
    wires = [call(relay, number) for number in range(3)]
    for number in range(3):
        relay.take(number.__eq__, nothing)
    relay.close()
    assert [heard(wire) for wire in wires] == [[], [], []]
    for wire in wires:
        wire.close()
    assert patiently(lambda: threading.active_count() < before, WAIT)
