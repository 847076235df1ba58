# pyright: basic
# Keras Tuner ships no types.
"""What an oracle proposes: a `TrialLog` of its trials, begun again whenever the space grows."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol, final

from keras_tuner import HyperParameters

from ...engine.driver import pruned_by
from ...engine.trial_log import TrialLog
from ...spaces import SearchSpace
from ...strategies import Objective, Pruner, SpaceExhausted, Strategy, Trial
from .trials import Record, trial_of
from .values import Values

__all__ = ["Proposals"]


class Source(Protocol):
    """What proposals need to know of their oracle."""

    @property
    def hyperparameters(self) -> HyperParameters: ...
    @property
    def strategy(self) -> Strategy[Any]: ...
    @property
    def objectives(self) -> Sequence[Objective]: ...
    @property
    def seed(self) -> int: ...
    @property
    def rows(self) -> Sequence[Record]: ...


@final
class Proposals:
    """The proposals of one oracle.

    Invariant: the log is a fold over the trials of the oracle, in the order in which they ended,
    in the space that the hyperparameters formed when the log was begun.

    Args:
        oracle: The oracle.
        values: From hyperparameters to a space, and from an architecture to values.
    """

    def __init__(self, oracle: Source, values: Values) -> None:
        self.values = values
        self._oracle = oracle
        self._log: TrialLog | None = None
        self._known = 0  # number of hyperparameters that form the space

    def reset(self) -> None:
        """Forget the log: the oracle has read its trials, or changed its strategy."""
        self._log = None

    @property
    def space(self) -> SearchSpace | None:
        """The current space; None as long as nothing is known of it."""
        log = self._log if self._is_current() else None
        return self.values.space_of(self._oracle.hyperparameters) if log is None else log.space

    def propose(self, number: int) -> dict[str, Any] | None:
        """Return the values of a trial; None if everything has been proposed."""
        log, architecture = self._current(), None
        if log is not None:  # else the first model declares what is searched
            try:
                architecture = log.search.ask(number)
            except SpaceExhausted:
                return None
            log.adopt(Trial(number, architecture))
        return self.values.of(architecture, self._oracle.hyperparameters, number)

    def restart(self, number: int) -> None:
        """Forget what a running trial has reported."""
        if self._log is not None and number in self._log.running:
            self._log.adopt(replace(self._log.running[number], curve=()))

    def should_stop(self, record: Record, epoch: int, pruner: Pruner | None) -> bool:
        """Add what a trial has reported, and return whether the pruner stops it.

        Args:
            record: The trial.
            epoch: The epoch that has ended; an earlier execution may have reported later ones.
            pruner: The pruner.
        """
        log = self._current()
        trial = None if pruner is None or log is None else trial_of(record, log.space)
        if log is None or trial is None:
            return False
        log.adopt(trial)
        judged = replace(trial, curve=tuple(step for step in trial.curve if step.step <= epoch))
        return pruned_by(pruner, judged, log.others(trial.number), self._oracle.objectives)

    def finish(self, record: Record, position: int) -> None:
        """Add a trial that has ended; remove one that has no architecture of the space.

        Args:
            record: The trial.
            position: Its position among the ended trials.
        """
        log = self._current()  # before the end is recorded: a new log would contain it
        record.note["ended"] = position
        trial = None if log is None else trial_of(record, log.space)
        if log is None:
            return
        if trial is not None:
            log.finish(trial)
        elif record.number in log.running:
            log.drop(record.number)

    def _current(self) -> TrialLog | None:
        """Return the log of the current space; None as long as nothing is known of it."""
        if not self._is_current():
            oracle, space = self._oracle, self.space
            if space is None:
                return None
            rows = sorted(oracle.rows, key=lambda record: record.note.get("ended", math.inf))
            self._known = len(oracle.hyperparameters.space)
            self._log = TrialLog(oracle.strategy, space, oracle.objectives, oracle.seed)
            self._log.replay(t for record in rows if (t := trial_of(record, space)) is not None)
        return self._log

    def _is_current(self) -> bool:
        """Return whether the log has all hyperparameters in its space."""
        known = len(self._oracle.hyperparameters.space)
        return self._log is not None and (self.values.is_fixed or known == self._known)
