"""`Search`: a strategy at work; what every adapter holds."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, cast, final

import numpy
from numpy.random import Generator

from ..spaces import Architecture, NoFeasible, SearchSpace
from .errors import HistoryError, SpaceExhausted, StrategyError
from .strategy import Problem, Strategy
from .trial import Objective, Trial, objectives_from

__all__ = ["Search", "generator"]

TRIES = 100  # candidates of one proposal until another source is asked


def generator(seed: int, number: int) -> Generator:
    """Return the generator of one trial: counter-based, keyed by (seed, number).

    Args:
        seed: The experiment's seed, any int.
        number: The trial's number, at least 0.
    """
    key = numpy.array([seed % 2**64, number], dtype=numpy.uint64)
    return Generator(numpy.random.Philox(key=key))


@final
class Search:
    """Strategy, space, objectives and seed as a machine: ask and tell.

    What is asked is a function of the trials told before, the running ones, and the number. The
    search owns what no strategy should repeat: it proposes nothing twice (neither by key nor by
    canonical form), nothing that failed, is running or breaks a constraint, and it ends when a
    finite space is exhausted.

    Args:
        strategy: The search method.
        space: What is searched.
        objectives: As `{"val_accuracy": "max"}`.
        seed: Fixes every proposal.
        twins: Whether both of two descriptions of one computation may be tried. Networks that are
            built of them are the same; in a table of measured hardware they need not be.

    Raises:
        StrategyError: The objectives are not such, or do not suit the strategy.

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
        allow_equivalent: bool = False,
    ) -> None:
        if not isinstance(cast(object, strategy), Strategy):
            raise StrategyError(
                f"strategy={strategy!r} is no strategy: give one with its settings, as "
                "RandomSearch() or RegularizedEvolution(population=50)"
            )
        if type(seed) is not int:
            raise StrategyError(f"seed={seed!r} is no int: give one, as seed=0")
        self.strategy = strategy
        self.problem = Problem(space, objectives_from(objectives), seed, allow_equivalent)
        self._state: Any = strategy.start(self.problem)
        self._running: dict[int, Architecture] = {}
        self._told: set[int] = set()
        self._forms: dict[str, list[int]] = {}  # the trials of each canonical form
        self._left: Iterator[Architecture] | None = None

    @property
    def running(self) -> Mapping[int, Architecture]:
        """What was asked and not told, by trial number."""
        return dict(self._running)

    def ask(self, number: int) -> Architecture:
        """Propose the architecture of a trial; asking again gives the same.

        Args:
            number: The trial's number.

        Raises:
            HistoryError: This trial has been told.
            SpaceExhausted: Everything has been tried, or nothing new was found.
        """
        self._check_number(number)
        if number in self._told:
            raise HistoryError(f"trial {number} has finished: ask for another number")
        if number not in self._running:
            self.adopt(number, self._propose(number))
        return self._running[number]

    def adopt(self, number: int, architecture: Architecture) -> None:
        """Take note that a trial is running with a known architecture, or with another now."""
        self._check_number(number)
        if number in self._running:
            self._unlist(number, architecture)
        self._running[number] = architecture
        self._list(number, architecture)

    def drop(self, number: int) -> None:
        """Forget a running trial that will never finish, so that it may be asked anew.

        Raises:
            HistoryError: No such trial is running.
        """
        self._check_running(number)
        self._unlist(number)

    def equivalents(self, number: int) -> frozenset[int]:
        """Return the other trials, told or running, that compute the same as a running one.

        Raises:
            HistoryError: No such trial is running.
        """
        self._check_running(number)
        return frozenset(self._forms[self.problem.form(self._running[number])]) - {number}

    def tell(self, trial: Trial) -> None:
        """Take note of a finished trial; it need not have been asked.

        Raises:
            HistoryError: It was told before, or has not finished.
        """
        if trial.number in self._told:
            raise HistoryError(f"trial {trial.number} was told twice: tell each number once")
        if trial.state == "running":
            raise HistoryError(f"trial {trial.number} is running: tell it when it has finished")
        if trial.number in self._running:
            self._unlist(trial.number, trial.architecture)
        self._told.add(trial.number)
        self._list(trial.number, trial.architecture)
        self._state = self.strategy.observe(self._state, trial)

    def replay(self, trials: Iterable[Trial]) -> None:
        """Take note of a history: finished trials are told, running ones adopted."""
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
            self._left = None  # the listing may have passed what is free again

    def _check_number(self, number: int) -> None:
        if type(number) is not int or number < 0:
            raise StrategyError(f"the trial number {number!r} is none: give an int of at least 0")

    def _check_running(self, number: int) -> None:
        if number not in self._running:
            raise HistoryError(
                f"trial {number!r} is not running: those that are have the numbers "
                f"{sorted(self._running)}"
            )

    # ------------------------------------------------------------------ proposing

    def _propose(self, number: int) -> Architecture:
        state = self._state
        for other, architecture in sorted(self._running.items()):
            state = self.strategy.observe(state, Trial(other, architecture))
        rng = generator(self.problem.seed, number)
        has_more = True
        for source in (self.strategy.propose(state, rng), self._random(rng)):
            if has_more:  # a strategy that ends has nothing more to propose, not even at random
                found, has_more = self._first_new(source)
                if found is not None:
                    return found
        return self._next_in_listing()

    def _first_new(self, source: Iterator[Architecture]) -> tuple[Architecture | None, bool]:
        """Return the first new one of some candidates, and whether there would be more of them."""
        tried = 0
        try:
            for architecture in islice(source, TRIES):
                tried += 1
                if self.is_new(architecture):
                    return architecture, True
        except NoFeasible:  # here is nothing that the constraints allow; elsewhere there may be
            return None, True
        return None, tried == TRIES

    def _random(self, rng: Generator) -> Iterator[Architecture]:
        while True:
            yield self.problem.space.sample(rng)

    def is_new(self, architecture: Architecture) -> bool:
        """Tell whether an architecture is allowed, and neither it nor a twin was tried or runs."""
        is_tried = self.problem.form(architecture) in self._forms
        return not is_tried and self.problem.space.is_feasible(architecture)

    def _next_in_listing(self) -> Architecture:
        """Return the first untried architecture in order.

        The listing goes on from where it was: what has been tried stays tried.
        """
        if self._left is None:
            self._left = self.strategy.listing(self.problem)
        if self._left is None:
            raise SpaceExhausted(
                "none of many proposals was new: the space seems to be used up; enlarge it, or be "
                "content with what has been tried"
            )
        for architecture in self._left:
            if self.is_new(architecture):
                return architecture
        raise SpaceExhausted(
            f"all {len(self._forms)} distinct architectures of the space have been tried"
        )
