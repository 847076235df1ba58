"""Mutation that always gives something."""

from numpy.random import Generator

from ..spaces import Architecture, NoFeasible, SearchSpace

__all__ = ["mutated"]


def mutated(space: SearchSpace, parent: Architecture, rng: Generator) -> Architecture:
    """Mutate an architecture; draw a random one where no mutation meets the constraints.

    Args:
        space: The space.
        parent: What is mutated.
        rng: The source of randomness.
    """
    try:
        return space.mutate(parent, rng)
    except NoFeasible:
        return space.sample(rng)
