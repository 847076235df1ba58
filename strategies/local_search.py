"""Local search: hill climbing with random restarts."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal, final

from numpy.random import Generator

from ..spaces import Architecture
from .errors import StrategyError
from .pareto import dominates
from .strategy import Problem, Strategy
from .trial import Trial

__all__ = ["LocalSearchState", "LocalSearch"]

Member = tuple[Architecture, tuple[float, ...]]


@dataclass(frozen=True)
class LocalSearchState:
    """State of `LocalSearch`.

    Attributes:
        problem: The problem.
        centre: The architecture whose neighbours are evaluated, with its scores; None at first.
        ahead: The best neighbour so far that is better than the centre; None if there is none.
        forms: Forms (see `Problem.form`) of all finished trials.
        memo: The neighbours of the centre, which follow from the space alone.
    """

    problem: Problem
    centre: Member | None = None
    ahead: Member | None = None
    forms: tuple[str, ...] = ()
    memo: dict[Architecture, tuple[Architecture, ...]] = field(
        default_factory=dict[Architecture, tuple[Architecture, ...]], compare=False, repr=False
    )

    @property
    def near(self) -> tuple[Architecture, ...]:
        """The neighbours of the centre."""
        if self.centre is None:
            return ()
        here = self.centre[0]
        if here not in self.memo:
            self.memo.clear()
            self.memo[here] = tuple(self.problem.space.neighbors(here))
        return self.memo[here]

    @cached_property
    def is_through(self) -> bool:
        """Whether every neighbour of the centre has a finished or equivalent trial."""
        forms = set(self.forms)
        return all(self.problem.form(near) in forms for near in self.near)


@final
@dataclass(frozen=True)
class LocalSearch(Strategy[LocalSearchState]):
    """Local search: evaluates neighbours, moves to a better one, restarts at a local optimum.

    Neighbours differ from the centre in one decision and are evaluated in random order; none is
    evaluated twice. If no neighbour is better, the search restarts from a random architecture. A
    pruned trial counts with the last values that it reported. A failed trial is never moved to, and
    `Search` puts off neighbours that would probably fail.

    With several objectives a neighbour is better if it Pareto-dominates the centre (our choice), by
    the objectives that the centre has, if it was pruned. A pruned neighbour that lacks one of these
    is not better.

    Args:
        improvement: "first" moves to the first better neighbour; "best" evaluates all neighbours
            and moves to the best.

    Raises:
        StrategyError: `improvement` is neither "first" nor "best".

    Example:
        >>> from nasbridge.spaces import Integer, Space
        >>> from nasbridge.strategies import LocalSearch, Search, Trial
        >>> space = Space({"a": Integer(0, 9), "b": Integer(0, 9)})
        >>> search = Search(LocalSearch(), space, {"sum": "max"}, seed=0)
        >>> best = 0
        >>> for number in range(50):
        ...     architecture = search.ask(number)
        ...     value = architecture["a"] + architecture["b"]
        ...     search.tell(Trial(number, architecture, "complete", {"sum": value}))
        ...     best = max(best, value)
        >>> best
        18

    References:
        White et al. 2021, Exploring the Loss Landscape in Neural Architecture Search,
        arXiv:2005.02960 (best improvement); Den Ottelander et al. 2021, Local Search is a
        Remarkably Strong Baseline for Neural Architecture Search, arXiv:2004.08996.
    """

    improvement: Literal["first", "best"] = "first"

    def __post_init__(self) -> None:
        if self.improvement not in ("first", "best"):
            raise StrategyError(
                f'invalid improvement={self.improvement!r} of LocalSearch: give "first" or "best"'
            )

    def start(self, problem: Problem) -> LocalSearchState:
        return LocalSearchState(problem)

    def propose(self, state: LocalSearchState, rng: Generator) -> Iterator[Architecture]:
        near = state.near
        for k in rng.permutation(len(near)):
            yield near[int(k)]
        while True:
            yield state.problem.space.sample(rng)

    def observe(self, state: LocalSearchState, trial: Trial) -> LocalSearchState:
        if trial.state == "running":
            return state
        was_through = state.is_through
        updated = replace(state, forms=(*state.forms, state.problem.form(trial.architecture)))
        scores = trial.partial_scores(state.problem.objectives)
        if scores is not None and not all(map(math.isnan, scores)):
            member = trial.architecture, scores
            if updated.centre is None or was_through:  # the first trial, or a restart
                return replace(updated, centre=member, ahead=None)
            if dominates(scores, (updated.ahead or updated.centre)[1]):
                updated = replace(updated, ahead=member)
        if updated.ahead is not None and (self.improvement == "first" or updated.is_through):
            return replace(updated, centre=updated.ahead, ahead=None)
        return updated
