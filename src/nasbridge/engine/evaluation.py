"""One evaluation: the trial that `evaluate` receives, and the check of what it returns."""

import math
import numbers
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast, final

import numpy

from ..spaces import Architecture
from ..spaces.text import described_error, safe_repr
from ..strategies import Objective, Step
from .errors import CannotEvaluate, ExperimentError, Pruned

__all__ = ["ActiveTrial", "Evaluate", "Outcome", "Task", "evaluate_task", "trial_seed"]

LAST_STEP = 2**31 - 1  # what the databases of frameworks hold

Report = Callable[[int, Step], bool]
"""Receives a trial's number and a step; returns whether the trial should stop."""


def trial_seed(seed: int, number: int) -> int:
    """Return the seed of one trial's training, from 0 to 2**32 - 1."""
    return int(numpy.random.SeedSequence([seed % 2**64, number]).generate_state(1)[0])


@dataclass(frozen=True)
class Task:
    """A trial to evaluate.

    Attributes:
        number: The trial's number.
        architecture: The architecture.
        seed: Seed of its training.
        directory: The trial's directory, made on first use.
        budget: Fidelity, as a number of epochs; None for full training.
    """

    number: int
    architecture: Architecture
    seed: int
    directory: Path
    budget: float | None = None


@final
class ActiveTrial:
    """The running trial, the second argument of `evaluate`.

    Args:
        task: The trial.
        report: Receives reports.
        objectives: The experiment's objectives.
    """

    def __init__(self, task: Task, report: Report, objectives: Sequence[Objective] = ()) -> None:
        self._task = task
        self._report = report
        self._objectives = tuple(objectives)
        self._last_step = -1
        self.curve: list[Step] = []

    @property
    def number(self) -> int:
        """The trial's number, counted from 0."""
        return self._task.number

    @property
    def seed(self) -> int:
        """Seed for this trial's training, from the experiment's seed and the number."""
        return self._task.seed

    @property
    def budget(self) -> float | None:
        """Fidelity of this trial, as a number of epochs; None for full training."""
        return self._task.budget

    @property
    def directory(self) -> Path:
        """A directory for this trial's files."""
        self._task.directory.mkdir(parents=True, exist_ok=True)
        return self._task.directory

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """The metrics that the experiment maximises or minimises."""
        return self._objectives

    def report(self, step: int, /, **metrics: float) -> None:
        """Report intermediate metrics; the pruner may stop the trial here.

        Args:
            step: The epoch, or another count, from 0 to 2**31 - 1; must increase.
            **metrics: Metrics at this step, with an objective among them.

        Raises:
            Pruned: The trial should stop; do not catch it.
            ExperimentError: The step is not an int in the range, or does not increase.
            ValueError: A metric is not a number.

        Example:
            `trial.report(epoch, val_accuracy=0.91)`
        """
        if isinstance(step, bool) or not isinstance(step, numbers.Integral):
            raise ExperimentError(f"the step of a report is {step!r}: give an int, as the epoch")
        if not 0 <= step <= LAST_STEP:
            raise ExperimentError(
                f"the step of a report is {step}: give an int from 0 to {LAST_STEP}, as the epoch"
            )
        if step <= self._last_step:
            raise ExperimentError(
                f"step {step} was reported after step {self._last_step}: steps must increase"
            )
        self._last_step = int(step)
        made = Step(int(step), {name: _number(name, value) for name, value in metrics.items()})
        self.curve.append(made)
        if self._report(self.number, made):
            raise Pruned(f"trial {self.number} stopped after step {step}")


Evaluate = Callable[[Architecture, ActiveTrial], Mapping[str, float]]
"""The user's function: receives an architecture and a trial, returns metrics."""


@dataclass(frozen=True)
class Outcome:
    """How an evaluation ended.

    Attributes:
        number: The trial's number.
        state: "complete", "pruned" or "failed".
        values: All metrics; for a pruned trial the last reported ones.
        curve: The reports.
        seconds: Duration.
        notes: "error" and "traceback" of a failed trial.
        ends_search: Why no trial can be evaluated, which ends the search; empty otherwise.
    """

    number: int
    state: Literal["complete", "pruned", "failed"]
    values: Mapping[str, float] = field(default_factory=dict[str, float])
    curve: tuple[Step, ...] = ()
    seconds: float = 0.0
    notes: Mapping[str, Any] = field(default_factory=dict[str, Any])
    ends_search: str = ""


def evaluate_task(
    evaluate: Evaluate, task: Task, objectives: Sequence[Objective], report: Report
) -> Outcome:
    """Evaluate a trial; an error of `evaluate` makes it a failed one, or ends the search.

    Args:
        evaluate: The user's function.
        task: The trial.
        objectives: Metrics that it must return, finite.
        report: Receives reports.
    """
    trial = ActiveTrial(task, report, objectives)
    began = time.perf_counter()
    values: dict[str, float] = {}
    notes: dict[str, Any] = {}
    state: Literal["complete", "pruned", "failed"] = "complete"
    ends_search = ""
    try:
        values = checked_metrics(evaluate(task.architecture, trial), objectives)
    except Pruned:
        state = "pruned"
        for step in trial.curve:
            values |= step.metrics
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:  # such as SystemExit or CancelledError: the search continues
        state = "failed"
        ends_search = str(error) if isinstance(error, CannotEvaluate) else ""
        notes["error"] = described_error(error)
        notes["traceback"] = _traceback()
    seconds = time.perf_counter() - began
    return Outcome(task.number, state, values, tuple(trial.curve), seconds, notes, ends_search)


def _traceback() -> str:
    try:
        return traceback.format_exc()
    except Exception as error:  # of an exception that cannot give its message
        return f"no traceback: formatting it raised {type(error).__name__}"


def checked_metrics(metrics: object, objectives: Sequence[Objective]) -> dict[str, float]:
    """Return the result of `evaluate` as plain floats.

    Raises:
        ValueError: It is not a dict of numbers, or an objective is missing or not finite.
    """
    names = ", ".join(repr(o.metric) for o in objectives)
    if not isinstance(metrics, Mapping):
        what = "nothing" if metrics is None else repr(metrics)
        raise ValueError(f"evaluate returned {what}: return a dict of metrics with {names}")
    given = cast(Mapping[str, object], metrics)
    values = {str(name): _number(str(name), value) for name, value in given.items()}
    for objective in objectives:
        if objective.metric not in values:
            raise ValueError(
                f"evaluate returned {sorted(values)}, without the objective "
                f"{objective.metric!r}: return it, or name another objective"
            )
        if not math.isfinite(values[objective.metric]):
            raise ValueError(
                f"the objective {objective.metric!r} is {values[objective.metric]}: "
                "the training diverged, or its data hold NaN"
            )
    return values


def _number(name: str, value: object) -> float:
    kind = str(getattr(value, "dtype", ""))  # of NumPy, TensorFlow, PyTorch or JAX
    is_other = issubclass(type(value), _NO_NUMBERS) or any(one in kind for one in _NO_DTYPES)
    try:
        if not is_other:
            return float(cast(Any, value))
    except Exception as error:  # whatever the class of the value raises
        raise ValueError(f"the metric {name!r} is {safe_repr(value)}: give a number") from error
    raise ValueError(f"the metric {name!r} is {safe_repr(value)}: give a number")


_NO_NUMBERS = (bool, complex, str, bytes, bytearray, memoryview)
_NO_DTYPES = ("bool", "complex", "datetime", "timedelta", "object", "str", "<U", ">U", "|S", "|V")
