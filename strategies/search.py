"""The ask-and-tell interface: one search, as every adapter holds it."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, cast, final

import numpy
from numpy.random import Generator

from ..spaces import Architecture, NoFeasible, SearchSpace
from .errors import HistoryError, SpaceExhausted, StrategyError
from .strategy import Problem, Strategy
from .success import SuccessModel, SuccessRecord
from .trial import Objective, Trial, objectives_from

__all__ = ["Search", "generator"]

_logger = logging.getLogger("nasbridge")

TRIES = 100  # candidates of one source that are checked for a proposal
RENEWAL = 0.05  # share of new trials after which the model of success is renewed
INFINITE_TRIES = 1000  # samples of infinite branches, where almost every feasible one is new


def generator(seed: int, number: int) -> Generator:
    """Return the random generator of a trial: Philox, keyed by (seed, number).

    Args:
        seed: The seed of the experiment, any int.
        number: The trial number, from 0 to 2^64 - 1.
    """
    key = numpy.array([seed % 2**64, number], dtype=numpy.uint64)
    return Generator(numpy.random.Philox(key=key))


@final
class Search:
    """A strategy applied to a problem, as a state machine with an ask-and-tell interface.

    `ask(number)` proposes the architecture of a trial, and the trial then counts as running.
    `tell(trial)` adds a finished trial. `adopt` and `drop` register and discard running trials that
    were started elsewhere, and `replay` restores the search from the trials of a history.

    A proposal is a function of the strategy, the space, the objectives, the seed, the finished
    trials in their order, the running trials, and the trial number. For a proposal the search
    passes the running trials to the strategy and takes its first new candidate, of at most 100. The
    `baseline` of a space, such as the model of `variants_of`, comes before all others.
    If there is none, it samples at most 100 architectures at random, unless the strategy's
    candidates have ended. If none of these is new, it takes the first new architecture of
    `Strategy.listing`; an infinite space has no listing, and the search samples the branches with
    infinitely many architectures instead. Candidates that would probably fail, as earlier trials
    did, are passed over at first (`SuccessModel.filtered`), if the strategy `avoids_failures`.
    An architecture is new if the constraints allow it, and neither it nor an equivalent one belongs
    to a finished (complete, pruned or failed) or running trial.

    Args:
        strategy: The search method.
        space: The search space.
        objectives: Directions by metric, as `{"val_accuracy": "max"}`.
        seed: The seed, any int.
        allow_equivalent: Whether to evaluate architectures that are equivalent to an earlier one;
            None for what the strategy says. They build the same network, but their values may
            differ where they are measured on hardware.

    Raises:
        StrategyError: An argument is invalid, or the strategy does not suit the problem.

    Example:
        >>> from nasbridge.spaces import Choice, Space
        >>> from nasbridge.strategies import RandomSearch, Search, Trial
        >>> space = Space({"units": Choice([16, 32, 64])})
        >>> search = Search(RandomSearch(), space, {"accuracy": "max"}, seed=0)
        >>> architecture = search.ask(0)
        >>> search.tell(Trial(0, architecture, "complete", {"accuracy": 0.9}))
        >>> search.ask(1) == architecture
        False
    """

    def __init__(
        self,
        strategy: Strategy[Any],
        space: SearchSpace,
        objectives: Mapping[str, str] | Sequence[Objective],
        seed: int = 0,
        allow_equivalent: bool | None = None,
    ) -> None:
        if not isinstance(cast(object, strategy), Strategy):
            raise StrategyError(
                f"invalid strategy={strategy!r}: give an instance of a strategy, as "
                "RandomSearch() or RegularizedEvolution(population=50)"
            )
        if type(seed) is not int:
            raise StrategyError(f"invalid seed={seed!r}: give an int, as seed=0")
        if allow_equivalent is None:
            allow_equivalent = strategy.allow_equivalent
        self.strategy = strategy
        self.problem = Problem(space, objectives_from(objectives), seed, allow_equivalent)
        if space.baseline is not None and not space.is_feasible(space.baseline):
            _logger.warning(
                "the model itself violates the constraints of its space, so the search does not "
                "evaluate it"
            )
        self._state: Any = strategy.start(self.problem)
        self._running: dict[int, Architecture] = {}
        self._told: set[int] = set()
        self._forms: dict[str, list[int]] = {}  # finished and running trials by form; none is empty
        self._left: Iterator[Architecture] | None = None  # the rest of the listing, if in use
        self._success = SuccessRecord.of(space)
        self._model: SuccessModel | None = None  # of the trials up to `_modelled`
        self._modelled = 0

    @property
    def running(self) -> Mapping[int, Architecture]:
        """The architectures of running trials (asked or adopted, but not told), by trial number."""
        return dict(self._running)

    def ask(self, number: int) -> Architecture:
        """Propose the architecture of a trial; the trial then counts as running.

        Args:
            number: The trial number, at least 0. For a running trial the same architecture is
                returned again.

        Raises:
            HistoryError: The trial has finished.
            SpaceExhausted: All architectures have been tried. An infinite space is never
                exhausted, unless its constraints leave too few.
            StrategyError: The number is invalid.
        """
        self._check_number(number)
        if number in self._told:
            raise HistoryError(f"trial {number} has finished: ask for another number")
        if number not in self._running:
            self.adopt(number, self._propose(number))
        return self._running[number]

    def adopt(self, number: int, architecture: Architecture) -> None:
        """Register a running trial with a known architecture, which replaces an earlier one.

        Args:
            number: The trial number, at least 0.
            architecture: The architecture that the trial evaluates.
        """
        self._check_number(number)
        if number in self._running:
            self._unlist(number, architecture)
        self._running[number] = architecture
        self._list(number, architecture)

    def drop(self, number: int) -> None:
        """Discard a running trial that will not finish; its architecture may be proposed again.

        Args:
            number: The trial number.

        Raises:
            HistoryError: The trial is not running.
        """
        self._check_running(number)
        self._unlist(number)

    def equivalents(self, number: int) -> frozenset[int]:
        """Return the numbers of all trials that are equivalent to a running one.

        Args:
            number: The number of the running trial, which is not part of the result.

        Raises:
            HistoryError: The trial is not running.
        """
        self._check_running(number)
        return frozenset(self._forms[self.problem.form(self._running[number])]) - {number}

    def tell(self, trial: Trial) -> None:
        """Add a finished trial; it need not have been asked for.

        Args:
            trial: A complete, pruned or failed trial.

        Raises:
            HistoryError: The trial was told before, or is running.
        """
        if trial.number in self._told:
            raise HistoryError(f"trial {trial.number} was told before: tell each trial once")
        if trial.state == "running":
            raise HistoryError(f"trial {trial.number} is running: tell it after it has finished")
        if trial.number in self._running:
            self._unlist(trial.number, trial.architecture)
        self._told.add(trial.number)
        self._list(trial.number, trial.architecture)
        self._state = self.strategy.observe(self._state, trial)
        if self.strategy.avoids_failures:
            self._learn_success(trial)

    def _learn_success(self, trial: Trial) -> None:
        """Record whether a trial failed, and renew the model after a share of new trials."""
        self._success = self._success.observe(trial, self.problem.objectives)
        if self._success.number - self._modelled > self._success.number * RENEWAL:
            self._model, self._modelled = self._success.model(), self._success.number

    def replay(self, trials: Iterable[Trial]) -> None:
        """Restore the search from a history: tell its finished trials, adopt its running ones.

        Args:
            trials: The trials, in the order of the history.
        """
        for trial in trials:
            if trial.state == "running":
                self.adopt(trial.number, trial.architecture)
            else:
                self.tell(trial)

    def _list(self, number: int, architecture: Architecture) -> None:
        self._forms.setdefault(self.problem.form(architecture), []).append(number)

    def _unlist(self, number: int, instead: Architecture | None = None) -> None:
        form = self.problem.form(self._running.pop(number))
        self._forms[form].remove(number)
        if not self._forms[form]:
            del self._forms[form]
        if instead is None or self.problem.form(instead) != form:
            self._left = None  # restart the listing: it may have passed the freed form

    def _check_number(self, number: int) -> None:
        if type(number) is not int or number < 0:
            raise StrategyError(f"invalid trial number {number!r}: give an int of at least 0")

    def _check_running(self, number: int) -> None:
        if number not in self._running:
            raise HistoryError(
                f"trial {number!r} is not running: the running trials are {sorted(self._running)}"
            )

    def _propose(self, number: int) -> Architecture:
        state = self._state
        for other, architecture in sorted(self._running.items()):
            state = self.strategy.observe(state, Trial(other, architecture))
        baseline = self.problem.space.baseline
        if baseline is not None and self.is_new(baseline):
            return baseline
        rng = generator(self.problem.seed, number)
        has_more = True
        for source in map(self._safe_first, (self.strategy.propose(state, rng), self._random(rng))):
            if has_more:  # if the strategy's candidates end, random sampling is skipped, too
                found, has_more = self._first_new(source)
                if found is not None:
                    return found
        return self._next_in_listing(rng)

    def _first_new(self, source: Iterator[Architecture]) -> tuple[Architecture | None, bool]:
        """Return the first new candidate, if any, and whether the source has further candidates."""
        tried = 0
        try:
            for architecture in islice(source, TRIES):
                tried += 1
                if self.is_new(architecture):
                    return architecture, True
        except NoFeasible:  # another source may still find a feasible architecture
            return None, True
        return None, tried == TRIES

    def _safe_first(self, source: Iterator[Architecture]) -> Iterator[Architecture]:
        return source if self._model is None else self._model.filtered(source)

    def _random(self, rng: Generator) -> Iterator[Architecture]:
        while True:
            yield self.problem.space.sample(rng)

    def is_new(self, architecture: Architecture) -> bool:
        """Return whether an architecture is feasible and has no equivalent trial.

        Args:
            architecture: An architecture of the space.
        """
        is_tried = self.problem.form(architecture) in self._forms
        return not is_tried and self.problem.space.is_feasible(architecture)

    def _next_of_infinite(self, rng: Generator) -> Architecture:
        """Return a new architecture of a branch with infinitely many."""
        space = self.problem.space
        for _ in range(INFINITE_TRIES):
            choices = space.moves.sample_infinite(rng)
            if choices is not None and self.is_new(found := Architecture(space, choices)):
                return found
        raise SpaceExhausted(
            f"no new architecture in {INFINITE_TRIES} samples of an infinite space: its "
            "constraints leave too few; relax them, or stop the search"
        )

    def _next_in_listing(self, rng: Generator) -> Architecture:
        """Return the first new architecture of the listing.

        The listing continues where it stopped: an architecture that was passed once is tried or
        infeasible, until `_unlist` frees its form and restarts the listing.
        """
        if self._left is None:
            self._left = self.strategy.listing(self.problem)
        if self._left is None:
            return self._next_of_infinite(rng)
        for architecture in self._left:
            if self.is_new(architecture):
                return architecture
        raise SpaceExhausted(
            f"all {len(self._forms)} distinct architectures of the space have been tried"
        )
