"""Walks: one traversal of a space's tree, in as many meanings as are needed.

Each node says once, in `expand`, how it is put together; a walk decides what that means.
`DecisionCollector` follows every option and lists the decisions. `GraphBuilder` follows the chosen
options and records the graph.
"""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Protocol

from ..decisions.decisions import Clause, Condition, Decision
from ..decisions.domains import Categorical, Domain, Label
from ..errors import NameClash, SpaceError
from .graph import Block, Graph, Operation, Slot, Vertex

__all__ = ["DecisionCollector", "HierarchicalGraph", "GraphBuilder", "SpaceVisitor"]

Ref = int
"""What flows between nodes: the position of a vertex."""

Asked = tuple[str, Label | None]
"""A decision that a walk has asked, and what was chosen there; None where it is not active."""


class Part(Protocol):
    """A part of a network; see `Node`."""

    def expand(self, walk: "SpaceVisitor", x: Ref) -> Ref:
        """Say how this part is put together."""
        ...


class _Change(AbstractContextManager[None]):
    """A context in which some attributes of a walk are others: walks enter very many.

    Args:
        walk: The walk.
        **attributes: What they are within.
    """

    __slots__ = ("_after", "_before", "_state")

    def __init__(self, walk: "SpaceVisitor", **attributes: object) -> None:
        self._state = vars(walk)
        self._after = attributes
        self._before: dict[str, object] = {}

    def __enter__(self) -> None:
        state = self._state
        self._before = {name: state[name] for name in self._after}
        state.update(self._after)

    def __exit__(self, *_: object) -> None:
        self._state.update(self._before)


class SpaceVisitor(ABC):
    """A traversal: where it is, which widths and strides hold there, and what to do.

    Args:
        compact: Walk each distinct cell of a stack once, apart from the rest, instead of every
            cell in its place. Comparing and drawing need no more.
    """

    def __init__(self, compact: bool = False) -> None:
        self.compact = compact
        self._path: tuple[str, ...] = ()
        self._trail: tuple[str, ...] = ()
        self._indices: tuple[str, ...] = ()
        self._copies: tuple[str, ...] = ()
        self._bound: dict[str, int] = {}

    # ------------------------------------------------------------------ where we are

    @property
    def here(self) -> str:
        """The dotted path of the node that is being expanded; empty at the top."""
        return ".".join(self._path)

    @property
    def place(self) -> str:
        """Where the node stands in the tree, names aside; for messages."""
        return ".".join(self._trail) or "the top"

    def inside(self, key: str | int | None, child: object = None) -> AbstractContextManager[None]:
        """Stand inside a child; a child's own name restarts the path.

        Args:
            key: The child's key in its parent, as its position in a chain; None at the top.
            child: The child, asked for `name` and `shared`.
        """
        name: str | None = getattr(child, "name", None)
        shared: bool = getattr(child, "shared", False)
        own = () if key is None else (str(key),)
        restarted = () if name is None else (name,) if shared else (name, *self._indices)
        return _Change(self, _path=restarted or self._path + own, _trail=self._trail + own)

    def repetition(self, number: int) -> AbstractContextManager[None]:
        """Let the names within end in the number of a repetition."""
        return _Change(self, _indices=(*self._indices, str(number)))

    def copy(self, name: str) -> AbstractContextManager[None]:
        """Stand in one of several copies that share their decisions, but not their weights."""
        return _Change(self, _copies=(*self._copies, name))

    def bind(self, **values: int) -> AbstractContextManager[None]:
        """Let placeholders such as WIDTH mean these values while the context lasts."""
        return _Change(self, _bound={**self._bound, **values})

    def bound(self, name: str, factor: int, default: int | None = None) -> int:
        """Return what a placeholder means here, or the default where it means nothing."""
        if name not in self._bound:
            if default is not None:
                return default
            raise SpaceError(
                f"{name.upper()} has no meaning at {self.place}: it stands "
                "for the width or stride that a cell, stack or scope gives; write a number here"
            )
        return self._bound[name] * factor

    # ------------------------------------------------------------------ what to do there

    @abstractmethod
    def decide(
        self,
        name: str,
        domain: Domain,
        options: Sequence[object],
        identity: object,
    ) -> Iterator[tuple[Label, object]]:
        """Yield the label and meaning of each option to follow, its condition in force.

        Args:
            name: The decision's dotted path.
            domain: What can be chosen.
            options: What the labels stand for; empty for numbers.
            identity: Equal for two decisions of one name if they are meant to be the same one.
        """

    @abstractmethod
    def when(self, decision: str, values: Sequence[Label]) -> AbstractContextManager[bool]:
        """Enter a part that exists only for these values; the context is False to skip it."""

    @abstractmethod
    def emit(self, operation: Operation, inputs: Sequence[Ref], key: str | int = "") -> Ref:
        """Add an operation and return the reference to its result."""

    def block(self, path: str, label: str, kind: str) -> AbstractContextManager[None]:
        """Mark what is emitted within the context as one part of a picture."""
        return nullcontext()

    def topology_neutral(self) -> AbstractContextManager[None]:
        """Ask within the context what no shape of a graph depends on, such as a layer's width."""
        return nullcontext()

    def option(self, decision: str, label: str, part: Part, x: Ref) -> Ref:
        """Expand an option of a choice between parts.

        Args:
            decision: The choice.
            label: The option's label.
            part: The option.
            x: What flows in.
        """
        with self.inside(label, part), self.block(decision, label, "choice"):
            return part.expand(self, x)

    @abstractmethod
    def subgraph(
        self,
        name: str,
        inputs: int,
        expand: Callable[[tuple[Ref, ...]], Ref],
        channels: int | None = None,
    ) -> str:
        """Expand a part as a graph of its own, with inputs of its own.

        Args:
            name: What it is called, as "normal".
            inputs: Number of its inputs.
            expand: Puts it together from the references to its inputs.
            channels: How many each input has, where that is known.

        Returns:
            The panel's name: the given one, or "normal 2" where that is taken.
        """


