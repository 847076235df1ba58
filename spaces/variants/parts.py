"""Parts of a model that has been read: layers in a row, and branches that are merged."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..nodes.layer import Layer

__all__ = ["Branches", "Flow", "Part", "layers_in", "walk"]


@dataclass(frozen=True)
class Branches:
    """Parallel branches and their merge.

    Attributes:
        branches: The parts of each branch in order; an empty branch is a shortcut.
        merge: "add" or "concatenate".
    """

    branches: "tuple[tuple[Part, ...], ...]"
    merge: str


Part = Layer | Branches


class Flow(NamedTuple):
    """A Keras layer with its symbolic input and output."""

    layer: Any
    input: Any
    output: Any


def walk(parts: Sequence[Part]) -> Iterator[Part]:
    """Return all parts at every depth, branches after the parts inside them."""
    for part in parts:
        if isinstance(part, Branches):
            for branch in part.branches:
                yield from walk(branch)
        yield part


def layers_in(parts: Sequence[Part]) -> Iterator[Layer]:
    """Return all layers at every depth."""
    return (part for part in walk(parts) if isinstance(part, Layer))
