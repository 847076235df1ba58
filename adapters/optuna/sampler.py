"""`NASSampler`: our strategies as a sampler of Optuna."""

import math
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any, cast, final

import numpy
from numpy.random import Generator
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.storages import BaseStorage, InMemoryStorage
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from ...engine.errors import BackendError
from ...spaces import Architecture, Label, SearchSpace
from ...spaces.hashing import digest
from ...strategies import Search, Strategy, Trial, default_strategy
from ...strategies.search import generator
from .space import from_native, label_in, to_native
from .trials import (
    CHOICES,
    REFUSED,
    SURPLUS,
    VOID,
    Numbering,
    RowReader,
    fixed_of,
    note,
    objectives_of,
    rows_of,
    storage_of,
)

__all__ = ["NASSampler"]

TICK = 0.01  # seconds between two looks at what another process makes of its proposal
TWINS = 100  # architectures that are the same, on average: spaces with more end with an error
PATIENCE = 5  # seconds until that process counts as killed


@final
class NASSampler(BaseSampler):
    """Lets a strategy of nasbridge propose the parameters of an Optuna study.

    The study's storage is the only truth: before each proposal the sampler reads what has
    finished and what is running, in every process, and keeps no state of its own. Parameters that
    are not decisions of the space are drawn at random, each from a stream of its trial and name.
    Where several processes share an SQLite database, let them wait for each other longer than
    the five seconds that are usual:
    `RDBStorage(url, engine_kwargs={"connect_args": {"timeout": 60}})`.

    Args:
        space: A space, for objectives that call `suggest(trial, space)`; or the distributions
            that an objective of your own suggests, by name.
        strategy: The search method; that of `default_strategy` if None.
        seed: Fixes every proposal, together with the trial's number.

    Example:
        >>> import optuna
        >>> from nasbridge import Choice, Space
        >>> from nasbridge.adapters.optuna import NASSampler, suggest
        >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
        >>> space = Space({"units": Choice([16, 32, 64])})
        >>> study = optuna.create_study(sampler=NASSampler(space, seed=1))
        >>> study.optimize(lambda trial: suggest(trial, space)["units"], n_trials=3)
        >>> study.best_value
        16.0
    """

    def __init__(
        self,
        space: SearchSpace | Mapping[str, BaseDistribution],
        strategy: Strategy[Any] | None = None,
        seed: int = 0,
    ) -> None:
        self._native = None if isinstance(space, SearchSpace) else dict(space)
        self.space = space if isinstance(space, SearchSpace) else from_native(space)
        self.strategy = default_strategy(None) if strategy is None else strategy
        self.seed = seed
        self._distributions = self._native or to_native(self.space)
        self._lock = threading.RLock()
        self._forget()

    def _forget(self) -> None:
        self._source: tuple[BaseStorage, int] | None = None  # of all that follows
        self._search: Search | None = None
        self._reader: RowReader | None = None
        self._numbering = Numbering()
        self._numbers: list[int] = []  # of our trials, by row
        self._open: set[int] = set()  # rows that have not finished
        self._said: dict[int, str] = {}  # what running rows have said last, by row
        self._rows: dict[int, int] = {}  # by our running trials
        self._listing: Iterator[Architecture] | None = None  # of the space, if it is finite
        self._spare: Architecture | None = None  # one of it that was new
        self._is_endless = False  # as far as can be told
        self.is_any_waiting = False  # row, as of the last sync
        self.trials: dict[int, Trial] = {}

    def __getstate__(self) -> dict[str, Any]:
        kept = ("_native", "space", "strategy", "seed", "_distributions")
        return {name: self.__dict__[name] for name in kept}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            setattr(self, name, value)
        self._lock = threading.RLock()
        self._forget()

    # ------------------------------------------------------------------ what Optuna asks

    def reseed_rng(self) -> None:
        """Do nothing: what is drawn depends on the seed, the trial and the parameter alone."""

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        return dict(self._distributions)  # PartialFixedSampler takes some away

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        with self._lock:
            architecture = self._propose(study, trial)
        proposed = architecture.choices if self._native is None else architecture
        return {name: value for name, value in proposed.items() if name in search_space}

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Draw what was not proposed: a parameter of the user's own, or one that others open."""
        is_ours = self._native is None and param_name in self._distributions
        if is_ours and not self.space.decision(param_name).is_active(trial.params):
            raise BackendError(
                f"the objective suggests {param_name!r}, which is not active in this trial's "
                "architecture: take the architecture from suggest(trial, space)"
            )
        with self._lock:
            if trial.number >= len(self._numbers):
                self._sync(study)
            number = self.number_of(trial.number)
        key = numpy.array([self.seed % 2**64, number], dtype=numpy.uint64)
        stream = numpy.array([0, 0, 0, int(digest(param_name), 16)], dtype=numpy.uint64)
        drawn = Generator(numpy.random.Philox(key=key, counter=stream)).integers(2**32)
        one = RandomSampler(seed=int(drawn))
        return one.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(
        self,
        study: Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        """End `study.optimize` when nothing is left to propose, as Optuna's GridSampler does."""
        if self._is_endless:
            return
        with self._lock:
            self._sync(study)
            if not self.is_any_waiting and self._is_used_up():
                with suppress(RuntimeError):  # asked and told: there is no loop to end
                    study.stop()

    # ------------------------------------------------------------------ proposing

    def _is_used_up(self) -> bool:
        """Tell whether the listing of a finite space holds nothing new; cheap while it does.

        A space that is much larger than what has been tried is not listed: with constraints, it
        might take for ever to find what is new in it.
        """
        search = cast(Search, self._search)
        if math.isfinite(self._size) and self._size > TWINS * len(self._numbers):
            return False
        if self._spare is not None and search.is_new(self._spare):
            return False
        for _ in range(2):  # from where it was; then from the start, for what was given up since
            if self._listing is None:
                self._listing = search.strategy.listing(search.problem)
            if self._listing is None:
                self._is_endless = True
                return False
            self._spare = next((a for a in self._listing if search.is_new(a)), None)
            if self._spare is not None:
                return False
            self._listing = None
        return True

    def _propose(self, study: Study, trial: FrozenTrial) -> Architecture:
        search = self.sync(study)
        number = self.number_of(trial.number)
        row = trial._trial_id  # pyright: ignore[reportPrivateUsage]
        while True:
            architecture = search.ask(number)
            fixed = self._fixed(trial)
            if fixed:  # some parameters of an enqueued trial
                rng = generator(self.seed, number)
                choices = self.space.moves.complete({**architecture.choices, **fixed}, rng)
                architecture = Architecture(self.space, choices)
                search.adopt(number, architecture)
            self._rows[number] = trial.number
            note(study, row, CHOICES, dict(architecture.choices))
            if fixed or isinstance(storage_of(study), InMemoryStorage):
                return architecture  # one process: the lock keeps proposals apart
            if self._is_first(study, search, number):
                return architecture
            search.drop(number)

    def _fixed(self, trial: FrozenTrial) -> dict[str, Label]:
        fixed = fixed_of(trial)
        known: dict[str, Label] = {}
        for decision in self.space.decisions:
            if decision.name in fixed:
                with suppress(ValueError):  # the row is outside the space, and will be ignored
                    known[decision.name] = label_in(decision, fixed[decision.name])
        return known

    def _is_first(self, study: Study, search: Search, number: int) -> bool:
        """Tell whether no other process proposes the same as this one has just noted.

        Of two that do so at one moment the lower number keeps it, unless the other one has gone
        on already, which it does when it has not seen the note.
        """
        deadline = time.monotonic() + PATIENCE
        while True:
            rows = self._sync(study)
            equivalents = search.equivalents(number)
            if not equivalents:
                return True
            if min(equivalents) < number or any(
                self._has_settled(twin, rows) for twin in equivalents
            ):
                return False
            if time.monotonic() > deadline:  # it was killed in between
                return False
            time.sleep(TICK)

    def _has_settled(self, number: int, rows: Sequence[FrozenTrial]) -> bool:
        """Tell whether a trial keeps its architecture: it has been told, enqueued or suggested."""
        if number in self.trials:
            return True
        row = rows[self._rows[number]]
        return CHOICES not in row.system_attrs or bool(row.params)

    @cached_property
    def _size(self) -> float:
        return self.space.count()

    # ------------------------------------------------------------------ what is in the study

    def number_of(self, row: int) -> int:
        """Return the number of our trial in a row that has been synced."""
        return self._numbers[row]

    @property
    def next_number(self) -> int:
        """The number of the next new trial, as of the last sync."""
        return self._numbering.next

    def sync(self, study: Study) -> Search:
        """Read what has happened in the study since the last time.

        Args:
            study: The study.

        Returns:
            The search, with everything told.
        """
        with self._lock:
            self._sync(study)
            return cast(Search, self._search)

    def _sync(self, study: Study) -> list[FrozenTrial]:
        source = storage_of(study), study._study_id  # pyright: ignore[reportPrivateUsage]
        if self._search is None or self._source != source:
            self._forget()
            self._source = source
            objectives = objectives_of(study)
            self._search = Search(self.strategy, self.space, objectives, self.seed)
            self._reader = RowReader(self.space, objectives)
        reader = cast(RowReader, self._reader)
        rows = rows_of(study)
        for row in rows[len(self._numbers) :]:
            self._open.add(row.number)
            self._numbers.append(self._numbering.number(row))
        self.is_any_waiting = False
        ended: list[Trial] = []
        for row in [rows[k] for k in sorted(self._open)]:
            number = self._numbers[row.number]
            void, finished = row.user_attrs.get(VOID), row.state.is_finished()
            self.is_any_waiting |= row.state == TrialState.WAITING
            if void in (REFUSED, SURPLUS):
                self._drop(row, number, self._search)
            elif finished and void is None:
                trial = reader.trial(row, number)
                if trial is None:
                    self._drop(row, number, self._search)
                else:
                    ended.append(trial)
            else:  # an interrupted one will be repeated as it was
                self._adopt(row, number, self._search)
            if void or finished:
                self._open.discard(row.number)
                self._said.pop(row.number, None)
        reader.warn()
        for trial in sorted(ended, key=lambda trial: (trial.finished or 0, trial.number)):
            if trial.number not in self.trials:
                self.trials[trial.number] = trial
                self._search.tell(trial)
        return rows

    def _adopt(self, row: FrozenTrial, number: int, search: Search) -> None:
        """Take note of what a row, perhaps of another process, runs or is going to run."""
        said = f"{row.system_attrs.get(CHOICES)} {fixed_of(row)} {row.params}"
        if number in self.trials or said == self._said.get(row.number):
            return
        self._said[row.number] = said
        trial = cast(RowReader, self._reader).trial(row, number)
        if trial is not None and search.running.get(number) != trial.architecture:
            search.adopt(number, trial.architecture)
            self._rows[number] = row.number

    def _drop(self, row: FrozenTrial, number: int, search: Search) -> None:
        if number in search.running and self._rows.get(number) == row.number:
            search.drop(number)
