"""The run's end of the wire to its trials' processes; see `_nni_client`."""

import json
import secrets
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, final

__all__ = ["Link", "Relay", "patiently"]

SYNC = 5  # seconds that a trial's process may take to pass on what it was told
TICK = 0.2  # seconds between two looks at whether NNI still lives


@final
class Link:
    """The wire to one trial's process.

    Args:
        wire: The socket.
        job: NNI's id of the trial.
        record: What NNI has stored for it.
        folder: Where NNI keeps its files, which the web UI serves.
    """

    def __init__(
        self, wire: socket.socket, job: str, record: Mapping[str, Any], folder: Path
    ) -> None:
        self._wire = wire
        self.folder = folder
        self.job = job
        self.record = record
        self.is_lost = False  # NNI, or a user in its web UI, has ended the process
        self._sequence = 0
        self.synced = threading.Event()

    @property
    def number(self) -> int:
        """The number of our trial."""
        return int(self.record["parameter_id"])

    def report(self, value: Mapping[str, float]) -> None:
        """Report on the way."""
        self._send({"report": ["PERIODICAL", self.number, self._sequence, value]})
        self._sequence += 1

    def sync(self) -> None:
        """Wait until what was reported has reached NNI, unless the process was ended."""
        self.synced.clear()
        self._send({"sync": True})
        patiently(lambda: self.synced.is_set() or self.is_lost, SYNC)

    def say(self, text: str) -> None:
        """Write something into the trial's log."""
        self._send({"say": text})

    def end(self, code: int, final: Mapping[str, float] | None = None, say: str = "") -> None:
        """End the trial.

        Args:
            code: Its exit code.
            final: Its final result, if it has one.
            say: What its log shall say.
        """
        if final is not None:
            self._send({"report": ["FINAL", self.number, 0, final]})
        self._send({"say": say, "end": code} if say else {"end": code})

    def _send(self, message: Mapping[str, Any]) -> None:
        with suppress(OSError):  # it was ended; `is_lost` says so
            self._wire.sendall(json.dumps(message).encode() + b"\n")


@final
class Relay:
    """Listens for trials' processes, on this machine only."""

    def __init__(self) -> None:
        self._token = secrets.token_hex(16)
        self._server = socket.create_server(("127.0.0.1", 0))
        self._arrived: dict[int, Link] = {}
        self._wires: list[socket.socket] = []
        self._change = threading.Condition()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def address(self) -> str:
        """What a process must know to be heard: port and token."""
        return f"{self._server.getsockname()[1]}:{self._token}"

    def take(self, wanted: Callable[[int], bool], check: Callable[[], None]) -> Link:
        """Wait for a trial's process.

        Args:
            wanted: Tells by number whether this trial is waited for.
            check: Is called now and then; raises if waiting makes no sense any more.
        """
        with self._change:
            while True:
                for number in sorted(self._arrived):
                    if wanted(number):
                        return self._arrived.pop(number)
                if not self._change.wait(TICK):
                    check()

    def close(self) -> None:
        """Hang up on everybody."""
        for wire in (self._server, *self._wires):
            with suppress(OSError):
                wire.shutdown(socket.SHUT_RDWR)
            wire.close()

    def _accept(self) -> None:
        while True:
            try:
                wire, _ = self._server.accept()
            except OSError:
                return
            self._wires.append(wire)
            threading.Thread(target=self._hear, args=(wire,), daemon=True).start()

    def _hear(self, wire: socket.socket) -> None:
        link: Link | None = None
        with suppress(OSError, ValueError), wire.makefile() as lines:
            for line in lines:
                if link is not None:
                    link.synced.set()
                    continue
                said: dict[str, Any] = json.loads(line)
                if not secrets.compare_digest(str(said.get("token")), self._token):
                    break
                link = Link(wire, said["job"], said["record"], Path(said["folder"]))
                with self._change:
                    self._arrived[link.number] = link
                    self._change.notify_all()
        if link is not None:
            link.is_lost = True


def patiently(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait until something is so; tell whether it came about."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
