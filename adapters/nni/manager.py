# pyright: basic
# NNI ships no types that can be relied on.
"""NNI's node manager with its web UI: started, resumed, viewed, and always ended."""

import os
import signal
import socket
import sys
import time
import warnings
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from subprocess import Popen
from typing import Any, final

from nni.experiment import Experiment, RunMode, launcher, rest
from nni.experiment.config import ExperimentConfig
from nni.runtime.log import silence_stdout
from websockets.exceptions import WebSocketException

from ...engine.errors import BackendError, Unsupported
from .compat import (
    ANOTHER_PORT,
    ANY_ADDRESS,
    LOOPBACK,
    START_TIMEOUT,
    check_loopback_only,
    check_port,
    node_options,
    patched_launcher,
    version_info,
    wait_for_server,
)
from .database import experiment_in, update_settings
from .dispatcher import Dispatcher
from .registry import forget, is_registered, is_temporary
from .relay import wait_until

__all__ = ["Manager", "free_port"]

TRIAL_PROCESS = Path(__file__).with_name("trial_process.py")
COMMAND = 'exec "$NASBRIDGE_PYTHON" -I -S "$NASBRIDGE_TRIAL_PROCESS"'
STATUS_SECONDS = 5  # between two requests of NNI's status
STOP_TIMEOUT = 20  # seconds until the manager is killed


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.create_server((LOOPBACK, 0)) as server:
        return int(server.getsockname()[1])


def _check_alive(process: Popen[bytes] | None, log: Path) -> None:
    code = None if process is None else process.poll()
    if process is None or code is not None:
        raise BackendError(
            f"NNI's node manager has ended (exit code {code}): run or resume again to continue; "
            f"its logs are in {log}"
        )


