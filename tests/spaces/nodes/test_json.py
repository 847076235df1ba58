"""Spaces as JSON: round trips, and errors for invalid documents."""

import copy
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any, cast

import numpy
import pytest
from numpy.random import Generator

from nasbridge.spaces import (
    WIDTH,
    Cell,
    Chain,
    Choice,
    Integer,
    Node,
    Real,
    Repeat,
    SearchSpace,
    Space,
    SpaceError,
    SpaceFormatError,
    Stack,
    from_json,
    layer,
    library,
)
from nasbridge.spaces.nodes.composition import Scope
from nasbridge.spaces.nodes.documents import to_document
from nasbridge.spaces.nodes.primitives import Skip

Make = Callable[[int], SearchSpace]
Document = dict[str, Any]

UNITS = Choice([1, 2], name="units")
BLOCK = Chain(layer("Dense", units=Choice([1, 2])), name="block")
CELL = Cell({"a": layer("A"), "skip": Skip()}, nodes=1)

EVERYTHING: list[SearchSpace] = [
    Space({"f": Integer(1, 8, factor=2), "r": Real(0.1, 1, factor=1.5)}),
    Space({"r": Real(0.1, 1, step=0.3), "o": Real(0.1, 1, log=True, step=0.3, origin=0)}),
    Space({"n": Integer(1, 9, step=2, log=True, name="n"), "r": Real(0.1, 1, log=True), "c": None}),
    Space({"o": Choice([None, True, 1, 1.5, "x", (3, 3), [1, (2,)], {"a": {"b": 1}}, 10**30])}),
    Space({"kind": "Choice", "same": {"same": 0}, "nested": {"kind": {"tuple": [1]}}}),
    Chain(layer("Dense", units=UNITS), layer("Dense", units=UNITS)),
    Chain(BLOCK, layer("ReLU"), BLOCK),
    Chain(Stack(CELL, Scope(layer("A", w=WIDTH * 2), 4), stages=2), CELL),
    Repeat(layer("A", n=Choice([1, 2], name="n", shared=True)), Choice([1, 2]), tied=True),
    layer("package.module:Class", wrapped=layer("LSTM", units=Choice([1, 2])), name="top"),
    Choice({"é\n\ud800": layer("A"), 'a"b': layer("B")}),
    Choice({"z": layer("A"), "a": layer("B"), "m": layer("C")}),
]

LIBRARY: list[SearchSpace] = [
    library.mlp(),
    library.cnn(),
    library.residual_cnn(),
    library.nas_bench_201(),
    library.darts(),
    library.nasnet(),
    library.enas_micro(),
    library.tabular(),
]


def document_of(space: SearchSpace) -> Document:
    return dict(json.loads(space.to_json()))


def assert_unchanged(space: SearchSpace, again: SearchSpace) -> None:
    assert again == space
    assert type(again) is type(space)
    assert again.decisions == space.decisions
    assert again.fingerprint == space.fingerprint
    assert again.to_json() == space.to_json()
    one, other = numpy.random.default_rng(0), numpy.random.default_rng(0)
    for _ in range(5):
        here, there = space.sample(one), again.sample(other)
        assert here == there
        assert here.canonical == there.canonical
        assert dict(here) == dict(there)


@pytest.mark.parametrize("space", EVERYTHING + LIBRARY, ids=lambda s: type(s).__name__)
def test_a_round_trip_preserves_a_space(space: SearchSpace) -> None:
    assert_unchanged(space, from_json(space.to_json()))
    assert_unchanged(space, from_json(space.to_json().encode()))


@pytest.mark.parametrize("seed", range(40))
def test_a_round_trip_preserves_random_spaces(seed: int, make_space: Make) -> None:
    space = make_space(seed)
    assert_unchanged(space, from_json(space.to_json()))


def reordered(value: object, rng: Generator) -> object:
    """Return the same JSON with its keys in another order, as some databases do."""
    if isinstance(value, list):
        return [reordered(part, rng) for part in cast(list[object], value)]
    if isinstance(value, dict):
        entries = list(cast(Document, value).items())
        order: list[int] = rng.permutation(len(entries)).tolist()
        return {entries[k][0]: reordered(entries[k][1], rng) for k in order}
    return value


@pytest.mark.parametrize("space", EVERYTHING + LIBRARY, ids=lambda s: type(s).__name__)
def test_the_order_of_keys_does_not_matter(space: SearchSpace, rng: Generator) -> None:
    for _ in range(3):
        text = json.dumps(reordered(document_of(space), rng))
        assert_unchanged(space, from_json(text))


def test_shared_objects_stay_shared() -> None:
    chain = from_json(Chain(BLOCK, layer("ReLU"), BLOCK).to_json())
    assert isinstance(chain, Chain)
    assert chain.parts[0] is chain.parts[2]
    assert chain.count() == 2
    two = Chain(layer("A", n=UNITS), layer("B", n=Choice([1, 2])), layer("C", n=UNITS))
    assert two.count() == from_json(two.to_json()).count() == 4


