"""Constraints on the architectures that may be proposed."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ..errors import BuildError, ConstraintError, UnknownLayer
from ..graph.graph import InputShape
from .architecture import Architecture

__all__ = ["Constraint", "Limit", "Where", "check_buildable", "descend"]


STEPS = 100  # largest number of steps of a descent
STARTS = 2  # descents, from the smallest architectures


class Constraint(Protocol):
    """A condition on architectures; its `str` is its name in messages."""

    def is_feasible(self, architecture: Architecture) -> bool:
        """Return whether an architecture may be proposed."""
        ...

    def __str__(self) -> str: ...


@dataclass(frozen=True)
class Where:
    """A constraint given as a function.

    Attributes:
        allowed: Returns whether an architecture may be proposed.
        name: Name of the constraint in messages.
    """

    allowed: Callable[[Architecture], bool]
    name: str

    def is_feasible(self, architecture: Architecture) -> bool:
        try:
            return bool(self.allowed(architecture))
        except Exception as error:
            raise ConstraintError(
                f"the constraint {self.name!r} failed on {architecture!r} with "
                f"{type(error).__name__}: {error}; it must return True or False for every "
                'architecture of the space (check `"name" in architecture` before reading a '
                "decision that is not always active)"
            ) from error

    def __str__(self) -> str:
        return repr(self.name)


@dataclass(frozen=True)
class Limit:
    """A limit on the size of a network.

    Attributes:
        input_shape: Shape of one example without the batch axis; of a network with named inputs,
            by their names.
        parameters: Largest number of parameters, or None.
        flops: Largest number of multiply-additions for one example, or None.
        part: Name of the network, if a mapping contains several.
    """

    input_shape: InputShape
    parameters: int | None = None
    flops: int | None = None
    part: str | None = None

    def __post_init__(self) -> None:
        shape = self.input_shape
        named = {k: tuple(v) for k, v in shape.items()} if isinstance(shape, Mapping) else None
        object.__setattr__(self, "input_shape", tuple(shape) if named is None else named)
        if self.parameters is None and self.flops is None:
            raise ConstraintError("limit() has no limit: give parameters=, flops= or both")

    def is_feasible(self, architecture: Architecture) -> bool:
        return self.excess(architecture) <= 1

    def excess(self, architecture: Architecture) -> float:
        """Return size / limit, the larger of the two ratios; infinite if it cannot be built.

        Raises:
            UnknownLayer: It contains a layer that Keras does not know.
        """
        try:
            cost = architecture.cost(self.input_shape, self.part)
        except UnknownLayer:
            raise
        except BuildError:
            return math.inf
        pairs = ((cost.parameters, self.parameters), (cost.flops, self.flops))
        return max(size / max(limit, 1e-9) for size, limit in pairs if limit is not None)

    def obstacle(self, architecture: Architecture) -> BuildError | None:
        """Return why an architecture cannot be built for the input; None if it can."""
        try:
            architecture.cost(self.input_shape, self.part)
        except BuildError as error:
            return error
        return None

    def __str__(self) -> str:
        limits = {"parameters": self.parameters, "flops": self.flops}
        text = " and ".join(f"at most {n:,} {what}" for what, n in limits.items() if n is not None)
        return f"{text} for input {self.input_shape}"


def check_buildable(tried: Sequence[Architecture], constraints: Sequence[Constraint]) -> None:
    """Raise an error with the cause if architectures are too large because none can be built.

    Args:
        tried: Infeasible architectures, at least one.
        constraints: The constraints.

    Raises:
        ConstraintError: No architecture can be built.
    """
    for limit in constraints:
        cause = limit.obstacle(tried[0]) if isinstance(limit, Limit) else None
        if isinstance(limit, Limit) and cause is not None and all(map(limit.obstacle, tried)):
            raise ConstraintError(
                f"none of {len(tried)} architectures of the space can be built for input "
                f"{limit.input_shape}: {cause}"
            ) from cause


def descend(
    starts: Sequence[Architecture], constraints: Sequence[Constraint]
) -> Architecture | None:
    """Search for a feasible architecture by reducing the size step by step.

    Args:
        starts: Infeasible architectures of the space.
        constraints: The constraints; those on the size determine the direction.

    Returns:
        A feasible architecture; None if the descents reach none.
    """
    limits = [constraint for constraint in constraints if isinstance(constraint, Limit)]
    if not limits:
        return None

    def excess(architecture: Architecture) -> float:
        return max(limit.excess(architecture) for limit in limits)

    sizes = sorted((excess(start), k) for k, start in enumerate(starts))
    for size, here in [(size, starts[k]) for size, k in sizes[:STARTS]]:
        for _ in range(STEPS):
            smaller = _smaller(here, size, excess)
            if smaller is None:
                break
            size, here = smaller
            if size <= 1 and all(constraint.is_feasible(here) for constraint in constraints):
                return here
    return None


def _smaller(
    here: Architecture, size: float, excess: Callable[[Architecture], float]
) -> tuple[float, Architecture] | None:
    """Return the size of the first smaller neighbor, and the neighbor."""
    space = here.space
    for choices in space.moves.neighbors(here.choices):
        near = Architecture(space, choices)
        found = excess(near)
        if found < size:
            return found, near
    return None
