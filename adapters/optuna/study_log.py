"""A study as a sampler follows it: its rows, numbered as trials and folded into a search."""

import time
from dataclasses import replace
from typing import Any, final

from optuna.distributions import BaseDistribution
from optuna.storages import BaseStorage
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from ...engine.trial_log import TrialLog
from ...spaces import Architecture, SearchSpace
from ...strategies import History, Strategy, Trial
from .attributes import (
    CHOICES,
    REFUSED,
    SURPLUS,
    VOID,
    Numbering,
    fixed_of,
    objectives_of,
    places_of,
    sequence_of,
    storage_of,
)
from .extra import ExtraParameters
from .joint_space import JointSpace, base_of
from .space import to_native
from .suggesting import is_foreign
from .trials import RowReader

__all__ = ["StudyLog"]


@final
class StudyLog:
    """Follows one study, incrementally.

    Invariants:
        - `_numbers[k]` is the trial number of row k, for every known row. Rows are never deleted
          and numbers never change.
        - `_open` are the known rows that can still change: neither finished nor void.
        - The search observes each finished trial once, in their stored order within one read.
        - An unfinished trial whose architecture is known runs in the search with it, and `_rows`
          holds the row that gave it. A void row counts for its trial until a later one repeats it.
        - The study is the only truth: a new log of the same study arrives at the same search.

    Args:
        study: The study.
        space: The space.
        strategy: The search method.
        seed: Fixes every proposal.
    """

    def __init__(
        self, study: Study, space: SearchSpace, strategy: Strategy[Any], seed: int
    ) -> None:
        self._storage, self._study_id = self._source = _source_of(study)
        self._study_name = study.study_name
        objectives = objectives_of(study)
        self.trials = TrialLog(strategy, space, objectives, seed)
        self._reader = RowReader(space, objectives)
        self.extra = ExtraParameters(decision.name for decision in base_of(space).decisions)
        self._own = to_native(base_of(space))  # the distributions that no row has had yet
        self.foreign: dict[str, BaseDistribution] = {}  # decisions that rows store in another form
        self._numbering = Numbering()
        self._numbers: list[int] = []
        self._open: set[int] = set()
        self._seen: dict[int, str] = {}  # the values of open rows as last read
        self._rows: dict[int, int] = {}  # the row of each running trial
        self._latest = 0  # the last position of a trial that has finished or is about to
        self._up_to_date: int | None = None  # the row whose proposal needs no read
        self.waiting: list[FrozenTrial] = []  # enqueued rows, as last read

    def follows(self, study: Study) -> bool:
        """Return whether this is the log of a study."""
        return self._source == _source_of(study)

    @property
    def next_number(self) -> int:
        """The number of the next new trial, as last read."""
        return self._numbering.next

    def number_of(self, row: int) -> int:
        """Return the trial number of a row, reading the study if the row is new."""
        if row >= len(self._numbers):
            self.read()
        return self._numbers[row]

    def start(self, row: int) -> int:
        """Return the trial number of a row that this process has just taken or made.

        The study has just been read, so the row's proposal does not read it again. Only if other
        processes have made rows in between is it read here.
        """
        if row == len(self._numbers):
            self._open.add(row)
            self._numbers.append(self._numbering.number_new())
        elif row > len(self._numbers):
            self.read()
        self._up_to_date = row
        return self._numbers[row]

    def finishing(self) -> int:
        """Return the position of a trial that finishes now: after all that this process has read.

        Trials that finish at the same time in different processes may share a position.
        """
        self._latest += 1
        return self._latest

    def propose(self, row: int, number: int, architecture: Architecture) -> None:
        """Let a trial run with the architecture that its row proposes."""
        self._rows[number] = row
        self.trials.adopt(Trial(number, architecture, started=time.time()))

    def read_before_proposal(self, row: int) -> None:
        """Read the study, unless that has just been done for this row."""
        if row != self._up_to_date:
            self.read()
            self._up_to_date = row

    def read(self) -> list[FrozenTrial]:
        """Read the study and fold in what has changed; return all rows, not copied."""
        rows = self._storage.get_all_trials(self._study_id, deepcopy=False)
        self._up_to_date = None
        for row in rows[len(self._numbers) :]:
            self._open.add(row.number)
            self._numbers.append(self._numbering.number(row))
        unfinished = [rows[k] for k in sorted(self._open)]
        self.waiting = [row for row in unfinished if row.state == TrialState.WAITING]
        finished = [(row, trial) for row in unfinished if (trial := self._fold(row)) is not None]
        for row in unfinished:
            self._compare(row)
            self._latest = max(self._latest, sequence_of(row) or 0)
            if row.state in (TrialState.COMPLETE, TrialState.PRUNED) and VOID not in row.user_attrs:
                self.extra.add(row)
            if row.state.is_finished() or VOID in row.user_attrs:
                self._open.discard(row.number)
                self._seen.pop(row.number, None)
        places = places_of(rows if len(finished) > 1 else ())
        for _, trial in sorted(finished, key=lambda pair: places.get(pair[0].number, (0, 0))):
            if trial.number not in self.trials.finished:
                self.trials.finish(trial)
        return rows

    def _compare(self, row: FrozenTrial) -> None:
        """Find decisions that the study's first rows have stored in another form; see `suggest`."""
        for name in self._own.keys() & row.distributions.keys():
            stored = row.distributions[name]
            if is_foreign(stored, self._own.pop(name)):
                self.foreign[name] = stored

    def _fold(self, row: FrozenTrial) -> Trial | None:
        """Fold an open row into the search; return its trial if it has finished."""
        number, void = self._numbers[row.number], row.user_attrs.get(VOID)
        if void in (REFUSED, SURPLUS):
            self._drop(row, number)
        elif row.state.is_finished() and void is None:
            trial = self._reader.trial(row, number)
            if trial is None:
                self.trials.skip([number])
            return trial
        else:  # an interrupted trial will be repeated with the same architecture
            self._adopt(row, number)
        return None

    def _adopt(self, row: FrozenTrial, number: int) -> None:
        """Add the trial of an unfinished row, possibly of another process, as running."""
        values = f"{row.system_attrs.get(CHOICES)} {fixed_of(row)} {row.params}"
        if number in self.trials.finished or values == self._seen.get(row.number):
            return
        self._seen[row.number] = values
        trial = self._reader.trial(row, number)
        if trial is None:
            return
        running = self.trials.running.get(number)
        if running is None or running.architecture != trial.architecture:
            self._rows[number] = row.number
        self.trials.adopt(trial)

    def _drop(self, row: FrozenTrial, number: int) -> None:
        if number in self.trials.running and self._rows.get(number) == row.number:
            self.trials.drop(number)

    def warn(self) -> None:
        """Warn once of the trials that are ignored because they are outside the space."""
        self._reader.warn()

    def history(self) -> History:
        """Read the study and return its trials, the running ones with what they have reported.

        It is of the space itself, without the parameters that are searched beside it.
        """
        self._seen.clear()  # proposals need no curves, so `read` skips rows with known parameters
        self.read()
        self.warn()
        history = self.trials.history({"backend": "optuna", "study": self._study_name})
        space = history.space
        if not isinstance(space, JointSpace):
            return history
        within = [replace(t, architecture=space.within(t.architecture.choices)) for t in history]
        return replace(history, space=space.space, trials=tuple(within))

    def has_settled(self, number: int, rows: list[FrozenTrial]) -> bool:
        """Return whether a trial keeps its architecture: finished, enqueued or suggested."""
        if number in self.trials.finished:
            return True
        row = rows[self._rows[number]]
        return CHOICES not in row.system_attrs or bool(row.params)


def _source_of(study: Study) -> tuple[BaseStorage, int]:
    return storage_of(study), study._study_id  # pyright: ignore[reportPrivateUsage]
