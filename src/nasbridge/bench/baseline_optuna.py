"""Optuna's samplers, with a study in memory."""

import warnings
from collections.abc import Mapping
from typing import Any, final

import optuna
from optuna.samplers import BaseSampler
from optuna.study import StudyDirection

from ..adapters.optuna import suggest
from ..spaces import Label
from .method import Task

__all__ = ["OptunaMethod", "start"]

DIRECTIONS = {"max": StudyDirection.MAXIMIZE, "min": StudyDirection.MINIMIZE}


def start(name: str, settings: Mapping[str, Any], task: Task) -> "OptunaMethod":
    """Start a sampler.

    Args:
        name: Name of a class in `optuna.samplers`.
        settings: Keyword arguments.
        task: The problem.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with warnings.catch_warnings():  # about experimental samplers and arguments
        warnings.simplefilter("ignore")
        sampler: BaseSampler = getattr(optuna.samplers, name)(seed=task.seed, **settings)
    return OptunaMethod(sampler, task)


@final
class OptunaMethod:
    """A sampler of Optuna with its study.

    Args:
        sampler: The sampler.
        task: The problem.
    """

    def __init__(self, sampler: BaseSampler, task: Task) -> None:
        self._study = optuna.create_study(
            sampler=sampler, directions=[DIRECTIONS[o.direction] for o in task.objectives]
        )
        self._task = task
        self._trial: optuna.Trial | None = None

    def ask(self) -> Mapping[str, Label]:
        self._trial = self._study.ask()
        return suggest(self._trial, self._task.space).choices

    def tell(self, values: Mapping[str, float]) -> None:
        assert self._trial is not None
        self._study.tell(self._trial, [values[o.metric] for o in self._task.objectives])
