# pyright: basic, reportMissingImports=false
# SMAC has no reliable type information and is optional.
"""SMAC's facade for hyperparameter optimization with a random forest."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, final

from ConfigSpace import CategoricalHyperparameter, ConfigurationSpace, UniformIntegerHyperparameter
from smac import HyperparameterOptimizationFacade, Scenario
from smac.runhistory.dataclasses import TrialInfo, TrialValue

from ..spaces import Categorical, Decision, IntegerRange, Label
from .method import Task

__all__ = ["SMACMethod", "start"]

ENDLESS = 1_000  # evaluations, if the budget is in seconds; it determines the initial design


def start(name: str, settings: Mapping[str, Any], task: Task) -> "SMACMethod":
    """Start the facade.

    Args:
        name: "HyperparameterOptimization".
        settings: Keyword arguments of its scenario.
        task: The problem.
    """
    return SMACMethod(settings, task)


def _parameter(decision: Decision) -> Any:
    match decision.domain:
        case Categorical(labels):
            return CategoricalHyperparameter(decision.name, labels)
        case IntegerRange(low, high, 1):
            return UniformIntegerHyperparameter(decision.name, low, high)
        case other:
            raise TypeError(f"{other!r} is not supported by SMAC")


@final
class SMACMethod:
    """The facade of SMAC, in a directory that is deleted afterwards.

    Args:
        settings: Keyword arguments of its scenario.
        task: The problem.
    """

    def __init__(self, settings: Mapping[str, Any], task: Task) -> None:
        self._task = task
        self._folder = tempfile.TemporaryDirectory(prefix="nasbridge-bench-")
        space = ConfigurationSpace(seed=task.seed)
        space.add([_parameter(decision) for decision in task.space.decisions])
        scenario = Scenario(
            space,
            deterministic=True,
            n_trials=task.evaluations or ENDLESS,
            seed=task.seed,
            output_directory=Path(self._folder.name),
            **settings,
        )
        self._smac = HyperparameterOptimizationFacade(
            scenario, self._unused, logging_level=40, overwrite=True
        )
        self._info: TrialInfo | None = None

    @staticmethod
    def _unused(config: Any, seed: int = 0) -> float:
        raise RuntimeError("SMAC must not evaluate: it is asked and told")

    def ask(self) -> Mapping[str, Label] | None:
        info = self._smac.ask()
        if info is None:
            return None
        self._info, chosen = info, dict(info.config)
        return {d.name: _label(d, chosen[d.name]) for d in self._task.space.decisions}

    def tell(self, values: Mapping[str, float]) -> None:
        objective = self._task.objective
        assert self._info is not None
        self._smac.tell(self._info, TrialValue(-objective.sign * values[objective.metric]))


def _label(decision: Decision, chosen: Any) -> Label:
    return str(chosen) if isinstance(decision.domain, Categorical) else int(chosen)
