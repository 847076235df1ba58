# pyright: basic
# NNI ships no types that can be relied on.
"""`NASTuner` in NNI's dispatcher with its two threads, and without NNI's manager."""

import json
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import nni
import pytest
from nni.assessor import AssessResult
from nni.runtime import msg_dispatcher
from nni.runtime.tuner_command_channel import CommandType

from nasbridge import RandomSearch
from nasbridge.adapters.nni import NASTuner
from nasbridge.adapters.nni.compat import Deferred
from nasbridge.strategies import Strategy, Trial

SPACE = {"units": {"_type": "choice", "_value": list(range(40))}}


@dataclass(frozen=True)
class Recording(Strategy[Any]):
    """Random search that records what it observes, and can be made to wait or to fail."""

    observed: list[Trial] = field(default_factory=list)
    before: Callable[[], None] = lambda: None

    def start(self, problem: Any) -> Any:
        return problem

    def propose(self, state: Any, rng: Any) -> Any:
        self.before()
        return RandomSearch().propose(state, rng)

    def observe(self, state: Any, trial: Trial) -> Any:
        if trial.state != "running":
            self.observed.append(trial)
        return state


class Strict:
    """An assessor that stops every trial that reports."""

    def assess_trial(self, trial_job_id: str, trial_history: list[Any]) -> AssessResult:
        return AssessResult.Bad

    def trial_end(self, trial_job_id: str, success: bool) -> None:
        pass


def tuner_of(strategy: Strategy[Any]) -> NASTuner:
    tuner = NASTuner(strategy="RandomSearch")
    tuner._strategy = strategy
    tuner.update_search_space(SPACE)
    return tuner


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


Sent = list[tuple[CommandType, str]]


@contextmanager
def dispatching(
    tuner: NASTuner, monkeypatch: pytest.MonkeyPatch, assessor: Any = None
) -> Iterator[tuple[msg_dispatcher.MsgDispatcher, Sent]]:
    """Start the threads of a dispatcher; yield it and what it sends to the manager."""
    sent: Sent = []
    monkeypatch.setattr(msg_dispatcher, "_next_parameter_id", 0)
    monkeypatch.setattr(msg_dispatcher, "_trial_params", {})
    monkeypatch.setattr(msg_dispatcher, "_trial_history", defaultdict(dict))
    monkeypatch.setattr(msg_dispatcher, "_ended_trials", set())
    dispatcher = msg_dispatcher.MsgDispatcher("ws://_unittest_", tuner, assessor)
    monkeypatch.setattr(dispatcher, "send", lambda *command: sent.append(command))
    dispatcher.default_worker.start()
    dispatcher.assessor_worker.start()
    try:
        yield dispatcher, sent
    finally:
        dispatcher.stopping = True
        for queue in (dispatcher.default_command_queue, dispatcher.assessor_command_queue):
            queue.put((Deferred(lambda: None), None))  # otherwise they end after three seconds
        dispatcher.default_worker.join()
        dispatcher.assessor_worker.join()


def metric(number: int, kind: str, value: object) -> dict[str, Any]:
    return {
        "parameter_id": number,
        "trial_job_id": f"job{number}",
        "type": kind,
        "sequence": 0,
        "value": nni.dump(value),
    }


def end(number: int, event: str) -> dict[str, Any]:
    hyper = json.dumps({"parameter_id": number})
    return {"trial_job_id": f"job{number}", "event": event, "hyper_params": hyper}


def test_an_error_of_the_strategy_reaches_nni(monkeypatch: pytest.MonkeyPatch) -> None:
    """NNI's own dispatcher swallows it, and the experiment stays RUNNING forever."""

    def fail() -> None:
        raise ZeroDivisionError("in the strategy")

    with dispatching(tuner_of(Recording(before=fail)), monkeypatch) as (dispatcher, sent):
        dispatcher.enqueue_command(CommandType.RequestTrialJobs, 1)
        wait_for(lambda: dispatcher.worker_exceptions)
    ((command, text),) = sent
    assert command is CommandType.Error
    assert "ZeroDivisionError: in the strategy" in text
    assert isinstance(dispatcher.worker_exceptions[0], ZeroDivisionError)


