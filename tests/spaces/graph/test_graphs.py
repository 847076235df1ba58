"""Graphs of architectures: operations, their inputs and their names."""

from collections.abc import Callable
from typing import Any

import pytest

from nasbridge.spaces import (
    STRIDE,
    WIDTH,
    Architecture,
    Cell,
    Chain,
    Choice,
    Graph,
    Integer,
    Node,
    NodeCell,
    Operation,
    Parallel,
    Repeat,
    SearchSpace,
    Space,
    SpaceError,
    Stack,
    Zero,
    layer,
    residual,
)
from nasbridge.spaces.nodes.composition import Scope
from nasbridge.spaces.nodes.primitives import Skip

A, B, C = layer("A"), layer("B"), layer("C")
SEEDS = range(40)


def formula(graph: Graph) -> str:
    """Return the output as an expression of the input x."""

    def term(position: int) -> str:
        vertex = graph.vertices[position]
        if vertex.operation.name == "input":
            return "x"
        name = {"add": "+", "concatenate": "|"}.get(vertex.operation.name, vertex.operation.name)
        settings = ",".join(str(value) for value in vertex.operation.config.values())
        inputs = " ".join(term(source) for source in vertex.inputs)
        return f"{name}{f'<{settings}>' if settings else ''}({inputs})"

    return term(graph.output)


def only(space: Node) -> Architecture:
    (architecture,) = space.enumerate()
    return architecture


def formulas(space: SearchSpace) -> list[str]:
    return [formula(architecture.graph()) for architecture in space.enumerate()]


@pytest.mark.parametrize(
    ("space", "expected"),
    [
        (A, "A(x)"),
        (Chain(A, B), "B(A(x))"),
        (Parallel(A, Chain(B, C)), "+(A(x) C(B(x)))"),
        (Parallel(A, B, merge="concatenate"), "|(A(x) B(x))"),
        (residual(A, B), "+(Identity(x) B(A(x)))"),
        (Repeat(A, 3), "A(A(A(x)))"),
        (Chain(Repeat(A, 0), B), "B(x)"),
        (Chain(A, Zero()), "zero<1>(A(x))"),
        (Skip(), "Identity(x)"),
        (Scope(layer("A", filters=WIDTH * 3), 4), "A<12>(x)"),
        (Scope(Chain(Scope(layer("A", w=WIDTH), 2), layer("B", w=WIDTH)), 4), "B<4>(A<2>(x))"),
    ],
)
def test_nodes_are_assembled_as_documented(space: Node, expected: str) -> None:
    assert formula(only(space).graph()) == expected


def test_chosen_options_are_expanded() -> None:
    nested = Choice({"b": B, "rest": Choice({"c": C, "none": Zero()}, name="inner")}, name="outer")
    assert formulas(Chain(A, nested)) == ["B(A(x))", "C(A(x))", "zero<1>(A(x))"]


def test_repetitions_follow_the_chosen_number() -> None:
    assert formulas(Repeat(A, Integer(0, 2))) == ["x", "A(x)", "A(A(x))"]
    assert formulas(Repeat(A, Choice([2, 1]))) == ["A(A(x))", "A(x)"]
    part = layer("A", n=Choice([1, 2], name="n"))
    tied = Repeat(part, 2, tied=True)
    assert formulas(tied) == ["A<1>(A<1>(x))", "A<2>(A<2>(x))"]
    assert formulas(Repeat(part, 2))[1] == "A<2>(A<1>(x))"


def test_settings_are_evaluated_at_any_depth() -> None:
    setting: Any = {"size": (Choice([1, 2], name="n"), [3, {"deep": Integer(4, 4, name="m")}])}
    space = layer("A", **setting, function=Choice({"off": None, "on": Integer(7, 7, name="k")}))
    configs = [
        architecture.graph().vertices[1].operation.config for architecture in space.enumerate()
    ]
    assert configs[0] == {"size": (1, [3, {"deep": 4}]), "function": None}
    assert configs[-1] == {"size": (2, [3, {"deep": 4}]), "function": 7}


def test_a_layer_may_be_a_setting_of_a_layer() -> None:
    wrapped = layer("Wrapper", layer=layer("Inner", units=Choice([1, 2])))
    operations = [a.graph().vertices[1].operation for a in wrapped.enumerate()]
    assert [o.config["layer"] for o in operations] == [
        Operation("Inner", {"units": 1}),
        Operation("Inner", {"units": 2}),
    ]
    either = layer("Wrapper", layer=Choice({"a": layer("A"), "b": layer("B")}))
    assert [a.graph().vertices[1].operation.config["layer"] for a in either.enumerate()] == [
        Operation("A"),
        Operation("B"),
    ]


