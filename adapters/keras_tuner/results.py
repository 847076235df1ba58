# pyright: basic
# Keras and Keras Tuner ship no types.
"""The result of a trial: what `run_trial` or `fit` returns, as Keras Tuner evaluates it."""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import keras
import keras_tuner
from keras_tuner.src.engine import tuner_utils
from keras_tuner.src.engine.objective import MultiObjective

from ...engine.errors import ExperimentError
from .protocol import TrialResult

__all__ = ["UnknownObjective", "numbers_in", "result_of", "with_sum"]


class UnknownObjective(ExperimentError, keras_tuner.errors.FatalError):
    """An objective can have no value: Keras Tuner ends the search, not the trial alone."""


def numbers_in(logs: Mapping[str, Any], wanted: Collection[str]) -> dict[str, float]:
    """Return the metrics that are scalars.

    Args:
        logs: All metrics.
        wanted: The objectives.

    Raises:
        UnknownObjective: An objective is not a scalar.
    """
    found: dict[str, float] = {}
    for name, value in logs.items():
        try:
            found[name] = float(value)
        except (TypeError, ValueError) as error:  # such as one number for each class
            if name in wanted:
                raise UnknownObjective(
                    f"the objective {name!r} is not one number but {value!r}: let the metric "
                    "return one, as F1Score(average='macro')"
                ) from error
    return found


def with_sum(results: Any, objective: Any) -> Any:
    """Add the sum of several objectives, which Keras Tuner requires, to a dict of their values.

    Args:
        results: What `fit` or `run_trial` has returned.
        objective: The objective of the oracle.

    Raises:
        ExperimentError: A number stands for several objectives, or one of them is missing.
    """
    if isinstance(results, list):
        return [with_sum(one, objective) for one in results]
    if not isinstance(objective, MultiObjective):
        return results
    if isinstance(results, int | float):
        names = [one.name for one in objective.objectives]
        raise ExperimentError(f"one number was returned for {names}: return a dict of them")
    if not isinstance(results, dict):
        return results
    missing = [one.name for one in objective.objectives if one.name not in results]
    if missing:
        raise ExperimentError(f"the objectives {missing} are not among {sorted(results)}")
    return {**results, objective.name: objective.get_value(results)}


def result_of(
    results: Any, objective: Any, wanted: Collection[str], every: int | Sequence[int]
) -> TrialResult:
    """Return the result of a trial, with the mean over its executions.

    Args:
        results: What `run_trial` has returned.
        objective: The objective of the oracle.
        wanted: The names of the objectives.
        every: The argument `validation_freq` of `fit`.
    """
    if isinstance(results, list):
        each = [result_of(one, objective, wanted, every) for one in results]
        known: dict[str, list[float]] = {}
        for result in each:
            for name, value in result.metrics.items():
                known.setdefault(name, []).append(value)
        means = {name: sum(values) / len(values) for name, values in known.items()}
        return TrialResult(means, sum(result.best_epoch for result in each) // len(each))
    if isinstance(results, keras.callbacks.History):
        return _best_epoch(results, objective, wanted, every)
    metrics = tuner_utils.convert_to_metrics_dict(results, objective)
    return TrialResult(numbers_in(metrics, wanted), 0)


def _best_epoch(
    history: Any, objective: Any, wanted: Collection[str], every: int | Sequence[int]
) -> TrialResult:
    """Return all metrics of the best epoch, the earliest of equals."""
    epochs: dict[int, dict[str, Any]] = {}
    for name, values in history.history.items():
        for epoch, value in zip(_epochs_of(history, len(values), every), values, strict=True):
            epochs.setdefault(epoch, {})[name] = value
    complete = {
        epoch: numbers_in(metrics, wanted)
        for epoch, metrics in epochs.items()
        if all(name in metrics for name in wanted)
    }
    if not complete:
        names = sorted(history.history)
        raise ExperimentError(f"no epoch reports all of {list(wanted)}, only {names}")
    scores = {epoch: objective.get_value(metrics) for epoch, metrics in complete.items()}
    finite = [epoch for epoch, score in scores.items() if math.isfinite(score)]
    best = (finite or list(complete))[0]
    for epoch in finite:
        if objective.better_than(scores[epoch], scores[best]):
            best = epoch
    return TrialResult(complete[best], best)


def _epochs_of(history: Any, count: int, every: int | Sequence[int]) -> list[int]:
    """Return the epochs that reported a metric: all, or those with a validation."""
    if count == len(history.epoch):
        return list(history.epoch)
    validated = [
        epoch
        for epoch in history.epoch
        if ((epoch + 1) % every == 0 if isinstance(every, int) else epoch + 1 in every)
    ]
    return validated if len(validated) == count else list(history.epoch[-count:])
