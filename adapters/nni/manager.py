# pyright: basic
# NNI ships no types that can be relied on.
"""NNI's node manager with its web UI, as a context: started, resumed, viewed, and always ended."""

import json
import os
import signal
import socket
import sys
import threading
import time
import warnings
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from subprocess import Popen
from typing import Any, final

import nni
from nni.common.serializer import dump
from nni.experiment import Experiment, RunMode, launcher, rest
from nni.experiment.config import ExperimentConfig
from nni.runtime.log import silence_stdout
from nni.runtime.tuner_command_channel import CommandType
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.sync.client import connect

from ...engine.errors import BackendError, Unsupported
from .node import EVERYWHERE, LOOPBACK, check_closed, node_options
from .registry import forget, is_registered, is_temporary
from .relay import patiently
from .trials import experiment_in, update_settings

__all__ = ["Manager", "check_port", "free_port", "versions", "wait_for_server"]

CLIENT = Path(__file__).with_name("client.py")
COMMAND = 'exec "$NASBRIDGE_PYTHON" -I -S "$NASBRIDGE_CLIENT"'
ANOTHER = "give another one, by --port (nasbridge run: --option port=...) or port= in Python"
START = 120  # seconds that the manager may take; NNI itself gives up after three
LOOK = 5  # seconds from one question to the next of how NNI is
STOP = 20  # seconds that it may take to end


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server((LOOPBACK, 0)) as server:
        return int(server.getsockname()[1])


def versions() -> str:
    """Return what NNI would start a Python process of several seconds to ask."""
    return json.dumps({"nniVersion": nni.__version__, "pythonPath": sys.executable})


def check_port(port: int, message: str | None = None) -> None:
    """Raise if a port is taken; takes the place of NNI's own function, which leaves it open.

    Args:
        port: The port.
        message: NNI's own, for others than the web UI's.

    Raises:
        BackendError: Something listens there.
    """
    with socket.socket() as tried:
        if tried.connect_ex((LOOPBACK, port)) == 0:
            why = f" ({message})" if message else ""
            raise BackendError(f"the port {port} is taken{why}: {ANOTHER}")


def wait_for_server(port: int, url_prefix: str | None, check: Callable[[], None]) -> None:
    """Wait as long as a busy machine needs until NNI's server is up.

    Args:
        port: Its port.
        url_prefix: NNI's own setting.
        check: Is called now and then; raises if waiting makes no sense any more.
    """
    deadline = time.monotonic() + START
    while True:
        try:
            rest.get(port, "/check-status", url_prefix)
            return
        except Exception:  # the server is not up yet, whichever way that shows
            check()
            if time.monotonic() > deadline:
                raise
        time.sleep(0.02)


def _check_alive(process: Popen[bytes] | None, log: Path) -> None:
    code = None if process is None else process.poll()
    if process is None or code is not None:
        raise BackendError(
            f"NNI's node manager has ended (exit code {code}); run or resume again to go on, "
            f"its logs are in {log}"
        )


@final
class _Dispatcher:
    """The run's end of NNI's wire for tuners: the run itself says when there is a new trial.

    NNI's own end reads JSON as if it had comments, and so stumbles over a label with "#" or "//".

    Args:
        url: The wire's address.
    """

    def __init__(self, url: str) -> None:
        self._stack = ExitStack()
        # NNI's process is watched anyway, and one that was suspended for a while may go on.
        wire = connect(url, max_size=None, proxy=None, ping_interval=None)
        self._wire = self._stack.enter_context(wire)
        self.has_hung_up = False
        self.ended: dict[int, str] = {}  # NNI's word for how trials ended, by our number
        self.is_ready = threading.Event()
        threading.Thread(target=self._listen, daemon=True).start()

    def send(self, command: CommandType, content: str) -> None:
        """Tell NNI something, unless it has ended; `Manager.check` sees that."""
        with suppress(ConnectionClosed):
            self._wire.send(json.dumps({"type": command.value, "content": content}))

    def close(self) -> None:
        """Hang up."""
        with suppress(Exception):
            self._stack.close()

    def _listen(self) -> None:
        """Hear what NNI says; most of it the run knows already."""
        with suppress(ConnectionClosed):  # by us, or NNI was killed
            for message in self._wire:
                said = json.loads(message)
                if said["type"] == CommandType.Initialize.value:
                    self.send(CommandType.Initialized, "")
                    self.is_ready.set()
                elif said["type"] == CommandType.TrialEnd.value:
                    self._ended(json.loads(said["content"]))
        self.has_hung_up = True

    def _ended(self, said: Mapping[str, Any]) -> None:
        number = json.loads(said["hyper_params"])["parameter_id"]
        if number is not None:  # a trial that was added in the web UI has none
            self.ended[number] = said["event"]


