"""Trials: what was evaluated, and what came out."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, cast

from ..spaces import Architecture
from .errors import StrategyError

__all__ = ["Objective", "Step", "Trial", "TrialState", "objectives_from"]

TrialState = Literal["running", "complete", "pruned", "failed"]


@dataclass(frozen=True, slots=True)
class Objective:
    """A metric to be maximised or minimised.

    Attributes:
        metric: Its name among what `evaluate` returns.
        direction: "max" or "min".
    """

    metric: str
    direction: Literal["max", "min"] = "max"

    def __post_init__(self) -> None:
        if not isinstance(self.metric, str) or not self.metric:
            raise StrategyError(f"the metric {self.metric!r} of an objective is not a name")
        if self.direction not in ("max", "min"):
            raise StrategyError(
                f"the direction of the objective {self.metric!r} is {self.direction!r}: "
                'give "max" or "min"'
            )

    @property
    def sign(self) -> int:
        """1 where larger is better, -1 where smaller is."""
        return 1 if self.direction == "max" else -1


def objectives_from(objectives: Mapping[str, str] | Sequence[Objective]) -> tuple[Objective, ...]:
    """Return objectives given as `{"val_accuracy": "max"}`.

    Raises:
        StrategyError: There is none, or one is not an objective.
    """
    given: object = objectives
    if isinstance(given, Mapping):
        items = cast(Mapping[str, Any], given).items()
        made = tuple(Objective(metric, direction) for metric, direction in items)
    elif isinstance(given, Sequence) and all(
        isinstance(part, Objective) for part in cast(Sequence[object], given)
    ):
        made = tuple(given)
    else:
        raise StrategyError(
            f'objectives={given!r}: give metrics with "max" or "min", as {{"loss": "min"}}'
        )
    if not made:
        raise StrategyError('no objective is given: write objectives={"val_accuracy": "max"}')
    return made


class Step(NamedTuple):
    """What a trial reported on its way.

    Attributes:
        step: The epoch, or another count of work done; grows within a trial.
        metrics: Metrics at that point.
    """

    step: int
    metrics: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Trial:
    """One evaluation of an architecture.

    Attributes:
        number: Counts the proposals from 0; a repeated interrupted trial keeps its number.
        architecture: What was evaluated.
        state: "running", "complete", "pruned" or "failed".
        values: All metrics that `evaluate` returned; of a pruned trial the last reported ones.
        curve: What was reported, in order.
        seconds: How long the evaluation took.
        started: When it began, in seconds since 1970.
        finished: When it ended, in seconds since 1970.
        notes: Anything else, JSON-ready: "error" and "traceback" of a failed trial, and so on.
    """

    number: int
    architecture: Architecture
    state: TrialState = "running"
    values: Mapping[str, float] = field(default_factory=dict[str, float])
    curve: tuple[Step, ...] = ()
    seconds: float | None = None
    started: float | None = None
    finished: float | None = None
    notes: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def scores(self, objectives: Sequence[Objective]) -> tuple[float, ...] | None:
        """Return the objectives, each so that larger is better.

        Args:
            objectives: The objectives of the search.

        Returns:
            One finite score an objective; None where one is missing, as in failed trials.
        """
        if self.state in ("running", "failed"):
            return None
        scores = tuple(o.sign * self.values.get(o.metric, math.nan) for o in objectives)
        return scores if all(map(math.isfinite, scores)) else None
