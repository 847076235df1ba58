"""Cells: small directed acyclic graphs of operations, which networks are stacked from.

`Cell` has its operations on edges (NAS-Bench-201, DARTS); `NodeCell` has them on nodes that also
choose their inputs (NASNet, ENAS). `Stack` repeats them with one shared description.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Literal, cast

from ..decisions.domains import Categorical, Label
from ..errors import SpaceError
from ..graph.graph import Operation
from ..graph.walk import Ref, SpaceVisitor
from .node import Node
from .primitives import project
from .values import WIDEST, Choice, Integer, check_count, check_counts, check_name, evaluate

__all__ = ["Cell", "CellNode", "NodeCell", "Stack"]


class CellNode(Node):
    """What both kinds of cells are: a node with one or two inputs.

    Attributes:
        operations: Labels to sub-trees.
        inputs: Number of inputs; in a stack, the outputs of that many cells before it.
        reduction: Whether its operations on inputs have stride 2.
    """

    operations: Mapping[str, Node]
    inputs: int
    reduction: bool

    @cached_property
    def domain(self) -> Categorical:
        """The operations that each place in the cell can choose from."""
        return Categorical(tuple(self.operations))

    @abstractmethod
    def join(self, walk: SpaceVisitor, sources: Sequence[Ref]) -> Ref:
        """Put the cell together from its inputs, widths and strides being bound."""

    def expand(self, walk: SpaceVisitor, x: Ref) -> Ref:
        return self.join(walk, (x,) * self.inputs)


def _check_cell(cell: "Cell | NodeCell") -> None:
    check_name(cell.name)
    what = type(cell).__name__
    if not isinstance(cast(object, cell.operations), Mapping) or not cell.operations:
        raise SpaceError(f"a {what} needs a dict of labels to operations, not {cell.operations!r}")
    cell.domain  # noqa: B018  (bad labels are an error here, not later)
    for label, option in cell.operations.items():
        if not isinstance(cast(object, option), Node):
            raise SpaceError(
                f"the operation {label!r} of a {what} is {option!r}: write it as layer(...)"
            )
    object.__setattr__(cell, "operations", dict(cell.operations))
    for field in ("nodes", "inputs"):
        check_count(getattr(cell, field), f"{field}= of a {what}")


def _operate(walk: SpaceVisitor, cell: "Cell | NodeCell", key: str, x: Ref, strided: bool) -> Ref:
    """Decide which operation stands here, and put it there."""
    domain, result = cell.domain, x
    with walk.inside(key):
        path = walk.here
        identity = (id(cell), key)
        for label, _ in walk.decide(path, domain, domain.labels, identity):
            chosen = str(label)
            option = cell.operations[chosen]
            with walk.bind(stride=2 if strided else 1):
                result = walk.option(path, chosen, option, x)
    return result


@dataclass(frozen=True)
class Cell(CellNode):
    """A cell with an operation on every edge, or on a chosen number of edges into each node.

    The inputs are nodes 0 .. inputs - 1; every later node sums up what its edges bring.

    Args:
        operations: Labels to sub-trees; `WIDTH` and `STRIDE` in their settings are filled in.
        nodes: Number of nodes after the inputs.
        inputs: 1, or 2 for the outputs of the two cells before.
        choose: How many different earlier nodes each node takes; None takes all of them.
        output: "last" node, or "concatenate" all nodes after the inputs.
        reduction: Whether edges that leave an input have stride 2.
        name: Restarts the path of the decisions inside, as "normal".

    Raises:
        SpaceError: The description has no meaning.

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
        if self.choose is not None:  # the first node has only the inputs before it
            check_count(self.choose, "choose= of a Cell", most=self.inputs)
        if self.output not in ("last", "concatenate"):
            raise SpaceError(f'output={self.output!r} is unknown: "last" or "concatenate"')

    def join(self, walk: SpaceVisitor, sources: Sequence[Ref]) -> Ref:
        nodes = list(sources)
        for number in range(self.inputs, self.inputs + self.nodes):
            with walk.block(f"{walk.here}.node_{number}", f"node {number}", "node"):
                ends = self._edges(walk, number, nodes)
                nodes.append(walk.emit(Operation("add"), ends, f"node_{number}"))
        if self.output == "last":
            return nodes[-1]
        return walk.emit(Operation("concatenate"), nodes[self.inputs :], "output")

    def _edges(self, walk: SpaceVisitor, number: int, nodes: Sequence[Ref]) -> list[Ref]:
        if self.choose is None:
            return [self._edge(walk, number, source, nodes) for source in range(number)]
        ends: list[Ref] = []
        pairs = list(combinations(range(number), self.choose))
        domain = Categorical(tuple("+".join(map(str, pair)) for pair in pairs))
        with walk.inside(f"node_{number}_inputs"):
            path = walk.here
        for _ in walk.decide(path, domain, pairs, (id(self), number)):
            pass
        for source in range(number):
            having = tuple(
                label for label, pair in zip(domain.labels, pairs, strict=True) if source in pair
            )
            with walk.when(path, having) as there:
                if there:
                    ends.append(self._edge(walk, number, source, nodes))
        return ends

    def _edge(self, walk: SpaceVisitor, number: int, source: int, nodes: Sequence[Ref]) -> Ref:
        strided = self.reduction and source < self.inputs
        return _operate(walk, self, f"edge_{source}_{number}", nodes[source], strided)


