"""Folding the trials of a native store into a search."""

import time
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, final

from ..spaces import SearchSpace
from ..strategies import History, HistoryError, Objective, Search, Strategy, Trial

__all__ = ["TrialLog"]


@final
class TrialLog:
    """The trials of a search, each in one state, and the `Search` that has observed them.

    Invariants:
        - A number is finished, running, skipped or free; `next_number` is the lowest free one.
        - `finished` is in the order in which the search observed the trials, so a fold over it
          gives the search's state again.
        - Every running trial is known to the search, which proposes nothing equivalent to it.

    Args:
        strategy: The search method.
        space: What is searched.
        objectives: What is maximised or minimised.
        seed: Fixes every proposal.
    """

    def __init__(
        self,
        strategy: Strategy[Any],
        space: SearchSpace,
        objectives: Mapping[str, str] | Sequence[Objective],
        seed: int = 0,
    ) -> None:
        self.search = Search(strategy, space, objectives, seed)
        self._finished: dict[int, Trial] = {}
        self._running: dict[int, Trial] = {}
        self._skipped: dict[int, None] = {}
        self._next = 0

    @property
    def space(self) -> SearchSpace:
        """What is searched."""
        return self.search.problem.space

    @property
    def finished(self) -> Mapping[int, Trial]:
        """The finished trials by number, in the order in which they finished."""
        return MappingProxyType(self._finished)

    @property
    def running(self) -> Mapping[int, Trial]:
        """The running trials by number, interrupted ones included."""
        return MappingProxyType(self._running)

    @property
    def skipped(self) -> tuple[int, ...]:
        """The numbers without an architecture of the space; see `History`."""
        return tuple(self._skipped)

    @property
    def next_number(self) -> int:
        """The lowest number that no trial has."""
        taken = (self._finished, self._running, self._skipped)
        while any(self._next in numbers for numbers in taken):
            self._next += 1
        return self._next

    def others(self, number: int) -> tuple[Trial, ...]:
        """Return all trials but one, finished ones first, as pruners compare with them."""
        running = (trial for trial in self._running.values() if trial.number != number)
        return *self._finished.values(), *running

    def begin(self, notes: Mapping[str, Any] | None = None) -> Trial:
        """Begin the next trial with what the strategy proposes.

        Args:
            notes: Notes of the new trial.

        Raises:
            SpaceExhausted: Nothing new can be proposed.
        """
        number = self.next_number
        architecture = self.search.ask(number)
        trial = Trial(number, architecture, started=time.time(), notes=dict(notes or {}))
        self._running[number] = trial
        return trial

    def adopt(self, trial: Trial) -> None:
        """Add a running trial whose architecture is known, or change one that is running.

        Raises:
            HistoryError: The number is finished or skipped.
        """
        self._check_not_skipped(trial.number)
        if self.search.running.get(trial.number) != trial.architecture:
            self.search.adopt(trial.number, trial.architecture)
        self._running[trial.number] = trial

    def finish(self, trial: Trial) -> None:
        """Add a finished trial; it need not have been running.

        Raises:
            HistoryError: The number is finished or skipped.
        """
        self._check_not_skipped(trial.number)
        self.search.tell(trial)
        self._running.pop(trial.number, None)
        self._finished[trial.number] = trial

    def drop(self, number: int) -> None:
        """Remove a running trial that will never finish: its number is free again."""
        self.search.drop(number)
        del self._running[number]
        self._next = min(self._next, number)

    def skip(self, numbers: Iterable[int]) -> None:
        """Mark numbers that no trial will have; running trials among them are removed.

        Raises:
            HistoryError: A number is finished.
        """
        for number in numbers:
            if number in self._finished:
                raise HistoryError(f"trial {number} has finished, so it cannot be skipped")
            if number in self._running:
                self.drop(number)
            self._skipped[number] = None

    def _check_not_skipped(self, number: int) -> None:
        if number in self._skipped:
            raise HistoryError(f"trial {number} was skipped, so it cannot have an architecture")

    def replay(self, history: Iterable[Trial]) -> None:
        """Add the trials of a history, and its skipped numbers."""
        if isinstance(history, History):
            self.skip(history.skipped)
        for trial in history:
            if trial.state == "running":
                self.adopt(trial)
            else:
                self.finish(trial)

    def revise(self, trial: Trial) -> None:
        """Replace a finished trial that was run again; the search observes all trials again."""
        problem = self.search.problem
        self.search = Search(self.search.strategy, problem.space, problem.objectives, problem.seed)
        finished = [known for known in self._finished.values() if known.number != trial.number]
        self._finished.clear()
        for known in (*finished, trial, *self._running.values()):
            self.replay([known])

    def history(self, metadata: Mapping[str, Any]) -> History:
        """Return all trials: finished ones in their order, then running ones by number.

        Args:
            metadata: The metadata of the history, as {"backend": "local"}.
        """
        problem = self.search.problem
        return History(
            problem.space,
            problem.objectives,
            (*self._finished.values(), *(self._running[n] for n in sorted(self._running))),
            problem.seed,
            repr(self.search.strategy),
            metadata,
            self.skipped,
        )