def test_unusable_imported_data_is_left_out(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    observed: list[Trial] = []
    with dispatching(tuner_of(Recording(observed)), monkeypatch) as (dispatcher, sent):
        data = [
            {"parameter": {"units": 99}, "value": 0.5},
            {"parameter": {"others": 1}, "value": 0.5},
            {"parameter": {"units": 7}, "value": None},
            {"parameter": {"units": 8}, "value": {"default": 0.25}},
        ]
        dispatcher.enqueue_command(CommandType.ImportData, data)
        wait_for(lambda: len(observed) == 2)
        dispatcher.enqueue_command(CommandType.RequestTrialJobs, 1)
        wait_for(lambda: sent)
    assert [(t.number, t.architecture["units"], t.state) for t in observed] == [
        (0, 7, "failed"),
        (1, 8, "complete"),
    ]
    assert "'units': 99" in caplog.text
    assert [command for command, _ in sent] == [CommandType.NewTrialJob]


@pytest.mark.parametrize(
    ("event", "state", "values"),
    [
        ("EARLY_STOPPED", "pruned", {"default": 0.5}),
        ("USER_CANCELED", "pruned", {"default": 0.5}),  # NNI's status without our patch
        ("FAILED", "failed", {"default": 0.5}),
    ],
)
def test_the_last_value_of_a_stopped_trial_arrives_while_the_tuner_proposes(
    monkeypatch: pytest.MonkeyPatch, event: str, state: str, values: dict[str, float]
) -> None:
    """NNI handles the value in the tuner's thread, and the end in the assessor's."""
    observed: list[Trial] = []
    proposes = threading.Event()
    free = threading.Event()
    free.set()

    def wait() -> None:
        proposes.set()
        assert free.wait(20)

    tuner = tuner_of(Recording(observed, wait))
    with dispatching(tuner, monkeypatch, Strict()) as (dispatcher, sent):
        dispatcher.enqueue_command(CommandType.RequestTrialJobs, 1)
        wait_for(lambda: sent)
        free.clear()
        proposes.clear()
        dispatcher.enqueue_command(CommandType.RequestTrialJobs, 1)
        assert proposes.wait(20)
        dispatcher.enqueue_command(CommandType.ReportMetricData, metric(0, "PERIODICAL", 0.5))
        dispatcher.enqueue_command(CommandType.TrialEnd, end(0, event))
        wait_for(lambda: "job0" in msg_dispatcher._ended_trials)
        wait_for(lambda: dispatcher.default_command_queue.qsize() >= 2)  # its value and its end
        assert not observed
        free.set()
        wait_for(lambda: observed)
    assert [(trial.number, trial.state, dict(trial.values)) for trial in observed] == [
        (0, state, values)
    ]


def test_a_crash_needs_no_result_to_be_observed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of a successful trial may come before its result."""
    observed: list[Trial] = []
    with dispatching(tuner_of(Recording(observed)), monkeypatch) as (dispatcher, sent):
        dispatcher.enqueue_command(CommandType.RequestTrialJobs, 2)
        wait_for(lambda: len(sent) == 2)
        dispatcher.enqueue_command(CommandType.TrialEnd, end(1, "SUCCEEDED"))
        dispatcher.enqueue_command(CommandType.TrialEnd, end(0, "FAILED"))
        wait_for(lambda: observed)
        dispatcher.enqueue_command(CommandType.ReportMetricData, metric(1, "FINAL", 0.75))
        wait_for(lambda: len(observed) == 2)
    assert [(trial.number, trial.state, dict(trial.values)) for trial in observed] == [
        (0, "failed", {}),
        (1, "complete", {"default": 0.75}),
    ]