def test_an_open_width_replaces_its_placeholders() -> None:
    hidden = Choice({"2x": WIDTH * 2, "4x": WIDTH * 4}, name="hidden")
    space = Scope(layer("A", units=hidden), width=Choice([8, 16], name="width"))
    assert formulas(space) == ["A<16>(x)", "A<32>(x)", "A<32>(x)", "A<64>(x)"]
    assert [a["hidden"] for a in space.enumerate()] == ["2x", "4x", "2x", "4x"]


def test_a_cell_has_an_operation_on_every_edge() -> None:
    assert formula(only(Cell({"a": A}, nodes=1)).graph()) == "+(A(x))"
    assert formula(only(Cell({"a": A}, nodes=2)).graph()) == "+(A(x) A(+(A(x))))"
    outputs = Cell({"a": A}, nodes=2, output="concatenate")
    assert formula(only(outputs).graph()) == "|(+(A(x)) +(A(x) A(+(A(x)))))"


def test_a_cell_with_chosen_inputs_has_edges_from_these_only() -> None:
    cell = Cell({"a": A, "b": B}, nodes=2, inputs=2, choose=2)
    names = [decision.name for decision in cell.decisions]
    assert names[:3] == ["node_2_inputs", "edge_0_2", "edge_1_2"]
    assert cell.decision("node_3_inputs").domain.values() == ("0+1", "0+2", "1+2")
    assert cell.count() == 2**2 * 3 * 2**2
    made = cell.architecture(
        {"node_2_inputs": "0+1", "edge_0_2": "a", "edge_1_2": "b"}
        | {"node_3_inputs": (1, 2), "edge_1_3": "a", "edge_2_3": "b"}
    )
    assert made["node_3_inputs"] == (1, 2)
    assert formula(made.graph()) == "+(A(x) B(+(A(x) B(x))))"


def test_a_node_cell_chooses_inputs_with_repetition() -> None:
    cell = NodeCell({"a": A}, nodes=2, inputs=1, combine=("add", "concatenate"))
    assert cell.count() == (1 * 1 * 2) * (2 * 2 * 2)
    made = cell.architecture(
        {"node_1_input_0": "0", "node_1_operation_0": "a"}
        | {"node_1_input_1": "0", "node_1_operation_1": "a", "node_1_combine": "concatenate"}
        | {"node_2_input_0": "1", "node_2_operation_0": "a"}
        | {"node_2_input_1": "1", "node_2_operation_1": "a", "node_2_combine": "add"}
    )
    assert formula(made.graph()) == "|(+(A(|(A(x) A(x))) A(|(A(x) A(x)))))"


def test_unused_nodes_are_the_output() -> None:
    cell = NodeCell({"a": A}, nodes=2, inputs=1, arity=1)
    used = {"node_1_input_0": 0, "node_1_operation_0": "a", "node_2_operation_0": "a"}
    chained = cell.architecture({**used, "node_2_input_0": 1})
    assert formula(chained.graph()) == "|(+(A(+(A(x)))))"
    apart = cell.architecture({**used, "node_2_input_0": 0})
    assert formula(apart.graph()) == "|(+(A(x)) +(A(x)))"
    everything = NodeCell({"a": A}, nodes=2, inputs=1, arity=1, output="concatenate")
    made = everything.architecture({**used, "node_2_input_0": 1})
    assert formula(made.graph()) == "|(+(A(x)) +(A(+(A(x)))))"


def test_only_edges_from_the_inputs_of_a_reduction_cell_are_strided() -> None:
    strided = {"a": layer("A", strides=STRIDE)}
    assert formula(only(Cell(strided, nodes=2)).graph()) == "+(A<1>(x) A<1>(+(A<1>(x))))"
    cell = Cell(strided, nodes=2, reduction=True)
    assert formula(only(cell).graph()) == "+(A<2>(x) A<1>(+(A<2>(x))))"
    nodes = NodeCell(strided, nodes=2, inputs=1, arity=1, reduction=True)
    chained = list(nodes.enumerate())[-1]
    assert formula(chained.graph()) == "|(+(A<1>(+(A<2>(x)))))"


def test_a_skip_halves_the_size_in_a_reduction_cell() -> None:
    cell = Cell({"skip": Skip()}, nodes=2, reduction=True)
    names = [v.operation.name for v in only(Scope(cell, width=6)).graph().vertices]
    assert names.count("factorized_reduction") == 2
    assert names.count("Identity") == 1


def test_a_stack_doubles_the_width_when_it_halves_the_size() -> None:
    cell = Cell({"a": layer("A", width=WIDTH)}, nodes=1)
    halve = layer("Halve", width=WIDTH, strides=STRIDE)
    stack = Stack(cell, halve, repeats=2, stages=2, width=4)
    assert formula(only(stack).graph()) == ("+(A<8>(+(A<8>(Halve<8,2>(+(A<4>(+(A<4>(x)))))))))")


