# pyright: basic, reportMissingImports=false
# NNI has no reliable type information and is optional.
"""NNI's tuners, without NNI's manager."""

import logging
import random
from collections.abc import Mapping
from typing import Any, final

import numpy
from nni.algorithms.hpo.evolution_tuner import EvolutionTuner
from nni.algorithms.hpo.tpe_tuner import TpeTuner

from ..spaces import Categorical, Decision, IntegerRange, Label
from .method import Task

__all__ = ["NNIMethod", "start"]


def start(name: str, settings: Mapping[str, Any], task: Task) -> "NNIMethod":
    """Start a tuner.

    Args:
        name: "TPE" or "Evolution".
        settings: Keyword arguments.
        task: The problem.
    """
    logging.getLogger("nni").setLevel(logging.ERROR)
    mode: Any = {"max": "maximize", "min": "minimize"}[task.objective.direction]
    space = {decision.name: _parameter(decision) for decision in task.space.decisions}
    if name == "TPE":
        tuner: Any = TpeTuner(optimize_mode=mode, seed=task.seed, **settings)
        tuner.update_search_space(space)
    else:
        tuner = EvolutionTuner(optimize_mode=mode, **settings)
        tuner.update_search_space(space)
        _seed(tuner, task.seed)
    return NNIMethod(tuner, task)


def _parameter(decision: Decision) -> dict[str, Any]:
    match decision.domain:
        case IntegerRange(low, high, 1):
            return {"_type": "randint", "_value": [low, high + 1]}
        case Categorical() | IntegerRange() as domain:
            return {"_type": "choice", "_value": list(domain.values())}
        case other:
            raise TypeError(f"{other!r} is not a domain of a table")


def _seed(tuner: Any, seed: int) -> None:
    """Draw the first population again: the tuner has no seed, and uses two generators."""
    random.seed(seed)
    tuner.random_state = numpy.random.RandomState(seed)
    tuner.population.clear()
    for _ in range(tuner.population_size):
        tuner._random_generate_individual()


@final
class NNIMethod:
    """A tuner of NNI.

    Args:
        tuner: The tuner.
        task: The problem.
    """

    def __init__(self, tuner: Any, task: Task) -> None:
        self._tuner = tuner
        self._task = task
        self._number = 0
        self._asked: dict[str, Any] = {}

    def ask(self) -> Mapping[str, Label]:
        (self._asked,) = self._tuner.generate_multiple_parameters(
            [self._number], st_callback=lambda *_: None
        )
        return self._asked

    def tell(self, values: Mapping[str, float]) -> None:
        value = values[self._task.objective.metric]
        self._tuner.receive_trial_result(self._number, self._asked, value)
        self._tuner.trial_end(self._number, True)
        self._number += 1
