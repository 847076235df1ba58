"""Nodes: validation of their arguments, with errors that state the fix."""

from collections.abc import Callable
from typing import Any

import numpy
import pytest

from nasbridge.spaces import (
    STRIDE,
    WIDTH,
    Cell,
    Chain,
    Choice,
    Integer,
    Layer,
    NodeCell,
    Parallel,
    Real,
    Repeat,
    SearchSpace,
    Space,
    SpaceError,
    Stack,
    layer,
    residual,
)
from nasbridge.spaces.nodes.composition import Scope

RELU = layer("ReLU")
OPERATIONS = {"relu": RELU, "skip": layer("Identity")}
CELL = Cell(OPERATIONS, nodes=2)


def untyped(value: object) -> Any:
    """An argument of the wrong type."""
    return value


NOTHING = untyped(None)

Wrong = tuple[Callable[[], object], str]

VALUES: list[Wrong] = [
    (lambda: Choice([]), "no options: add at least one"),
    (lambda: Choice({}), "no options: add at least one"),
    (lambda: Choice([1, 1]), "two options of a choice have the label '1'.*distinct keys"),
    (lambda: Choice([RELU, layer("ReLU")]), "two options of a choice have the label 'ReLU'"),
    (lambda: Choice("abc"), "options of a choice must be a list or a dict, not 'abc'"),
    (lambda: Choice(NOTHING), "options of a choice must be a list or a dict, not None"),
    (
        lambda: Choice({1: "a"} | untyped({2: "b"})),
        "the label 1 of a choice is not a non-empty string",
    ),
    (lambda: Choice([1], shared=True), "shared=True needs a name="),
    (lambda: Choice([1], name="a.b"), "the name 'a.b' is invalid: use letters"),
    (lambda: Choice([1], name=""), "the name '' is invalid"),
    (lambda: Choice([1], name="1st"), "starting with a letter"),
    (lambda: Integer(1, 2, shared=True), "shared=True needs a name="),
    (lambda: Integer(2, 1), "is empty: swap low=2 and high=1"),
    (lambda: Integer(NOTHING, 1), "low of an integer range is None: give an int"),
    (lambda: Integer(1, 2, name="a b"), "the name 'a b' is invalid"),
    (lambda: Real(1, 0), "is empty: swap"),
    (lambda: Real(0, 1, log=True), "must start above 0"),
    (lambda: WIDTH * 0, "the factor of WIDTH is 0: give an int from 1"),
    (lambda: STRIDE * untyped(0.5), "the factor of STRIDE is 0.5: give an int from 1"),
]

STRUCTURE: list[Wrong] = [
    (lambda: layer("no layer"), "'no layer' is not the name of a layer: write layer"),
    (lambda: layer("os:"), "'os:' is not the name of a layer"),
    (lambda: layer(""), "'' is not the name of a layer"),
    (lambda: layer(NOTHING), "None is not the name of a layer"),
    (lambda: layer("ReLU", name="a/b"), "the name 'a/b' is invalid"),
    (lambda: Layer("ReLU", NOTHING), "the settings of a layer must be a dict, not None"),
    (lambda: Chain(), "a Chain has no parts: add at least one"),
    (lambda: Chain(RELU, NOTHING), "part 1 of a Chain is None.*write it as layer"),
    (lambda: Chain(untyped("ReLU")), "part 0 of a Chain is 'ReLU'"),
    (lambda: Parallel(), "a Parallel has no parts"),
    (lambda: Parallel(RELU, merge=untyped("mean")), "merge='mean' is unknown: use \"add\""),
    (lambda: residual(), "a Chain has no parts"),
    (lambda: Repeat(NOTHING, 2), "part 0 of a Repeat is None"),
    (lambda: Repeat(RELU, -1), "times= of a Repeat is -1: give an int from 0 to"),
    (lambda: Repeat(RELU, True), "times= of a Repeat is True"),
    (lambda: Repeat(RELU, untyped(0.5)), "times= of a Repeat is 0.5"),
    (lambda: Repeat(RELU, Integer(-1, 2)), "times= of a Repeat is -1"),
    (lambda: Repeat(RELU, Integer(1, 10**12)), "times= of a Repeat is 1000000000000"),
    (lambda: Repeat(RELU, Choice([1, "2"])), "times= of a Repeat is '2'"),
    (lambda: Repeat(RELU, Choice([[1]])), r"times= of a Repeat is \[1\]"),
    (lambda: Repeat(RELU, untyped(Real(0, 1))), "times= of a Repeat is Real"),
    (lambda: Scope(RELU, 0), "width= of a Scope is 0: give an int from 1"),
    (lambda: Scope(NOTHING, 8), "part 0 of a Scope is None"),
]

