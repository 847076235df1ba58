"""Mutation that always gives something."""

from numpy.random import Generator

from ..spaces import Architecture, NoneAllowed, Searchable

__all__ = ["mutated"]


def mutated(space: Searchable, parent: Architecture, rng: Generator) -> Architecture:
    """Mutate an architecture; draw a random one where no mutation meets the constraints.

    Args:
        space: The space.
        parent: What is mutated.
        rng: The source of randomness.
    """
    try:
        return space.mutate(parent, rng)
    except NoneAllowed:
        return space.sample(rng)
