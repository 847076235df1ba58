"""Optuna's samplers: a study in memory, asked and told."""

import warnings
from collections.abc import Mapping
from typing import Any, final

import optuna
from optuna.samplers import BaseSampler
from optuna.study import StudyDirection

from ..adapters.optuna import suggest
from ..spaces import Label
from .contender import Task

__all__ = ["OptunaContender", "start"]

DIRECTIONS = {"max": StudyDirection.MAXIMIZE, "min": StudyDirection.MINIMIZE}


def start(name: str, settings: Mapping[str, Any], task: Task) -> "OptunaContender":
    """Set a sampler to work.

    Args:
        name: Its class in `optuna.samplers`.
        settings: Its arguments.
        task: What it has to do.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with warnings.catch_warnings():  # of experimental samplers and arguments
        warnings.simplefilter("ignore")
        sampler: BaseSampler = getattr(optuna.samplers, name)(seed=task.seed, **settings)
    return OptunaContender(sampler, task)


@final
class OptunaContender:
    """A sampler with its study.

    Args:
        sampler: The sampler.
        task: What it has to do.
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
