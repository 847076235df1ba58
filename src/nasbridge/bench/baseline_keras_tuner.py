# pyright: basic, reportMissingImports=false
# Keras Tuner has no type information and is optional.
"""Keras Tuner's oracles, without tuners and models."""

import tempfile
from collections.abc import Mapping
from typing import Any, final

import keras_tuner
from keras_tuner.oracles import BayesianOptimizationOracle, RandomSearchOracle

from ..spaces import Categorical, IntegerRange, Label, SearchSpace
from .method import Task

__all__ = ["KerasTunerMethod", "start"]

ORACLES = {"BayesianOptimization": BayesianOptimizationOracle, "RandomSearch": RandomSearchOracle}
ENDLESS = 1_000_000  # trials, if the budget is in seconds
WORKER = "bench"


def start(name: str, settings: Mapping[str, Any], task: Task) -> "KerasTunerMethod":
    """Start an oracle.

    Args:
        name: One of `ORACLES`.
        settings: Keyword arguments.
        task: The problem.
    """
    oracle = ORACLES[name](
        objective=keras_tuner.Objective(task.objective.metric, task.objective.direction),
        max_trials=task.evaluations or ENDLESS,
        hyperparameters=_parameters(task.space),
        seed=task.seed,
        **settings,
    )
    return KerasTunerMethod(oracle)


def _parameters(space: SearchSpace) -> keras_tuner.HyperParameters:
    parameters = keras_tuner.HyperParameters()
    for decision in space.decisions:
        match decision.domain:
            case Categorical(labels):
                parameters.Choice(decision.name, list(labels))
            case IntegerRange(low, high, step):
                parameters.Int(decision.name, low, high, step)
    return parameters


@final
class KerasTunerMethod:
    """An oracle of Keras Tuner, in a directory that is deleted afterwards.

    Args:
        oracle: The oracle.
    """

    def __init__(self, oracle: Any) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="nasbridge-bench-")
        self._oracle = oracle
        self._oracle.verbose = 0
        self._oracle._set_project_dir(self._folder.name, "bench")  # as a Tuner does
        self._trial: Any = None

    def ask(self) -> Mapping[str, Label] | None:
        self._trial = self._oracle.create_trial(WORKER)
        if self._trial.status == "STOPPED":
            return None
        return dict(self._trial.hyperparameters.values)

    def tell(self, values: Mapping[str, float]) -> None:
        self._oracle.update_trial(self._trial.trial_id, dict(values))
        self._trial.status = "COMPLETED"
        self._oracle.end_trial(self._trial)
