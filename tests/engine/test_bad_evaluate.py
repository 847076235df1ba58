"""Every mistake of `evaluate` is the cause of a failed trial, and the run continues."""

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy
import pytest

from nasbridge import (
    Architecture,
    Choice,
    Experiment,
    NasbridgeError,
    RandomSearch,
    Space,
    TooManyFailures,
)
from nasbridge.engine import ActiveTrial, Outcome, Silent, Task, evaluate_task
from nasbridge.runs import load_run
from nasbridge.spaces.text import safe_repr
from nasbridge.strategies import Objective

SPACE = Space({"units": Choice([16, 32, 64, 128])})


def outcome_of(function: Any) -> Outcome:
    """Return how an evaluation ends that is never pruned."""
    task = Task(0, SPACE.architecture({"units": 16}), 1, Path("nowhere"), None)
    return evaluate_task(function, task, (Objective("score"),), lambda number, step: False)


def returns(value: Any) -> Callable[[Architecture, ActiveTrial], Any]:
    def evaluate(architecture: Architecture, trial: ActiveTrial) -> Any:
        return value

    return evaluate


def reports(*steps: Any, **metrics: Any) -> Callable[[Architecture, ActiveTrial], Any]:
    def evaluate(architecture: Architecture, trial: ActiveTrial) -> Any:
        for step in steps:
            trial.report(step, **metrics)
        return {"score": 1.0}

    return evaluate


def raises(error: BaseException) -> Callable[[Architecture, ActiveTrial], Any]:
    def evaluate(architecture: Architecture, trial: ActiveTrial) -> Any:
        raise error

    return evaluate


class Mute(Exception):
    """An exception whose message cannot be read."""

    def __str__(self) -> str:
        return str(1 / 0)


class Odd:
    """A value of a user's class."""

    def __float__(self) -> float:
        raise KeyError("odd")

    def __repr__(self) -> str:
        raise KeyError("odd")


@pytest.mark.parametrize("error", [KeyboardInterrupt(), GeneratorExit()])
def test_an_interruption_ends_the_search(error: BaseException) -> None:
    with pytest.raises(type(error)):
        outcome_of(raises(error))


@pytest.mark.parametrize(
    "value", [1, numpy.float16(1), numpy.int8(1), numpy.array(1.0), Fraction(1)]
)
def test_real_numbers_are_metrics(value: Any) -> None:
    assert outcome_of(returns({"score": value})).values == {"score": 1.0}


def without_parameters() -> dict[str, float]:
    return {}


