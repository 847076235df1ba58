"""Folds: a visitor can follow several options and keep all of their results."""

from collections.abc import Callable, Mapping, Sequence
from math import prod

import pytest

from nasbridge.spaces import Cell, Chain, Choice, Integer, Node, NodeCell, Repeat, layer
from nasbridge.spaces.decisions.domains import Label
from nasbridge.spaces.graph.builder import GraphBuilder
from nasbridge.spaces.graph.collector import DecisionCollector
from nasbridge.spaces.graph.graph import Operation
from nasbridge.spaces.graph.visitor import OpenPoint, Ref, Refs
from nasbridge.spaces.nodes.node import one

A, B, C = layer("A"), layer("B"), layer("C")
KINDS: dict[str, Node] = {"a": A, "b": B}


class Counter(DecisionCollector):
    """Counts the results that flow out of a network: a reference is a number of alternatives."""

    def choose(self, point: OpenPoint, follow: Callable[[Label], Refs]) -> Refs:
        return sum(one(self, follow(label)) for label in self.decide(point))

    def perhaps(
        self, decision: str, values: Sequence[Label], x: Ref, follow: Callable[[], Ref]
    ) -> Ref:
        return x + follow()

    def emit(self, operation: Operation, inputs: Sequence[Ref], key: str | int = "") -> Ref:
        return prod(inputs)


@pytest.mark.parametrize(
    "space",
    [
        Choice(KINDS),
        Chain(Choice(KINDS), Choice({"a": A, "b": B, "c": C})),
        Repeat(Choice(KINDS), Integer(0, 1)),
        Chain(Repeat(A, Integer(1, 2)), Choice({"a": A, "nested": Chain(C, Choice(KINDS))})),
        Cell(KINDS, nodes=1),
    ],
)
def test_a_visitor_can_combine_all_options(space: Node) -> None:
    assert space.expand(Counter(), 1) == space.count()


def graph_of(node: Node, choices: Mapping[str, Label]) -> list[tuple[str, tuple[int, ...]]]:
    builder = GraphBuilder(choices)
    source = builder.emit(Operation("input"), (), "input")
    graph = builder.finish(one(builder, node.expand(builder, source))).graph
    return [(vertex.operation.name, vertex.inputs) for vertex in graph.vertices]


def test_unused_nodes_of_a_cell_are_concatenated() -> None:
    cell = NodeCell(KINDS, nodes=2, inputs=1, arity=1)
    choices = {"node_1_input_0": "0", "node_2_input_0": "0"}
    operations = {"node_1_operation_0": "a", "node_2_operation_0": "b"}
    both = [("input", ()), ("A", (0,)), ("add", (1,)), ("B", (0,)), ("add", (3,))]
    assert graph_of(cell, choices | operations) == [*both, ("concatenate", (2, 4))]
    chain = {**choices, "node_2_input_0": "1"} | operations
    assert graph_of(cell, chain)[-1] == ("concatenate", (4,))


def test_missing_terms_are_omitted() -> None:
    cell = Cell(KINDS, nodes=1, inputs=2, choose=1)
    assert graph_of(cell, {"node_2_inputs": "1", "edge_1_2": "b"}) == [
        ("input", ()),
        ("B", (0,)),
        ("add", (1,)),
    ]