def test_a_document_contains_format_and_version() -> None:
    document = document_of(Space({"n": Integer(1, 2)}))
    assert (document["format"], document["version"]) == ("nasbridge-space", 1)
    assert document["space"] == {
        "kind": "Space",
        "tree": {
            "dict": [
                [
                    "n",
                    {
                        "kind": "Integer",
                        "low": 1,
                        "high": 2,
                        "step": 1,
                        "log": False,
                        "shared": False,
                    },
                ]
            ]
        },
        "constraints": {"tuple": []},
    }


class Own:
    """A layer class of the user."""


def test_a_user_class_is_written_as_its_name() -> None:
    space = layer(Own, units=Choice([1, 2]))
    again = from_json(space.to_json())
    assert again == space
    assert next(again.enumerate()).graph().vertices[1].operation.cls is None


@pytest.mark.parametrize(
    ("space", "message"),
    [
        (
            layer("A", f=len),
            r"the space.config\['f'\] is <built-in function len>.*cannot be written as JSON",
        ),
        (Space({"a": Choice([object])}), r"\['object'\] is <class 'object'>"),
        (
            layer("A", x=float("nan")),
            r"the space.config\['x'\] is nan, which JSON cannot represent",
        ),
        (layer("A", x=[1, {2}]), r"the space.config\['x'\]\[1\] is \{2\}"),
        (layer("A", x={1: 2}), r"the space.config\['x'\] has the key 1: use strings as keys"),
        (layer("A", x=numpy.zeros(2)), r"is array\(\[0., 0.\]\), which cannot be written as JSON"),
    ],
)
def test_values_that_json_cannot_represent_are_errors_with_their_place(
    space: SearchSpace, message: str
) -> None:
    with pytest.raises(SpaceError, match=message):
        space.to_json()


def wrapped(space: object, version: object = 1) -> str:
    return json.dumps({"format": "nasbridge-space", "version": version, "space": space})


A_LAYER: Document = {"kind": "Layer", "operation": "A", "config": {"dict": []}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "this is not the JSON of a space"),
        ("{", "this is not the JSON of a space"),
        (b"\xff\xfe\x00", "this is not the JSON of a space"),
        ("[" * 100_000, "this is not the JSON of a space"),
        ('{"format": NaN}', "NaN is not JSON"),
        ("1" * 5000, "this is not the JSON of a space"),
        ("null", '"format" is not "nasbridge-space"'),
        ("[1, 2]", '"format" is not'),
        ('{"format": "other"}', '"format" is not'),
        (wrapped(A_LAYER, version=2), "has version 2, and this nasbridge reads version 1"),
        (wrapped(A_LAYER, version=None), "has version None"),
        (wrapped(A_LAYER, version="1"), "has version '1'"),
        (wrapped(None), "the document contains None instead of a space"),
        (wrapped(5), "the document contains 5 instead of a space"),
        (wrapped({}), "the space is {}, which is not part of a space"),
        (wrapped({"kind": "Evil"}), "the space has the unknown kind 'Evil'"),
        (wrapped({"kind": ["Chain"]}), r"the space has the unknown kind \['Chain'\]"),
        (wrapped({"kind": "Layer"}), "the space is not a valid Layer: .* missing"),
        (wrapped({**A_LAYER, "cls": "os:system"}), "a Layer with the unknown entry 'cls'"),
        (wrapped({**A_LAYER, "extra": 1}), "a Layer with the unknown entry 'extra'"),
        (
            wrapped({**A_LAYER, "operation": 5}),
            "the space is not a valid Layer: 5 is not the name of a layer",
        ),
        (
            wrapped({**A_LAYER, "config": 5}),
            "not a valid Layer: the settings of a layer must be a dict, not 5",
        ),
        (
            wrapped({**A_LAYER, "config": {"dict": [["a"]]}}),
            r"has the entry \['a'\], which is not a pair",
        ),
        (
            wrapped({**A_LAYER, "config": {"dict": [[1, 2]]}}),
            r"has the entry \[1, 2\], which is not a pair",
        ),
        (wrapped({**A_LAYER, "config": {"dict": {"a": 1}}}), "is not part of a space"),
        (wrapped({"kind": "Chain", "parts": {"tuple": [1]}}), "not a valid Chain: part 0"),
        (wrapped({"kind": "Chain", "parts": {"tuple": 1}}), "is not part of a space"),
        (wrapped({"kind": "Chain", "parts": {"tuple": [{"same": 0}]}}), "is not part of a space"),
        (
            wrapped({"kind": "Limit", "input_shape": [1], "flops": 1}),
            "contains Limit.* instead of a space",
        ),
        (wrapped({"kind": "Real", "low": 0, "high": 10**400}), "not a valid Real.* finite number"),
        (wrapped({"kind": "Integer", "low": 0, "high": 10**400}), "not a valid Integer"),
        (wrapped({"kind": "Integer", "low": 0, "high": 1e400}), "Infinity is not JSON"),
        (
            wrapped({"kind": "Repeat", "part": A_LAYER, "times": 10**9}),
            "not a valid Repeat: times= of a Repeat is 1000000000",
        ),
        (
            wrapped({"kind": "Layer", "operation": "A", "config": {"dict": [["n", 1]]}, "name": 5}),
            "the name 5 is invalid",
        ),
    ],
)
def test_invalid_documents_are_errors_with_a_reason(text: str | bytes, message: str) -> None:
    with pytest.raises(SpaceFormatError, match=message):
        from_json(text)


