"""`NASSampler`: a strategy as an Optuna sampler."""

import threading
import time
from collections.abc import Mapping, Sequence
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
from ...spaces import Architecture, SearchSpace
from ...spaces.hashing import digest
from ...strategies import History, SpaceExhausted, Strategy, default_strategy
from ...strategies.search import generator
from .attributes import (
    CHOICES,
    EXTRA,
    SEQUENCE,
    SURPLUS,
    VOID,
    fixed_of,
    id_of,
    set_internal,
    storage_of,
    whole_study,
)
from .exhaustion import Remaining
from .extra import ExtraParameters
from .following import Following, declared, labels_of
from .space import from_native, to_native
from .study_log import StudyLog
from .suggesting import counterparts_of, fixed_by

__all__ = ["NASSampler"]

Distributions = Mapping[str, BaseDistribution]

POLL_SECONDS = 0.01  # between two reads while another process settles on a proposal
SETTLE_TIMEOUT = 5  # seconds; a process that takes longer counts as killed


@final
class NASSampler(BaseSampler):
    """Lets a strategy propose the parameters of an Optuna study.

    The sampler keeps no state beside the study: before each proposal it reads what has finished and
    what is running, in all processes. `study.optimize` ends when the space is exhausted; a trial
    that found nothing left is pruned and does not count.

    Parameters that the objective suggests beside the space are searched jointly with it: those
    declared as `extra`, or else those that the first trials have suggested. Parameters whose
    distribution differs between trials are sampled independently, with a warning. Within a
    `PartialFixedSampler`, the strategy searches what is not fixed.

    Processes that share an SQLite database should wait for each other longer than the default of
    five seconds: `RDBStorage(url, engine_kwargs={"connect_args": {"timeout": 60}})`.

    Args:
        space: A space, for objectives that call `suggest(trial, space)`; or the distributions that
            the objective suggests, by name.
        strategy: The search method; None for `default_strategy`.
        seed: Fixes every proposal, together with the trial's number.
        extra: The distributions of other parameters that the objective suggests, by name. None
            takes those that the first trials suggest; with `{}` the strategy proposes no others.
            Parameters that only some trials suggest can be declared as well.
        independent_sampler: Samples parameters that the strategy does not propose; None draws them
            at random, each from a stream of its trial and name.
        warn_independent_sampling: Whether to warn of such parameters, once for each.

    Raises:
        BackendError: A name in `extra` is a decision of the space.

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
        extra: Mapping[str, BaseDistribution] | None = None,
        independent_sampler: BaseSampler | None = None,
        warn_independent_sampling: bool = True,
    ) -> None:
        self._native = None if isinstance(space, SearchSpace) else dict(space)
        self._space = space if isinstance(space, SearchSpace) else from_native(space)
        self._strategy = default_strategy(None) if strategy is None else strategy
        self._seed = seed
        self._extra = None if extra is None else declared(extra, self._space)
        self._independent = independent_sampler
        self._warns = warn_independent_sampling
        self._distributions = self._native or to_native(self._space)
        self._forget()

    def _forget(self) -> None:
        self._lock = threading.RLock()  # threads of `study.optimize(n_jobs=...)` share a sampler
        self._following = Following(self._space, self._strategy, self._seed, self._extra)
        self._remaining: Remaining | None = None
        self._warned: set[str] = set()

    def __getstate__(self) -> dict[str, Any]:
        left = ("_lock", "_following", "_remaining", "_warned")
        return {name: value for name, value in self.__dict__.items() if name not in left}

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
            if self._following.study is None:
                raise BackendError(
                    "the sampler has no study yet: use it in a study first, or read one with "
                    "nasbridge.adapters.optuna.load(study, space)"
                )
            return self._following.history(self._following.study)

    # Optuna's interface, in the order in which Optuna calls it in a trial.

    def reseed_rng(self) -> None:
        """Reseed the independent sampler alone: proposals depend on the seed and the trial."""
        if self._independent is not None:
            self._independent.reseed_rng()

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        with self._lock:
            log = self._following.read_before_proposal(study, trial.number)
            stored = log.foreign if self._native is None else {}
            # PartialFixedSampler removes some of these
            return {**self._distributions, **stored, **self._following.joint.extra}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        try:
            with self._lock:
                architecture = self._propose(study, trial)
        except SpaceExhausted as error:
            architecture = self._beyond(study, trial, error)
        return {
            name: self._value(architecture, name, search_space[name])
            for name in architecture
            if name in search_space
        }

    def _value(self, architecture: Architecture, name: str, distribution: BaseDistribution) -> Any:
        """Return what a trial suggests: a label of the space, an option of other parameters."""
        if self._native is not None or name not in self._distributions:
            return architecture[name]
        label = architecture.choices[name]
        if distribution is self._distributions[name]:
            return label
        return counterparts_of(self._space.decision(name), distribution)[label]

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
            log = self.follow(study)
            number = log.number_of(trial.number)
            if param_name not in self._distributions and log.trials.finished:
                self._warn(study, trial, param_name)
        if self._independent is not None:
            return self._independent.sample_independent(
                study, trial, param_name, param_distribution
            )
        key = numpy.array([self._seed % 2**64, number], dtype=numpy.uint64)
        stream = numpy.array([0, 0, 0, int(digest(param_name), 16)], dtype=numpy.uint64)
        drawn = Generator(numpy.random.Philox(key=key, counter=stream)).integers(2**32)
        sampler = RandomSampler(seed=int(drawn))
        return sampler.sample_independent(study, trial, param_name, param_distribution)

    def _warn(self, study: Study, trial: FrozenTrial, name: str) -> None:
        """Warn once per parameter that the strategy does not propose it."""
        if not self._warns or name in self._warned or name in fixed_by(study):
            return
        self._warned.add(name)
        sampler = self._independent or RandomSampler()
        optuna.logging.get_logger("optuna.nasbridge").warning(
            f"The parameter {name!r} in trial#{trial.number} is sampled independently by "
            f"{type(sampler).__name__} instead of by the strategy of NASSampler, because it is not "
            "in extra=, its distribution differs between trials, or the strategy cannot search it. "
            f"Declare it, as in NASSampler(space, extra={{{name!r}: ...}}), or pass "
            "warn_independent_sampling=False."
        )

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
            if self._remaining is None or not self._remaining.is_of(log.trials.search):
                self._remaining = Remaining(log.trials.search)
            if self._remaining.is_large(trial.number + 1):
                return
            log.read()
            if self._remaining.is_empty() and not self._adds_parameters(trial):
                self._stop(study)

    def _adds_parameters(self, trial: FrozenTrial) -> bool:
        """Return whether a trial has parameters that the log's space will have, too."""
        if self._extra is not None:
            return False
        found = ExtraParameters([*self._distributions, *self._following.joint.extra])
        found.add(trial)
        return bool(found.found())

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

    def _beyond(self, study: Study, trial: FrozenTrial, error: SpaceExhausted) -> Architecture:
        """Propose an architecture once more, with other values of the user's own parameters.

        As long as no trial has finished, those that run show which parameters there are; a trial
        suggests them soon after its architecture.
        """
        deadline = time.monotonic() + SETTLE_TIMEOUT
        while True:
            with self._lock:
                log = self.follow(study)
                rows = log.read()
                if self._following.finds_more(rows):
                    return self._propose(study, trial, rows)
                if not _is_optimizing(study):
                    raise error
                if log.trials.finished or self._extra is not None or time.monotonic() > deadline:
                    self._end(study, trial, error)
            time.sleep(POLL_SECONDS)

    def follow(self, study: Study) -> StudyLog:
        """Return the log of a study, a new one if the sampler has followed another study."""
        return self._following.follow(study)

    def _propose(
        self, study: Study, trial: FrozenTrial, running: Sequence[FrozenTrial] = ()
    ) -> Architecture:
        """Propose an architecture that no other process proposes, and store it with the trial.

        Args:
            study: The study.
            trial: The trial.
            running: Trials whose parameters count although they have not finished.
        """
        log = self._following.read_before_proposal(study, trial.number, running)
        space, number = log.trials.space, log.number_of(trial.number)
        while True:
            architecture = log.trials.search.ask(number)
            fixed = labels_of(fixed_of(trial), space)
            if fixed:  # an enqueued trial that fixes some decisions
                rng = generator(self._seed, number)
                choices = space.moves.complete({**architecture.choices, **fixed}, rng)
                architecture = Architecture(space, choices)
            log.propose(trial.number, number, architecture)
            self._store(study, trial, architecture)
            if fixed or isinstance(storage_of(study), InMemoryStorage):
                return architecture  # a single process, whose lock keeps proposals apart
            if self._is_first(log, number):
                return architecture
            log.trials.drop(number)

    def _store(self, study: Study, trial: FrozenTrial, architecture: Architecture) -> None:
        """Store a proposal; that of the space comes last, and makes the whole one count."""
        choices = dict(architecture.choices)
        names = self._following.joint.extra
        beside = {name: choices.pop(name) for name in names if name in choices}
        if beside:
            set_internal(study, id_of(trial), EXTRA, beside)
        set_internal(study, id_of(trial), CHOICES, choices)

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


def _is_optimizing(study: Study) -> bool:
    """Return whether `study.optimize` runs in this thread; the user's own loop ends by itself."""
    return whole_study(study)._thread_local.in_optimize_loop  # pyright: ignore[reportPrivateUsage]
