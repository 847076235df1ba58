"""What an AutoModel searches with us: the spaces of its blocks, and other hyperparameters."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

from numpy.random import Generator

from ...spaces import Architecture, Clause, Decision, Graph, Label, SearchSpace, Space, SpaceError
from ...spaces.graph.graph import HierarchicalGraph
from ...spaces.graph.visitor import OpenPoint, SpaceVisitor
from ...strategies import History

__all__ = ["ProductSpace", "alone"]


@dataclass(frozen=True, eq=False)
class ProductSpace(SearchSpace):
    """Several spaces as one, each decision under the name that AutoKeras gives it.

    Attributes:
        blocks: The space of each block by the block's name, as "nas_block": its decisions are
            "nas_block/width" and so on.
        others: Open values of other hyperparameters by their names in AutoKeras.
    """

    blocks: Mapping[str, SearchSpace]
    others: Space | None = None

    def discover(self, walk: SpaceVisitor) -> None:
        for name, space in self.blocks.items():
            for decision in space.decisions:
                _declare(walk, decision, f"{name}/")
        for decision in () if self.others is None else self.others.decisions:
            _declare(walk, decision, "")

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
        """Draw from each space by itself, so that constraints do not multiply."""
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
        """Raise an error: each block's own space has a document.

        Raises:
            SpaceError: Always.
        """
        raise SpaceError(
            f"the joint space of the blocks {', '.join(self.blocks)} has no document of its own: "
            "write those of the blocks' spaces"
        )


def _declare(walk: SpaceVisitor, decision: Decision, prefix: str) -> None:
    """Let a walk see a decision under another name."""
    name = f"{prefix}{decision.name}"
    for condition in decision.conditions:
        with ExitStack() as stack:
            for clause in condition:
                asked = Clause(f"{prefix}{clause.decision}", clause.values)
                stack.enter_context(walk.when(asked.decision, asked.values))
            point = OpenPoint(name, decision.domain, decision.options, name, decision.role)
            walk.vary(point, str)


def _renamed(outline: HierarchicalGraph, block: str) -> HierarchicalGraph:
    """Let the choices that a picture names be those of the joint space: models of quality ask."""
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
    """Return what is chosen in a block, under the names of its own space."""
    prefix = f"{block}/"
    return {n.removeprefix(prefix): v for n, v in choices.items() if n.startswith(prefix)}


def alone(history: History) -> History:
    """Return a history in a block's own space, where that is all that was searched."""
    space = history.space
    if not isinstance(space, ProductSpace) or space.others is not None or len(space.blocks) != 1:
        return history
    ((name, own),) = space.blocks.items()
    trials = [
        replace(trial, architecture=own.architecture(_within(name, trial.architecture.choices)))
        for trial in history.trials
    ]
    return replace(history, space=own, trials=tuple(trials))