class DecisionCollector(SpaceVisitor):
    """Follows every option and lists the decisions, each with its conditions."""

    def __init__(self) -> None:
        super().__init__(compact=True)
        self.decisions: dict[str, Decision] = {}
        self._identities: dict[str, object] = {}
        self._active: Condition = ()

    def decide(
        self,
        name: str,
        domain: Domain,
        options: Sequence[object],
        identity: object,
    ) -> Iterator[tuple[Label, object]]:
        self._declare(name, domain, options, identity)
        if not isinstance(domain, Categorical):
            yield domain.values(points=2)[0], domain.values(points=2)[0]
            return
        for label, option in zip(domain.labels, options, strict=True):
            with self.when(name, (label,)):
                yield label, option

    def _declare(
        self, name: str, domain: Domain, options: Sequence[object], identity: object
    ) -> None:
        place = self.place
        known = self.decisions.get(name)
        if known is None:
            self._identities[name] = identity
            self.decisions[name] = Decision(name, domain, (self._active,), tuple(options), place)
            return
        if self._identities[name] != identity:
            raise NameClash(
                f"two different decisions are called {name!r}: one at {known.place}, one at "
                f"{place}; give one of them another name=, or use one and the same object in "
                "both places if it is meant to be one decision"
            )
        conditions = _with_condition(known.conditions, self._active)
        self.decisions[name] = Decision(name, domain, conditions, known.options, known.place)

    @contextmanager
    def when(self, decision: str, values: Sequence[Label]) -> Generator[bool]:
        before = self._active
        self._active = (*before, Clause(decision, tuple(values)))
        try:
            yield True
        finally:
            self._active = before

    def emit(self, operation: Operation, inputs: Sequence[Ref], key: str | int = "") -> Ref:
        return 0

    def subgraph(
        self,
        name: str,
        inputs: int,
        expand: Callable[[tuple[Ref, ...]], Ref],
        channels: int | None = None,
    ) -> str:
        expand((0,) * inputs)
        return name


