# pyright: basic
# Keras Tuner ships no types.
"""Objectives of Keras Tuner and ours."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import keras_tuner

from ...strategies import Objective

__all__ = ["ObjectiveLike", "native_objective", "objectives_in", "score_of"]

ObjectiveLike: TypeAlias = str | Any | Sequence[Any] | Mapping[str, str] | None
"""What Keras Tuner accepts as objective, or a dict from names to "max" or "min"."""


def native_objective(objective: ObjectiveLike) -> Any:
    """Return an objective as Keras Tuner accepts it."""
    if isinstance(objective, Mapping):
        objective = [keras_tuner.Objective(name, way) for name, way in objective.items()]
    if not isinstance(objective, list | tuple):
        return objective
    objectives: list[Any] = [*objective]
    return objectives if len(objectives) > 1 else objectives[0]


def objectives_in(oracle: keras_tuner.Oracle) -> dict[str, str]:
    """Return the objectives of an oracle, as `{"val_accuracy": "max"}`."""
    objective: Any = oracle.objective
    return {one.name: one.direction for one in getattr(objective, "objectives", [objective])}


def score_of(native: Any, objectives: Sequence[Objective], values: Mapping[str, float]) -> float:
    """Return the score that Keras Tuner sorts a trial by; the worst one without an objective.

    Args:
        native: The objective of the oracle.
        objectives: The same ones as ours.
        values: The values of the trial.
    """
    if any(objective.metric in values for objective in objectives):
        return float(native.get_value(values))
    return -math.inf if native.direction == "max" else math.inf
