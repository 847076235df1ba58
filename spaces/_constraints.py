"""Constraints: which architectures of a space may be proposed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ._architecture import Architecture
from ._errors import BuildError, ConstraintError

__all__ = ["Constraint", "Limit", "Where"]


class Constraint(Protocol):
    """Tells what is allowed, and what to call it in messages."""

    def allows(self, architecture: Architecture) -> bool:
        """Tell whether an architecture may be proposed."""
        ...

    def __str__(self) -> str: ...


@dataclass(frozen=True)
class Where:
    """A constraint given as a function.

    Attributes:
        allowed: Takes an architecture, returns whether it may be proposed.
        name: What messages call it.
    """

    allowed: Callable[[Architecture], bool]
    name: str

    def allows(self, architecture: Architecture) -> bool:
        try:
            return bool(self.allowed(architecture))
        except Exception as error:
            raise ConstraintError(
                f"the constraint {self.name!r} failed on {architecture!r} with "
                f"{type(error).__name__}: {error}; it must return True or False for every "
                'architecture of the space (ask `"name" in architecture` before reading a '
                "decision that is not always active)"
            ) from error

    def __str__(self) -> str:
        return repr(self.name)


@dataclass(frozen=True)
class Limit:
    """A limit on the size of a network.

    Attributes:
        input_shape: Shape of one example.
        parameters: Largest number of parameters, or None.
        flops: Largest number of multiply-additions of one example, or None.
        part: Which network, where a mapping has several.
    """

    input_shape: tuple[int, ...]
    parameters: int | None = None
    flops: int | None = None
    part: str | None = None

    def __post_init__(self) -> None:
        if self.parameters is None and self.flops is None:
            raise ConstraintError("limit() limits nothing: give parameters=, flops= or both")

    def allows(self, architecture: Architecture) -> bool:
        try:
            cost = architecture.cost(self.input_shape, self.part)
        except BuildError:  # what cannot be built is never proposed
            return False
        return (self.parameters is None or cost.parameters <= self.parameters) and (
            self.flops is None or cost.flops <= self.flops
        )

    def __str__(self) -> str:
        limits = {"parameters": self.parameters, "flops": self.flops}
        said = " and ".join(f"at most {n:,} {what}" for what, n in limits.items() if n is not None)
        return f"{said} for input {self.input_shape}"
