"""The run's side of the connections from the processes of its trials; see `trial_process`.

Each message is one line of JSON. A process sends its token, id, record and folder once, and `{}`
after each "sync". The run sends "report", "log", "sync" and "end".
"""

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

__all__ = ["FAILED", "Link", "Relay", "wait_until"]

FAILED = 1  # exit code of the process of a failed trial
SYNC_TIMEOUT = 5  # seconds until a process must have passed on its reports
CHECK_SECONDS = 0.2  # between two checks that NNI is alive
POLL_SECONDS = 0.02
CUSTOMIZED = (
    "nasbridge: this trial was added in NNI's web UI or by nnictl, and is not evaluated: in this "
    "run the strategy alone proposes architectures"
)


@final
class Link:
    """The connection to the process of one trial.

    Args:
        connection: The socket.
        job: NNI's id of the trial.
        record: The record that NNI stores for it.
        folder: The folder of its files, which the web UI serves.

    Attributes:
        is_lost: Whether the process has ended.
        synced: Set when the process has passed on all reports before the last `sync`.
    """

    def __init__(
        self, connection: socket.socket, job: str, record: Mapping[str, Any], folder: Path
    ) -> None:
        self._connection = connection
        self.folder = folder
        self.job = job
        self.record = record
        self.is_lost = False
        self._sequence = 0
        self.synced = threading.Event()

    @property
    def number(self) -> int:
        """The trial's number."""
        return int(self.record["parameter_id"])

    @property
    def has_number(self) -> bool:
        """Whether the run began the trial; trials that a user adds have no number."""
        return isinstance(self.record["parameter_id"], int)

    def report(self, value: Mapping[str, float]) -> None:
        """Report an intermediate result to NNI."""
        self._send({"report": ["PERIODICAL", self.number, self._sequence, value]})
        self._sequence += 1

    def sync(self) -> None:
        """Wait until NNI has received all reports, or the process has ended."""
        self.synced.clear()
        self._send({"sync": True})
        wait_until(lambda: self.synced.is_set() or self.is_lost, SYNC_TIMEOUT)

    def log(self, text: str) -> None:
        """Write a line to the trial's log."""
        self._send({"log": text})

    def end(self, code: int, final: Mapping[str, float] | None = None, log: str = "") -> None:
        """End the trial.

        Args:
            code: Exit code of its process.
            final: Its final result, or None.
            log: Text for its log.
        """
        if final is not None:
            self._send({"report": ["FINAL", self.number, 0, final]})
        self._send({"log": log, "end": code} if log else {"end": code})

    def _send(self, message: Mapping[str, Any]) -> None:
        with suppress(OSError):  # the process has ended; see `is_lost`
            self._connection.sendall(json.dumps(message).encode() + b"\n")


@final
class Relay:
    """Accepts connections from the processes of trials, on this machine only."""

    def __init__(self) -> None:
        self._token = secrets.token_hex(16)
        self._server = socket.create_server(("127.0.0.1", 0))
        self._arrived: dict[int, Link] = {}
        self._connections = set[socket.socket]()
        self._is_closed = False
        self._error: OSError | None = None  # why no connection can be accepted any more
        self._change = threading.Condition()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def address(self) -> str:
        """Port and token, as trial_process.py expects them."""
        return f"{self._server.getsockname()[1]}:{self._token}"

    def take(self, number: int, check: Callable[[], None]) -> Link:
        """Wait for the process of a trial.

        Args:
            number: The trial's number.
            check: Called regularly; raises to stop waiting.

        Raises:
            BackendError: No connection can be accepted any more.
        """
        with self._change:
            while number not in self._arrived:
                if self._error is not None:
                    raise BackendError(
                        f"connections from NNI's trials cannot be accepted ({self._error}): "
                        "resume to continue; if the limit of open files was reached, raise it"
                    ) from self._error
                if not self._change.wait(CHECK_SECONDS):
                    check()
            return self._arrived.pop(number)

    def close(self) -> None:
        """Close all connections."""
        with self._change:
            self._is_closed = True
            sockets = [self._server, *self._connections]
        for each in sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        self._server.close()  # the thread of each connection closes that

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except ConnectionAbortedError:  # the process ended meanwhile
                continue
            except OSError as error:
                with self._change:
                    if not self._is_closed:
                        self._error = error
                    self._change.notify_all()
                return
            with self._change:
                if self._is_closed:
                    connection.close()
                    return
                self._connections.add(connection)
            threading.Thread(target=self._receive, args=(connection,), daemon=True).start()

    def _receive(self, connection: socket.socket) -> None:
        link: Link | None = None
        try:
            # Lines that trial_process.py would not send come from another program: hang up.
            errors = (OSError, ValueError, KeyError, TypeError)
            with suppress(*errors), connection.makefile() as lines:
                for line in lines:
                    if link is not None:
                        link.synced.set()
                        continue
                    hello: dict[str, Any] = json.loads(line)
                    if not secrets.compare_digest(str(hello.get("token")), self._token):
                        break
                    link = Link(connection, hello["job"], hello["record"], Path(hello["folder"]))
                    self._add(link)
        finally:
            if link is not None:
                link.is_lost = True
            with self._change:
                self._connections.discard(connection)
            connection.close()  # otherwise a long search runs out of open files

    def _add(self, link: Link) -> None:
        if not link.has_number:
            link.end(FAILED, log=CUSTOMIZED)
            return
        with self._change:
            self._arrived[link.number] = link
            self._change.notify_all()


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait until a condition holds; return whether it did within some seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True
