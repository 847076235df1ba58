"""Moves in a space: drawing, changing and crossing the choices of architectures.

All functions work on plain dicts from a decision's name to its label or number, with the
decisions in their order, parents before children; conditions are met in every result.
"""

from collections.abc import Iterator, Mapping, Sequence

from numpy.random import Generator

from ._decisions import Decision
from ._domains import Label

__all__ = ["crossover", "mutate", "neighbors", "sample"]

Choices = dict[str, Label]
Decisions = Sequence[Decision]


def sample(decisions: Decisions, rng: Generator) -> Choices:
    """Draw every active decision from its domain, independently of the others."""
    return complete(decisions, {}, rng)


def complete(decisions: Decisions, known: Mapping[str, Label], rng: Generator | None) -> Choices:
    """Keep what is known where it is active and draw the rest, or take its first value."""
    choices: Choices = {}
    for decision in decisions:
        if not decision.is_active(choices):
            continue
        name = decision.name
        if name in known:
            choices[name] = known[name]
        elif rng is None:
            choices[name] = decision.domain.values(points=2)[0]
        else:
            choices[name] = decision.domain.sample(rng)
    return choices


def mutate(decisions: Decisions, choices: Mapping[str, Label], rng: Generator) -> Choices | None:
    """Change exactly one active decision; parts that this opens are drawn at random.

    Returns:
        The changed choices, or None where nothing can be changed.
    """
    movable = [d for d in decisions if d.name in choices and d.domain.size > 1]
    if not movable:
        return None
    chosen = movable[int(rng.integers(len(movable)))]
    changed = chosen.domain.mutate(choices[chosen.name], rng)
    return complete(decisions, {**choices, chosen.name: changed}, rng)


def neighbors(decisions: Decisions, choices: Mapping[str, Label]) -> Iterator[Choices]:
    """List what differs in one decision; parts that this opens take their first value."""
    for decision in decisions:
        if decision.name in choices:
            for near in decision.domain.neighbors(choices[decision.name]):
                yield complete(decisions, {**choices, decision.name: near}, None)


def crossover(
    decisions: Decisions,
    one: Mapping[str, Label],
    other: Mapping[str, Label],
    rng: Generator,
) -> Choices:
    """Take each active decision from either parent, with equal chance where both have it."""
    choices: Choices = {}
    for decision in decisions:
        if decision.is_active(choices):
            having = [parent for parent in (one, other) if decision.name in parent]
            if having:
                choices[decision.name] = having[int(rng.integers(len(having)))][decision.name]
            else:
                choices[decision.name] = decision.domain.sample(rng)
    return choices
