# pyright: basic
# Ray's types are of little use from outside.
"""Arguments of Ray's own searchers: metric and mode, and points with known results."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ...engine.errors import BackendError
from ...spaces import Architecture
from ...strategies import Objective, Step, Trial, objectives_from

__all__ = ["evaluated", "objectives_of", "paired"]


def objectives_of(metric: Any, mode: Any) -> tuple[Objective, ...]:
    """Return one or several metrics with their modes as objectives.

    Raises:
        BackendError: They do not match.
    """
    metrics = [metric] if isinstance(metric, str) else list(metric or ())
    modes = [mode] * len(metrics) if isinstance(mode, str) else list(mode or ())
    if not metrics or len(metrics) != len(modes):
        raise BackendError(
            f"metric={metric!r} and mode={mode!r} do not match: give both, as "
            'metric="accuracy", mode="max", or as many modes as metrics'
        )
    return objectives_from(dict(zip(metrics, modes, strict=True)))


def paired(
    points: Sequence[Mapping[str, Any]] | None, rewards: Sequence[float] | None
) -> tuple[tuple[Mapping[str, Any], float | None], ...]:
    """Return `points_to_evaluate` with their `evaluated_rewards`, or with None.

    Raises:
        BackendError: There are not as many rewards as points.
    """
    given = tuple(points or ())
    known = (None,) * len(given) if rewards is None else tuple(rewards)
    if len(known) != len(given):
        raise BackendError(
            f"points_to_evaluate has {len(given)} configs, and evaluated_rewards {len(known)} "
            "values: give one for each config, or leave out evaluated_rewards"
        )
    return tuple(zip(given, known, strict=True))


def evaluated(
    number: int,
    architecture: Architecture,
    objectives: Sequence[Objective],
    value: float | None,
    error: bool = False,
    pruned: bool = False,
    intermediate_values: Sequence[float] | None = None,
) -> Trial:
    """Return a trial that ran elsewhere; without a finite value it has failed.

    Raises:
        BackendError: There are several objectives, and one value.
    """
    if len(objectives) != 1:
        names = ", ".join(repr(o.metric) for o in objectives)
        raise BackendError(
            f"an evaluated point has the value of one metric, and the objectives are {names}"
            ": pass finished trials with all metrics as NASSearcher(..., history=...)"
        )
    metric = objectives[0].metric
    curve = tuple(
        Step(step, {metric: float(part)}) for step, part in enumerate(intermediate_values or (), 1)
    )
    if error or value is None or not math.isfinite(value):
        reason = "failed elsewhere" if error else f"{metric} is {value}, not a finite number"
        return Trial(number, architecture, "failed", curve=curve, notes={"error": reason})
    values = {metric: float(value)}
    return Trial(number, architecture, "pruned" if pruned else "complete", values, curve)
