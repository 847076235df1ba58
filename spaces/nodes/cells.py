"""Cells: small directed acyclic graphs of operations, from which networks are stacked.

A `Cell` has its operations on edges (NAS-Bench-201, DARTS). A `NodeCell` has them on nodes, which
also choose their inputs (NASNet, ENAS).
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import combinations
from typing import Literal, cast

from ..decisions.domains import Categorical, Label
from ..errors import SpaceError
from ..graph.graph import Operation
from ..graph.visitor import OpenPoint, Pick, Ref, Refs, SpaceVisitor
from .checks import check_count, check_name
from .node import Node, one

__all__ = ["Cell", "CellNode", "NodeCell"]


class CellNode(Node):
    """Base class of cells: nodes with one or more inputs.

    Attributes:
        operations: The sub-trees to choose from, by label.
        inputs: Number of inputs; in a stack, the outputs of that many previous cells.
        reduction: Whether its operations on inputs have stride 2.
    """

    operations: Mapping[str, Node]
    inputs: int
    reduction: bool

    @cached_property
    def domain(self) -> Categorical:
        """The operations to choose from in each place of the cell."""
        return Categorical(tuple(self.operations))

    @abstractmethod
    def join(self, visitor: SpaceVisitor, sources: Sequence[Ref]) -> Ref:
        """Assemble the cell from its inputs, within a context that binds width and stride."""

    def expand(self, visitor: SpaceVisitor, x: Refs) -> Refs:
        return self.join(visitor, (one(visitor, x),) * self.inputs)


def _check_cell(cell: "Cell | NodeCell") -> None:
    check_name(cell.name)
    what = type(cell).__name__
    if not isinstance(cast(object, cell.operations), Mapping) or not cell.operations:
        raise SpaceError(
            f"a {what} needs a dict from labels to operations, not {cell.operations!r}"
        )
    cell.domain  # noqa: B018  (raises for invalid labels)
    for label, option in cell.operations.items():
        if not isinstance(cast(object, option), Node):
            raise SpaceError(
                f"the operation {label!r} of a {what} is {option!r}: write it as layer(...)"
            )
    object.__setattr__(cell, "operations", dict(cell.operations))
    for field in ("nodes", "inputs"):
        check_count(getattr(cell, field), f"{field}= of a {what}")


def _operate(
    visitor: SpaceVisitor, cell: "Cell | NodeCell", key: str, x: Ref, strided: bool
) -> Ref:
    """Expand the choice of an operation in one place of a cell."""
    domain = cell.domain
    with visitor.inside(key):
        path = visitor.here

        def follow(label: Label) -> Refs:
            with visitor.bind(stride=2 if strided else 1):
                return visitor.option(path, str(label), cell.operations[str(label)], x)

        point = OpenPoint(path, domain, domain.labels, (id(cell), key), "operation")
        return one(visitor, visitor.choose(point, follow))


@dataclass(frozen=True)
class Cell(CellNode):
    """A cell with an operation on every edge, or on a chosen number of edges into each node.

    The inputs are nodes 0 .. inputs - 1; every later node is the sum of its incoming edges.

    Args:
        operations: The sub-trees to choose from, by label; the cell defines `WIDTH` and `STRIDE`
            in their settings.
        nodes: Number of nodes after the inputs.
        inputs: 1, or 2 for the outputs of the two previous cells.
        choose: Number of different earlier nodes that each node is connected to; None for all.
        output: "last" node, or "concatenate" all nodes after the inputs.
        reduction: Whether edges from an input have stride 2.
        name: Restarts the path of the decisions inside, such as "normal".

    Raises:
        SpaceError: An argument is invalid.

    References:
        Dong & Yang 2020, NAS-Bench-201, arXiv:2001.00326; Liu et al. 2019, DARTS,
        arXiv:1806.09055.
    """

    operations: Mapping[str, Node]
    nodes: int
    inputs: int = 1
    choose: int | None = None
    output: Literal["last", "concatenate"] = "last"
    reduction: bool = False
    name: str | None = None

    def __post_init__(self) -> None:
        _check_cell(self)
        if self.choose is not None:  # the first node can only choose inputs
            check_count(self.choose, "choose= of a Cell", most=self.inputs)
        if self.output not in ("last", "concatenate"):
            raise SpaceError(f'output={self.output!r} is unknown: use "last" or "concatenate"')

    def join(self, visitor: SpaceVisitor, sources: Sequence[Ref]) -> Ref:
        nodes = list(sources)
        for number in range(self.inputs, self.inputs + self.nodes):
            with visitor.block(f"{visitor.here}.node_{number}", f"node {number}", "node"):
                ends = self._edges(visitor, number, nodes)
                nodes.append(visitor.emit(Operation("add"), ends, f"node_{number}"))
        if self.output == "last":
            return nodes[-1]
        return visitor.emit(Operation("concatenate"), nodes[self.inputs :], "output")

    def _edges(self, visitor: SpaceVisitor, number: int, nodes: Sequence[Ref]) -> list[Ref]:
        if self.choose is None:
            return [self._edge(visitor, number, source, nodes) for source in range(number)]
        ends: list[Ref] = []
        pairs = list(combinations(range(number), self.choose))
        domain = Categorical(tuple("+".join(map(str, pair)) for pair in pairs))
        with visitor.inside(f"node_{number}_inputs"):
            path = visitor.here
        visitor.vary(OpenPoint(path, domain, pairs, (id(self), number), "inputs"), str)
        for source in range(number):
            having = tuple(
                label for label, pair in zip(domain.labels, pairs, strict=True) if source in pair
            )
            end = visitor.optional(
                path, having, partial(self._edge, visitor, number, source, nodes)
            )
            if end is not None:
                ends.append(end)
        return ends

    def _edge(self, visitor: SpaceVisitor, number: int, source: int, nodes: Sequence[Ref]) -> Ref:
        strided = self.reduction and source < self.inputs
        return _operate(visitor, self, f"edge_{source}_{number}", nodes[source], strided)


@dataclass(frozen=True)
class NodeCell(CellNode):
    """A cell whose nodes choose their inputs, with repetition, and an operation for each input.

    Args:
        operations: The sub-trees to choose from, by label; the cell defines `WIDTH` and `STRIDE`
            in their settings.
        nodes: Number of nodes after the inputs (B in the papers).
        inputs: 1, or 2 for the outputs of the two previous cells.
        arity: Number of inputs of each node.
        combine: How a node may merge its inputs; several ways make a decision.
        output: "unused" concatenates the nodes that are not an input of another node,
            "concatenate" all nodes.
        reduction: Whether operations on the cell's inputs have stride 2.
        name: Restarts the path of the decisions inside, such as "normal".

    Raises:
        SpaceError: An argument is invalid.

    References:
        Zoph et al. 2018, NASNet, arXiv:1707.07012; Pham et al. 2018, ENAS, arXiv:1802.03268.
    """

    operations: Mapping[str, Node]
    nodes: int
    inputs: int = 2
    arity: int = 2
    combine: tuple[Literal["add", "concatenate"], ...] = ("add",)
    output: Literal["unused", "concatenate"] = "unused"
    reduction: bool = False
    name: str | None = None

    def __post_init__(self) -> None:
        _check_cell(self)
        check_count(self.arity, "arity= of a NodeCell")
        object.__setattr__(self, "combine", tuple(self.combine))
        if not self.combine or not set(self.combine) <= {"add", "concatenate"}:
            raise SpaceError(
                f'combine={self.combine!r} is invalid: use "add", "concatenate" or both'
            )
        if self.output not in ("unused", "concatenate"):
            raise SpaceError(f'output={self.output!r} is unknown: use "unused" or "concatenate"')

    def join(self, visitor: SpaceVisitor, sources: Sequence[Ref]) -> Ref:
        nodes, picks = list(sources), list[Pick]()
        for number in range(self.inputs, self.inputs + self.nodes):
            with visitor.block(f"{visitor.here}.node_{number}", f"node {number}", "node"):
                ends = [
                    self._input(visitor, number, slot, nodes, picks) for slot in range(self.arity)
                ]
                nodes.append(self._merge(visitor, number, ends))
        inner = [(number, nodes[number]) for number in range(self.inputs, len(nodes))]
        if self.output == "concatenate":
            return visitor.emit(Operation("concatenate"), [node for _, node in inner], "output")
        return visitor.unused(inner, picks, "output")

    def _input(
        self, visitor: SpaceVisitor, number: int, slot: int, nodes: Sequence[Ref], picks: list[Pick]
    ) -> Ref:
        """Expand one input of a node, and record what it may be connected to."""
        domain = Categorical(tuple(map(str, range(number))))
        with visitor.inside(f"node_{number}_input_{slot}"):
            path = visitor.here
        identity = (id(self), number, slot)
        point = OpenPoint(path, domain, tuple(range(number)), identity, "inputs")
        split = self.inputs if self.reduction else number
        groups = [group for group in (range(split), range(split, number)) if group]
        found = visitor.pick(point, nodes, groups)
        picks.extend(found)
        key = f"node_{number}_operation_{slot}"
        ends = [
            _operate(visitor, self, key, pick.source, self.reduction and pick.numbers[0] < split)
            for pick in found
        ]
        return visitor.picked(path, ends)

    def _merge(self, visitor: SpaceVisitor, number: int, ends: Sequence[Ref]) -> Ref:
        def merge(how: Label) -> Ref:
            return visitor.emit(Operation(str(how)), ends, f"node_{number}")

        if len(self.combine) == 1:
            return merge(self.combine[0])
        with visitor.inside(f"node_{number}_combine"):
            path = visitor.here
        domain = Categorical(self.combine)
        point = OpenPoint(path, domain, self.combine, (id(self), number), "operation")
        return one(visitor, visitor.choose(point, merge))
