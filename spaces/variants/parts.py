"""Parts of a model that has been read: layers in a row, branches, and parts wired by name."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..nodes.layer import Layer

__all__ = ["Branches", "Flow", "Part", "Wire", "Wired", "layers_in", "walk"]


@dataclass(frozen=True)
class Branches:
    """Parallel branches and their merge.

    Attributes:
        branches: The parts of each branch in order; an empty branch is a shortcut.
        merge: "add", "concatenate", or the layer that merges them.
    """

    branches: "tuple[tuple[Part, ...], ...]"
    merge: str | Layer


@dataclass(frozen=True)
class Wire:
    """Parts in a row among others that are wired by name.

    Attributes:
        name: Its name.
        sources: Names of the wires or inputs that flow in.
        arguments: The argument of the merging layer's call for each source; empty for a list.
        merge: What merges several sources: "add", "concatenate", a layer, or None for one source.
        parts: The parts after it, in order.
    """

    name: str
    sources: tuple[str, ...]
    arguments: tuple[str, ...]
    merge: str | Layer | None
    parts: "tuple[Part, ...]"


@dataclass(frozen=True)
class Wired:
    """Parts of a model that do not form nested branches.

    Attributes:
        inputs: Names of the inputs; one without a name is `ENTRANCE`.
        wires: The parts in the order of the data flow.
        outputs: Names of the wires or inputs that flow out.
    """

    inputs: tuple[str, ...]
    wires: tuple[Wire, ...]
    outputs: tuple[str, ...]


Part = Layer | Branches | Wired


class Flow(NamedTuple):
    """A Keras layer with its symbolic inputs and output."""

    layer: Any
    inputs: tuple[Any, ...]
    output: Any

    @property
    def input(self) -> Any:
        """The first input."""
        return self.inputs[0]


def walk(parts: Sequence[Part]) -> Iterator[Part]:
    """Return all parts at every depth in the order of the data flow, merging layers included."""
    for part in parts:
        if isinstance(part, Branches):
            for branch in part.branches:
                yield from walk(branch)
            if isinstance(part.merge, Layer):
                yield part.merge
        if isinstance(part, Wired):
            for wire in part.wires:
                if isinstance(wire.merge, Layer):
                    yield wire.merge
                yield from walk(wire.parts)
        yield part


def layers_in(parts: Sequence[Part]) -> Iterator[Layer]:
    """Return all layers at every depth."""
    return (part for part in walk(parts) if isinstance(part, Layer))