def test_a_stack_of_one_stage_does_not_use_its_reduction() -> None:
    kinds = {"a": A, "b": B}
    normal, reduction = Cell(kinds, 1, name="n"), Cell(kinds, 1, name="r", reduction=True)
    assert [d.name for d in Stack(normal, reduction, stages=1).decisions] == ["n.edge_0_1"]
    assert len(Stack(normal, reduction, stages=2).decisions) == 2


def test_cells_with_two_inputs_use_the_two_previous_cells() -> None:
    cell = Cell({"skip": layer("Identity")}, nodes=1, inputs=2, output="last", name="n")
    stack = Stack(cell, layer("Halve"), repeats=1, stages=2, width=4)
    graph = only(Chain(A, stack)).graph()
    paths = [v.path for v in graph.vertices]
    # The first cell uses the stem twice; the last one uses the stem, before the halving, and Halve.
    assert "stage_0_normal_0.n.input_0_conv" in paths
    assert "stage_1_normal_0.n.input_0_reduce_0" in paths
    assert "stage_1_normal_0.n.input_1_conv" in paths
    reduce = graph.vertices[paths.index("stage_1_normal_0.n.input_0_reduce_0")]
    assert reduce.operation == Operation("factorized_reduction", {"filters": 8})


def test_an_open_number_of_cells_and_width_are_decisions() -> None:
    cell = Cell({"a": layer("A", width=WIDTH)}, nodes=1)
    space = Stack(cell, A, Integer(1, 2, name="n"), stages=1, width=Choice([3, 5], name="w"))
    made = space.architecture({"w": 5, "n": 2, "normal.edge_0_1": "a"})
    assert formula(made.graph()) == "+(A<5>(+(A<5>(x))))"


def test_a_hierarchical_graph_contains_each_cell_once() -> None:
    cell = Cell({"a": A}, nodes=1)
    stack = Chain(Stack(cell, B, repeats=5, stages=3), C)
    outline = only(stack).hierarchical_graph()
    assert [v.operation.name for v in outline.graph.vertices] == ["input", "stack", "C"]
    assert outline.graph.vertices[1].operation.config["repeats"] == 5
    assert {name: formula(panel) for name, panel in outline.subgraphs.items()} == {
        "normal": "+(A(x))",
        "reduction": "B(x)",
    }


def test_two_stacks_have_separate_subgraphs() -> None:
    first, second = Cell({"a": A}, nodes=1), Cell({"b": B}, nodes=1)
    outline = only(Chain(Stack(first, C), Stack(second, C))).hierarchical_graph()
    assert sorted(map(formula, outline.subgraphs.values())) == [
        "+(A(x))",
        "+(B(x))",
        "C(x)",
        "C(x)",
    ]


@pytest.mark.parametrize("seed", SEEDS)
def test_every_graph_is_in_topological_order_with_unique_names(
    seed: int, make_space: Callable[[int], SearchSpace]
) -> None:
    space = make_space(seed)
    for architecture in list(space.enumerate())[:50]:
        for graph in architecture_graphs(architecture):
            paths = [vertex.path for vertex in graph.vertices]
            assert len(set(paths)) == len(paths)
            assert graph.inputs == (0,)
            assert 0 <= graph.output < len(paths)
            for position, vertex in enumerate(graph.vertices):
                assert all(source < position for source in vertex.inputs)
                assert bool(vertex.inputs) == (position > 0)


def architecture_graphs(architecture: Architecture) -> list[Graph]:
    """Return the graphs of all networks; random mappings name them `first` and `second`."""
    parts = ("first", "second") if isinstance(architecture.space, Space) else (None,)
    return [architecture.graph(part) for part in parts]


def test_names_of_layers_do_not_depend_on_other_decisions() -> None:
    """This allows a child to inherit the weights of its parent."""
    space = Chain(Choice({"a": A, "b": B}, name="first"), Repeat(C, Integer(1, 2, name="n")), A)
    made = [a.graph() for a in space.enumerate()]
    last = {graph.vertices[-1].path for graph in made}
    assert last == {"2"}
    assert {graph.vertices[2].path for graph in made} == {"1.0"}


def test_one_of_several_networks_must_be_named() -> None:
    space = Space({"one": A, "two": B, "three": 3})
    architecture = next(space.enumerate())
    assert formula(architecture.graph("two")) == "B(x)"
    with pytest.raises(
        SpaceError, match=r"part=None is not a network of this space: use one of \['one', 'two'\]"
    ):
        architecture.graph()
    with pytest.raises(SpaceError, match="part='three' is not a network"):
        architecture.graph("three")
    with pytest.raises(SpaceError, match="this space contains values only, no network"):
        next(Space({"a": 1}).enumerate()).graph()
