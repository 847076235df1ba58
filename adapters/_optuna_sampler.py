"""`NASSampler`: our strategies as a sampler of Optuna."""

import threading
from collections.abc import Mapping
from typing import Any, final

from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.storages import InMemoryStorage
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from ..spaces import Architecture, Searchable
from ..strategies import RegularizedEvolution, Search, Strategy, Trial
from ._errors import BackendError
from ._optuna_rows import (
    CHOICES,
    VOID,
    Numbering,
    note,
    objectives_of,
    rows_of,
    storage_of,
    trial_of,
)
from ._optuna_space import from_native, to_native

__all__ = ["NASSampler"]


@final
class NASSampler(BaseSampler):
    """Lets a strategy of nasbridge propose the parameters of an Optuna study.

    The study's storage is the only truth: before each proposal the sampler reads what has
    finished and what is running, in every process, and keeps no state of its own. Parameters that
    are not decisions of the space are drawn at random.

    Args:
        space: A space, for objectives that call `suggest(trial, space)`; or the distributions
            that an objective of your own suggests, by name.
        strategy: The search method; regularized evolution if None.
        seed: Fixes every proposal, together with the trial's number.

    Example:
        >>> import optuna
        >>> from nasbridge import Choice, RegularizedEvolution, Space
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
        space: Searchable | Mapping[str, BaseDistribution],
        strategy: Strategy[Any] | None = None,
        seed: int = 0,
    ) -> None:
        self._native = None if isinstance(space, Searchable) else dict(space)
        self.space = space if isinstance(space, Searchable) else from_native(space)
        self.strategy = RegularizedEvolution() if strategy is None else strategy
        self.seed = seed
        self._distributions = self._native or to_native(self.space)
        self._rest = RandomSampler(seed=seed % 2**32)
        self._reset()

    def _reset(self) -> None:
        self._lock = threading.RLock()
        self._study: int | None = None
        self._search: Search | None = None
        self._numbering = Numbering()
        self._numbers: list[int | None] = []  # of our trials, by row
        self._open: set[int] = set()  # rows that have not finished
        self._rows: dict[int, int] = {}  # by our running trials
        self.trials: dict[int, Trial] = {}

    def __getstate__(self) -> dict[str, Any]:
        kept = ("_native", "space", "strategy", "seed", "_distributions", "_rest")
        return {name: self.__dict__[name] for name in kept}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            setattr(self, name, value)
        self._reset()

    # ------------------------------------------------------------------ what Optuna asks

    def reseed_rng(self) -> None:
        self._rest.reseed_rng()

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        return self._distributions

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        with self._lock:
            architecture = self._propose(study, trial)
        if self._native is not None:
            return dict(architecture)
        return dict(architecture.choices)

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        if param_name in self._distributions and self._native is None:
            raise BackendError(
                f"the objective suggests {param_name!r}, which is not active in this trial's "
                "architecture: take the architecture from suggest(trial, space)"
            )
        return self._rest.sample_independent(study, trial, param_name, param_distribution)

    # ------------------------------------------------------------------ what we make of it

    def _propose(self, study: Study, trial: FrozenTrial) -> Architecture:
        search = self.sync(study)
        number = self.number_of(trial.number)
        row = trial._trial_id  # pyright: ignore[reportPrivateUsage]
        while True:
            architecture = search.ask(number)
            self._rows[number] = trial.number
            note(study, row, CHOICES, dict(architecture.choices))
            if isinstance(storage_of(study), InMemoryStorage):
                return architecture  # one process: the lock keeps proposals apart
            self.sync(study)
            if not search.has_twin(number):
                return architecture
            search.drop(number)  # another process has just proposed the same

    def number_of(self, row: int) -> int:
        """Return the number of our trial in a row that has been synced."""
        number = self._numbers[row]
        if number is None:
            raise BackendError(f"row {row} of the study is void")
        return number

    @property
    def next_number(self) -> int:
        """The number of the next new trial, as of the last sync."""
        return self._numbering.next

    def waiting(self, study: Study) -> bool:
        """Tell whether a trial is waiting to be begun, as of the last sync."""
        rows = rows_of(study)
        return any(rows[k].state == TrialState.WAITING for k in self._open)

    def sync(self, study: Study) -> Search:
        """Read what has happened in the study since the last time.

        Args:
            study: The study.

        Returns:
            The search, with everything told.
        """
        with self._lock:
            return self._sync(study)

    def _sync(self, study: Study) -> Search:
        identity = study._study_id  # pyright: ignore[reportPrivateUsage]
        if self._search is None or self._study != identity:
            self._reset()
            self._study = identity
            self._search = Search(self.strategy, self.space, objectives_of(study), self.seed)
        rows = rows_of(study)
        for row in rows[len(self._numbers) :]:
            self._open.add(row.number)
            self._numbers.append(self._numbering.number(row))
        finished: list[FrozenTrial] = []
        for row in [rows[k] for k in sorted(self._open)]:
            if VOID in row.user_attrs or row.state.is_finished():
                self._open.discard(row.number)
            if VOID in row.user_attrs:
                self._void(row, self._search)
            elif row.state.is_finished():
                finished.append(row)
            elif CHOICES in row.system_attrs:
                self._adopt(row, self._search)
        for row in sorted(finished, key=lambda row: (row.datetime_complete, row.number)):
            self._tell(row, self._search)
        return self._search

    def _adopt(self, row: FrozenTrial, search: Search) -> None:
        number = self._numbers[row.number]
        if number is not None and number not in search.running and number not in self.trials:
            trial = trial_of(row, number, self.space, search.problem.objectives)
            if trial is not None:
                search.adopt(number, trial.architecture)
                self._rows[number] = row.number

    def _void(self, row: FrozenTrial, search: Search) -> None:
        number = self._numbers[row.number]
        if number is None or number not in search.running:
            return
        if self._rows.get(number) == row.number:
            search.drop(number)

    def _tell(self, row: FrozenTrial, search: Search) -> None:
        number = self._numbers[row.number]
        if number is not None and number not in self.trials:
            trial = trial_of(row, number, self.space, search.problem.objectives)
            if trial is not None:
                self.trials[number] = trial
                search.tell(trial)
