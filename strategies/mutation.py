"""Mutation with a random fallback."""

from numpy.random import Generator

from ..spaces import Architecture, NoFeasible, SearchSpace

__all__ = ["mutated"]


def mutated(space: SearchSpace, parent: Architecture, rng: Generator) -> Architecture:
    """Mutate an architecture, or sample a new one if no mutation meets the constraints."""
    try:
        return space.mutate(parent, rng)
    except NoFeasible:
        return space.sample(rng)
