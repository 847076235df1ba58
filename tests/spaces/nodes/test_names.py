"""Names, identity and conditions of decisions."""

import pytest

from nasbridge.spaces import (
    Cell,
    Chain,
    Choice,
    Integer,
    NameClash,
    Parallel,
    Real,
    Repeat,
    SearchSpace,
    Space,
    SpaceError,
    Stack,
    layer,
)
from nasbridge.spaces.nodes.composition import Scope

RELU = layer("ReLU")
SKIP = layer("Identity")


def names(space: SearchSpace) -> list[str]:
    return [decision.name for decision in space.decisions]


def conditions(space: SearchSpace, name: str) -> list[str]:
    """Return the conditions of a decision as text; [''] means always active."""
    return [" and ".join(map(str, c)) for c in space.decision(name).conditions]


def dense(units: object, name: str | None = None) -> Chain:
    return Chain(layer("Dense", units=units), name=name)


def test_without_a_name_the_path_is_the_name() -> None:
    space = Chain(
        layer("Dense", units=Choice([1, 2]), regularizer={"l2": Choice([0.1, 0.2])}),
        Parallel(SKIP, Chain(layer("Conv2D", kernel_size=(Choice([1, 3]), 1)))),
        Choice({"a": dense(Integer(1, 2)), "b": SKIP}),
    )
    assert names(space) == [
        "0.units",
        "0.regularizer.l2",
        "1.1.0.kernel_size.0",
        "2",
        "2.a.0.units",
    ]


def test_a_single_choice_has_a_name() -> None:
    assert names(Choice({"a": SKIP, "b": RELU})) == ["choice"]


def test_a_name_restarts_the_path() -> None:
    units = Choice([1, 2], name="units")
    assert names(Chain(SKIP, dense(units))) == ["units"]
    assert names(Chain(SKIP, dense(Choice([1, 2]), name="head"))) == ["head.0.units"]
    named = Chain(layer("Dense", units=Choice([1, 2]), name="last"), name="network")
    assert names(named) == ["last.units"]
    assert names(Repeat(RELU, Integer(1, 2), name="body")) == ["body.times"]


def test_the_name_of_an_option_counts() -> None:
    inner = Choice({"x": SKIP, "y": RELU}, name="inner")
    options = Choice({"a": inner, "b": dense(Choice([1, 2]), name="wide")}, name="outer")
    assert names(options) == ["outer", "inner", "wide.0.units"]
    value = Choice({"a": Choice([1, 2], name="inner"), "b": 3}, name="outer")
    assert names(layer("Dense", units=value)) == ["outer", "inner"]
    cell = Cell({"wide": layer("Dense", units=Choice([1, 2]), name="wide")}, nodes=2)
    assert names(cell) == ["edge_0_1", "edge_0_2", "edge_1_2", "wide.units"]


def test_the_parts_of_a_mapping_are_named_by_its_keys() -> None:
    space = Space({"lr": Real(0, 1), "net": dense(Choice([1, 2])), "n": [Integer(1, 2)], "c": 3})
    assert names(space) == ["lr", "net.0.units", "n.0"]


def test_each_repetition_has_separate_decisions() -> None:
    assert names(Repeat(dense(Choice([1, 2])), 2)) == ["0.0.units", "1.0.units"]
    assert names(Repeat(dense(Choice([1, 2], name="units")), 2)) == ["units.0", "units.1"]
    assert names(Repeat(dense(Choice([1, 2]), name="block"), 2)) == [
        "block.0.0.units",
        "block.1.0.units",
    ]
    twice = Repeat(Repeat(dense(Choice([1, 2], name="units")), 2), 2)
    assert names(twice) == ["units.0.0", "units.0.1", "units.1.0", "units.1.1"]


def test_tied_repetitions_share_their_decisions() -> None:
    assert names(Repeat(dense(Choice([1, 2])), 3, tied=True)) == ["part.0.units"]
    assert names(Repeat(dense(Choice([1, 2], name="units")), 3, tied=True)) == ["units"]
    outer = Repeat(Repeat(dense(Choice([1, 2], name="units")), 3, tied=True), 2)
    assert names(outer) == ["units.0", "units.1"]


def test_a_shared_decision_is_one_in_all_repetitions() -> None:
    shared = Choice([1, 2], name="units", shared=True)
    assert names(Chain(Repeat(dense(shared), 3), dense(shared))) == ["units"]
    assert names(Repeat(Repeat(dense(shared), 2), Integer(1, 2))) == ["times", "units"]


def test_later_repetitions_depend_on_the_number() -> None:
    space = Repeat(dense(Choice([1, 2], name="units")), Integer(1, 3, name="depth"))
    assert names(space) == ["depth", "units.0", "units.1", "units.2"]
    assert conditions(space, "units.0") == [""]
    assert conditions(space, "units.1") == ["depth in (2, 3)"]
    assert conditions(space, "units.2") == ["depth in (3)"]
    assert space.count() == 2 + 4 + 8