def _with_condition(known: tuple[Condition, ...], new: Condition) -> tuple[Condition, ...]:
    """Add an alternative, leaving out those that another one already covers."""
    if any(set(condition) <= set(new) for condition in known):
        return known
    return (*(condition for condition in known if not set(new) <= set(condition)), new)


class HierarchicalGraph:
    """The graph of an architecture with every distinct cell drawn out once.

    Attributes:
        graph: The whole; a stack of cells is one vertex in it.
        panels: The cells by name, as "normal" and "reduction".
        asked: The decisions that its shape depends on, in the order in which the walk asked them:
            those that make no more than a setting of a layer are left out.
    """

    def __init__(
        self, graph: Graph, subgraphs: Mapping[str, Graph], asked: tuple[Asked, ...]
    ) -> None:
        self.graph = graph
        self.subgraphs = subgraphs
        self.asked = asked

    @property
    def graphs(self) -> Mapping[str, Graph]:
        """All graphs by name, that of the whole being "network"."""
        return {"network": self.graph, **self.subgraphs}


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
        self._slots: list[Slot] = []
        self._blocks: tuple[Block, ...] = ()
        self._paths = Counter[str]()
        self._marks = Counter[str]()
        self._names = Counter[str]()
        self.subgraphs: dict[str, Graph] = {}

    def decide(
        self,
        name: str,
        domain: Domain,
        options: Sequence[object],
        identity: object,
    ) -> Iterator[tuple[Label, object]]:
        label = self._choices[name]
        self._asked.append((name, label))
        if isinstance(domain, Categorical):
            yield label, options[domain.labels.index(str(label))]
        else:
            yield label, label

    def when(self, decision: str, values: Sequence[Label]) -> AbstractContextManager[bool]:
        label = self._choices.get(decision)
        self._asked.append((decision, label))
        return nullcontext(label in values)

    def emit(self, operation: Operation, inputs: Sequence[Ref], key: str | int = "") -> Ref:
        own = (str(key),) if key != "" else ()
        path = ".".join((*self._copies, *self._path, *own)) or operation.name
        unique = _numbered(path, self._paths)
        self._vertices.append(Vertex(operation, tuple(inputs), unique, self._blocks))
        return len(self._vertices) - 1

    def block(self, path: str, label: str, kind: str) -> AbstractContextManager[None]:
        unique = _numbered(".".join((*self._copies, path)), self._marks)
        return _Change(self, _blocks=(*self._blocks, Block(unique, label, kind)))

    def topology_neutral(self) -> AbstractContextManager[None]:
        return _Change(self, _asked=list[Asked]())

    def option(self, decision: str, label: str, part: Part, x: Ref) -> Ref:
        start, before = len(self._vertices), (len(self._asked), len(self.subgraphs))
        with self.inside(label, part), self.block(decision, label, "choice"):
            result = part.expand(self, x)
        if result >= start and before == (len(self._asked), len(self.subgraphs)):
            end = len(self._vertices)
            # A width sets layers, and changes nothing of what is there.
            bound = tuple(sorted(item for item in self._bound.items() if item[0] != "width"))
            self._slots.append(Slot(decision, label, start, end, x, result, bound))
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
        outside = self._vertices, self._slots, self._blocks
        self._vertices, self._slots, self._blocks = [], [], ()
        source = Operation("input", {} if channels is None else {"channels": channels})
        try:
            sources = [self.emit(source, (), f"{name}_input_{k}") for k in range(inputs)]
            output = expand(tuple(sources))
            self.subgraphs[unique] = self._graph(output)
        finally:
            self._vertices, self._slots, self._blocks = outside
        return unique

    def outline(self, output: Ref) -> HierarchicalGraph:
        """Return what was recorded, the given vertex being the output."""
        return HierarchicalGraph(self._graph(output), self.subgraphs, tuple(self._asked))

    def _graph(self, output: Ref) -> Graph:
        return Graph(tuple(self._vertices), output, tuple(self._slots))


def _numbered(path: str, seen: Counter[str]) -> str:
    """Make a path unique: a named node may be used in several places."""
    seen[path] += 1
    return path if seen[path] == 1 else f"{path}.again_{seen[path] - 1}"
