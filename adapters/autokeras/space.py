"""The joint space of an AutoModel: the spaces of its blocks, and other hyperparameters."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

from numpy.random import Generator

from ...spaces import Architecture, Clause, Decision, Graph, Label, SearchSpace, Space, SpaceError
from ...spaces.graph.graph import HierarchicalGraph
from ...spaces.graph.visitor import OpenPoint, SpaceVisitor
from ...strategies import History

__all__ = ["ProductSpace", "unwrapped", "unwrapped_space"]


@dataclass(frozen=True, eq=False)
class ProductSpace(SearchSpace):
    """Several spaces as one, with the names that AutoKeras gives to decisions.

    Attributes:
        blocks: The space of each block by the block's name. The decision "width" of the block
            "nas_block" is called "nas_block/width".
        others: Other open hyperparameters by their names in AutoKeras.
    """

    blocks: Mapping[str, SearchSpace]
    others: Space | None = None

    def discover(self, visitor: SpaceVisitor) -> None:
        for name, space in self.blocks.items():
            for decision in space.decisions:
                _declare(visitor, decision, f"{name}/")
        for decision in () if self.others is None else self.others.decisions:
            _declare(visitor, decision, "")

    def resolve(
        self, choices: Mapping[str, Label], compact: bool = False
    ) -> Mapping[str, HierarchicalGraph | object]:
        parts: dict[str, HierarchicalGraph | object] = {}
        for name, space in self.blocks.items():
            resolved = space.resolve(_within(name, choices), compact)
            for part, found in resolved.items():
                called = name if len(resolved) == 1 else f"{name}/{part}"
                parts[called] = (
                    _renamed(found, name) if isinstance(found, HierarchicalGraph) else found
                )
        if self.others is not None:
            parts |= self.others.resolve(choices, compact)
        return parts

    def is_feasible(self, architecture: Architecture) -> bool:
        return all(
            space.is_feasible(Architecture(space, _within(name, architecture.choices)))
            for name, space in self.blocks.items()
        )

    def unconstrained(self) -> "ProductSpace":
        return ProductSpace(
            {n: space.unconstrained() for n, space in self.blocks.items()}, self.others
        )

    def sample(self, rng: Generator) -> Architecture:
        """Sample each space separately, so that rejections by constraints do not multiply."""
        drawn: dict[str, Any] = {}
        for name, space in self.blocks.items():
            drawn |= {f"{name}/{k}": v for k, v in space.sample(rng).choices.items()}
        if self.others is not None:
            drawn |= self.others.sample(rng).choices
        return self.architecture(drawn)

    @property
    def description(self) -> object:
        blocks = {name: space.description for name, space in self.blocks.items()}
        return [blocks, None if self.others is None else self.others.description]

    def to_json(self) -> str:
        """Raise an error: only the spaces of the blocks have JSON documents.

        Raises:
            SpaceError: Always.
        """
        raise SpaceError(
            f"the joint space of the blocks {', '.join(self.blocks)} has no JSON document: "
            "convert the space of each block instead"
        )


def _declare(visitor: SpaceVisitor, decision: Decision, prefix: str) -> None:
    """Declare a decision with a prefix to its name."""
    name = f"{prefix}{decision.name}"
    for condition in decision.conditions:
        with ExitStack() as stack:
            for clause in condition:
                asked = Clause(f"{prefix}{clause.decision}", clause.values)
                stack.enter_context(visitor.when(asked.decision, asked.values))
            point = OpenPoint(name, decision.domain, decision.options, name, decision.role)
            visitor.vary(point, str)


def _renamed(outline: HierarchicalGraph, block: str) -> HierarchicalGraph:
    """Rename the choices in a graph to those of the joint space, for surrogate models."""
    subgraphs = {name: _renamed_graph(graph, block) for name, graph in outline.subgraphs.items()}
    asked = tuple((f"{block}/{name}", chosen) for name, chosen in outline.asked)
    return HierarchicalGraph(_renamed_graph(outline.graph, block), subgraphs, asked)


def _renamed_graph(graph: Graph, block: str) -> Graph:
    vertices = [
        replace(v, blocks=tuple(replace(b, path=f"{block}/{b.path}") for b in v.blocks))
        for v in graph.vertices
    ]
    spans = tuple(replace(span, decision=f"{block}/{span.decision}") for span in graph.spans)
    return replace(graph, vertices=tuple(vertices), spans=spans)


def _within(block: str, choices: Mapping[str, Label]) -> dict[str, Label]:
    """Return the choices in a block, with the names of its own space."""
    prefix = f"{block}/"
    return {n.removeprefix(prefix): v for n, v in choices.items() if n.startswith(prefix)}


def unwrapped_space(space: SearchSpace) -> SearchSpace:
    """Return the space of a block, if that block is all that is searched."""
    if not isinstance(space, ProductSpace) or space.others is not None or len(space.blocks) != 1:
        return space
    (own,) = space.blocks.values()
    return own


def unwrapped(history: History) -> History:
    """Return a history in the space of a block, if that block is all that was searched."""
    space, own = history.space, unwrapped_space(history.space)
    if own is space or not isinstance(space, ProductSpace):
        return history
    (name,) = space.blocks
    trials = [
        replace(trial, architecture=own.architecture(_within(name, trial.architecture.choices)))
        for trial in history.trials
    ]
    return replace(history, space=own, trials=tuple(trials))