@pytest.mark.parametrize("depth", [250, 2_500, 250_000])
def test_deep_nesting_is_an_error(depth: int) -> None:
    opening, closing = '{"kind": "Chain", "parts": {"tuple": [', "]}}"
    text = wrapped(None).replace("null", opening * depth + json.dumps(A_LAYER) + closing * depth)
    with pytest.raises(SpaceFormatError, match=r"nested too deeply|recursion depth"):
        from_json(text)


def test_clashing_names_are_an_error_of_the_document() -> None:
    document = document_of(Chain(layer("A", n=UNITS), layer("B", n=UNITS)))
    parts = document["space"]["parts"]["tuple"]
    parts[1]["config"]["dict"][0][1] = copy.deepcopy(parts[0]["config"]["dict"][0][1])
    parts[1]["config"]["dict"][0][1]["id"] = 7
    with pytest.raises(SpaceFormatError, match="two different decisions have the name 'units'"):
        from_json(json.dumps(document))


def test_reading_imports_nothing() -> None:
    assert "antigravity" not in sys.modules
    before = set(sys.modules)
    space = from_json(wrapped({**A_LAYER, "operation": "antigravity:Layer"}))
    next(space.enumerate()).graph()
    assert set(sys.modules) == before


@pytest.mark.parametrize("space", LIBRARY[:4], ids=("mlp", "cnn", "residual_cnn", "nas_bench_201"))
def test_a_truncated_document_is_an_error(space: Node) -> None:
    text = space.to_json()
    for length in range(0, len(text), max(1, len(text) // 40)):
        with pytest.raises(SpaceFormatError):
            from_json(text[:length])


JUNK: tuple[Any, ...] = (
    *(None, True, 0, -1, 2, 10**400, 1.5, 1e308, "", "x", "a.b", "Layer", [], {}, [None], [[1]]),
    *({"same": 0}, {"tuple": []}, {"dict": []}, {"dict": [["a", 1]]}, A_LAYER),
    {"kind": "Integer", "low": 0, "high": 3},
    {"kind": "Choice", "options": {"dict": [["a", A_LAYER]]}, "name": "n"},
    {"kind": "Placeholder", "name": "width"},
)


def places(value: object) -> Iterator[tuple[Any, Any]]:
    """List every container in a document with each of its keys."""
    parts: Iterable[tuple[object, object]] = ()
    if isinstance(value, dict):
        parts = cast(Document, value).items()
    if isinstance(value, list):
        parts = enumerate(cast(list[object], value))
    for key, part in parts:
        yield value, key
        yield from places(part)


def damaged(space: SearchSpace, rng: Generator) -> str:
    """Return the document of a space with one part removed or replaced."""
    document = document_of(space)
    found = list(places(document["space"]))
    container, key = found[int(rng.integers(len(found)))]
    if rng.random() < 0.2:
        del container[key]
    else:
        container[key] = JUNK[int(rng.integers(len(JUNK)))]
    return json.dumps(document)


def is_space(text: str) -> bool:
    """Return whether a text is a usable space; raise anything but a format error."""
    try:
        return from_json(text).count() >= 1
    except SpaceFormatError:
        return False


@pytest.mark.parametrize("tied", [False, True])
def test_a_small_document_of_an_enormous_space_is_refused_in_seconds(tied: bool) -> None:
    part: Node = Chain(layer("Dense", units=Choice([1, 2])))
    for _ in range(5):
        part = Repeat(part, 1000, tied=tied)
    document = json.dumps({"format": "nasbridge-space", "version": 1, "space": _written(part)})
    assert len(document) < 2000
    with pytest.raises(SpaceFormatError, match=r"more than 200,000 operations.*nest fewer"):
        from_json(document)


def _written(node: Node) -> object:
    return cast(Any, to_document(cast(SearchSpace, node)))["space"]


def test_a_damaged_document_is_a_space_or_a_format_error(rng: Generator) -> None:
    spaces = [*EVERYTHING, *LIBRARY[:4]]
    for space in spaces:
        outcomes = [is_space(damaged(space, rng)) for _ in range(60)]
        assert 0 < sum(outcomes) < 60
