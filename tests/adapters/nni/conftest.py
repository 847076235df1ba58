# pyright: basic
"""Fixtures for the tests of the backend `nni`: a manager without NNI, and NNI's stored trials."""

import json
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from nasbridge.adapters.nni import load, session
from nasbridge.adapters.nni.database import (
    DATABASE,
    Job,
    create_database,
    experiment_in,
    read_database,
)
from nasbridge.adapters.nni.manager import Manager
from nasbridge.adapters.nni.trials import record_of
from nasbridge.strategies import History
from nasbridge.testing import comparable


class FakeManager:
    """Takes the place of `Manager` without NNI; each trial's process is a thread.

    A thread does what trial_process.py does: it connects to the relay, acknowledges "sync" and ends
    with "end". Nothing is stored, so `load` reads the run's history file alone.

    Attributes:
        settings: What `start` received.
        reported: Intermediate results, by trial number.
        final: Final results, by trial number.
        logs: Lines of each trial's log.
        ended: NNI's final status of trials.
        error: If set, `check` raises it.
        crashes: Numbers of the trials whose process ends before it connects.
        is_silent: Whether processes never connect.
    """

    def __init__(self, working_directory: Path, port: int | None = None, host: str = "") -> None:
        self.folder, self.log = working_directory, working_directory / "log"
        self.url = "http://127.0.0.1:0"
        self.settings: Mapping[str, Any] = {}
        self.reported: dict[int, list[Any]] = {}
        self.final: dict[int, Any] = {}
        self.logs: dict[int, list[str]] = {}
        self.ended: dict[int, str] = {}
        self.error: Exception | None = None
        self.crashes: Callable[[int], bool] = lambda number: False
        self.is_silent = self.is_alive = False
        self.dispatcher = self
        self._relay = ""
        self._connections: dict[str, socket.socket] = {}

    def start(self, settings: Mapping[str, Any], relay: str) -> None:
        self.settings, self._relay, self.is_alive = settings, relay, True

    def begin(self, number: int, parameters: Mapping[str, Any]) -> None:
        if self.crashes(number):
            self.ended[number] = "FAILED"
        elif not self.is_silent:
            record = json.loads(record_of(number, parameters))
            threading.Thread(target=self._process, args=(number, record), daemon=True).start()

    def _process(self, number: int, record: Mapping[str, Any]) -> None:
        folder = self.folder / "trials" / str(number)
        folder.mkdir(parents=True, exist_ok=True)
        port, token = self._relay.split(":")
        hello = {"token": token, "job": f"job{number}", "record": record, "folder": str(folder)}
        with (
            suppress(OSError),
            socket.create_connection(("127.0.0.1", int(port))) as connection,
            connection.makefile("rw") as run,
        ):
            self._connections[f"job{number}"] = connection
            run.write(json.dumps(hello) + "\n")
            run.flush()
            for line in run:
                message = json.loads(line)
                if "report" in message:
                    kind, _, _, value = message["report"]
                    if kind == "FINAL":
                        self.final[number] = value
                    else:
                        self.reported.setdefault(number, []).append(value)
                if "log" in message:
                    self.logs.setdefault(number, []).append(message["log"])
                if "sync" in message:
                    run.write("{}\n")
                    run.flush()
                if "end" in message:
                    self.ended[number] = "FAILED" if message["end"] else "SUCCEEDED"
                    return

    def kill(self, number: int, status: str = "USER_CANCELED") -> None:
        """End the process of a trial with a status of NNI's."""
        self.ended[number] = status
        self._connections[f"job{number}"].shutdown(socket.SHUT_RDWR)

    def stop_early(self, job: str) -> None:
        self.kill(int(job.removeprefix("job")), "EARLY_STOPPED")

    def end_status(self, number: int) -> str | None:
        return self.ended.get(number)

    def status(self) -> str:
        return "RUNNING"

    def check(self) -> None:
        if self.error is not None:
            raise self.error

    def close(self) -> None:
        self.is_alive = False


