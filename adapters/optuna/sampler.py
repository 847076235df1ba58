"""`NASSampler`: a strategy as an Optuna sampler."""

import math
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, NoReturn, final

import numpy
import optuna
from numpy.random import Generator
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.storages import InMemoryStorage
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from ...engine.errors import BackendError
from ...engine.native_values import read_label
from ...spaces import Architecture, Label, SearchSpace
from ...spaces.hashing import digest
from ...strategies import History, Search, SpaceExhausted, Strategy, default_strategy
from ...strategies.search import generator
from .attributes import (
    CHOICES,
    SEQUENCE,
    SURPLUS,
    VOID,
    fixed_of,
    id_of,
    set_internal,
    storage_of,
    whole_study,
)
from .space import from_native, to_native
from .study_log import StudyLog

__all__ = ["NASSampler"]

POLL_SECONDS = 0.01  # between two reads while another process settles on a proposal
SETTLE_TIMEOUT = 5  # seconds; a process that takes longer counts as killed
LISTING_FACTOR = 100  # a space is listed once it has at most this many architectures per trial


@final
class NASSampler(BaseSampler):
    """Lets a strategy propose the parameters of an Optuna study.

    The sampler keeps no state beside the study: before each proposal it reads what has finished and
    what is running, in all processes. Parameters that are not decisions of the space are drawn at
    random, each from a stream of its trial and name. `study.optimize` ends when the space is
    exhausted; a trial that found nothing left is pruned and does not count.

    Processes that share an SQLite database should wait for each other longer than the default of
    five seconds: `RDBStorage(url, engine_kwargs={"connect_args": {"timeout": 60}})`.

    Args:
        space: A space, for objectives that call `suggest(trial, space)`; or the distributions that
            the objective suggests, by name.
        strategy: The search method; None for `default_strategy`.
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
        *,
        strategy: Strategy[Any] | None = None,
        seed: int = 0,
    ) -> None:
        self._native = None if isinstance(space, SearchSpace) else dict(space)
        self._space = space if isinstance(space, SearchSpace) else from_native(space)
        self._strategy = default_strategy(None) if strategy is None else strategy
        self._seed = seed
        self._distributions = self._native or to_native(self._space)
        self._forget()

    def _forget(self) -> None:
        self._lock = threading.RLock()  # threads of `study.optimize(n_jobs=...)` share a sampler
        self._log: StudyLog | None = None
        self._remaining: _Remaining | None = None

    def __getstate__(self) -> dict[str, Any]:
        kept = ("_native", "_space", "_strategy", "_seed", "_distributions")
        return {name: self.__dict__[name] for name in kept}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            setattr(self, name, value)
        self._forget()

    @property
    def space(self) -> SearchSpace:
        """What is searched."""
        return self._space

    @property
    def strategy(self) -> Strategy[Any]:
        """The search method."""
        return self._strategy

    @property
    def seed(self) -> int:
        """Fixes every proposal, together with the trial's number."""
        return self._seed

    @property
    def history(self) -> History:
        """The trials of the study that this sampler proposes for, read from its storage now.

        Raises:
            BackendError: The sampler has not proposed anything yet.
        """
        with self._lock:
            if self._log is None:
                raise BackendError(
                    "the sampler has no study yet: use it in a study first, or read one with "
                    "nasbridge.adapters.optuna.load(study, space)"
                )
            return self._log.history()

    # Optuna's interface, in the order in which Optuna calls it in a trial.

    def reseed_rng(self) -> None:
        """Do nothing: every draw depends on the seed, the trial and the parameter alone."""

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        return dict(self._distributions)  # PartialFixedSampler removes some

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        with self._lock:
            try:
                architecture = self._propose(study, trial)
            except SpaceExhausted as error:
                if _is_optimizing(study):
                    self._end(study, trial, error)
                raise
        proposed = architecture.choices if self._native is None else architecture
        return {name: value for name, value in proposed.items() if name in search_space}

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Draw a parameter that was not proposed.

        It is the user's own, or a decision that became active by a value that was not proposed.
        """
        is_decision = self._native is None and param_name in self._distributions
        if is_decision and not self._space.decision(param_name).is_active(trial.params):
            raise BackendError(
                f"the objective suggests {param_name!r}, which is not active in this trial's "
                "architecture: take the architecture from suggest(trial, space)"
            )
        with self._lock:
            number = self.follow(study).number_of(trial.number)
        key = numpy.array([self._seed % 2**64, number], dtype=numpy.uint64)
        stream = numpy.array([0, 0, 0, int(digest(param_name), 16)], dtype=numpy.uint64)
        drawn = Generator(numpy.random.Philox(key=key, counter=stream)).integers(2**32)
        sampler = RandomSampler(seed=int(drawn))
        return sampler.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(
        self,
        study: Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        """Store the trial's position; stop like Optuna's GridSampler if the space is exhausted."""
        with self._lock:
            log = self.follow(study)
            set_internal(study, id_of(trial), SEQUENCE, [trial.number, log.finishing()])
            if not _is_optimizing(study):
                return
            if self._remaining is None:
                self._remaining = _Remaining(log.trials.search)
            if self._remaining.is_large(log.known_rows):
                return
            log.read()
            if self._remaining.is_empty():
                self._stop(study)

    def _end(self, study: Study, trial: FrozenTrial, error: SpaceExhausted) -> NoReturn:
        """End a trial that has no architecture left, and `study.optimize` with it.

        Optuna makes the row before it asks for parameters, as when an exhausted study is optimized
        again, or in a thread or process beside those that have taken the last architectures.
        """
        storage_of(study).set_trial_user_attr(id_of(trial), VOID, SURPLUS)
        self._stop(study)
        raise _NothingLeft(str(error)) from error

    def _stop(self, study: Study) -> None:
        """Let no trial begin after those that run, unless some are enqueued."""
        whole, log = whole_study(study), self.follow(study)
        if log.waiting or whole._stop_flag:  # pyright: ignore[reportPrivateUsage]
            return
        whole.stop()
        optuna.logging.get_logger("optuna.nasbridge").info(
            f"The study {whole.study_name!r} ends: every architecture of its space has been tried."
        )

    def follow(self, study: Study) -> StudyLog:
        """Return the log of a study, a new one if the sampler has followed another study."""
        if self._log is None or not self._log.follows(study):
            self._log = StudyLog(study, self._space, self._strategy, self._seed)
            self._remaining = None
        return self._log

    def _propose(self, study: Study, trial: FrozenTrial) -> Architecture:
        """Propose an architecture that no other process proposes, and store it with the trial."""
        log = self.follow(study)
        log.read_before_proposal(trial.number)
        number = log.number_of(trial.number)
        while True:
            architecture = log.trials.search.ask(number)
            fixed = self._fixed(trial)
            if fixed:  # an enqueued trial that fixes some decisions
                rng = generator(self._seed, number)
                choices = self._space.moves.complete({**architecture.choices, **fixed}, rng)
                architecture = Architecture(self._space, choices)
            log.propose(trial.number, number, architecture)
            set_internal(study, id_of(trial), CHOICES, dict(architecture.choices))
            if fixed or isinstance(storage_of(study), InMemoryStorage):
                return architecture  # a single process, whose lock keeps proposals apart
            if self._is_first(log, number):
                return architecture
            log.trials.drop(number)

    def _fixed(self, trial: FrozenTrial) -> dict[str, Label]:
        fixed = fixed_of(trial)
        known: dict[str, Label] = {}
        for decision in self._space.decisions:
            if decision.name in fixed:
                with suppress(ValueError):  # the row is outside the space and will be ignored
                    known[decision.name] = read_label(decision, fixed[decision.name])
        return known

    def _is_first(self, log: StudyLog, number: int) -> bool:
        """Return whether no other process proposes the equivalent of what was just stored.

        Every process stores its proposal before it reads those of the others, so that of two equal
        ones at least one process sees both. The lower number keeps it, unless the other one has
        settled already, which it does if it has not seen the lower one.
        """
        deadline = time.monotonic() + SETTLE_TIMEOUT
        while True:
            rows = log.read()
            equivalents = log.trials.search.equivalents(number)
            if not equivalents:
                return True
            if min(equivalents) < number or any(log.has_settled(n, rows) for n in equivalents):
                return False
            if time.monotonic() > deadline:  # the other process was killed before it settled
                return False
            time.sleep(POLL_SECONDS)


class _NothingLeft(SpaceExhausted, optuna.TrialPruned):
    """Ends a trial without an architecture: `study.optimize` goes on after pruned trials only."""


@final
class _Remaining:
    """What a search has left to propose in a finite space, found by listing the space once.

    Args:
        search: The search.
    """

    def __init__(self, search: Search) -> None:
        self._search = search
        self._size = search.problem.space.count()
        self._is_listable = True
        self._listing: Iterator[Architecture] | None = None
        self._spare: Architecture | None = None  # was new when it was found

    def is_large(self, trials: int) -> bool:
        """Return whether a space is too large to be exhausted, or to be listed.

        With constraints, listing a large space could take for ever to find a new architecture.
        """
        is_large = math.isfinite(self._size) and self._size > LISTING_FACTOR * trials
        return is_large or not self._is_listable

    def is_empty(self) -> bool:
        """Return whether the space holds nothing new; cheap as long as it does."""
        if self._spare is not None and self._search.is_new(self._spare):
            return False
        for _ in range(2):  # from the current position, then from the start: trials were dropped
            if self._listing is None:
                self._listing = self._search.strategy.listing(self._search.problem)
            if self._listing is None:
                self._is_listable = False
                return False
            self._spare = next((a for a in self._listing if self._search.is_new(a)), None)
            if self._spare is not None:
                return False
            self._listing = None
        return True


def _is_optimizing(study: Study) -> bool:
    """Return whether `study.optimize` runs in this thread; the user's own loop ends by itself."""
    return whole_study(study)._thread_local.in_optimize_loop  # pyright: ignore[reportPrivateUsage]