@pytest.mark.parametrize(
    ("function", "message"),
    [
        pytest.param(raises(MemoryError("no memory")), "MemoryError: no memory", id="exception"),
        pytest.param(raises(RuntimeError()), "RuntimeError: ", id="exception without message"),
        pytest.param(raises(SystemExit(3)), "SystemExit: 3", id="exit"),
        pytest.param(raises(asyncio.CancelledError()), "CancelledError: ", id="cancelled"),
        pytest.param(raises(BaseException("odd")), "BaseException: odd", id="base"),
        pytest.param(raises(Mute()), r"Mute \(its message raises ZeroDivisionError", id="mute"),
        pytest.param(raises(ValueError("\ud800")), "ValueError: \ud800", id="surrogate"),
        pytest.param(
            without_parameters,
            "TypeError: .*takes 0 positional arguments but 2",
            id="function without parameters",
        ),
    ],
)
def test_an_exception_fails_the_trial(function: Any, message: str) -> None:
    _assert_failed(function, message)


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (None, "returned nothing: return a dict of metrics with 'score'"),
        ("good", "returned 'good': return a dict"),
        (0.9, "returned 0.9: return a dict"),
        ({}, r"returned \[\], without the objective 'score': return it, or name"),
        ({"loss": 1}, r"returned \['loss'\], without the objective 'score'"),
        ({"score": "0.9"}, "metric 'score' is '0.9': give a number"),
        ({"score": True}, "metric 'score' is True: give a number"),
        ({"score": None}, "metric 'score' is None: give a number"),
        ({"score": [1, 2]}, r"metric 'score' is \[1, 2\]: give a number"),
        ({"score": 1j}, "metric 'score' is 1j: give a number"),
        ({"score": numpy.True_}, "metric 'score' is .*True.*: give a number"),
        ({"score": numpy.array(False)}, "metric 'score' is .*False.*: give a number"),
        ({"score": numpy.complex64(1)}, "metric 'score' is .*1.*: give a number"),
        ({"score": numpy.str_("1")}, "metric 'score' is .*1.*: give a number"),
        ({"score": numpy.datetime64(1, "s")}, "metric 'score' is .*: give a number"),
        ({"score": bytearray(b"1")}, "metric 'score' is bytearray.*: give a number"),
        ({"score": 10**400}, "metric 'score' is 1000.*: give a number"),
        ({"score": Odd()}, "metric 'score' is <Odd, whose repr raises KeyError>: give a number"),
        ({"score": math.nan}, "'score' is nan: the training diverged, or its data"),
        ({"score": math.inf}, "'score' is inf: the training diverged"),
    ],
    ids=lambda value: safe_repr(value)[:60],
)
def test_an_invalid_result_fails_the_trial(result: Any, message: str) -> None:
    _assert_failed(returns(result), message)


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ((2, 1), "step 1 was reported after step 2"),
        ((1, 1), "step 1 was reported after step 1"),
        ((None,), "step of a report is None: give an int"),
        ((-1,), "step of a report is -1: give an int fr"),
        ((2**31,), "report is 2147483648: give an int from 0"),
        ((1.5,), "step of a report is 1.5: give an int"),
        ((math.nan,), "step of a report is nan: give an"),
        ((True,), "step of a report is True: give an int"),
        (("one",), "step of a report is 'one': give an int"),
    ],
    ids=repr,
)
def test_an_invalid_step_fails_the_trial(steps: tuple[Any, ...], message: str) -> None:
    _assert_failed(reports(*steps, score=1.0), message)


def test_an_invalid_metric_in_a_report_fails_the_trial() -> None:
    _assert_failed(reports(1, score="bad"), "metric 'score' is 'bad': give a number")


def _assert_failed(function: Any, message: str) -> None:
    outcome = outcome_of(function)
    assert (outcome.state, outcome.values) == ("failed", {})
    with pytest.raises(RuntimeError, match=message):
        raise RuntimeError(outcome.notes["error"])
    assert "Traceback" in outcome.notes["traceback"]


@pytest.mark.parametrize("backend", ["keras_tuner", "local", "optuna"])
def test_every_backend_stores_the_cause_and_stops_after_consecutive_failures(
    backend: str, tmp_path: Path
) -> None:
    experiment = Experiment(
        SPACE, returns(0.9), {"score": "max"}, RandomSearch(), trials=3, max_failures=2
    )
    message = "(?s)the last 2 trials failed.*returned 0.9: return a dict.*max_failures"
    with pytest.raises(NasbridgeError, match=message):
        experiment.run(backend, tmp_path, observer=Silent())
    for trial in load_run(tmp_path):
        assert trial.state == "failed"
        assert "Traceback" in trial.notes["traceback"]


@dataclass
class InvalidStep:
    """Reports step -1."""

    step: int = -1

    def __call__(self, architecture: Architecture, trial: ActiveTrial) -> dict[str, float]:
        trial.report(self.step, score=0.5)
        return {"score": 1.0}


def test_an_invalid_step_in_a_worker_fails_its_trial() -> None:
    experiment = Experiment(
        SPACE, InvalidStep(), {"score": "max"}, RandomSearch(), trials=3, max_failures=9
    )
    with pytest.raises(TooManyFailures, match="with ExperimentError: the step of a report is -1"):
        experiment.run("local", jobs=1, observer=Silent())


@pytest.mark.parametrize("backend", ["keras_tuner", "local", "optuna"])
def test_the_first_and_the_last_step_are_stored(backend: str) -> None:
    """The integers of numpy are valid steps."""
    steps = (numpy.int64(0), 1, numpy.uint32(2**31 - 1))
    experiment = Experiment(SPACE, reports(*steps, score=0.5), {"score": "max"}, trials=1)
    (trial,) = experiment.run(backend, observer=Silent())
    assert trial.state == "complete", trial.notes
    assert [step.step for step in trial.curve] == [0, 1, 2**31 - 1]
