"""`Stack`: a network of cells with one shared description."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from ..errors import SpaceError
from ..graph.graph import Operation
from ..graph.visitor import Ref, Refs, SpaceVisitor
from .cells import Cell, CellNode
from .checks import WIDEST, check_count, check_name
from .node import Node, one
from .primitives import project
from .ranges import Integer
from .values import Choice, check_counts, evaluate

__all__ = ["Stack"]


@dataclass(frozen=True)
class Stack(Node):
    """A network of cells: stages of normal cells, with a reduction before each later stage.

    All normal cells share one description, and so do all reduction cells; weights are separate. The
    width doubles at each reduction. Cells with two inputs receive the outputs of the two previous
    cells, each projected to the cell's width by ReLU, a 1x1 convolution and batch normalization, or
    by a factorized reduction if there is a reduction in between.

    Layers are named after their copy of the cell: `stage_1_normal_0` is the first normal cell of
    the second stage, `stage_1_reduction` the reduction before it.

    Args:
        normal: The cell that keeps the size.
        reduction: The cell, or any other part, that halves the size; `STRIDE` is 2 in it.
        repeats: Number of normal cells in each stage: an int, an `Integer` or a `Choice` of ints.
        stages: Number of stages.
        width: Channels in the first stage: an int, an `Integer` or a `Choice` of ints.
        name: Restarts the path of the decisions inside.

    Raises:
        SpaceError: An argument is invalid.

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
            raise SpaceError(
                f"normal={self.normal!r} of a Stack is not a cell: give a Cell or a NodeCell"
            )
        if not isinstance(cast(object, self.reduction), Node):
            raise SpaceError(
                f"reduction={self.reduction!r} of a Stack is not a node: give a Cell or layers"
            )
        check_count(self.stages, "stages= of a Stack")
        check_counts(self.repeats, "repeats= of a Stack")
        check_counts(self.width, "width= of a Stack", most=WIDEST)
        if isinstance(self.reduction, CellNode) and not self.reduction.reduction:
            raise SpaceError(
                "the reduction cell of a Stack does not reduce the size: set reduction=True"
            )

    def expand(self, visitor: SpaceVisitor, x: Refs) -> Refs:
        x = one(visitor, x)
        with visitor.topology_neutral():  # they do not change the graph of a compact traversal
            width = cast(int, evaluate(visitor, self.width, "width", "width"))
            repeats = cast(int, evaluate(visitor, self.repeats, "repeats", "depth"))
        if visitor.compact:
            config = dict[str, int | str](stages=self.stages, repeats=repeats, width=width)
            config["normal"] = self._subgraph(visitor, "normal", self.normal, width)
            if self.stages > 1:
                config["reduction"] = self._subgraph(visitor, "reduction", self.reduction, width)
            return visitor.emit(Operation("stack", config), (x,), "stack")
        outputs = [(x, 0)]  # the result of each cell, and its stage
        for stage in range(self.stages):
            with visitor.bind(width=width * 2**stage):
                if stage:
                    with visitor.copy(f"stage_{stage}_reduction"):
                        outputs.append((self._cell(visitor, "reduction", outputs), stage))
                for number in range(repeats):
                    with visitor.copy(f"stage_{stage}_normal_{number}"):
                        outputs.append((self._cell(visitor, "normal", outputs), stage))
        return outputs[-1][0]

    def _cell(self, visitor: SpaceVisitor, key: str, outputs: Sequence[tuple[Ref, int]]) -> Ref:
        """Expand one copy of a cell after the given outputs of previous cells."""
        number, cell = len(outputs) - 1, self.normal if key == "normal" else self.reduction
        with visitor.block(visitor.here, f"{key} cell", "cell"), visitor.inside(key, cell):
            if not isinstance(cell, CellNode):
                with visitor.bind(stride=2):
                    return one(visitor, cell.expand(visitor, outputs[-1][0]))
            if cell.inputs == 1:
                return cell.join(visitor, (outputs[-1][0],))
            recent = [outputs[max(number - back, 0)] for back in reversed(range(cell.inputs))]
            newest = recent[-1][1]
            sources = [
                project(visitor, y, f"input_{k}", halvings=newest - made)
                for k, (y, made) in enumerate(recent)
            ]
            return cell.join(visitor, sources)

    def _subgraph(self, visitor: SpaceVisitor, key: str, cell: Node, width: int) -> str:
        inputs = cell.inputs if isinstance(cell, CellNode) else 1

        def expand(sources: tuple[Ref, ...]) -> Ref:
            with visitor.inside(key, cell), visitor.bind(width=width, stride=2):
                if isinstance(cell, CellNode):
                    return cell.join(visitor, sources)
                return one(visitor, cell.expand(visitor, sources[0]))

        # Several inputs are projected to the width; a single one comes from a cell of that width.
        known = inputs > 1 or (key == "normal" and isinstance(cell, Cell))
        return visitor.subgraph(key, inputs, expand, width if known else None)
