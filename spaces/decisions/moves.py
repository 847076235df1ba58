"""Sampling, mutation and crossover of choices."""

import math
from collections.abc import Iterator, Mapping, Sequence

from numpy.random import Generator

from .decisions import Decision
from .domains import Label

__all__ = ["Moves"]

Choices = dict[str, Label]


class Moves:
    """Sampling, mutation and crossover; every result satisfies the conditions.

    Choices are plain dicts from a decision's name to its label or number.

    Args:
        decisions: The decisions in their order, parents before children.
    """

    def __init__(self, decisions: Sequence[Decision]) -> None:
        self._decisions = decisions
        self._always = frozenset(d.name for d in decisions if () in d.conditions)
        self._movable = tuple(d for d in decisions if d.domain.size > 1)
        self._infinite = tuple(d for d in decisions if math.isinf(d.domain.size))
        self._by_name = {d.name: d for d in decisions}
        self._parents = frozenset(name for d in decisions for name in d.parents)

    def _active(self, choices: Mapping[str, Label]) -> Iterator[Decision]:
        """Yield the active decisions while the caller fills in the choices."""
        for decision in self._decisions:
            if decision.name in self._always or decision.is_active(choices):
                yield decision

    def sample(self, rng: Generator) -> Choices:
        """Draw every active decision independently from its domain."""
        return self.complete({}, rng)

    def sample_infinite(self, rng: Generator) -> Choices | None:
        """Draw choices under which a decision with infinitely many values is active.

        Returns:
            The choices; None if there is no such decision, or the drawn requirements of one
            contradict each other.
        """
        if not self._infinite:
            return None
        known: Choices = {}
        waiting = [self._infinite[int(rng.integers(len(self._infinite)))]]
        while waiting:
            conditions = waiting.pop().conditions
            for clause in conditions[int(rng.integers(len(conditions)))]:
                value = clause.values[int(rng.integers(len(clause.values)))]
                if known.setdefault(clause.decision, value) != value:
                    return None
                waiting.append(self._by_name[clause.decision])
        return self.complete(known, rng)

    def complete(self, known: Mapping[str, Label], rng: Generator | None) -> Choices:
        """Keep known values of active decisions and draw the rest, or use their first values.

        Args:
            known: Values to keep.
            rng: A numpy generator; None uses first values.
        """
        choices: Choices = {}
        for decision in self._active(choices):
            name = decision.name
            if name in known:
                choices[name] = known[name]
            elif rng is None:
                choices[name] = decision.domain.values(points=2)[0]
            else:
                choices[name] = decision.domain.sample(rng)
        return choices

    def can_change(self, choices: Mapping[str, Label]) -> bool:
        """Return whether any active decision has another value."""
        return any(decision.name in choices for decision in self._movable)

    def mutate(self, choices: Mapping[str, Label], rng: Generator) -> Choices | None:
        """Change exactly one active decision; decisions that become active are drawn at random.

        Returns:
            The changed choices; None if no decision has another value.
        """
        movable = [decision for decision in self._movable if decision.name in choices]
        if not movable:
            return None
        chosen = movable[int(rng.integers(len(movable)))]
        changed = chosen.domain.mutate(choices[chosen.name], rng)
        return self._changed(choices, chosen.name, changed, rng)

    def mutate_each(self, choices: Mapping[str, Label], rng: Generator) -> Choices | None:
        """Change each of n active decisions with probability 1 / n.

        Returns:
            The changed choices; None if no decision was changed.
        """
        movable = [decision for decision in self._movable if decision.name in choices]
        drawn = [d for d in movable if rng.random() * len(movable) < 1]
        if not drawn:
            return None
        changed = {d.name: d.domain.mutate(choices[d.name], rng) for d in drawn}
        return self.complete({**choices, **changed}, rng)

    def neighbors(self, choices: Mapping[str, Label]) -> Iterator[Choices]:
        """List the choices that differ in one decision; new active decisions get first values."""
        for decision in self._decisions:
            if decision.name in choices:
                for near in decision.domain.neighbors(choices[decision.name]):
                    yield self._changed(choices, decision.name, near, None)

    def _changed(
        self, choices: Mapping[str, Label], name: str, value: Label, rng: Generator | None
    ) -> Choices:
        changed = {**choices, name: value}
        return self.complete(changed, rng) if name in self._parents else changed

    def crossover(
        self, one: Mapping[str, Label], other: Mapping[str, Label], rng: Generator
    ) -> Choices:
        """Take each active decision from a parent that has it, each with equal probability."""
        choices: Choices = {}
        for decision in self._active(choices):
            having = [parent for parent in (one, other) if decision.name in parent]
            if having:
                choices[decision.name] = having[int(rng.integers(len(having)))][decision.name]
            else:
                choices[decision.name] = decision.domain.sample(rng)
        return choices
