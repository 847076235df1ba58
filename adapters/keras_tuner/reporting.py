# pyright: basic
# Keras and Keras Tuner ship no types.
"""What a training under Keras Tuner tells: epochs for the pruner, and a result for the score.

All of it goes through `update_trial`, the one way there is from a worker to its chief.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any, final

import keras
import keras_tuner
from keras_tuner.engine.trial import Trial as Row
from keras_tuner.engine.trial import TrialStatus
from keras_tuner.src.engine import tuner_utils
from keras_tuner.src.engine.objective import MultiObjective

from ...engine.errors import ExperimentError
from .history import objectives_in

__all__ = ["Completed", "Epochs", "UnknownObjective", "has_own_fit", "has_own_run", "run_and_tell"]


class UnknownObjective(ExperimentError, keras_tuner.errors.FatalError):
    """An objective can have no value: Keras Tuner ends the search, not the trial alone."""


@final
class Epochs:
    """Reports the epochs of one execution to the oracle; a second training in it goes on counting.

    Args:
        tuner: The tuner.
        trial: The trial.
    """

    def __init__(self, tuner: Any, trial: Row) -> None:
        self._tuner, self._trial = tuner, trial
        self._before, self._last = 0, -1

    def end_training(self, epoch: int, logs: Mapping[str, Any]) -> bool:
        """Report an epoch; tell whether the training should end."""
        if self._before + epoch <= self._last:
            self._before = self._last + 1 - epoch
        self._last = self._before + epoch
        oracle = self._tuner.oracle
        metrics = numbers_in(logs, objectives_in(oracle))
        row = oracle.update_trial(self._trial.trial_id, metrics, step=self._last)
        return bool(row.status == TrialStatus.STOPPED)


def numbers_in(logs: Mapping[str, Any], wanted: Collection[str]) -> dict[str, float]:
    """Return the metrics that are one number.

    Args:
        logs: All of them.
        wanted: The objectives.

    Raises:
        UnknownObjective: An objective is not one number.
    """
    found: dict[str, float] = {}
    for name, value in logs.items():
        try:
            found[name] = float(value)
        except (TypeError, ValueError) as error:  # one for each class, say
            if name in wanted:
                raise UnknownObjective(
                    f"the objective {name!r} is not one number but {value!r}: let the metric "
                    "give one, as F1Score(average='macro')"
                ) from error
    return found


# ---------------------------------------------------------------------- a `fit` of the user's own


def has_own_fit(hypermodel: Any) -> bool:
    """Tell whether a hypermodel trains in its own way."""
    return type(hypermodel).fit is not keras_tuner.HyperModel.fit


def has_own_run(tuner: Any) -> bool:
    """Tell whether a tuner runs trials in a way of the user's own, which may tell what it likes."""
    defined = next(kind for kind in type(tuner).__mro__ if "run_trial" in vars(kind))
    return defined.__module__.split(".")[0] not in ("keras_tuner", "autokeras")


@final
class Completed(keras_tuner.HyperModel):
    """A hypermodel whose `fit` may leave out the sum of several objectives, and a model's sizes.

    Args:
        theirs: The hypermodel, which has a `fit` of its own.
        objective: The oracle's.
        sizes: Measures a model that has been trained.
    """

    def __init__(self, theirs: Any, objective: Any, sizes: Any) -> None:
        super().__init__()
        self._theirs, self._objective, self._sizes = theirs, objective, sizes

    def build(self, hp: Any) -> Any:
        return self._theirs.build(hp)

    def fit(self, hp: Any, model: Any, *args: Any, **kwargs: Any) -> Any:
        results = self._theirs.fit(hp, model, *args, **kwargs)
        if isinstance(results, int | float) and not isinstance(self._objective, MultiObjective):
            results = {self._objective.name: results}
        if isinstance(results, dict):
            results = {**self._sizes(model), **results}
        return _summed(results, self._objective)


def _summed(results: Any, objective: Any) -> Any:
    """Add the sum of several objectives, which Keras Tuner asks for, to a dict of their values."""
    if isinstance(results, list):
        return [_summed(one, objective) for one in results]
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


# ---------------------------------------------------------------------- the score


def run_and_tell(tuner: Any, trial: Row, *fit_args: Any, **fit_kwargs: Any) -> None:
    """Run a trial of a tuner, and tell its `NASOracle` what it is scored by, as Keras Tuner does.

    Args:
        tuner: The tuner.
        trial: The trial.
        *fit_args: As for `search`.
        **fit_kwargs: As for `search`.
    """
    oracle = tuner.oracle
    oracle.update_trial(trial.trial_id, {}, step=-1)  # it begins: an interrupted run is forgotten
    results = tuner.run_trial(trial, *fit_args, **fit_kwargs)
    if results is None and _has_told(oracle, trial):
        return  # by `update_trial`, as old tuners do
    results = _summed(results, oracle.objective)
    tuner_utils.validate_trial_results(results, oracle.objective, "Tuner.run_trial()")
    every = fit_kwargs.get("validation_freq", 1)
    values, step = _result_of(results, oracle.objective, objectives_in(oracle), every)
    oracle.update_trial(trial.trial_id, values, step=~step)  # which says that it is the result


def _has_told(oracle: Any, trial: Row) -> bool:
    told = oracle.get_trial(trial.trial_id).metrics
    return all(told.exists(name) for name in objectives_in(oracle))


def _result_of(
    results: Any, objective: Any, wanted: Collection[str], every: int | Sequence[int]
) -> tuple[dict[str, float], int]:
    """Return the metrics that a result stands for, and the best epoch; of executions the mean."""
    if isinstance(results, list):
        each = [_result_of(one, objective, wanted, every) for one in results]
        known: dict[str, list[float]] = {}
        for metrics, _ in each:
            for name, value in metrics.items():
                known.setdefault(name, []).append(value)
        means = {name: sum(values) / len(values) for name, values in known.items()}
        return means, sum(step for _, step in each) // len(each)
    if isinstance(results, keras.callbacks.History):
        return _best_epoch(results, objective, wanted, every)
    return numbers_in(tuner_utils.convert_to_metrics_dict(results, objective), wanted), 0


def _best_epoch(
    history: Any, objective: Any, wanted: Collection[str], every: int | Sequence[int]
) -> tuple[dict[str, float], int]:
    """Return all metrics of the best epoch, and which it is."""
    epochs: dict[int, dict[str, Any]] = {}
    for name, values in history.history.items():
        for epoch, value in zip(_told_at(history, len(values), every), values, strict=True):
            epochs.setdefault(epoch, {})[name] = value
    told = {
        epoch: numbers_in(metrics, wanted)
        for epoch, metrics in epochs.items()
        if all(name in metrics for name in wanted)
    }
    if not told:
        names = sorted(history.history)
        raise ExperimentError(f"no epoch tells of all of {list(wanted)}, only of {names}")
    scores = {epoch: objective.get_value(metrics) for epoch, metrics in told.items()}
    finite = [epoch for epoch, score in scores.items() if math.isfinite(score)]
    best = (finite or list(told))[0]
    for epoch in finite:
        if objective.better_than(scores[epoch], scores[best]):
            best = epoch
    return told[best], best


def _told_at(history: Any, count: int, every: int | Sequence[int]) -> list[int]:
    """Return the epochs that told a metric: all, or those with a validation."""
    if count == len(history.epoch):
        return list(history.epoch)
    rare = [
        epoch
        for epoch in history.epoch
        if ((epoch + 1) % every == 0 if isinstance(every, int) else epoch + 1 in every)
    ]
    return rare if len(rare) == count else list(history.epoch[-count:])
