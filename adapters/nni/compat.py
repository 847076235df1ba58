# pyright: basic
# NNI ships no types that can be relied on.
"""Patches for NNI 3.0, applied at run time; no installed file is changed.

| patch                                               | where             | upstream issue        |
|-----------------------------------------------------|-------------------|-----------------------|
| a trial receives its own parameters                 | node, preload.js  | #5726, #5693          |
| the server listens on 127.0.0.1 only                | node, preload.js  | #1542                 |
| further patches of the node manager                 | node, preload.js  | see there             |
| an error of the tuner or assessor ends the run      | `MsgDispatcher`   | #3859 (hangs)         |
| the end of a trial is handled after its last value  | `MsgDispatcher`   | none                  |
| a start may take two minutes instead of 3 seconds   | `launcher`        | none                  |
| a taken port is an error before anything starts     | `launcher`        | none                  |
| `nnictl` without `pkg_resources`                    | `sys.modules`     | none (setuptools 82)  |

Upstream is archived, so no fix will come from there.
"""

import json
import socket
import sys
import time
import traceback
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import wraps
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import nni
from nni.experiment import launcher, rest
from nni.runtime.msg_dispatcher import MsgDispatcher
from nni.runtime.tuner_command_channel import CommandType

from ...engine.errors import BackendError

__all__ = [
    "ANOTHER_PORT",
    "ANY_ADDRESS",
    "LOOPBACK",
    "NODE_OPTIONS",
    "START_TIMEOUT",
    "Deferred",
    "add_pkg_resources",
    "check_loopback_only",
    "check_port",
    "node_options",
    "patch_dispatcher",
    "patched_launcher",
    "version_info",
    "wait_for_server",
]

LOOPBACK = "127.0.0.1"
ANY_ADDRESS = "0.0.0.0"
# Linux routes all of 127.0.0.0/8 to itself: a server on 127.0.0.1 alone does not answer here.
NEIGHBOUR = "127.0.0.2"
START_TIMEOUT = 120  # seconds until the node manager must answer; 3 in NNI itself
POLL_SECONDS = 0.02
ANOTHER_PORT = "choose another one, by --port on the command line or port= in Python"

PRELOAD = Path(__file__).with_name("preload.js")
NODE_OPTIONS = f'--require "{PRELOAD}"'
"""Value for the environment variable NODE_OPTIONS that patches NNI's node manager."""


def node_options(existing: str) -> str:
    """Return the value of NODE_OPTIONS with the patches of the node manager added."""
    return existing if NODE_OPTIONS in existing else f"{existing} {NODE_OPTIONS}".strip()


def version_info() -> str:
    """Return the output of NNI's own `collect_version_info`, which takes a process of seconds."""
    return json.dumps({"nniVersion": nni.__version__, "pythonPath": sys.executable})


def check_loopback_only(port: int) -> None:
    """Check that a server cannot be reached from other machines.

    NNI listens on all addresses unless it is patched, so this also checks that node has loaded the
    patches.

    Raises:
        BackendError: The server can be reached from other machines.
    """
    with socket.socket() as tried:
        tried.settimeout(1)
        if tried.connect_ex((NEIGHBOUR, port)) == 0:
            raise BackendError(
                f"NNI's server on port {port} is open to other machines, and its trials may "
                f"receive each other's parameters: node has not loaded {PRELOAD}. Check that no "
                "other program uses that port and that nothing replaces NODE_OPTIONS"
            )


def check_port(port: int, message: str | None = None) -> None:
    """Check that a port is free; replaces a function of NNI's launcher.

    Args:
        port: The port.
        message: NNI's description of the port, for others than that of the web UI.

    Raises:
        BackendError: Something listens there.
    """
    with socket.socket() as tried:
        if tried.connect_ex((LOOPBACK, port)) == 0:
            purpose = f" ({message})" if message else ""
            raise BackendError(f"the port {port} is taken{purpose}: {ANOTHER_PORT}")


def wait_for_server(port: int, url_prefix: str | None, check: Callable[[], None]) -> None:
    """Wait until NNI's server answers, for up to `START_TIMEOUT` seconds.

    Args:
        port: Its port.
        url_prefix: NNI's own setting.
        check: Called regularly; raises to stop waiting.
    """
    deadline = time.monotonic() + START_TIMEOUT
    while True:
        try:
            rest.get(port, "/check-status", url_prefix)
            return
        except Exception:  # the server does not answer yet; the exception types vary
            check()
            if time.monotonic() > deadline:
                raise
        time.sleep(POLL_SECONDS)


@contextmanager
def patched_launcher(**functions: Callable[..., Any]) -> Generator[None]:
    """Replace functions of NNI's launcher; restores them, as the user may start NNI directly."""
    before = {name: getattr(launcher, name) for name in functions}
    launcher.__dict__.update(functions)
    try:
        yield
    finally:
        launcher.__dict__.update(before)


class Deferred(NamedTuple):
    """An internal command: a call to make in the tuner's thread."""

    call: Callable[[], None]


def patch_dispatcher() -> None:
    """Patch NNI's dispatcher, the process of tuner and assessor; further calls change nothing.

    NNI creates its dispatcher after the tuner, so `NASTuner` calls this first. Two defects:

    - NNI swallows an error of a tuner or assessor and leaves the experiment RUNNING for ever.
      Patched, the error is reported to the manager, which ends the experiment as ERROR.
    - NNI handles the end of a trial in the assessor's thread, and results in the tuner's. While the
      tuner proposes, the end of a trial that an assessor stopped overtakes its last value.
      Patched, a tuner with the attribute `defer` can queue a call behind all earlier values, and
      its attribute `event` holds NNI's status of the trial, because NNI itself passes "not
      succeeded" for a stopped trial and for a crash alike.
    """
    original: Any = MsgDispatcher.process_command
    if hasattr(original, "__wrapped__"):
        return

    @wraps(original)
    def process_command(self: MsgDispatcher, command: Any, data: Any) -> None:
        try:
            if isinstance(command, Deferred):
                command.call()
                return
            tuner: Any = self.tuner
            if command is CommandType.TrialEnd and hasattr(tuner, "defer"):
                tuner.defer = lambda call: self.default_command_queue.put((Deferred(call), None))
                tuner.event = data["event"]
            original(self, command, data)
        except Exception:
            self.report_error(traceback.format_exc())
            raise

    MsgDispatcher.process_command = process_command


class _ResolutionError(Exception):
    """The error that NNI catches when a distribution is missing."""


class _Distribution:
    def __init__(self, name: str) -> None:
        try:
            self.version = metadata.version(name)
        except metadata.PackageNotFoundError as error:
            raise _ResolutionError(str(error)) from error


def add_pkg_resources() -> None:
    """Provide the part of `pkg_resources` that `nnictl` uses; setuptools 82 has removed it."""
    if "pkg_resources" in sys.modules or find_spec("pkg_resources") is not None:
        return
    module: Any = ModuleType("pkg_resources")
    module.get_distribution = _Distribution
    module.ResolutionError = _ResolutionError
    sys.modules["pkg_resources"] = module
