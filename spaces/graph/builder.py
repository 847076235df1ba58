"""`GraphBuilder`: follows the chosen options and records the graph."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

from ..decisions.domains import Label
from .graph import Asked, Block, Graph, HierarchicalGraph, Operation, OptionSpan, Vertex
from .visitor import Change, OpenPoint, Part, Ref, Refs, SpaceVisitor

__all__ = ["GraphBuilder"]


class GraphBuilder(SpaceVisitor):
    """Follows the chosen options and records the graph.

    Args:
        choices: The value of every active decision.
        compact: As in `SpaceVisitor`.
    """

    def __init__(self, choices: Mapping[str, Label], compact: bool = False) -> None:
        super().__init__(compact)
        self._choices = choices
        self._asked: list[Asked] = []
        self._vertices: list[Vertex] = []
        self._spans: list[OptionSpan] = []
        self._blocks: tuple[Block, ...] = ()
        self._layer_names: Mapping[str, str] = {}
        self._paths = Counter[str]()
        self._block_paths = Counter[str]()
        self._names = Counter[str]()
        self.subgraphs: dict[str, Graph] = {}

    def decide(self, point: OpenPoint) -> Iterator[Label]:
        label = self._choices[point.name]
        self._asked.append((point.name, label))
        yield label

    def when(self, decision: str, values: Sequence[Label]) -> AbstractContextManager[bool]:
        label = self._choices.get(decision)
        self._asked.append((decision, label))
        return nullcontext(label in values)

    def emit(self, operation: Operation, inputs: Sequence[Ref], key: str | int = "") -> Ref:
        own = (str(key),) if key != "" else ()
        path = ".".join((*self._copies, *self._path, *own)) or operation.name
        path = _numbered(path, self._paths)
        if path in self._layer_names:
            named = {**operation.config, "name": self._layer_names[path]}
            operation = replace(operation, config=named)
        vertex = Vertex(
            operation,
            tuple(inputs),
            path,
            self._blocks,
            self.vertex_key(key) or operation.name,
        )
        self._vertices.append(vertex)
        return len(self._vertices) - 1

    def block(self, path: str, label: str, kind: str) -> AbstractContextManager[None]:
        unique = _numbered(".".join((*self._copies, path)), self._block_paths)
        return Change(self, _blocks=(*self._blocks, Block(unique, label, kind)))

    def layer_names(self, names: Mapping[str, str]) -> AbstractContextManager[None]:
        return Change(self, _layer_names=names)

    def topology_neutral(self) -> AbstractContextManager[None]:
        return Change(self, _asked=list[Asked]())

    def option(self, decision: str, label: str, part: Part, x: Refs) -> Refs:
        """Expand an option; record its vertices as a span if they depend on no other decision."""
        start, before = len(self._vertices), (len(self._asked), len(self.subgraphs))
        result = super().option(decision, label, part, x)
        if not (isinstance(x, int) and isinstance(result, int)):
            return result  # a span has one source and one result
        if result >= start and before == (len(self._asked), len(self.subgraphs)):
            end = len(self._vertices)
            # A width changes settings of layers, but not which layers there are.
            bound = tuple(sorted(item for item in self._bound.items() if item[0] != "width"))
            self._spans.append(OptionSpan(decision, label, start, end, x, result, bound))
        return result

    def subgraph(
        self,
        name: str,
        inputs: int,
        expand: Callable[[tuple[Ref, ...]], Ref],
        channels: int | None = None,
    ) -> str:
        self._names[name] += 1
        times = self._names[name]
        unique = f"{name} {times}" if times > 1 else name  # a network may have several stacks
        outside = self._vertices, self._spans, self._blocks
        self._vertices, self._spans, self._blocks = [], [], ()
        source = Operation("input", {} if channels is None else {"channels": channels})
        try:
            sources = [self.emit(source, (), f"{name}_input_{k}") for k in range(inputs)]
            output = expand(tuple(sources))
            self.subgraphs[unique] = self._graph(output)
        finally:
            self._vertices, self._spans, self._blocks = outside
        return unique

    def finish(self, output: Ref) -> HierarchicalGraph:
        """Return the recorded graph with the given vertex as its output."""
        return HierarchicalGraph(self._graph(output), self.subgraphs, tuple(self._asked))

    def _graph(self, output: Ref) -> Graph:
        return Graph(tuple(self._vertices), output, tuple(self._spans))


def _numbered(path: str, seen: Counter[str]) -> str:
    """Make a path unique: one named node may be used in several places."""
    seen[path] += 1
    return path if seen[path] == 1 else f"{path}.again_{seen[path] - 1}"
