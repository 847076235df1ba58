# pyright: basic, reportMissingImports=false
# HyperOpt has no type information and is optional.
"""HyperOpt's TPE, with trials that are added by hand, so that it can be asked and told."""

from collections.abc import Mapping
from functools import partial
from typing import Any, final

import hyperopt
import numpy
from hyperopt.base import JOB_STATE_DONE, STATUS_OK, Domain

from ..spaces import Categorical, Decision, IntegerRange, Label
from .method import Task

__all__ = ["HyperOptMethod", "start"]

LARGEST = 2**31 - 1  # upper bound of the seed of a proposal, as in `hyperopt.fmin`


def start(name: str, settings: Mapping[str, Any], task: Task) -> "HyperOptMethod":
    """Start an algorithm.

    Args:
        name: "TPE".
        settings: Keyword arguments of `hyperopt.tpe.suggest`.
        task: The problem.
    """
    return HyperOptMethod(partial(hyperopt.tpe.suggest, **settings), task)


def _parameter(decision: Decision) -> Any:
    match decision.domain:
        case Categorical(labels):
            return hyperopt.hp.choice(decision.name, list(labels))
        case IntegerRange(low, high, step):
            return hyperopt.hp.quniform(decision.name, low, high, step)
        case other:
            raise TypeError(f"{other!r} is not a domain of a table")


@final
class HyperOptMethod:
    """An algorithm of HyperOpt with its trials.

    Args:
        suggest: The algorithm.
        task: The problem.
    """

    def __init__(self, suggest: Any, task: Task) -> None:
        self._suggest = suggest
        self._task = task
        space = {decision.name: _parameter(decision) for decision in task.space.decisions}
        self._domain = Domain(lambda choices: choices, space)
        self._trials = hyperopt.Trials()
        self._rng = numpy.random.default_rng(task.seed)
        self._trial: Any = None

    def ask(self) -> Mapping[str, Label]:
        numbers = self._trials.new_trial_ids(1)
        seed = int(self._rng.integers(LARGEST))
        (self._trial,) = self._suggest(numbers, self._domain, self._trials, seed)
        drawn = {name: values[0] for name, values in self._trial["misc"]["vals"].items()}
        return {d.name: _label(d, drawn[d.name]) for d in self._task.space.decisions}

    def tell(self, values: Mapping[str, float]) -> None:
        objective = self._task.objective
        loss = -objective.sign * values[objective.metric]
        self._trial["state"] = JOB_STATE_DONE
        self._trial["result"] = {"status": STATUS_OK, "loss": loss}
        self._trials.insert_trial_doc(self._trial)
        self._trials.refresh()


def _label(decision: Decision, drawn: float) -> Label:
    if isinstance(decision.domain, Categorical):
        return decision.domain.labels[int(drawn)]
    return int(drawn)
