# pyright: basic
# NNI ships no types that can be relied on.
"""`next_parameter` in a trial returns its own parameters, not the next ones in the queue."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace
from typing import Any

import nni
import nni.trial
import pytest

from nasbridge import BackendError
from nasbridge.adapters.nni import native_trial, next_parameter


class Manager(BaseHTTPRequestHandler):
    """Answers as NNI's manager; it stores the record of a trial at the second request."""

    record: Any = None
    requests = 0

    def do_GET(self) -> None:
        assert self.path == "/api/v1/nni/trial-jobs/job1"
        type(self).requests += 1
        known = self.requests > 1 and self.record is not None
        answer = {"hyperParameters": [json.dumps(self.record)]} if known else {}
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *arguments: Any) -> None: ...


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Manager]]:
    """A manager of one trial, `job1`, which runs in this process."""

    class Fresh(Manager): ...

    with HTTPServer(("127.0.0.1", 0), Fresh) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/env/local-env/job1"
        variables = SimpleNamespace(NNI_TRIAL_COMMAND_CHANNEL=url, NNI_TRIAL_JOB_ID="job1")
        monkeypatch.setattr(native_trial, "trial_env_vars", variables)
        monkeypatch.setattr(nni.trial, "_params", None)
        yield Fresh
        server.shutdown()


def queue(monkeypatch: pytest.MonkeyPatch, parameters: Any) -> None:
    monkeypatch.setattr(nni, "get_next_parameter", lambda: parameters)


def test_a_trial_receives_its_own_parameters(
    manager: type[Manager], monkeypatch: pytest.MonkeyPatch
) -> None:
    """NNI's queue gives the parameters to the trial that asks first (microsoft/nni#5726)."""
    queue(monkeypatch, {"slope": 2.0})
    manager.record = {"parameter_id": 1, "parameters": {"slope": 1}}
    assert next_parameter() == {"slope": 1}
    assert nni.trial._params == manager.record  # its reports count for these parameters


def test_numbers_keep_their_type_where_the_queue_agrees(
    manager: type[Manager], monkeypatch: pytest.MonkeyPatch
) -> None:
    """NNI's server is JavaScript, which writes 1.0 as 1; its queue holds the original text."""
    queue(monkeypatch, {"slope": 1.0})
    manager.record = {"parameter_id": 1, "parameters": {"slope": 1}}
    assert type(next_parameter()["slope"]) is float


def test_parameters_of_another_trial_are_not_mistaken_for_its_own(
    manager: type[Manager], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python takes True, 1 and 1.0 for the same."""
    queue(monkeypatch, {"options": [1], "flag": 1})
    manager.record = {"parameter_id": 1, "parameters": {"options": [1], "flag": True}}
    assert next_parameter()["flag"] is True


def test_a_trial_without_stored_parameters_is_an_error(
    manager: type[Manager], monkeypatch: pytest.MonkeyPatch
) -> None:
    queue(monkeypatch, {"slope": 1.0})
    monkeypatch.setattr(native_trial, "RECORD_TIMEOUT", 0.2)
    with pytest.raises(BackendError, match="no parameters for trial job1"):
        next_parameter()
    assert manager.requests > 1


def test_outside_of_an_experiment_there_are_no_parameters() -> None:
    with pytest.warns(RuntimeWarning, match="without runtime"):
        assert next_parameter() == {}
