"""Roles of decisions: what they determine."""

import pytest

from nasbridge.spaces import (
    WIDTH,
    Cell,
    Chain,
    Choice,
    Integer,
    Node,
    NodeCell,
    Real,
    Repeat,
    SearchSpace,
    Space,
    Stack,
    layer,
)
from nasbridge.spaces.nodes.composition import Scope

A, B = layer("A"), layer("B")
KINDS: dict[str, Node] = {"a": A, "b": B}


@pytest.mark.parametrize(
    ("space", "roles"),
    [
        (Choice(KINDS), {"choice": "operation"}),
        (Cell(KINDS, nodes=1), {"edge_0_1": "operation"}),
        (Repeat(A, Integer(0, 2)), {"times": "depth"}),
        (Scope(A, width=Integer(8, 16)), {"width": "width"}),
        (layer("Dense", units=Choice([8, 16])), {"units": "width"}),
        (layer("Conv2D", filters=8, strides=Choice([1, 2])), {"strides": "setting"}),
        (Space({"units": Choice([8, 16]), "rate": Real(0.1, 1)}), {"units": "setting"}),
        (
            Scope(layer("Dense", units=Choice({"2x": WIDTH * 2, "open": Integer(1, 4)})), width=4),
            {"part.units": "width", "part.units.open": "width"},
        ),
    ],
)
def test_role_follows_from_the_place(space: SearchSpace, roles: dict[str, str]) -> None:
    found = {decision.name: decision.role for decision in space.decisions}
    assert found.items() >= roles.items()


def test_cells_distinguish_inputs_and_operations() -> None:
    cell = NodeCell(KINDS, nodes=1, arity=1, combine=("add", "concatenate"))
    assert {decision.name: decision.role for decision in cell.decisions} == {
        "node_2_input_0": "inputs",
        "node_2_operation_0": "operation",
        "node_2_combine": "operation",
    }
    chosen = Cell(KINDS, nodes=1, inputs=2, choose=1)
    assert chosen.decisions[0].role == "inputs"


def test_stacks_have_a_depth_and_a_width() -> None:
    stack = Stack(Cell(KINDS, nodes=1), A, repeats=Integer(1, 2), width=Choice([8, 16]))
    assert [stack.decision(name).role for name in ("repeats", "width")] == ["depth", "width"]


def test_decision_in_several_places_has_the_first_of_their_roles() -> None:
    number = Integer(1, 3, name="number", shared=True)
    parts = (layer("A", size=number), Repeat(A, number), layer("Dense", units=number))
    for chain in (Chain(*parts), Chain(*reversed(parts))):
        assert chain.decision("number").role == "depth"
