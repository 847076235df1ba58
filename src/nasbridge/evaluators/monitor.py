"""Which metric selects the best epoch."""

from collections.abc import Sequence
from typing import Literal, TypeAlias

from ..engine import ExperimentError
from ..strategies import Objective

__all__ = ["Mode", "monitored"]

Mode: TypeAlias = Literal["max", "min"]


def monitored(
    monitor: str | None, mode: Mode | None, objectives: Sequence[Objective]
) -> tuple[str, Mode | None]:
    """Return the metric that selects the best epoch, and its direction if it is known.

    Args:
        monitor: The metric that the user names; None for the first validation metric.
        mode: The direction that the user gives.
        objectives: The objectives of the experiment; empty without one.

    Raises:
        ExperimentError: There is no such metric, or it contradicts the objectives.
    """
    directions: dict[str, Mode] = {one.metric: one.direction for one in objectives}
    validated = [metric for metric in directions if metric.startswith("val_")]
    if monitor is None and not validated:
        reason = f"no objective of {list(directions)} is a validation metric"
        raise ExperimentError(
            f"no metric selects the best epoch{f': {reason}' * bool(directions)}; pass "
            "KerasEvaluator(..., monitor='val_accuracy') or another metric"
        )
    name = monitor or validated[0]
    if validated and name not in validated and mode is None:
        raise ExperimentError(
            f"monitor={name!r} would select the best epoch, but {validated[0]!r} is the "
            "objective: omit monitor, or pass mode='max' or mode='min' with it to confirm"
        )
    direction = directions.get(name)
    if direction and mode and direction != mode:
        raise ExperimentError(
            f"mode={mode!r}, but the objective {name!r} has the direction {direction!r}: omit mode"
        )
    return name, mode or direction
