"""Keys of vertices: one key is one place in the tree, in every architecture of a space."""

from collections.abc import Sequence
from typing import ClassVar

import numpy
import pytest

from nasbridge.spaces import (
    WIDTH,
    Cell,
    Chain,
    Choice,
    Integer,
    NodeCell,
    Operation,
    Repeat,
    SearchSpace,
    Stack,
    layer,
    library,
)
from nasbridge.spaces.graph.builder import GraphBuilder
from nasbridge.spaces.graph.collector import DecisionCollector
from nasbridge.spaces.graph.visitor import OpenPoint, Pick, Ref, vertex_key

Place = tuple[object, ...]

A = layer("A")
SPACES: dict[str, SearchSpace] = {
    "mlp": library.mlp(),
    "cnn": library.cnn(),
    "residual_cnn": library.residual_cnn(),
    "tabular": library.tabular(),
    "nas_bench_201": library.nas_bench_201(),
    "darts": library.darts(repeats=2),
    "nasnet": library.nasnet(nodes=3, repeats=2),
    "enas_micro": library.enas_micro(nodes=3, repeats=2),
    "tied repetitions": Repeat(Repeat(Chain(A, A), 2, tied=True), Integer(1, 3), tied=True),
    "labels with separators": Choice({"a.b": Choice({"c": A}), "a": Choice({"b:c": A, "b": A})}),
}


class Places(DecisionCollector):
    """Follows every option, also in every copy of a cell, and records where operations are."""

    def __init__(self) -> None:
        super().__init__()
        self.compact = False
        self.keys: dict[str, Place] = {}

    def pick(
        self, point: OpenPoint, nodes: Sequence[Ref], groups: Sequence[Sequence[int]]
    ) -> Sequence[Pick]:
        self.vary(point, int)
        return [Pick(point.name, nodes[group[0]], tuple(group)) for group in groups]

    def emit(self, operation: Operation, inputs: Sequence[Ref], key: str | int = "") -> Ref:
        place = (self._copies, self._trail, str(key))
        assert self.keys.setdefault(self.vertex_key(key) or operation.name, place) == place
        return 0


def keys_of_space(space: SearchSpace) -> dict[str, Place]:
    """Return the places of all operations that an architecture of the space can have."""
    places = Places()
    places.emit(Operation("input"), (), "input")
    space.discover(places)
    return places.keys


class Recording(GraphBuilder):
    """Records the place of every vertex of all graphs by its key."""

    places: ClassVar[dict[str, Place]] = {}

    def emit(self, operation: Operation, inputs: Sequence[Ref], key: str | int = "") -> Ref:
        place = (self._copies, self._trail, str(key))
        assert self.places.setdefault(self.vertex_key(key) or operation.name, place) == place
        return super().emit(operation, inputs, key)


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> dict[str, Place]:
    """The places of all vertices that are recorded from now on, by key."""
    monkeypatch.setattr("nasbridge.spaces.nodes.node.GraphBuilder", Recording)
    monkeypatch.setattr("nasbridge.spaces.nodes.space.GraphBuilder", Recording)
    monkeypatch.setattr(Recording, "places", {})
    return Recording.places


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_a_key_is_one_place_in_all_architectures(
    space: SearchSpace, recorded: dict[str, Place]
) -> None:
    expected, rng = keys_of_space(space), numpy.random.default_rng(0)
    for _ in range(30):
        keys = [vertex.key for vertex in space.sample(rng).graph().vertices]
        assert len(set(keys)) == len(keys)
        assert set(keys) <= expected.keys()
    assert recorded.items() <= expected.items()


def test_the_keys_of_all_architectures_are_those_of_the_space() -> None:
    operations = {"a": A, "b": Chain(A, A)}
    cell = NodeCell(operations, nodes=2, inputs=1, arity=1, combine=("add", "concatenate"))
    space = Chain(Repeat(A, Integer(0, 2)), cell)
    graphs = [architecture.graph() for architecture in space.enumerate()]
    found = {vertex.key for graph in graphs for vertex in graph.vertices}
    assert found == keys_of_space(space).keys()


def test_keys_do_not_depend_on_the_number_of_repetitions() -> None:
    cell = Cell({"a": layer("A", width=WIDTH)}, nodes=1, name="cell")
    space = Chain(Repeat(A, Integer(1, 2)), Stack(cell, A, repeats=Integer(1, 3), stages=2))
    few, many = (
        space.architecture({"0.times": n, "1.repeats": n, "cell.edge_0_1": "a"}).graph()
        for n in (1, 2)
    )
    assert {vertex.key for vertex in few.vertices} < {vertex.key for vertex in many.vertices}
    assert "stage_1_normal_0.1.normal.edge_0_1.a" in {vertex.key for vertex in few.vertices}


def test_copies_in_a_stack_are_named_after_stage_and_kind() -> None:
    cell = Cell({"a": A}, nodes=1, name="cell")
    graph = Stack(cell, A, repeats=2, stages=2).architecture({"cell.edge_0_1": "a"}).graph()
    copies = dict.fromkeys(vertex.path.partition(".")[0] for vertex in graph.vertices)
    assert list(copies) == [
        *("input", "stage_0_normal_0", "stage_0_normal_1"),
        *("stage_1_reduction", "stage_1_normal_0", "stage_1_normal_1"),
    ]


def test_a_key_is_unambiguous_for_any_strings() -> None:
    places = [("a.b",), ("a", "b"), ("a%2Eb",), ("a:b",)]
    keys = {vertex_key(place) for place in places} | {vertex_key(("a",), "b")}
    assert len(keys) == len(places) + 1
