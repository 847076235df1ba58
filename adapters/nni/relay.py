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

from ...engine.errors import BackendError

__all__ = ["FAILED", "Link", "Relay", "patiently"]

FAILED = 1  # exit code of a trial
SYNC = 5  # seconds that a trial's process may take to pass on what it was told
TICK = 0.2  # seconds between two looks at whether NNI still lives
CUSTOMIZED = (
    "nasbridge: this trial was added in NNI's web UI or by nnictl, and is not evaluated: in this "
    "run the strategy alone proposes architectures"
)


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

    @property
    def is_ours(self) -> bool:
        """Whether we have begun the trial; NNI gives no number to one that a user has added."""
        return isinstance(self.record["parameter_id"], int)

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
        self._wires = set[socket.socket]()
        self._is_closed = False
        self._error: OSError | None = None  # why it cannot listen any more
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

        Raises:
            BackendError: No process can be heard any more.
        """
        with self._change:
            while True:
                for number in sorted(self._arrived):
                    if wanted(number):
                        return self._arrived.pop(number)
                if self._error is not None:
                    raise BackendError(
                        f"the processes of NNI's trials cannot be heard any more ({self._error}): "
                        "resume to go on, with a higher limit of open files if that was it"
                    ) from self._error
                if not self._change.wait(TICK):
                    check()

    def close(self) -> None:
        """Hang up on everybody."""
        with self._change:
            self._is_closed = True
            wires = [self._server, *self._wires]
        for wire in wires:
            with suppress(OSError):
                wire.shutdown(socket.SHUT_RDWR)
        self._server.close()  # each other one is closed by the thread that hears it

    def _accept(self) -> None:
        while True:
            try:
                wire, _ = self._server.accept()
            except ConnectionAbortedError:  # whoever called has ended meanwhile
                continue
            except OSError as error:
                with self._change:
                    if not self._is_closed:
                        self._error = error
                    self._change.notify_all()
                return
            with self._change:
                if self._is_closed:
                    wire.close()
                    return
                self._wires.add(wire)
            threading.Thread(target=self._hear, args=(wire,), daemon=True).start()

    def _hear(self, wire: socket.socket) -> None:
        link: Link | None = None
        try:
            # What is no JSON, or not what our client says, comes from somebody else.
            with suppress(OSError, ValueError, KeyError, TypeError), wire.makefile() as lines:
                for line in lines:
                    if link is not None:
                        link.synced.set()
                        continue
                    said: dict[str, Any] = json.loads(line)
                    if not secrets.compare_digest(str(said.get("token")), self._token):
                        break
                    link = Link(wire, said["job"], said["record"], Path(said["folder"]))
                    self._arrives(link)
        finally:
            if link is not None:
                link.is_lost = True
            with self._change:
                self._wires.discard(wire)
            wire.close()  # or a long search would run out of open files

    def _arrives(self, link: Link) -> None:
        if not link.is_ours:
            link.end(FAILED, say=CUSTOMIZED)
            return
        with self._change:
            self._arrived[link.number] = link
            self._change.notify_all()


def patiently(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait until something is so; tell whether it came about."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
