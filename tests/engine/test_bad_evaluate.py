"""A wrong result of `evaluate` fails its trial, with a note, and not the run."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy
import pytest

from nasbridge import Architecture, Choice, Experiment, NasbridgeError, RandomSearch, Space
from nasbridge.engine import ActiveTrial
from nasbridge.engine.driver import Silent
from nasbridge.testing import harness

SPACE = Space({"units": Choice([16, 32, 64, 128])})


def answers(value: Any) -> Callable[[Architecture, ActiveTrial], Any]:
    def answer(architecture: Architecture, trial: ActiveTrial) -> Any:
        return value

    return answer


def reports(*steps: Any, **metrics: Any) -> Callable[[Architecture, ActiveTrial], Any]:
    def report(architecture: Architecture, trial: ActiveTrial) -> Any:
        for step in steps:
            trial.report(step, **metrics)
        return {"score": 1.0}

    return report


def raises(error: BaseException) -> Callable[[Architecture, ActiveTrial], Any]:
    def fail(architecture: Architecture, trial: ActiveTrial) -> Any:
        raise error

    return fail


def too_few() -> dict[str, float]:
    return {}


FAILURES: list[tuple[str, Any, str]] = [
    ("an error", raises(MemoryError("no memory")), "MemoryError: no memory"),
    ("an error without words", raises(RuntimeError()), "RuntimeError: "),
    ("leaving", raises(SystemExit(3)), "SystemExit: 3"),
    ("nothing", answers(None), "returned nothing: return a dict of metrics with 'score'"),
    ("a text", answers("good"), "returned 'good': return a dict"),
    ("a number", answers(0.9), "returned 0.9: return a dict"),
    (
        "no metrics",
        answers({}),
        r"returned \[\], without the objective 'score': return it, or name",
    ),
    ("another metric", answers({"loss": 1}), r"returned \['loss'\], without the objective 'score'"),
    ("no number", answers({"score": "0.9"}), "metric 'score' is '0.9': give a number"),
    ("truth", answers({"score": True}), "metric 'score' is True: give a number"),
    ("None", answers({"score": None}), "metric 'score' is None: give a number"),
    ("several numbers", answers({"score": [1, 2]}), r"metric 'score' is \[1, 2\]: give a number"),
    ("a complex number", answers({"score": 1j}), "metric 'score' is 1j: give a number"),
    ("NaN", answers({"score": math.nan}), "'score' is nan: the training diverged, or its data"),
    ("no end", answers({"score": math.inf}), "'score' is inf: the training diverged"),
    ("steps that shrink", reports(2, 1, score=1.0), "step 1 was reported after step 2"),
    ("a step before the first", reports(-1, score=1.0), "step of a report is -1: give an int fr"),
    ("a step without end", reports(2**31, score=1.0), "report is 2147483648: give an int from 0"),
    ("half a step", reports(1.5, score=1.0), "step of a report is 1.5: give an int"),
    ("a step that is no number", reports(math.nan, score=1.0), "step of a report is nan: give an"),
    ("a step of truth", reports(True, score=1.0), "step of a report is True: give an int"),
    ("a step in words", reports("one", score=1.0), "step of a report is 'one': give an int"),
    ("a report in words", reports(1, score="bad"), "metric 'score' is 'bad': give a number"),
    ("too many arguments", too_few, "TypeError: .*takes 0 positional arguments but 2"),
]


@pytest.mark.parametrize("name", ["keras_tuner", "local", "optuna"])
@pytest.mark.parametrize(("what", "function", "said"), FAILURES, ids=[f[0] for f in FAILURES])
def test_a_wrong_result_fails_its_trial(name: str, what: str, function: Any, said: str) -> None:
    experiment = Experiment(
        SPACE, function, {"score": "max"}, RandomSearch(), trials=3, max_failures=2
    )
    with pytest.raises(NasbridgeError, match=f"(?s)the last 2 trials failed.*{said}.*max_failures"):
        experiment.run(name, observer=Silent())
    for trial in replace(experiment, max_failures=9).run(name, observer=Silent()):
        assert trial.state == "failed"
        assert "Traceback" in trial.notes["traceback"]


@pytest.mark.parametrize("name", ["keras_tuner", "local", "optuna"])
@pytest.mark.parametrize("step", [-1, 2**31])
def test_a_bad_step_in_a_worker_costs_its_trial_only(name: str, step: int) -> None:
    searched = Experiment(
        SPACE, BadStep(step), {"score": "max"}, RandomSearch(), trials=3, max_failures=9
    )
    for trial in searched.run(name, jobs=1, observer=Silent()):
        assert (trial.state, trial.curve) == ("failed", ())
        assert trial.notes["error"].startswith("ExperimentError: the step of a report is")


@dataclass
class BadStep:
    """Reports one step."""

    step: int

    def __call__(self, architecture: Architecture, trial: ActiveTrial) -> dict[str, float]:
        trial.report(self.step, score=0.5)
        return {"score": 1.0}


@pytest.mark.parametrize("name", ["keras_tuner", "local", "optuna"])
def test_the_first_and_the_last_step_are_taken(name: str) -> None:
    """Numpy's ints are ints."""
    steps = (numpy.int64(0), 1, numpy.uint32(2**31 - 1))
    searched = Experiment(SPACE, reports(*steps, score=0.5), {"score": "max"}, trials=1)
    (trial,) = searched.run(name, observer=Silent())
    assert trial.state == "complete", trial.notes
    assert [step.step for step in trial.curve] == [0, 1, 2**31 - 1]


@pytest.mark.parametrize("name", ["keras_tuner", "local", "optuna"])
def test_a_crash_or_a_hang_is_noted(name: str, tmp_path: Path) -> None:
    """With workers; see tests/engine/test_pool.py for all the ways to die."""
    began = time.monotonic()
    searched = Experiment(
        harness.chain(),
        harness.evaluate_waiting,
        {"score": "max"},
        RandomSearch(),
        trials=harness.WAIT_AT + 2,
        trial_seconds=2,
    )
    history = searched.run(name, tmp_path, observer=Silent())
    assert [trial.number for trial in history.of_state("failed")] == [harness.WAIT_AT]
    assert "took longer than trial_seconds=2" in history[harness.WAIT_AT].notes["error"]
    assert time.monotonic() - began < 60