@dataclass(frozen=True)
class NodeCell(CellNode):
    """A cell whose nodes choose their inputs, with repetition, and an operation for each.

    Args:
        operations: Labels to sub-trees; `WIDTH` and `STRIDE` in their settings are filled in.
        nodes: Number of nodes after the inputs (B in the papers).
        inputs: 1, or 2 for the outputs of the two cells before.
        arity: How many inputs each node takes.
        combine: How a node may merge them; several make a decision.
        output: "unused" concatenates the nodes that no other node takes, "concatenate" all.
        reduction: Whether operations on the cell's inputs have stride 2.
        name: Restarts the path of the decisions inside, as "normal".

    Raises:
        SpaceError: The description has no meaning.

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
            raise SpaceError(f'combine={self.combine!r}: take "add", "concatenate" or both')
        if self.output not in ("unused", "concatenate"):
            raise SpaceError(f'output={self.output!r} is unknown: "unused" or "concatenate"')

    def join(self, walk: SpaceVisitor, sources: Sequence[Ref]) -> Ref:
        nodes, used = list(sources), set[int]()
        for number in range(self.inputs, self.inputs + self.nodes):
            with walk.block(f"{walk.here}.node_{number}", f"node {number}", "node"):
                ends = [self._slot(walk, number, slot, nodes, used) for slot in range(self.arity)]
                nodes.append(self._merge(walk, number, ends))
        ours = range(self.inputs, len(nodes))
        kept = [k for k in ours if self.output == "concatenate" or k not in used]
        return walk.emit(Operation("concatenate"), [nodes[k] for k in kept], "output")

    def _slot(
        self, walk: SpaceVisitor, number: int, slot: int, nodes: Sequence[Ref], used: set[int]
    ) -> Ref:
        domain = Categorical(tuple(map(str, range(number))))
        with walk.inside(f"node_{number}_input_{slot}"):
            path = walk.here
        source: Label = 0
        for label, _ in walk.decide(path, domain, tuple(range(number)), (id(self), number, slot)):
            source = label
        used.add(int(source))
        strided = self.reduction and int(source) < self.inputs
        key = f"node_{number}_operation_{slot}"
        return _operate(walk, self, key, nodes[int(source)], strided)

    def _merge(self, walk: SpaceVisitor, number: int, ends: Sequence[Ref]) -> Ref:
        how: Label = self.combine[0]
        if len(self.combine) > 1:
            domain = Categorical(self.combine)
            with walk.inside(f"node_{number}_combine"):
                for label, _ in walk.decide(walk.here, domain, self.combine, (id(self), number)):
                    how = label
        return walk.emit(Operation(str(how)), ends, f"node_{number}")


@dataclass(frozen=True)
class Stack(Node):
    """A network of cells: stages of normal cells with a reduction before each later stage.

    All normal cells have one description, and so have all reduction cells; each has weights of
    its own. The width doubles at each reduction. Cells with two inputs take the outputs of the two
    cells before, each brought to the cell's width by ReLU-Conv1x1-BN, or by a factorized
    reduction where a reduction lies between.

    Args:
        normal: The cell that keeps the size.
        reduction: The cell (or any other part) that halves it; bound `STRIDE` is 2.
        repeats: Normal cells in each stage: an int, an `Integer` or a `Choice` of ints.
        stages: Number of stages.
        width: Channels in the first stage: an int, an `Integer` or a `Choice` of ints.
        name: Restarts the path of the decisions inside.

    Raises:
        SpaceError: The description has no meaning.

    References:
        Zoph et al. 2018, NASNet, arXiv:1707.07012, section 3.
    """

    normal: CellNode
    reduction: Node
    repeats: int | Integer | Choice = 2
    stages: int = 3
    width: int | Integer | Choice = 16
    name: str | None = None

    def __post_init__(self) -> None:
        check_name(self.name)
        if not isinstance(cast(object, self.normal), CellNode):
            raise SpaceError(f"normal={self.normal!r} of a Stack: give a Cell or a NodeCell")
        if not isinstance(cast(object, self.reduction), Node):
            raise SpaceError(f"reduction={self.reduction!r} of a Stack: give a Cell or layers")
        check_count(self.stages, "stages= of a Stack")
        check_counts(self.repeats, "repeats= of a Stack")
        check_counts(self.width, "width= of a Stack", most=WIDEST)
        if isinstance(self.reduction, CellNode) and not self.reduction.reduction:
            raise SpaceError("the reduction cell of a Stack keeps its size: give reduction=True")

    def expand(self, walk: SpaceVisitor, x: Ref) -> Ref:
        with walk.topology_neutral():  # in a brief walk, for which alone it counts
            width = cast(int, evaluate(walk, self.width, "width"))
            repeats = cast(int, evaluate(walk, self.repeats, "repeats"))
        if walk.compact:
            config = dict[str, int | str](stages=self.stages, repeats=repeats, width=width)
            config["normal"] = self._panel(walk, "normal", self.normal, width)
            if self.stages > 1:
                config["reduction"] = self._panel(walk, "reduction", self.reduction, width)
            return walk.emit(Operation("stack", config), (x,), "stack")
        outputs = [(x, 0)]  # what each cell gave, and in which stage
        for stage in range(self.stages):
            cells = [("reduction", self.reduction)] if stage else []
            cells += [("normal", self.normal)] * repeats
            for key, cell in cells:
                with walk.bind(width=width * 2**stage):
                    y = self._cell(walk, key, cell, outputs, stage)
                outputs.append((y, stage))
        return outputs[-1][0]

    def _cell(
        self,
        walk: SpaceVisitor,
        key: str,
        cell: Node,
        outputs: Sequence[tuple[Ref, int]],
        stage: int,
    ) -> Ref:
        number = len(outputs) - 1
        with (
            walk.copy(f"cell_{number}"),
            walk.block(walk.here, f"{key} cell", "cell"),
            walk.inside(key, cell),
        ):
            if not isinstance(cell, CellNode):
                with walk.bind(stride=2):
                    return cell.expand(walk, outputs[-1][0])
            if cell.inputs == 1:
                return cell.join(walk, (outputs[-1][0],))
            recent = [outputs[max(number - back, 0)] for back in reversed(range(cell.inputs))]
            newest = recent[-1][1]
            sources = [
                project(walk, y, f"input_{k}", halvings=newest - made)
                for k, (y, made) in enumerate(recent)
            ]
            return cell.join(walk, sources)

    def _panel(self, walk: SpaceVisitor, key: str, cell: Node, width: int) -> str:
        inputs = cell.inputs if isinstance(cell, CellNode) else 1

        def draw(sources: tuple[Ref, ...]) -> Ref:
            with walk.inside(key, cell), walk.bind(width=width, stride=2):
                if isinstance(cell, CellNode):
                    return cell.join(walk, sources)
                return cell.expand(walk, sources[0])

        # two inputs are projected to the width; a single one comes from a cell of that width
        known = inputs > 1 or (key == "normal" and isinstance(cell, Cell))
        return walk.subgraph(key, inputs, draw, width if known else None)