class Fakes:
    """The fake managers of a test's runs.

    Attributes:
        prepare: Called with each new manager.
        real: NNI's own manager, which the fake ones replace.
    """

    def __init__(self) -> None:
        self.real = Manager
        self._made: list[FakeManager] = []
        self.prepare: Callable[[FakeManager], None] = lambda manager: None

    def __call__(self, *arguments: Any) -> FakeManager:
        self._made.append(FakeManager(*arguments))
        self.prepare(self._made[-1])
        return self._made[-1]

    @property
    def latest(self) -> FakeManager:
        """The manager of the latest run."""
        return self._made[-1]


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Fakes:
    """Let runs of this process use a `FakeManager`."""
    fakes = Fakes()
    monkeypatch.setattr(session, "Manager", fakes)
    return fakes


@pytest.fixture(scope="session")
def jobs_in() -> Callable[[Path], dict[int, Job]]:
    """Reads what NNI has stored of a run's trials, by number; without those that a user added."""

    def read(directory: Path) -> dict[int, Job]:
        known = experiment_in(directory / "nni")
        assert known is not None
        jobs = read_database(directory / "nni" / known / DATABASE).jobs
        numbered = {job.record["parameter_id"]: job for job in jobs if job.record is not None}
        return {number: job for number, job in numbered.items() if number is not None}

    return read


UNITS = {"units": {"_type": "choice", "_value": [10, 11, 12, 13]}}


class StockDatabase:
    """Writes what NNI without patches stores of trials with one parameter, `units`.

    Trial k was meant to receive the parameters k, `{"units": 10 + k}`.

    Args:
        folder: The experiment's folder.
        settings: Settings beside the search space.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any] | None = None) -> None:
        self.file = folder / DATABASE
        params = json.dumps({"searchSpace": UNITS, **(settings or {})})
        self._profile = params, "x", 1, 1, None, "", 4, 1
        self._events: list[tuple[Any, ...]] = []
        self._metrics: list[tuple[Any, ...]] = []

    def add(self, number: int, final: Any, asked: int | None, by_user: bool = False) -> None:
        """Add a trial.

        Args:
            number: Its number.
            final: Its final result.
            asked: The id of the parameters that it received; None if it failed before.
            by_user: Whether a user added it, for which NNI stores no id.
        """
        known = None if by_user else number
        record = json.dumps({"parameter_id": known, "parameters": {"units": 10 + number}})
        end = "FAILED" if asked is None else "SUCCEEDED"
        for at, event, data in (
            (1000, "WAITING", record),
            (2000, "RUNNING", None),
            (9000 + number, end, None),
        ):
            self._events.append((at, f"job{number}", event, data, "", number, None, "e"))
        if asked is not None:
            data = json.dumps(json.dumps(final))
            parameter = None if asked < 0 else str(asked)
            self._metrics.append((1, f"job{number}", parameter, "FINAL", 0, data))

    def write(self) -> Path:
        """Write the file and return its path."""
        rows = {
            "ExperimentProfile": [self._profile],
            "TrialJobEvent": self._events,
            "MetricData": self._metrics,
        }
        create_database(self.file, rows)
        return self.file


@pytest.fixture(scope="session")
def stock_database() -> type[StockDatabase]:
    """Returns the class `StockDatabase`."""
    return StockDatabase


@pytest.fixture(scope="session")
def check_agreement(
    jobs_in: Callable[[Path], dict[int, Job]],
) -> Callable[[Path, History, Sequence[tuple[str, str]]], None]:
    """Checks that a history has the states, reports and values of NNI, and of `load`."""

    def check(directory: Path, history: History, states: Sequence[tuple[str, str]]) -> None:
        shown, alone = jobs_in(directory), load(directory / "nni", history.space)
        by_number = sorted(history, key=lambda trial: trial.number)
        assert [(t.state, shown[t.number].status) for t in by_number] == list(states)
        stored = {trial.architecture: trial for trial in alone}
        for ours in by_number:
            native = stored[ours.architecture]
            assert ours.state == native.state
            assert [step.metrics["score"] for step in ours.curve] == [
                step.metrics["default"] for step in native.curve
            ]
            if ours.state != "failed":
                assert ours.values["score"] == native.values["default"]
        again = History.load(directory / "history.jsonl")
        assert comparable(again) == comparable(history)
        assert [trial.curve for trial in again] == [trial.curve for trial in history]

    return check
