# pyright: basic
# NNI ships no types that can be relied on.
"""`NASTuner` in NNI's dispatcher, with its two threads, and without NNI's manager."""

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
from nasbridge.adapters.nni.compat import Later
from nasbridge.strategies import Strategy, Trial

SPACE = {"units": {"_type": "choice", "_value": list(range(40))}}


@dataclass(frozen=True)
class Noting(Strategy[Any]):
    """Random search that notes which ends it is told, and can be made to wait or to fail."""

    told: list[Trial] = field(default_factory=list)
    before: Callable[[], None] = lambda: None

    def start(self, problem: Any) -> Any:
        return problem

    def propose(self, state: Any, rng: Any) -> Any:
        self.before()
        return RandomSearch().propose(state, rng)

    def observe(self, state: Any, trial: Trial) -> Any:
        if trial.state != "running":
            self.told.append(trial)
        return state


class Strict:
    """An assessor that stops whatever reports."""

    def assess_trial(self, trial_job_id: str, trial_history: list[Any]) -> AssessResult:
        return AssessResult.Bad

    def trial_end(self, trial_job_id: str, success: bool) -> None:
        pass


def tuner_of(strategy: Strategy[Any]) -> NASTuner:
    tuner = NASTuner(strategy="RandomSearch")
    tuner._strategy = strategy
    tuner.update_search_space(SPACE)
    return tuner


def until(is_so: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


Said = list[tuple[CommandType, str]]


@contextmanager
def dispatching(
    tuner: NASTuner, monkeypatch: pytest.MonkeyPatch, assessor: Any = None
) -> Iterator[tuple[msg_dispatcher.MsgDispatcher, Said]]:
    """Start the threads of a dispatcher; give it, and what it sends to the manager."""
    said: Said = []
    monkeypatch.setattr(msg_dispatcher, "_next_parameter_id", 0)
    monkeypatch.setattr(msg_dispatcher, "_trial_params", {})
    monkeypatch.setattr(msg_dispatcher, "_trial_history", defaultdict(dict))
    monkeypatch.setattr(msg_dispatcher, "_ended_trials", set())
    dispatcher = msg_dispatcher.MsgDispatcher("ws://_unittest_", tuner, assessor)
    monkeypatch.setattr(dispatcher, "send", lambda *command: said.append(command))
    dispatcher.default_worker.start()
    dispatcher.assessor_worker.start()
    try:
        yield dispatcher, said
    finally:
        dispatcher.stopping = True
        for queue in (dispatcher.default_command_queue, dispatcher.assessor_command_queue):
            queue.put((Later(lambda: None), None))  # or they would look after three seconds
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
    """NNI's own dispatcher keeps it for itself: the experiment would stay RUNNING for ever."""

    def fail() -> None:
        raise ZeroDivisionError("of the strategy")

    with dispatching(tuner_of(Noting(before=fail)), monkeypatch) as (dispatcher, said):
        dispatcher.enqueue_command(CommandType.RequestTrialJobs, 1)
        until(lambda: dispatcher.worker_exceptions)
    ((command, text),) = said
    assert command is CommandType.Error
    assert "ZeroDivisionError: of the strategy" in text
    assert isinstance(dispatcher.worker_exceptions[0], ZeroDivisionError)


def test_imported_data_that_is_of_no_use_ends_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[Trial] = []
    with dispatching(tuner_of(Noting(told)), monkeypatch) as (dispatcher, said):
        data = [
            {"parameter": {"units": 99}, "value": 0.5},
            {"parameter": {"others": 1}, "value": 0.5},
            {"parameter": {"units": 7}, "value": None},
            {"parameter": {"units": 8}, "value": {"default": 0.25}},
        ]
        dispatcher.enqueue_command(CommandType.ImportData, data)
        until(lambda: len(told) == 2)
        dispatcher.enqueue_command(CommandType.RequestTrialJobs, 1)
        until(lambda: said)
    assert [(t.number, t.architecture["units"], t.state) for t in told] == [
        (0, 7, "failed"),
        (1, 8, "complete"),
    ]
    assert "'units': 99" in caplog.text
    assert [command for command, _ in said] == [CommandType.NewTrialJob]


@pytest.mark.parametrize(
    ("event", "state", "values"),
    [
        ("EARLY_STOPPED", "pruned", {"default": 0.5}),
        ("USER_CANCELED", "pruned", {"default": 0.5}),  # NNI's word where it is not mended
        ("FAILED", "failed", {"default": 0.5}),
    ],
)
def test_the_last_value_of_a_stopped_trial_arrives_while_the_tuner_proposes(
    monkeypatch: pytest.MonkeyPatch, event: str, state: str, values: dict[str, float]
) -> None:
    """NNI gives the value to the thread of the tuner, and the end to that of the assessor."""
    told: list[Trial] = []
    proposes = threading.Event()
    free = threading.Event()
    free.set()

    def wait() -> None:
        proposes.set()
        assert free.wait(20)

    tuner = tuner_of(Noting(told, wait))
    with dispatching(tuner, monkeypatch, Strict()) as (dispatcher, said):
        dispatcher.enqueue_command(CommandType.RequestTrialJobs, 1)
        until(lambda: said)
        free.clear()
        proposes.clear()
        dispatcher.enqueue_command(CommandType.RequestTrialJobs, 1)
        assert proposes.wait(20)
        dispatcher.enqueue_command(CommandType.ReportMetricData, metric(0, "PERIODICAL", 0.5))
        dispatcher.enqueue_command(CommandType.TrialEnd, end(0, event))
        until(lambda: "job0" in msg_dispatcher._ended_trials)
        until(lambda: dispatcher.default_command_queue.qsize() >= 2)  # its value and its end
        assert not told
        free.set()
        until(lambda: told)
    assert [(trial.number, trial.state, dict(trial.values)) for trial in told] == [
        (0, state, values)
    ]


def test_a_crash_is_an_end_without_a_result(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the end of a success may come before its result."""
    told: list[Trial] = []
    with dispatching(tuner_of(Noting(told)), monkeypatch) as (dispatcher, said):
        dispatcher.enqueue_command(CommandType.RequestTrialJobs, 2)
        until(lambda: len(said) == 2)
        dispatcher.enqueue_command(CommandType.TrialEnd, end(1, "SUCCEEDED"))
        dispatcher.enqueue_command(CommandType.TrialEnd, end(0, "FAILED"))
        until(lambda: told)
        dispatcher.enqueue_command(CommandType.ReportMetricData, metric(1, "FINAL", 0.75))
        until(lambda: len(told) == 2)
    assert [(trial.number, trial.state, dict(trial.values)) for trial in told] == [
        (0, "failed", {}),
        (1, "complete", {"default": 0.75}),
    ]