def test_zero_repetitions_have_no_decisions() -> None:
    assert Repeat(dense(Choice([1, 2])), 0).count() == 1
    space = Repeat(dense(Choice([1, 2], name="units")), Integer(0, 1, name="depth"))
    assert conditions(space, "units.0") == ["depth in (1)"]
    assert space.count() == 3


def test_several_labels_may_mean_one_number_of_repetitions() -> None:
    times = Choice({"short": 1, "two": 2, "pair": 2}, name="depth")
    space = Repeat(dense(Choice([1, 2], name="units")), times)
    assert conditions(space, "units.1") == ["depth in ('two', 'pair')"]
    assert space.count() == 2 + 4 + 4
    for label in ("two", "pair"):
        made = space.architecture({"depth": label, "units.0": 1, "units.1": 2})
        assert len(made.graph().vertices) == 3


def test_nested_options_depend_on_all_choices_around_them() -> None:
    inner = Choice({"deep": dense(Choice([1, 2], name="units")), "flat": SKIP}, name="inner")
    space = Choice({"on": inner, "off": SKIP}, name="outer")
    assert conditions(space, "inner") == ["outer in ('on')"]
    assert conditions(space, "units") == ["outer in ('on') and inner in ('deep')"]
    assert space.count() == 1 + 1 + 2


def test_a_decision_in_two_options_is_active_in_either() -> None:
    units = Choice([1, 2], name="units")
    space = Choice({"a": dense(units), "b": dense(units), "c": SKIP}, name="kind")
    assert names(space) == ["kind", "units"]
    assert conditions(space, "units") == ["kind in ('a')", "kind in ('b')"]
    assert space.count() == 2 + 2 + 1


def test_a_decision_in_an_unconditional_place_is_always_active() -> None:
    units = Choice([1, 2], name="units")
    choice = Choice({"a": dense(units), "b": SKIP}, name="kind")
    for space in (Chain(choice, dense(units)), Chain(dense(units), choice)):
        assert conditions(space, "units") == [""]
        assert space.count() == 4


def test_parents_come_first_even_if_they_are_found_last() -> None:
    units = Choice([1, 2], name="units")
    first = Choice({"a": dense(units), "b": SKIP}, name="first")
    second = Choice({"c": dense(units), "d": SKIP}, name="second")
    space = Chain(first, second)
    assert names(space) == ["first", "second", "units"]
    assert space.count() == len(list(space.enumerate())) == 3 * 2 + 1
    assert space.architecture({"first": "b", "second": "c", "units": 2})["units"] == 2


def test_a_condition_may_name_a_decision_twice() -> None:
    times = Integer(0, 2, name="times", shared=True)
    space = Repeat(Repeat(dense(Choice([1, 2], name="units")), times), times)
    assert conditions(space, "units.1.0") == ["times in (2) and times in (1, 2)"]
    assert space.count() == len(list(space.enumerate())) == 1 + 2 + 2**4


def test_decisions_that_depend_on_each_other_are_an_error() -> None:
    one = Integer(0, 1, name="one", shared=True)
    two = Integer(0, 1, name="two", shared=True)
    loop = Choice(
        {
            "a": Chain(Repeat(dense(two), one)),
            "b": Chain(Repeat(dense(one), two)),
        },
        name="kind",
    )
    with pytest.raises(SpaceError, match="'one' and 'two' depend on each other"):
        loop.decisions  # noqa: B018


def test_one_named_object_in_two_places_is_one_decision() -> None:
    units = Choice([1, 2], name="units")
    assert Chain(dense(units), dense(units)).count() == 2
    block = dense(Choice([1, 2]), name="block")
    assert names(Chain(block, SKIP, block)) == ["block.0.units"]
    cell = Cell({"a": SKIP, "b": RELU}, nodes=1, name="cell")
    assert names(Chain(cell, cell)) == ["cell.edge_0_1"]
    stacks = Chain(Scope(Stack(cell, RELU), 8), Scope(Stack(cell, RELU, repeats=1), 4))
    assert names(stacks) == ["cell.edge_0_1"]


def test_an_unnamed_object_in_two_places_is_two_decisions() -> None:
    units = Choice([1, 2])
    assert Chain(dense(units), dense(units)).count() == 4


def test_two_objects_with_one_name_clash() -> None:
    space = Chain(
        dense(Choice([1, 2], name="units")),
        Chain(layer("Dense", units=Choice([1, 2], name="units"))),
    )
    message = (
        r"two different decisions have the name 'units': one at 0\.0\.units, one at 1\.0\.units"
    )
    with pytest.raises(NameClash, match=message) as caught:
        space.decisions  # noqa: B018
    assert "give one of them another name=, or use the same object" in str(caught.value)


def test_a_mapping_reports_a_clash_at_once() -> None:
    with pytest.raises(NameClash, match=r"one at units, one at net\.0\.units"):
        Space({"units": Choice([1, 2]), "net": dense(Choice([3, 4], name="units"))})
    with pytest.raises(NameClash, match=r"'a\.0\.units': one at a\.0\.units, one at b\.0\.units"):
        Space({"a": dense(Choice([1, 2])), "b": dense(Choice([1, 2]), name="a")})