@contextmanager
def _environment(variables: Mapping[str, str]) -> Generator[None]:
    """Set environment variables for the processes that start now."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        for name in variables:
            if name in before:
                os.environ[name] = before[name]
            else:
                del os.environ[name]


@final
class Manager:
    """NNI's node manager.

    Args:
        working_directory: Where NNI keeps its experiments.
        port: The web UI's port, 1 to 65535; None for a free one.
        host: The address that the web UI listens on: 127.0.0.1 or 0.0.0.0.

    Raises:
        Unsupported: The port or the host is invalid.
    """

    def __init__(self, working_directory: Path, port: int | None, host: str = LOOPBACK) -> None:
        if port is not None and not 1 <= port <= 65535:
            raise Unsupported(f"invalid port {port}: give one from 1 to 65535, or None")
        if host not in (LOOPBACK, ANY_ADDRESS):
            raise Unsupported(
                f"NNI's web UI cannot listen on {host!r} alone, because its trials connect to it "
                f"on this machine: leave host out, or give {ANY_ADDRESS!r} for all addresses"
            )
        if host != LOOPBACK:
            warnings.warn(
                f"NNI's web UI listens on {host} and has no authentication: anyone who reaches it "
                "can start programs on this machine; leave host out to restrict it to this machine",
                stacklevel=2,
            )
        self._folder, self._host = working_directory.resolve(), host
        self._was_registered = False  # by NNI, before this manager started
        self.port = free_port() if port is None else port
        self._experiment: Any = None
        self._next_status = 0.0  # when NNI's status is requested next
        self._dispatcher: Dispatcher | None = None

    @property
    def url(self) -> str:
        """The web UI's address."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def log(self) -> Path:
        """The folder with NNI's own logs."""
        return self._folder / (self._experiment.id if self._experiment else "_latest") / "log"

    @property
    def is_alive(self) -> bool:
        """Whether NNI's process has been started and lives."""
        process = None if self._experiment is None else self._experiment._proc
        return process is not None and process.poll() is None

    @property
    def dispatcher(self) -> Dispatcher:
        """The connection of a started or resumed experiment."""
        assert self._dispatcher is not None
        return self._dispatcher

    def start(self, settings: Mapping[str, Any], relay: str) -> None:
        """Start an experiment, or resume the one in the working directory.

        Args:
            settings: "name", "space", "strategy", "mode", "jobs" and "trials" of the experiment.
            relay: The address of the run's relay, for the processes of trials.

        Raises:
            BackendError: NNI does not start; the message holds its error.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        config = self._config(settings)
        known = experiment_in(self._folder)
        self._experiment = Experiment(config, id=known)
        if known is not None:
            self._experiment._action = "resume"
            update_settings(self._folder / known, config.canonical_copy().json())
        self._launch(relay)
        try:
            self._dispatcher = Dispatcher(f"ws://{LOOPBACK}:{self.port}/tuner")
        except (OSError, WebSocketException):
            self.check()  # NNI was killed
            raise
        deadline = time.monotonic() + START_TIMEOUT
        while not self._dispatcher.is_ready.wait(0.2):
            self.check()
            if time.monotonic() > deadline:
                raise BackendError(
                    f"NNI did not initialize its tuner within {START_TIMEOUT} s: see the logs in "
                    f"{self.log}"
                )

    def view(self, experiment: str) -> None:
        """Show a stopped experiment without resuming it.

        Args:
            experiment: NNI's id of it.

        Raises:
            BackendError: NNI does not start.
        """
        self._was_registered = is_registered(experiment)
        self._experiment = Experiment(
            launcher.get_stopped_experiment_config(experiment, str(self._folder)), id=experiment
        )
        self._experiment._action = "view"
        self._launch("")

    def _config(self, settings: Mapping[str, Any]) -> ExperimentConfig:
        config: Any = ExperimentConfig("local")
        config.experiment_name = settings["name"]
        config.search_space = settings["space"]
        config.trial_command = COMMAND
        config.trial_code_directory = str(self._folder)
        config.trial_concurrency = settings["jobs"]
        config.max_trial_number = settings["trials"]
        config.experiment_working_directory = str(self._folder)
        config.tuner.name = settings["strategy"]  # NNI accepts any text; the UI shows it
        config.tuner.class_args = {"optimize_mode": settings["mode"]}  # the UI's sort order
        return config

    def _launch(self, relay: str) -> None:
        silence_stdout()
        started: list[Popen[bytes]] = []
        start_rest_server = launcher._start_rest_server

        def start(*arguments: Any) -> Popen[bytes]:
            started.append(start_rest_server(*arguments))
            return started[0]

        def wait(port: int, retry: int = 0, url_prefix: str | None = None) -> None:
            wait_for_server(port, url_prefix, lambda: _check_alive(started[0], self.log))
            if self._host == LOOPBACK:
                check_loopback_only(port)

        is_view = self._experiment._action == "view"
        patches = patched_launcher(
            _check_rest_server=wait, _ensure_port_idle=check_port, _start_rest_server=start
        )
        try:
            with _environment(self._variables(relay)), patches:
                self.log.mkdir(parents=True, exist_ok=True)
                self._experiment._start_nni_manager(
                    self.port,
                    False,
                    RunMode.Background,
                    None if is_view else f"ws://localhost:{self.port}/tuner",
                )
        except BackendError:
            raise
        except Exception as error:
            raise BackendError(
                f"NNI does not start on port {self.port} ({type(error).__name__}: {error}): "
                f"{ANOTHER_PORT}, or see the logs in {self.log}"
            ) from error

    def _variables(self, relay: str) -> dict[str, str]:
        """Return the environment variables that preload.js and trial_process.py read."""
        return {
            "NODE_OPTIONS": node_options(os.environ.get("NODE_OPTIONS", "")),
            "NASBRIDGE_TRIAL_PROCESS": str(TRIAL_PROCESS),
            "NASBRIDGE_HOST": self._host,
            "NASBRIDGE_OWNER": str(os.getpid()),
            "NASBRIDGE_PYTHON": sys.executable,
            "NASBRIDGE_RELAY": relay,
            "NASBRIDGE_VERSIONS": version_info(),
        }

    def end_status(self, number: int) -> str | None:
        """Return NNI's final status of a trial; None while it runs."""
        return self.dispatcher.ended.get(number)

    def status(self) -> str:
        """Return NNI's status of the experiment; "silent" if it does not answer."""
        return self._status_and_errors()[0]

    def _status_and_errors(self) -> tuple[str, str]:
        try:
            answer = rest.get(self.port, "/check-status", None)
            return str(answer["status"]), "; ".join(map(str, answer["errors"]))
        except Exception:  # NNI does not answer; the exception types vary
            return "silent", ""

    def check(self) -> None:
        """Check that NNI still runs the experiment.

        Raises:
            BackendError: Its process has ended, its connection is closed, or its status is ERROR.
        """
        _check_alive(self._experiment._proc, self.log)
        is_closed = self._dispatcher is not None and self._dispatcher.is_closed
        if not is_closed and time.monotonic() < self._next_status:
            return
        self._next_status = time.monotonic() + STATUS_SECONDS
        status, errors = self._status_and_errors()
        if is_closed or status == "ERROR":
            raise BackendError(
                f"NNI has stopped the experiment; its status is {status} "
                f"({errors or 'no reason given'}): run or resume again to continue; its logs are "
                f"in {self.log}"
            )

    def close(self) -> None:
        """End the manager and its processes; remove a temporary experiment from NNI's registry."""
        experiment, self._experiment = self._experiment, None
        if experiment is None:
            return
        process = experiment._proc
        if process is not None:
            with suppress(Exception):  # it may have been killed
                rest.delete(self.port, "/experiment", None)
            if not wait_until(lambda: process.poll() is not None, STOP_TIMEOUT):
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if self._dispatcher is not None:
            self._dispatcher.close()
            self._dispatcher = None
        # after the end of the manager, which updates the registry
        if is_temporary(self._folder) and not self._was_registered:
            forget(experiment.id)
