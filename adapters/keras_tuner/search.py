# pyright: basic
# Keras Tuner ships no types.
"""A `Search` that knows the trials of a project, and what pruners compare a trial with."""

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import final

from ...engine.driver import pruned_by
from ...spaces import SearchSpace
from ...strategies import Pruner, Search, Trial
from .trials import Noted, trial_of

__all__ = ["ProjectSearch"]


@final
class ProjectSearch:
    """A search into which the trials of a project are folded.

    Args:
        search: A new search.
        rows: The trials of the project so far.
    """

    def __init__(self, search: Search, rows: Iterable[Noted]) -> None:
        self.search = search
        self._finished: dict[int, Trial] = {}
        self._running: dict[int, Trial] = {}
        for noted in sorted(rows, key=lambda noted: noted.note.get("ended", math.inf)):
            trial = trial_of(noted, self.space)
            if trial is None:
                continue
            search.replay([trial])
            known = self._running if trial.state == "running" else self._finished
            known[trial.number] = trial

    @property
    def space(self) -> SearchSpace:
        """The space that is searched."""
        return self.search.problem.space

    def restart(self, number: int) -> None:
        """Forget what a running trial has reported."""
        self._running.pop(number, None)

    def should_stop(self, noted: Noted, epoch: int, pruner: Pruner | None) -> bool:
        """Record what a trial has reported, and return whether the pruner stops it.

        Args:
            noted: The trial.
            epoch: The epoch that has ended; an earlier execution may have reported later ones.
            pruner: The pruner.
        """
        trial = None if pruner is None else trial_of(noted, self.space)
        if trial is None:
            return False
        self._running[trial.number] = trial
        running = (other for number, other in self._running.items() if number != trial.number)
        others = [*self._finished.values(), *running]
        judged = replace(trial, curve=tuple(step for step in trial.curve if step.step <= epoch))
        return pruned_by(pruner, judged, others, self.search.problem.objectives)

    def end(self, noted: Noted) -> None:
        """Fold in a trial that has ended; drop one that has no architecture of the space."""
        number = noted.number
        self._running.pop(number, None)
        trial = trial_of(noted, self.space)
        if trial is not None:
            self.search.tell(trial)
            self._finished[number] = trial
        elif number in self.search.running:
            self.search.drop(number)
