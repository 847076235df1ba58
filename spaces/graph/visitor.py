"""`SpaceVisitor`: one traversal of a space's tree, with several interpretations.

Every node describes how it is assembled in one method, `expand`, as calls of the visitor: decisions
as folds over their options, and operations by `emit`. A visitor interprets these calls:
`DecisionCollector` follows all options and lists the decisions, `GraphBuilder` follows the chosen
options and records the graph.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple, Protocol, TypeVar

from ..decisions.decisions import Role
from ..decisions.domains import Domain, Label
from ..errors import SpaceError
from .graph import Operation

__all__ = ["Change", "OpenPoint", "Part", "Pick", "Ref", "Refs", "SpaceVisitor", "vertex_key"]

Ref = int
"""Reference to what flows between nodes: the position of a vertex."""

Refs = Ref | tuple[Ref, ...] | Mapping[str, Ref]
"""What flows into or out of a part: one tensor, several in order, or several by name."""

T = TypeVar("T")


class Part(Protocol):
    """A part of a network; see `Node`."""

    def expand(self, visitor: "SpaceVisitor", x: Refs) -> Refs:
        """Describe how this part is assembled."""
        ...


class OpenPoint(NamedTuple):
    """A decision as a node presents it to a visitor.

    Attributes:
        name: The decision's dotted path.
        domain: The values to choose from.
        options: What the labels stand for, for `Decision.options`.
        identity: Equal for two decisions of one name if they are meant to be the same decision.
        role: What the decision determines.
    """

    name: str
    domain: Domain
    options: Sequence[object]
    identity: object
    role: Role


class Pick(NamedTuple):
    """What an input of a cell's node may be connected to.

    Attributes:
        decision: Name of the decision.
        source: Reference to what flows in.
        numbers: The numbers of the nodes that it may come from, all with the same stride.
    """

    decision: str
    source: Ref
    numbers: tuple[int, ...]


class Change(AbstractContextManager[None]):
    """A context in which some attributes of a visitor have other values.

    A class instead of a generator, because a traversal enters very many of them.

    Args:
        visitor: The visitor.
        **attributes: The values within the context.
    """

    __slots__ = ("_after", "_before", "_state")

    def __init__(self, visitor: "SpaceVisitor", **attributes: object) -> None:
        self._state = vars(visitor)
        self._after = attributes
        self._before: dict[str, object] = {}

    def __enter__(self) -> None:
        state = self._state
        self._before = {name: state[name] for name in self._after}
        state.update(self._after)

    def __exit__(self, *_: object) -> None:
        self._state.update(self._before)


class SpaceVisitor(ABC):
    """A traversal of a space's tree.

    It knows the current position, as the path that names decisions and as the place in the tree,
    and the widths and strides that hold there. The folds (`choose` to `unused`) combine the results
    of the options that `decide` yields; by default, the last one counts.

    Args:
        compact: Visit each distinct cell of a stack once, as a subgraph, instead of every copy in
            its place. Comparison and drawing need no more.
    """

    def __init__(self, compact: bool = False) -> None:
        self.compact = compact
        self._path: tuple[str, ...] = ()  # of names
        self._trail: tuple[str, ...] = ()  # of positions in the tree, independent of names
        self._indices: tuple[str, ...] = ()  # of the repetitions around
        self._copies: tuple[str, ...] = ()  # with shared decisions and separate weights
        self._bound: dict[str, int] = {}

    @property
    def here(self) -> str:
        """Dotted path of the node that is being expanded; empty at the top."""
        return ".".join(self._path)

    @property
    def place(self) -> str:
        """Position of the node in the tree, independent of names; for messages."""
        return ".".join(self._trail) or "the top"

    def inside(self, key: str | int | None, child: object = None) -> AbstractContextManager[None]:
        """Enter a child; a name of the child restarts the path.

        Args:
            key: The child's key in its parent, such as its position in a chain; None at the top.
            child: The child; its attributes `name` and `shared` count where it has them.
        """
        name: str | None = getattr(child, "name", None)
        shared: bool = getattr(child, "shared", False)
        own = () if key is None else (str(key),)
        restarted = () if name is None else (name,) if shared else (name, *self._indices)
        return Change(self, _path=restarted or self._path + own, _trail=self._trail + own)

    def repetition(self, number: int) -> AbstractContextManager[None]:
        """Append the number of a repetition to the names of nodes within the context."""
        return Change(self, _indices=(*self._indices, str(number)))

    def copy(self, name: str) -> AbstractContextManager[None]:
        """Enter one of several copies that share their decisions, but not their weights."""
        return Change(self, _copies=(*self._copies, name))

    def bind(self, **values: int) -> AbstractContextManager[None]:
        """Give placeholders such as WIDTH these values within the context."""
        return Change(self, _bound={**self._bound, **values})

    def bound(self, name: str, factor: int, default: int | None = None) -> int:
        """Return the value of a placeholder here, or the default where it has none.

        Raises:
            SpaceError: The placeholder has no value here, and there is no default.
        """
        if name not in self._bound:
            if default is not None:
                return default
            raise SpaceError(
                f"{name.upper()} is undefined at {self.place}: it stands for the width or stride "
                "of the surrounding cell, stack or scope; write a number here"
            )
        return self._bound[name] * factor

    @abstractmethod
    def decide(self, point: OpenPoint) -> Iterator[Label]:
        """Yield each label or number to follow, its condition in force until the next one."""

    @abstractmethod
    def when(self, decision: str, values: Sequence[Label]) -> AbstractContextManager[bool]:
        """Enter a part that exists only for these values; the context is False to skip it."""

    @abstractmethod
    def emit(self, operation: Operation, inputs: Sequence[Ref], key: str | int = "") -> Ref:
        """Add an operation and return the reference to its result.

        Args:
            operation: The operation.
            inputs: References to what flows in.
            key: Distinguishes the operations of one node.
        """

    @abstractmethod
    def subgraph(
        self,
        name: str,
        inputs: int,
        expand: Callable[[tuple[Ref, ...]], Ref],
        channels: int | None = None,
    ) -> str:
        """Expand a part as a separate graph with its own inputs.

        Args:
            name: Name of the graph, such as "normal".
            inputs: Number of its inputs.
            expand: Assembles it from the references to its inputs.
            channels: Channels of each input, if known.

        Returns:
            The subgraph's name: the given one, or "normal 2" if that is taken.
        """

    def block(self, path: str, label: str, kind: str) -> AbstractContextManager[None]:
        """Mark the operations emitted within the context as one box of a picture."""
        return nullcontext()

    def layer_names(self, names: Mapping[str, str]) -> AbstractContextManager[None]:
        """Give the layers at these paths other names within the context."""
        return nullcontext()

    def topology_neutral(self) -> AbstractContextManager[None]:
        """Mark decisions within the context as irrelevant to the topology, such as widths."""
        return nullcontext()

    def option(self, decision: str, label: str, part: Part, x: Refs) -> Refs:
        """Expand an option of a choice between parts.

        Args:
            decision: Name of the choice.
            label: The option's label.
            part: The option.
            x: What flows in.
        """
        with self.inside(label, part), self.block(decision, label, "choice"):
            return part.expand(self, x)

    def vary(self, point: OpenPoint, follow: Callable[[Label], T]) -> T:
        """Evaluate an open setting.

        Args:
            point: The decision.
            follow: Evaluates the setting for a label or number.
        """
        return [follow(label) for label in self.decide(point)][-1]

    def choose(self, point: OpenPoint, follow: Callable[[Label], Refs]) -> Refs:
        """Expand a choice between parts.

        Args:
            point: The decision.
            follow: Expands the option with a label.

        Returns:
            What flows out of the choice.
        """
        return self.vary(point, follow)

    def perhaps(
        self, decision: str, values: Sequence[Label], x: Ref, follow: Callable[[], Ref]
    ) -> Ref:
        """Expand an optional part of a chain, such as a repetition.

        Args:
            decision: Name of the decision that the part depends on.
            values: Values for which the part exists; for all others, x passes unchanged.
            x: What flows in.
            follow: Expands the part.
        """
        with self.when(decision, values) as exists:
            return follow() if exists else x

    def optional(
        self, decision: str, values: Sequence[Label], follow: Callable[[], Ref]
    ) -> Ref | None:
        """Expand an optional term of a sum, such as an edge of a cell.

        Args:
            decision: Name of the decision that the term depends on.
            values: Values for which the term exists.
            follow: Expands the term.

        Returns:
            What flows out of the term; None if it does not exist.
        """
        with self.when(decision, values) as exists:
            return follow() if exists else None

    def pick(
        self, point: OpenPoint, nodes: Sequence[Ref], groups: Sequence[Sequence[int]]
    ) -> Sequence[Pick]:
        """Choose which node of a cell an input is connected to.

        Args:
            point: The decision; its labels are the numbers of the nodes.
            nodes: References to the results of the nodes.
            groups: The numbers of the nodes, grouped by the stride of what follows them.

        Returns:
            What follows is expanded for each of these; `picked` then combines the results.
        """
        number = self.vary(point, int)
        return [Pick(point.name, nodes[number], (number,))]

    def picked(self, decision: str, results: Sequence[Ref]) -> Ref:
        """Combine what follows each `Pick` of a decision."""
        return results[-1]

    def unused(self, nodes: Sequence[tuple[int, Ref]], picks: Sequence[Pick], key: str) -> Ref:
        """Concatenate the nodes of a cell that no input is connected to.

        Args:
            nodes: Number and result of each node.
            picks: What the inputs of all nodes are connected to.
            key: Key of the concatenation.
        """
        used = {number for pick in picks for number in pick.numbers}
        kept = [ref for number, ref in nodes if number not in used]
        return self.emit(Operation("concatenate"), kept, key)

    def vertex_key(self, key: str | int = "") -> str:
        """Return the key of an operation that is emitted here: the same in every architecture.

        Args:
            key: As in `emit`.
        """
        return vertex_key((*self._copies, *self._trail), str(key))


_ESCAPES = str.maketrans({"%": "%25", ".": "%2E", ":": "%3A"})


def vertex_key(place: Sequence[str], key: str = "") -> str:
    """Return a string that is different for different places in a tree.

    Args:
        place: Copies and keys of the nodes from the top of the tree; any strings.
        key: Distinguishes the operations of one node.

    Example:
        >>> vertex_key(("stage_1_normal_0", "2", "normal"), "node_1")
        'stage_1_normal_0.2.normal:node_1'
        >>> vertex_key(("rate", "0.5"))
        'rate.0%2E5'
    """
    path = ".".join(part.translate(_ESCAPES) for part in place)
    return f"{path}:{key}" if key else path
