"""Moves in a space: drawing, changing and crossing the choices of architectures."""

from collections.abc import Iterator, Mapping, Sequence

from numpy.random import Generator

from .decisions import Decision
from .domains import Label

__all__ = ["Moves"]

Choices = dict[str, Label]


class Moves:
    """Moves among the choices of some decisions; conditions are met in every result.

    Choices are plain dicts from a decision's name to its label or number.

    Args:
        decisions: The decisions in their order, parents before children.
    """

    def __init__(self, decisions: Sequence[Decision]) -> None:
        self._decisions = decisions
        self._always = frozenset(d.name for d in decisions if () in d.conditions)
        self._movable = tuple(d for d in decisions if d.domain.size > 1)
        self._parents = frozenset(name for d in decisions for name in d.parents)

    def _active(self, choices: Mapping[str, Label]) -> Iterator[Decision]:
        """Yield what is open, while the choices are being filled in."""
        for decision in self._decisions:
            if decision.name in self._always or decision.is_active(choices):
                yield decision

    def sample(self, rng: Generator) -> Choices:
        """Draw every active decision from its domain, independently of the others."""
        return self.complete({}, rng)

    def complete(self, known: Mapping[str, Label], rng: Generator | None) -> Choices:
        """Keep what is known where it is active and draw the rest, or take its first value."""
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
        """Tell whether any active decision has another value."""
        return any(decision.name in choices for decision in self._movable)

    def mutate(self, choices: Mapping[str, Label], rng: Generator) -> Choices | None:
        """Change exactly one active decision; parts that this opens are drawn at random.

        Returns:
            The changed choices, or None where nothing can be changed.
        """
        movable = [decision for decision in self._movable if decision.name in choices]
        if not movable:
            return None
        chosen = movable[int(rng.integers(len(movable)))]
        changed = chosen.domain.mutate(choices[chosen.name], rng)
        return self._changed(choices, chosen.name, changed, rng)

    def neighbors(self, choices: Mapping[str, Label]) -> Iterator[Choices]:
        """List what differs in one decision; parts that this opens take their first value."""
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
        """Take each active decision from either parent, with equal chance where both have it."""
        choices: Choices = {}
        for decision in self._active(choices):
            having = [parent for parent in (one, other) if decision.name in parent]
            if having:
                choices[decision.name] = having[int(rng.integers(len(having)))][decision.name]
            else:
                choices[decision.name] = decision.domain.sample(rng)
        return choices
