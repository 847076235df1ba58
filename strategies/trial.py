"""Trials and objectives."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Literal, NamedTuple, cast, final, overload

from ..spaces import Architecture
from .errors import StrategyError

__all__ = ["Curve", "Objective", "Step", "Trial", "TrialState", "objectives_from"]

TrialState = Literal["running", "complete", "pruned", "failed"]


@dataclass(frozen=True, slots=True)
class Objective:
    """A metric to maximize or minimize.

    Attributes:
        metric: Name of the metric in the result of `evaluate`.
        direction: "max" or "min".

    Raises:
        StrategyError: The name is empty or no string, or the direction is unknown.
    """

    metric: str
    direction: Literal["max", "min"] = "max"

    def __post_init__(self) -> None:
        if not isinstance(self.metric, str) or not self.metric:
            raise StrategyError(
                f"invalid metric {self.metric!r} of an objective: give its name, as a string"
            )
        if self.direction not in ("max", "min"):
            raise StrategyError(
                f"invalid direction {self.direction!r} of the objective {self.metric!r}: "
                'give "max" or "min"'
            )

    @property
    def sign(self) -> int:
        """1 if larger values are better, -1 if smaller ones are."""
        return 1 if self.direction == "max" else -1


def objectives_from(objectives: Mapping[str, str] | Sequence[Objective]) -> tuple[Objective, ...]:
    """Return objectives as a tuple of `Objective`.

    Args:
        objectives: Directions by metric, as `{"val_accuracy": "max"}`, or objectives.

    Raises:
        StrategyError: There is no objective, or one is invalid.

    Example:
        >>> objectives_from({"loss": "min"})
        (Objective(metric='loss', direction='min'),)
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
            f'invalid objectives={given!r}: give metrics with "max" or "min", as {{"loss": "min"}}'
        )
    if not made:
        raise StrategyError(
            'no objectives: give at least one, as objectives={"val_accuracy": "max"}'
        )
    return made


class Step(NamedTuple):
    """Intermediate metrics that a trial reported.

    Attributes:
        step: The epoch, or another measure of progress; it increases within a trial.
        metrics: The metrics at that step.
    """

    step: int
    metrics: Mapping[str, float]


@final
class Curve(Sequence[Step]):
    """The steps of a running trial: immutable, and extended in constant time.

    Args:
        steps: The steps; curves that were extended share the list.
        length: How many of them count.

    Example:
        >>> curve = Curve().extended(Step(0, {"loss": 0.9}))
        >>> len(curve.extended(Step(1, {"loss": 0.5}))), len(curve)
        (2, 1)
    """

    __slots__ = ("_length", "_steps")

    def __init__(self, steps: Sequence[Step] = (), length: int | None = None) -> None:
        self._steps = steps if isinstance(steps, list) else list(steps)
        self._length = len(self._steps) if length is None else length

    def extended(self, step: Step) -> "Curve":
        """Return the curve with one more step."""
        steps = self._steps
        if len(steps) > self._length:  # another curve has extended it
            steps = steps[: self._length]
        steps.append(step)
        return Curve(steps, self._length + 1)

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int) -> Step: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Step]: ...
    def __getitem__(self, index: int | slice) -> Step | Sequence[Step]:
        if isinstance(index, slice):
            return tuple(self._steps[k] for k in range(*index.indices(self._length)))
        return self._steps[range(self._length)[index]]

    def __iter__(self) -> Iterator[Step]:
        return islice(self._steps, self._length)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Curve | tuple):
            return NotImplemented
        return tuple(self) == tuple(cast(Sequence[Step], other))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(tuple(self))


@dataclass(frozen=True, slots=True)
class Trial:
    """One evaluation of an architecture.

    Attributes:
        number: The trial number, from 0. A trial that was interrupted and runs again keeps it.
        architecture: The evaluated architecture.
        state: "running", "complete", "pruned" or "failed".
        values: All metrics that `evaluate` returned; for a pruned trial, the last reported value
            of each metric, which may be only some of the objectives.
        curve: The reported intermediate metrics, in order.
        seconds: Duration of the evaluation, in seconds.
        started: Start time, in seconds since 1970.
        finished: End time, in seconds since 1970.
        notes: Further JSON-serializable information, such as "error" and "traceback" of a failed
            trial.
    """

    number: int
    architecture: Architecture
    state: TrialState = "running"
    values: Mapping[str, float] = field(default_factory=dict[str, float])
    curve: Sequence[Step] = ()
    seconds: float | None = None
    started: float | None = None
    finished: float | None = None
    notes: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def scores(self, objectives: Sequence[Objective]) -> tuple[float, ...] | None:
        """Return the values of the objectives, negated where they are minimized.

        Args:
            objectives: The objectives of the search.

        Returns:
            A finite score for each objective, larger is better; None if the trial failed, is
            running, or has no finite value for an objective.
        """
        if self.state in ("running", "failed"):
            return None
        scores = tuple(o.sign * self.values.get(o.metric, math.nan) for o in objectives)
        return scores if all(map(math.isfinite, scores)) else None

    def partial_scores(self, objectives: Sequence[Objective]) -> tuple[float, ...] | None:
        """Return the scores as far as they are known: a pruned trial may lack objectives.

        Args:
            objectives: The objectives of the search.

        Returns:
            A score for each objective, larger is better, and NaN for each objective that a pruned
            trial did not report; None if the trial failed, is running, or has a value that is not
            finite.

        Example:
            >>> from nasbridge.spaces import Choice, Space
            >>> from nasbridge.strategies import Trial, objectives_from
            >>> architecture = Space({"a": Choice([1, 2])}).architecture({"a": 1})
            >>> trial = Trial(0, architecture, "pruned", {"accuracy": 0.9})
            >>> trial.partial_scores(objectives_from({"accuracy": "max", "params": "min"}))
            (0.9, nan)
        """
        reported = objectives
        if self.state == "pruned":
            reported = [o for o in objectives if o.metric in self.values]
        scores = self.scores(reported)
        if scores is None:
            return None
        known = dict(zip((o.metric for o in reported), scores, strict=True))
        return tuple(known.get(o.metric, math.nan) for o in objectives)
