"""The graph of an architecture: its operations and the data flow between them.

A graph results from a space when all decisions are made. Building, drawing, measuring and comparing
networks all start from it, so each is implemented once for all kinds of spaces.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..decisions.domains import Label

__all__ = [
    "STRUCTURAL",
    "Asked",
    "Block",
    "Graph",
    "HierarchicalGraph",
    "InputShape",
    "Operation",
    "OptionSpan",
    "Vertex",
]

STRUCTURAL = frozenset(
    {"input", "outputs", "add", "concatenate", "zero", "factorized_reduction", "stack"}
)
"""Our own operations; all others are layers of Keras or of the user."""

InputShape = Sequence[int] | Mapping[str, Sequence[int]]
"""Shape of one example without the batch axis; of a network with named inputs, by their names."""

Asked = tuple[str, Label | None]
"""A decision that a traversal read, and its value; None if it was not active."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation with its settings.

    Attributes:
        name: One of `STRUCTURAL`, the name of a Keras layer, or `module:Class` of a user's layer.
        config: Settings; values may be operations themselves (wrapper layers contain a layer). A
            "name" is the name of the layer that is built, and is no part of its digest.
        cls: The user's layer class, if the space was given one.
        names: Names of the inputs, one for each: the arguments of a layer's call, or the network's
            outputs. Empty for inputs without names.
    """

    name: str
    config: Mapping[str, object] = field(default_factory=dict[str, object])
    cls: type | None = field(default=None, compare=False)
    names: tuple[str, ...] = ()

    def hashed_as(self) -> object:
        """Return the content that its digest depends on."""
        config = {key: value for key, value in self.config.items() if key != "name"}
        if self.name == "input":
            config = dict(self.config)  # its name is the key of the data
        return [self.name, config, self.names] if self.names else [self.name, config]


@dataclass(frozen=True, slots=True)
class Block:
    """A named part of an architecture that a picture shows as one box.

    Attributes:
        path: Where it stands; two blocks with one path are the same.
        label: What was chosen, such as "sep_conv_3x3"; the text of the box.
        kind: "choice", "cell", "node" (of a cell) or "repeat".
    """

    path: str
    label: str
    kind: str


@dataclass(frozen=True, slots=True)
class Vertex:
    """An operation in its place.

    Attributes:
        operation: The operation.
        inputs: Positions of the vertices whose results flow in, all before this one.
        path: Dotted path, unique in the graph; names the layer, and so its weights.
        blocks: The blocks around it, outermost first.
        key: Place in the space's tree, unique in the graph: equal keys in two architectures of a
            space mean the same place. Empty if the vertex was not recorded from a space.
    """

    operation: Operation
    inputs: tuple[int, ...]
    path: str
    blocks: tuple[Block, ...] = ()
    key: str = ""


@dataclass(frozen=True, slots=True)
class OptionSpan:
    """The vertices that one option of a choice added to a graph.

    Attributes:
        decision: Name of the choice.
        label: The option.
        start: Position of the first vertex.
        end: Position after the last vertex.
        source: Position of the vertex whose result flows in.
        result: Position of the vertex whose result flows out.
        bound: The strides that hold there, by name.
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
        vertices: The vertices, inputs first.
        output: Position of the vertex whose result is the graph's.
        spans: Vertices that another option would replace; empty if the graph was not recorded from
            a space.
    """

    vertices: tuple[Vertex, ...]
    output: int
    spans: tuple[OptionSpan, ...] = field(default=(), compare=False)

    @property
    def inputs(self) -> tuple[int, ...]:
        """Positions of the input vertices."""
        return tuple(k for k, v in enumerate(self.vertices) if v.operation.name == "input")

    @property
    def input_names(self) -> tuple[str, ...]:
        """Names of the inputs of a network with named inputs; empty if its input has no name."""
        found = (self.vertices[k].operation.config.get("name") for k in self.inputs)
        return tuple(name for name in found if isinstance(name, str))

    @property
    def ordered(self) -> frozenset[str]:
        """Which of "inputs" and "outputs" with names are sequences in the data instead of dicts."""
        ends = {"inputs": self.inputs, "outputs": (self.output,)}
        return frozenset(
            kind
            for kind, positions in ends.items()
            if any(self.vertices[k].operation.config.get("ordered") for k in positions)
        )

    @property
    def is_plain(self) -> bool:
        """Whether it has one input and one output, without names."""
        return not self.input_names and "" in self.outputs

    def input_label(self, position: int) -> str:
        """Return a label of an input: its name, or its number."""
        named = self.vertices[position].operation.config.get("name")
        return f"input {self.inputs.index(position) if named is None else named}"

    @property
    def outputs(self) -> Mapping[str, int]:
        """Positions of the vertices whose results are the graph's, by name; one without is ""."""
        last = self.vertices[self.output]
        if last.operation.name != "outputs":
            return {"": self.output}
        return dict(zip(last.operation.names, last.inputs, strict=True))

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


class HierarchicalGraph:
    """The graph of an architecture with each distinct cell as a subgraph.

    Attributes:
        graph: The network; a stack of cells is one vertex in it.
        subgraphs: The cells by name, such as "normal" and "reduction".
        asked: The decisions that the topology depends on, in the order of the traversal. Decisions
            that only change a setting of a layer are not included.
    """

    def __init__(
        self, graph: Graph, subgraphs: Mapping[str, Graph], asked: tuple[Asked, ...]
    ) -> None:
        self.graph = graph
        self.subgraphs = subgraphs
        self.asked = asked

    @property
    def graphs(self) -> Mapping[str, Graph]:
        """All graphs by name; the network itself is "network"."""
        return {"network": self.graph, **self.subgraphs}
