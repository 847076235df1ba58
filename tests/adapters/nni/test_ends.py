"""What a run does when NNI gives up though its process lives, and what is left of a failed run."""

import json
import os
import re
import signal
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from websockets.sync.server import ServerConnection, serve

from nasbridge import BackendError, Experiment, Integer, RandomSearch, Space, TooManyFailures
from nasbridge.adapters import nni
from nasbridge.adapters.nni import manager as nni_manager
from nasbridge.adapters.nni.manager import Manager, free_port
from nasbridge.adapters.nni.relay import patiently
from nasbridge.engine import ActiveTrial, Silent, Unsupported
from nasbridge.spaces import Architecture

pytestmark = [pytest.mark.frameworks, pytest.mark.xdist_group("nni")]

WAIT = 20  # seconds


def experiment(evaluate: Callable[..., Any], trials: int, **settings: Any) -> Experiment:
    space = Space({"slope": Integer(1, 40)})
    return Experiment(space, evaluate, {"score": "max"}, RandomSearch(), trials=trials, **settings)


# ---------------------------------------------------------------------- the wire, without NNI


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Manager:
    """One whose process lives; how NNI says that it is, is set by each test."""
    manager = Manager(tmp_path, None)
    process = SimpleNamespace(poll=lambda: None)
    monkeypatch.setattr(manager, "_experiment", SimpleNamespace(_proc=process, id="x"))
    return manager


def says(monkeypatch: pytest.MonkeyPatch, status: str, *errors: str) -> None:
    def get(*given: object) -> dict[str, Any]:
        return {"status": status, "errors": errors}

    monkeypatch.setattr("nasbridge.adapters.nni.manager.rest.get", get)


def test_a_wire_that_nni_has_closed_is_an_error(
    manager: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    says(monkeypatch, "RUNNING")
    leave = threading.Event()

    def stay(wire: ServerConnection) -> None:
        leave.wait(WAIT)

    with serve(stay, "127.0.0.1", 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.socket.getsockname()[1]
        dispatcher: Any = nni_manager._Dispatcher(f"ws://127.0.0.1:{port}")  # pyright: ignore[reportPrivateUsage]
        manager._dispatcher = dispatcher
        manager.check()
        assert dispatcher._wire.ping_interval is None  # for NNI may be suspended for a minute
        leave.set()
        assert patiently(lambda: dispatcher.has_hung_up, WAIT)
        with pytest.raises(BackendError, match=r"goes on no more.*RUNNING.*resume.*logs are in"):
            manager.check()


def test_an_error_of_nni_is_said(manager: Manager, monkeypatch: pytest.MonkeyPatch) -> None:
    says(monkeypatch, "RUNNING")
    manager.check()
    says(monkeypatch, "ERROR", "it is broken")
    manager.check()  # it is not asked each time
    monkeypatch.setattr(manager, "_look", 0)
    with pytest.raises(BackendError, match=r"ERROR \(it is broken\).*resume"):
        manager.check()


# ---------------------------------------------------------------------- the whole of NNI


def evaluate_and_break(architecture: Architecture, trial: ActiveTrial) -> dict[str, float]:
    """Make NNI give up, as a fault of its own would; its process stays."""
    if not (broken := trial.directory.parent / "broken").exists():
        broken.touch()
        BREAK[0].send(SimpleNamespace(value="TR"), "{")  # a new trial, which is no JSON
        time.sleep(1)
    return {"score": 1.0}


BREAK = list[Any]()


def test_a_run_ends_when_nni_gives_up_and_its_place_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    made = nni_manager._Dispatcher  # pyright: ignore[reportPrivateUsage]

    def make(url: str) -> Any:
        BREAK.append(made(url))
        return BREAK[-1]

    monkeypatch.setattr(nni_manager, "_Dispatcher", make)
    searched, began = experiment(evaluate_and_break, 3), time.monotonic()
    with pytest.raises(BackendError, match=r"ERROR.*resume.*was kept to go on with") as caught:
        searched.run("nni", None, 0, Silent())
    assert time.monotonic() - began < 90  # it did not wait for a process that never comes
    (kept,) = re.findall(r"directory='(.*?)'", str(caught.value))
    (logs,) = re.findall(r"its logs are in (.*?);", str(caught.value))
    assert list(Path(logs).glob("*.log"))
    assert len(searched.run("nni", Path(kept), 0, Silent()).of_state("complete")) == 3


def evaluate_badly(architecture: Architecture, trial: ActiveTrial) -> dict[str, float]:
    raise ValueError("no network")


def test_the_web_ui_stays_after_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    port, answers = free_port(), list[Any]()
    searched = experiment(evaluate_badly, 5, max_failures=1)

    def look() -> None:
        """Wait until the run has ended in its error, look, and press Ctrl-C."""
        kept.wait(90)
        address = f"http://127.0.0.1:{port}/api/v1/nni/trial-jobs"
        with urllib.request.urlopen(address, timeout=10) as answer:
            answers.extend(json.load(answer))
        os.kill(os.getpid(), signal.SIGINT)

    def keep(*given: Any) -> None:
        kept.set()
        stay(*given)

    kept, stay = threading.Event(), nni._keep  # pyright: ignore[reportPrivateUsage]
    monkeypatch.setattr(nni, "_keep", keep)
    threading.Thread(target=look, daemon=True).start()
    with pytest.raises(TooManyFailures, match="no network"):
        nni.run(searched, tmp_path, port=port, keep=True)
    assert [job["status"] for job in answers] == ["FAILED"]
    said = capsys.readouterr().err
    assert said.index("TooManyFailures: ") < said.index("until Ctrl-C")


# ---------------------------------------------------------------------- small things


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_a_port_that_is_none_is_refused(tmp_path: Path, port: int) -> None:
    with pytest.raises(Unsupported, match=rf"no port {port}: give one from 1 to 65535"):
        Manager(tmp_path, port)


def test_a_place_in_which_nni_was_not_started_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(Unsupported):
        nni.run(experiment(evaluate_badly, 1), port=0)
    assert not list(tmp_path.iterdir())