@final
class Manager:
    """A running node manager.

    Args:
        place: Where NNI keeps everything.
        port: The web UI's port; None for a free one.
        host: The address that it listens on.

    Raises:
        Unsupported: There is no such port, or NNI cannot listen there.
    """

    def __init__(self, place: Path, port: int | None, host: str = LOOPBACK) -> None:
        if port is not None and not 1 <= port <= 65535:
            raise Unsupported(f"there is no port {port}: give one from 1 to 65535, or none")
        if host not in (LOOPBACK, EVERYWHERE):
            raise Unsupported(
                f"NNI's web UI cannot listen on {host!r} alone, for its trials call it on this "
                f"machine: leave host out, or give {EVERYWHERE!r} for all addresses"
            )
        if host != LOOPBACK:
            warnings.warn(
                f"NNI's web UI listens on {host} and has no authentication: whoever reaches it "
                "can start programs on this machine; leave host out to keep it to yourself",
                stacklevel=2,
            )
        self._place, self._host = place.resolve(), host
        self._is_registered = False  # by others, before
        self.port = free_port() if port is None else port
        self._experiment: Any = None
        self._look = 0.0  # when NNI is asked next how it is
        self._dispatcher: Any = None

    @property
    def url(self) -> str:
        """Where the web UI is."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def log(self) -> Path:
        """The folder with NNI's own logs."""
        return self._place / (self._experiment.id if self._experiment else "_latest") / "log"

    @property
    def is_alive(self) -> bool:
        """Whether NNI has been started, and is there."""
        process = None if self._experiment is None else self._experiment._proc
        return process is not None and process.poll() is None

    # ------------------------------------------------------------------ starting

    def start(self, settings: Mapping[str, Any], relay: str) -> None:
        """Begin an experiment, or go on with the one that is there.

        Args:
            settings: What NNI is told: "name", "space", "strategy", "mode", "jobs", "trials".
            relay: Where trials' processes find the run.

        Raises:
            BackendError: NNI does not start; says what it said.
        """
        self._place.mkdir(parents=True, exist_ok=True)
        config = self._config(settings)
        known = experiment_in(self._place)
        self._experiment = Experiment(config, id=known)
        if known is not None:
            self._experiment._action = "resume"
            update_settings(self._place / known, config.canonical_copy().json())
        self._launch(relay)
        try:
            self._dispatcher = _Dispatcher(f"ws://{LOOPBACK}:{self.port}/tuner")
        except (OSError, WebSocketException):
            self.check()  # it was killed
            raise
        deadline = time.monotonic() + START
        while not self._dispatcher.is_ready.wait(0.2):
            self.check()
            if time.monotonic() > deadline:
                raise BackendError(
                    f"NNI did not begin within {START} s; see the logs in {self.log}"
                )

    def view(self, known: str) -> None:
        """Show what is there, without going on with it.

        Args:
            known: NNI's id of the experiment.

        Raises:
            BackendError: NNI does not start.
        """
        self._is_registered = is_registered(known)
        self._experiment = Experiment(
            launcher.get_stopped_experiment_config(known, str(self._place)), id=known
        )
        self._experiment._action = "view"
        self._launch("")

    def _config(self, settings: Mapping[str, Any]) -> ExperimentConfig:
        config: Any = ExperimentConfig("local")
        config.experiment_name = settings["name"]
        config.search_space = settings["space"]
        config.trial_command = COMMAND
        config.trial_code_directory = str(self._place)
        config.trial_concurrency = settings["jobs"]
        config.max_trial_number = settings["trials"]
        config.experiment_working_directory = str(self._place)
        config.tuner.name = settings["strategy"]  # any text passes; the UI shows it
        config.tuner.class_args = {"optimize_mode": settings["mode"]}  # how the UI sorts
        return config

    def _launch(self, relay: str) -> None:
        silence_stdout()
        started: list[Popen[bytes]] = []

        def start(*given: Any) -> Popen[bytes]:
            started.append(start_rest_server(*given))
            return started[0]

        def wait(port: int, retry: int = 0, url_prefix: str | None = None) -> None:
            wait_for_server(port, url_prefix, lambda: _check_alive(started[0], self.log))
            if self._host == LOOPBACK:
                check_closed(port)

        start_rest_server = launcher._start_rest_server
        mends = {
            "_check_rest_server": wait,
            "_ensure_port_idle": check_port,
            "_start_rest_server": start,
        }
        theirs = {name: getattr(launcher, name) for name in mends}
        launcher.__dict__.update(mends)
        ours = {
            "NODE_OPTIONS": node_options(os.environ.get("NODE_OPTIONS", "")),
            "NASBRIDGE_CLIENT": str(CLIENT),
            "NASBRIDGE_HOST": self._host,
            "NASBRIDGE_OWNER": str(os.getpid()),
            "NASBRIDGE_PYTHON": sys.executable,
            "NASBRIDGE_RELAY": relay,
            "NASBRIDGE_VERSIONS": versions(),
        }
        before = dict(os.environ)
        os.environ.update(ours)
        try:
            self.log.mkdir(parents=True, exist_ok=True)
            self._experiment._start_nni_manager(
                self.port,
                False,
                RunMode.Background,
                None if self._experiment._action == "view" else f"ws://localhost:{self.port}/tuner",
            )
        except BackendError:
            raise
        except Exception as error:
            raise BackendError(
                f"NNI does not start on port {self.port} ({type(error).__name__}: {error}): "
                f"{ANOTHER}, or see the logs in {self.log}"
            ) from error
        finally:
            launcher.__dict__.update(theirs)  # an experiment of the user's own may follow
            for name in ours:
                if name in before:
                    os.environ[name] = before[name]
                else:
                    del os.environ[name]

    # ------------------------------------------------------------------ at work

    def begin(self, number: int, parameters: Mapping[str, Any]) -> None:
        """Let NNI start a trial's process.

        Args:
            number: The trial's number.
            parameters: What NNI stores and shows of its architecture.
        """
        record = {
            "parameter_id": number,
            "parameter_source": "algorithm",
            "parameters": parameters,
            "parameter_index": 0,
        }
        self._dispatcher.send(CommandType.NewTrialJob, json.dumps(record, allow_nan=False))

    def stop_early(self, job: str) -> None:
        """Let NNI end a trial's process, and show the trial as stopped early."""
        self._dispatcher.send(CommandType.KillTrialJob, dump(job))

    def ended(self, number: int) -> str | None:
        """Return NNI's word for how a trial ended; None while it runs."""
        return self._dispatcher.ended.get(number)

    def status(self) -> str:
        """Return NNI's word for how the experiment is; "silent" if it does not answer."""
        return self._said()[0]

    def _said(self) -> tuple[str, str]:
        """Return NNI's word for how the experiment is, and its errors."""
        try:
            said = rest.get(self.port, "/check-status", None)
            return str(said["status"]), "; ".join(map(str, said["errors"]))
        except Exception:  # whichever way it does not
            return "silent", ""

    def check(self) -> None:
        """Raise `BackendError` if NNI is at work no more."""
        _check_alive(self._experiment._proc, self.log)
        has_hung_up = self._dispatcher is not None and self._dispatcher.has_hung_up
        if not has_hung_up and time.monotonic() < self._look:
            return
        self._look = time.monotonic() + LOOK
        status, errors = self._said()
        if has_hung_up or status == "ERROR":
            raise BackendError(
                f"NNI goes on no more: it says that it is {status} ({errors or 'without a reason'})"
                f"; run or resume again to go on, its logs are in {self.log}"
            )

    # ------------------------------------------------------------------ ending

    def close(self) -> None:
        """End the manager and everything that it has started; NNI forgets a temporary place."""
        experiment, self._experiment = self._experiment, None
        if experiment is None:
            return
        process = experiment._proc
        if process is not None:
            with suppress(Exception):  # it may have been killed
                rest.delete(self.port, "/experiment", None)
            if not patiently(lambda: process.poll() is not None, STOP):
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if self._dispatcher is not None:
            self._dispatcher.close()
            self._dispatcher = None
        # after the manager, which notes its end there
        if is_temporary(self._place) and not self._is_registered:
            forget(experiment.id)
