"""`DecisionCollector`: follows every option and lists the decisions."""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager

from ..decisions.decisions import ROLES, Clause, Condition, Decision
from ..decisions.domains import Categorical, Label
from ..errors import NameClash, SpaceError
from .graph import Operation
from .visitor import OpenPoint, Ref, SpaceVisitor

__all__ = ["DecisionCollector"]

MOST_VISITS = 200_000  # some seconds


class DecisionCollector(SpaceVisitor):
    """Follows every option and lists the decisions, each with its conditions.

    Invariant: `_active` is the conjunction of clauses under which the current node exists; a
    decision met in several places gets one condition for each of them.
    """

    def __init__(self) -> None:
        super().__init__(compact=True)
        self.decisions: dict[str, Decision] = {}
        self._identities: dict[str, object] = {}
        self._active: Condition = ()
        self._visits = 0

    def _visit(self) -> None:
        """Count an operation or an open point, of which a small description may have very many."""
        self._visits += 1
        if self._visits > MOST_VISITS:
            raise SpaceError(
                f"the space has more than {MOST_VISITS:,} operations and open points, so it cannot "
                f"be listed; the last one is at {self.place}: repeat parts less often, nest fewer "
                "repetitions, or let repetitions share a choice by its name and shared=True"
            )

    def decide(self, point: OpenPoint) -> Iterator[Label]:
        self._visit()
        self._declare(point)
        if not isinstance(point.domain, Categorical):
            yield point.domain.values(points=2)[0]
            return
        for label in point.domain.labels:
            with self.when(point.name, (label,)):
                yield label

    def _declare(self, point: OpenPoint) -> None:
        name, domain, options, identity, role = point
        known = self.decisions.get(name)
        if known is None:
            self._identities[name] = identity
            options = tuple(options) if isinstance(domain, Categorical) else options
            self.decisions[name] = Decision(
                name, domain, (self._active,), options, self.place, role
            )
            return
        if self._identities[name] != identity:
            raise NameClash(
                f"two different decisions have the name {name!r}: one at {known.place}, one at "
                f"{self.place}; give one of them another name=, or use the same object in both "
                "places if they are one decision"
            )
        conditions = _with_condition(known.conditions, self._active)
        role = role if ROLES.index(role) < ROLES.index(known.role) else known.role
        self.decisions[name] = Decision(name, domain, conditions, known.options, known.place, role)

    @contextmanager
    def when(self, decision: str, values: Sequence[Label]) -> Generator[bool]:
        before = self._active
        self._active = (*before, Clause(decision, tuple(values)))
        try:
            yield True
        finally:
            self._active = before

    def emit(self, operation: Operation, inputs: Sequence[Ref], key: str | int = "") -> Ref:
        self._visit()
        return 0

    def subgraph(
        self,
        name: str,
        inputs: int,
        expand: Callable[[tuple[Ref, ...]], Ref],
        channels: int | None = None,
    ) -> str:
        expand((0,) * inputs)
        return name


def _with_condition(known: tuple[Condition, ...], new: Condition) -> tuple[Condition, ...]:
    """Add an alternative, without those that another one covers."""
    if any(set(condition) <= set(new) for condition in known):
        return known
    return (*(condition for condition in known if not set(new) <= set(condition)), new)