CELLS: list[Wrong] = [
    (lambda: Cell({}, nodes=1), "a Cell needs a dict from labels to operations, not {}"),
    (lambda: Cell(NOTHING, nodes=1), "a Cell needs a dict from labels to operations, not None"),
    (
        lambda: Cell({"a": NOTHING}, nodes=1),
        "the operation 'a' of a Cell is None: write it as layer",
    ),
    (lambda: Cell({"": RELU}, nodes=1), "the label '' of a choice is not a non-empty string"),
    (lambda: Cell(OPERATIONS, nodes=0), "nodes= of a Cell is 0: give an int from 1"),
    (lambda: Cell(OPERATIONS, nodes=10**9), "nodes= of a Cell is 1000000000"),
    (lambda: Cell(OPERATIONS, nodes=2, inputs=0), "inputs= of a Cell is 0"),
    (
        lambda: Cell(OPERATIONS, nodes=2, choose=2),
        "choose= of a Cell is 2: give an int from 1 to 1",
    ),
    (lambda: Cell(OPERATIONS, 2, output=untyped("sum")), "output='sum' is unknown"),
    (lambda: NodeCell(OPERATIONS, nodes=0), "nodes= of a NodeCell is 0"),
    (lambda: NodeCell(OPERATIONS, nodes=1, arity=0), "arity= of a NodeCell is 0"),
    (lambda: NodeCell(OPERATIONS, 1, combine=()), r"combine=\(\) is invalid: use \"add\""),
    (lambda: NodeCell(OPERATIONS, 1, output=untyped("last")), "output='last' is unknown"),
    (
        lambda: Stack(NOTHING, RELU),
        "normal=None of a Stack is not a cell: give a Cell or a NodeCell",
    ),
    (
        lambda: Stack(CELL, NOTHING),
        "reduction=None of a Stack is not a node: give a Cell or layers",
    ),
    (
        lambda: Stack(CELL, CELL),
        "reduction cell of a Stack does not reduce the size: set reduction=True",
    ),
    (lambda: Stack(CELL, RELU, stages=0), "stages= of a Stack is 0"),
    (lambda: Stack(CELL, RELU, repeats=0), "repeats= of a Stack is 0"),
    (lambda: Stack(CELL, RELU, repeats=Choice([1, 0])), "repeats= of a Stack is 0"),
    (lambda: Stack(CELL, RELU, width=untyped("16")), "width= of a Stack is '16'"),
]

SPACES: list[Wrong] = [
    (lambda: Space({}), "needs a dict from names to open values, or a network, not {}"),
    (lambda: Space(NOTHING), "needs a dict from names to open values, or a network, not None"),
    (lambda: Space({"a.b": 1}), "the name 'a.b' is invalid"),
    (
        lambda: Space({"w": WIDTH}),
        "the part 'w' is a placeholder, which only cells and scopes define",
    ),
    (lambda: Space(untyped(Space({"x": 1}))), "a Space contains a Space"),
    (
        lambda: Space({"a": Space({"x": 1})}),
        "the part 'a' is a Space: use its parts instead",
    ),
]


@pytest.mark.parametrize(("make", "message"), VALUES + STRUCTURE + CELLS + SPACES)
def test_invalid_arguments_are_errors(make: Callable[[], object], message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        make()


@pytest.mark.parametrize(
    ("space", "message"),
    [
        (Chain(RELU, layer("Dense", units=WIDTH)), r"WIDTH is undefined at 1\.units"),
        (layer("Conv2D", strides=STRIDE), "STRIDE is undefined at strides"),
        (Chain(Choice([1, 2], name="n")), "a choice is used as a layer.*option 1"),
        (Chain(Choice({"a": RELU, "b": 2})), "but its option 2 is not a layer"),
        (
            layer("Wrapper", layer=Chain(RELU)),
            "a Chain is a setting of a layer at layer: use",
        ),
    ],
)
def test_a_misplaced_part_is_an_error_with_its_place(space: SearchSpace, message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        space.decisions  # noqa: B018


def test_labels_are_the_text_of_options() -> None:
    options = [1, True, 1.0, "x", "", None, (3, 3), numpy.int64(7), len, RELU, int]
    labels = ("1", "True", "1.0", "x", "''", "None", "(3, 3)", "7", "len", "ReLU", "int")
    choice = Choice(options)
    assert choice.domain.labels == labels
    assert type(choice.options["7"]) is int
    assert Choice(untyped(numpy.array([8, 16]))).domain.labels == ("8", "16")
    assert Choice(["a", "b"]).domain.labels == Choice(("a", "b")).domain.labels


def test_bounds_become_plain_numbers() -> None:
    low = Integer(untyped(numpy.int64(1)), 3).low
    assert (low, type(low)) == (1, int)
    assert type(Real(untyped(numpy.float32(0.5)), 1).low) is float
    assert Repeat(RELU, Integer(untyped(numpy.int64(1)), 3)).count() == 3


def test_mappings_of_the_caller_are_copied() -> None:
    options: dict[str, object] = {"a": 1}
    operations = {"relu": RELU}
    choice, cell = Choice(options), Cell(operations, nodes=1)
    options["b"] = 2
    operations["skip"] = RELU
    assert list(choice.options) == ["a"]
    assert list(cell.operations) == ["relu"]


class MyLayer:
    """A layer class of the user."""

    class Inner:
        """A nested class."""


def test_layers_are_identified_by_name() -> None:
    assert layer(MyLayer).operation.endswith(":MyLayer")
    assert layer(MyLayer.Inner).operation.endswith(":MyLayer.Inner")
    assert layer(MyLayer).label == "MyLayer"
    assert layer(MyLayer).cls is MyLayer
    assert layer("Dense", name="head").label == "head"
    assert layer("package.module:Class").operation == "package.module:Class"


def test_placeholders_multiply_from_both_sides() -> None:
    assert WIDTH * 4 == 4 * WIDTH == 2 * WIDTH * 2
