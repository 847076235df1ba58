"""A space with more parameters beside it, and with decisions that are fixed to one value."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import final

from numpy.random import Generator

from ...spaces import Architecture, Decision, Label, SearchSpace, SpaceError
from ...spaces.decisions.moves import Moves
from ...spaces.graph.graph import HierarchicalGraph
from ...spaces.graph.visitor import SpaceVisitor

__all__ = ["JointSpace", "base_of"]


@final
class JointSpace(SearchSpace):
    """The product of a space and other parameters, where some decisions may be fixed.

    Architectures with other values of fixed decisions belong to the space, so that a search
    observes them, but they are not feasible.

    Args:
        space: The space.
        extra: The other parameters, with names that are not in the space; None without any.
        fixed: Labels of fixed decisions, by name.
    """

    def __init__(
        self, space: SearchSpace, extra: SearchSpace | None, fixed: Mapping[str, Label]
    ) -> None:
        self.space = space
        self.extra = extra
        self.fixed = dict(fixed)

    @cached_property
    def decisions(self) -> tuple[Decision, ...]:
        """All decisions: those of the space, then the other parameters."""
        return self.space.decisions + (() if self.extra is None else self.extra.decisions)

    @cached_property
    def moves(self) -> Moves:
        """Sampling and mutation of choices, with the fixed values."""
        return _FixedMoves(self.decisions, self.fixed) if self.fixed else Moves(self.decisions)

    def discover(self, visitor: SpaceVisitor) -> None:
        self.space.discover(visitor)
        if self.extra is not None:
            self.extra.discover(visitor)

    def resolve(
        self, choices: Mapping[str, Label], compact: bool = False
    ) -> Mapping[str, HierarchicalGraph | object]:
        parts = dict(self.space.resolve(choices, compact))
        if self.extra is not None:
            beside = self.extra.resolve(choices, compact)
            parts |= {f"extra:{name}": value for name, value in beside.items()}
        return parts

    @cached_property
    def is_flat(self) -> bool:
        return self.space.is_flat and (self.extra is None or self.extra.is_flat)

    def is_feasible(self, architecture: Architecture) -> bool:
        choices = architecture.choices
        if any(choices.get(name, label) != label for name, label in self.fixed.items()):
            return False
        return self.space.is_feasible(self.within(choices))

    def sample(self, rng: Generator) -> Architecture:
        """Sample the space by itself, so that its constraints reject no other parameter."""
        if self.fixed:
            return super().sample(rng)
        choices = self.space.sample(rng).choices
        return Architecture(self, self.moves.complete(choices, rng))

    @property
    def baseline(self) -> Architecture | None:
        return self._completed(self.space.baseline)

    @property
    def feasible_start(self) -> Architecture | None:
        return self._completed(self.space.feasible_start)

    def _completed(self, known: Architecture | None) -> Architecture | None:
        """Return an architecture of the space with central values of the other parameters."""
        if known is None:
            return None
        beside = {} if self.extra is None else {d.name: _center(d) for d in self.extra.decisions}
        choices = self.moves.complete({**beside, **known.choices}, None)
        completed = Architecture(self, choices)
        return completed if self.is_feasible(completed) else None

    def within(self, choices: Mapping[str, Label]) -> Architecture:
        """Return the architecture of the space alone."""
        own = {d.name: choices[d.name] for d in self.space.decisions if d.name in choices}
        return Architecture(self.space, own)

    @property
    def description(self) -> object:
        return [self.space.description, self.extra and self.extra.description, self.fixed]

    def unconstrained(self) -> "JointSpace":
        return JointSpace(self.space.unconstrained(), self.extra, {})

    def to_json(self) -> str:
        """Raise an error: only the space itself has a document.

        Raises:
            SpaceError: Always.
        """
        raise SpaceError("a joint space has no JSON document: use the space within it")


def base_of(space: SearchSpace) -> SearchSpace:
    """Return a space without what is joint with it."""
    return space.space if isinstance(space, JointSpace) else space


class _FixedMoves(Moves):
    """Moves that end in architectures with the fixed values."""

    def __init__(self, decisions: Sequence[Decision], fixed: Mapping[str, Label]) -> None:
        super().__init__(decisions)
        self._fixed = fixed
        self._movable = tuple(d for d in self._movable if d.name not in fixed)

    def complete(self, known: Mapping[str, Label], rng: Generator | None) -> dict[str, Label]:
        return super().complete({**known, **self._fixed}, rng)

    def _changed(
        self, choices: Mapping[str, Label], name: str, value: Label, rng: Generator | None
    ) -> dict[str, Label]:
        return self.complete({**choices, name: value}, rng)

    def crossover(
        self, one: Mapping[str, Label], other: Mapping[str, Label], rng: Generator
    ) -> dict[str, Label]:
        return self.complete(super().crossover(one, other, rng), rng)


def _center(decision: Decision) -> Label:
    """Return the value in the middle of a domain, on its scale; the first of options."""
    values = decision.domain.values(points=3)
    return values[0 if decision.options else len(values) // 2]
