"""The graph of an architecture: its operations and what flows between them.

A graph is what remains of a space when every decision is made. Networks are built, drawn, measured
and compared from it, so that each of those is written once for all kinds of spaces.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["STRUCTURAL", "Block", "Graph", "Operation", "Slot", "Vertex"]

STRUCTURAL = frozenset({"input", "add", "concatenate", "zero", "factorized_reduction", "stack"})
"""Operations that are ours; all others are layers of Keras or of the user."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation with its settings.

    Attributes:
        name: One of `STRUCTURAL`, a Keras layer's name, or `module:Class` of a user's layer.
        config: Settings; values may be operations themselves (wrappers hold a layer).
        cls: The user's class where the space was given one.
    """

    name: str
    config: Mapping[str, object] = field(default_factory=dict[str, object])
    cls: type | None = field(default=None, compare=False)

    def hashed_as(self) -> object:
        """Return what its digest depends on."""
        return [self.name, self.config]


@dataclass(frozen=True, slots=True)
class Block:
    """A named part of an architecture that a picture shows as one box.

    Attributes:
        path: Where it stands; two blocks with one path are the same.
        label: What was chosen, as "sep_conv_3x3"; what a reader sees.
        kind: "choice", "cell", "node" (of a cell) or "repeat".
    """

    path: str
    label: str
    kind: str


@dataclass(frozen=True, slots=True)
class Vertex:
    """An operation in its place.

    Attributes:
        operation: What happens.
        inputs: Positions of the vertices whose results flow in, all before this one.
        path: Unique dotted path; names the layer, and so the weights.
        blocks: The blocks it lies in, outermost first.
    """

    operation: Operation
    inputs: tuple[int, ...]
    path: str
    blocks: tuple[Block, ...] = ()


@dataclass(frozen=True, slots=True)
class Slot:
    """What one option of a choice has put into a graph: a run of vertices.

    Attributes:
        decision: Name of the choice.
        label: The option.
        start: Position of the first vertex.
        end: The position after the last one.
        source: Position of the vertex whose result flows in.
        result: Position of the vertex whose result flows out.
        bound: The widths and strides that hold there, by name.
    """

    decision: str
    label: str
    start: int
    end: int
    source: int
    result: int
    bound: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Graph:
    """A directed acyclic graph in topological order.

    Attributes:
        vertices: The first ones are the inputs.
        output: Position of the vertex whose result is the graph's.
        slots: Where another option would have put other vertices; known of what a walk recorded.
    """

    vertices: tuple[Vertex, ...]
    output: int
    slots: tuple[Slot, ...] = field(default=(), compare=False)

    @property
    def inputs(self) -> tuple[int, ...]:
        """Positions of the input vertices."""
        return tuple(k for k, v in enumerate(self.vertices) if v.operation.name == "input")

    def live(self) -> frozenset[int]:
        """Positions of the vertices that the output depends on."""
        reached: set[int] = set()
        waiting = [self.output]
        while waiting:
            position = waiting.pop()
            if position not in reached:
                reached.add(position)
                waiting.extend(self.vertices[position].inputs)
        return frozenset(reached)
