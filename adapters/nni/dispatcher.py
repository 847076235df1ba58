# pyright: basic
# NNI ships no types that can be relied on.
"""The managed run's connection to NNI's manager, in the place of a tuner's dispatcher."""

import json
import threading
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from typing import Any, final

from nni.common.serializer import dump
from nni.runtime.tuner_command_channel import CommandType
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from .trials import record_of

__all__ = ["Dispatcher"]


@final
class Dispatcher:
    """Sends new trials to NNI's manager, and receives how trials ended.

    NNI's own dispatcher reads JSON with comments and so fails on labels with "#" or "//".

    Args:
        url: The manager's websocket for tuners.

    Attributes:
        is_closed: Whether the manager has closed the connection.
        is_ready: Set when the manager has initialized its tuner.
        ended: NNI's final status of trials, by our number.
    """

    def __init__(self, url: str) -> None:
        self._stack = ExitStack()
        # No pings: the process is watched anyway, and a suspended one may continue.
        connection = connect(url, max_size=None, proxy=None, ping_interval=None)
        self._connection = self._stack.enter_context(connection)
        self.is_closed = False
        self.ended: dict[int, str] = {}
        self.is_ready = threading.Event()
        threading.Thread(target=self._listen, daemon=True).start()

    def begin(self, number: int, parameters: Mapping[str, Any]) -> None:
        """Let NNI start a trial's process."""
        self._send(CommandType.NewTrialJob, record_of(number, parameters))

    def stop_early(self, job: str) -> None:
        """Let NNI end a trial's process, and show the trial as stopped early."""
        self._send(CommandType.KillTrialJob, dump(job))

    def close(self) -> None:
        """Close the connection."""
        with suppress(Exception):
            self._stack.close()

    def _send(self, command: CommandType, content: str) -> None:
        """Send a command; a closed connection is reported by `Manager.check`."""
        with suppress(ConnectionClosed):
            self._connection.send(json.dumps({"type": command.value, "content": content}))

    def _listen(self) -> None:
        with suppress(ConnectionClosed):  # closed here, or NNI was killed
            for message in self._connection:
                received = json.loads(message)
                if received["type"] == CommandType.Initialize.value:
                    self._send(CommandType.Initialized, "")
                    self.is_ready.set()
                elif received["type"] == CommandType.TrialEnd.value:
                    self._trial_ended(json.loads(received["content"]))
        self.is_closed = True

    def _trial_ended(self, content: Mapping[str, Any]) -> None:
        number = json.loads(content["hyper_params"])["parameter_id"]
        if number is not None:  # None for a trial that was added in the web UI
            self.ended[number] = content["event"]
