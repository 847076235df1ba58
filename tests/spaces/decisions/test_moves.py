"""Enumeration, counting, sampling, mutation and crossover of random and hand-written spaces."""

import math
from collections import Counter
from collections.abc import Callable, Mapping

import numpy
import pytest
from numpy.random import Generator

from nasbridge.spaces import (
    Architecture,
    Cell,
    Chain,
    Choice,
    Integer,
    Label,
    Real,
    Repeat,
    SearchSpace,
    Space,
    SpaceError,
    layer,
)

SEEDS = range(50)

Make = Callable[[int], SearchSpace]
Choices = dict[str, Label]


class Unanswered(Exception):
    """A space reads a decision that has no value yet."""


class Answers(dict[str, Label]):
    def __missing__(self, name: str) -> Label:
        raise Unanswered(name)


def listed_by_asking(space: SearchSpace) -> list[Choices]:
    """Return all architectures, found by resolving the space and deciding what it reads.

    Does not use conditions, so it verifies them.
    """
    found: list[Choices] = []
    waiting: list[Choices] = [{}]
    while waiting:
        known = waiting.pop()
        try:
            space.resolve(Answers(known))
            found.append(known)
        except Unanswered as asked:
            name = str(asked)
            waiting += [{**known, name: value} for value in space.decision(name).domain.values(2)]
    return found


def as_set(choices: Mapping[str, Label]) -> frozenset[tuple[str, Label]]:
    return frozenset(choices.items())


def repaired(space: SearchSpace, choices: Mapping[str, Label]) -> bool:
    """Return whether the choices are an architecture of the space."""
    return space.architecture(choices).choices == choices


@pytest.mark.parametrize("seed", SEEDS)
def test_enumeration_equals_what_resolving_reads(seed: int, make_space: Make) -> None:
    space = make_space(seed)
    listed = [as_set(architecture.choices) for architecture in space.enumerate()]
    asked = [as_set(choices) for choices in listed_by_asking(space)]
    assert len(set(listed)) == len(listed) == space.count()
    assert set(listed) == set(asked)


@pytest.mark.parametrize("seed", SEEDS)
def test_enumerated_architectures_are_valid(seed: int, make_space: Make) -> None:
    space = make_space(seed)
    for architecture in space.enumerate():
        assert repaired(space, architecture.choices)


def test_the_last_decision_changes_fastest() -> None:
    space = Space({"a": Choice(["x", "y"]), "b": Integer(1, 3)})
    assert [tuple(a.values()) for a in space.enumerate()] == [
        ("x", 1),
        ("x", 2),
        ("x", 3),
        ("y", 1),
        ("y", 2),
        ("y", 3),
    ]


def test_reals_are_listed_on_a_grid() -> None:
    space = Space({"lr": Real(0, 1), "n": Choice([1, 2])})
    assert space.count() == float("inf")
    assert [a["lr"] for a in space.enumerate(points=3)] == [0, 0, 0.5, 0.5, 1, 1]
    with pytest.raises(SpaceError, match="cannot be listed completely: give the number"):
        next(space.enumerate())


def test_counting_is_exact_and_fast_for_large_spaces() -> None:
    block = Choice(
        {"wide": layer("Dense", units=Choice([8, 16, 32])), "skip": layer("Identity")}, name="op"
    )
    assert Repeat(block, 200).count() == 4**200
    depth = Integer(0, 100, name="depth")
    assert Repeat(block, depth).count() == sum(4**k for k in range(101))


def test_counting_scales_with_a_decision_that_has_many_parents() -> None:
    """A shared decision in two of three operations on 45 edges: inactive if all use the third."""
    rate = Choice([0.1, 0.2], name="rate", shared=True)
    dropout = layer("Dropout", rate=rate)
    cell = Cell({"one": dropout, "two": Chain(dropout), "other": layer("A")}, nodes=9)
    assert cell.count() == 2 * (3**45 - 1) + 1


def test_counting_scales_with_conditions_on_several_decisions() -> None:
    """The same, where each edge is active only if its node chooses it."""
    rate = Choice([0.1, 0.2], name="rate", shared=True)
    kinds = {"drop": layer("Dropout", rate=rate), "other": layer("A")}
    cell = Cell(kinds, nodes=12, inputs=2, choose=2)
    pairs = math.prod(math.comb(node, 2) for node in range(2, 14))
    assert cell.count() == 2 * pairs * 4**12 - pairs


@pytest.mark.parametrize("seed", range(0, 50, 3))
def test_samples_are_members_and_reach_all_members(
    seed: int, make_space: Make, rng: Generator
) -> None:
    space = make_space(seed)
    members = set(space.enumerate())
    drawn = {space.sample(rng) for _ in range(1000)}
    assert drawn <= members
    assert drawn == members or len(members) > 40


def test_each_active_decision_is_sampled_uniformly(rng: Generator) -> None:
    inner = Choice(["x", "y"])
    space = Space({"a": Choice({"on": inner, "off": 0, "none": 1})})
    drawn = Counter(tuple(space.sample(rng).choices.values()) for _ in range(6000))
    assert drawn[("off",)] == pytest.approx(2000, abs=150)
    assert drawn["on", "x"] == pytest.approx(1000, abs=120)


def test_equal_seeds_result_in_equal_sequences() -> None:
    space = Space({"a": Integer(1, 10**6), "b": Real(0, 1)})
    one = [space.sample(numpy.random.default_rng(5)) for _ in range(3)]
    assert one == [space.sample(numpy.random.default_rng(5)) for _ in range(3)]
    assert one[0].choices == {"a": 670791, "b": 0.8079407897364937}


def only_change(space: SearchSpace, parent: Architecture, child: Architecture) -> bool:
    """Return whether the child differs in one decision and those it (de)activates."""
    kept = parent.choices.keys() & child.choices.keys()
    changed = [name for name in kept if parent.choices[name] != child.choices[name]]
    (name,) = changed
    opened = child.choices.keys() - parent.choices.keys()
    shut = parent.choices.keys() - child.choices.keys()
    return all(name in ancestors(space, other) for other in opened | shut)


def ancestors(space: SearchSpace, name: str) -> set[str]:
    found: set[str] = set()
    waiting = [name]
    while waiting:
        for parent in space.decision(waiting.pop()).parents:
            if parent not in found:
                found.add(parent)
                waiting.append(parent)
    return found


@pytest.mark.parametrize("seed", SEEDS)
def test_mutation_changes_exactly_one_active_decision(
    seed: int, make_space: Make, rng: Generator
) -> None:
    space = make_space(seed)
    parent = space.sample(rng)
    for _ in range(20):
        child = space.mutate(parent, rng)
        assert repaired(space, child.choices)
        if child == parent:  # only without alternatives
            assert all(space.decision(name).domain.size == 1 for name in parent)
        else:
            assert only_change(space, parent, child)
        parent = child


def test_mutation_reaches_every_decision_and_value(rng: Generator) -> None:
    space = Space({"a": Choice(["x", "y", "z"]), "b": Integer(1, 4), "c": Choice(["only"])})
    parent = space.architecture({"a": "x", "b": 1, "c": "only"})
    children = Counter(space.mutate(parent, rng) for _ in range(600))
    assert len(children) == 2 + 3
    changed_a = sum(times for child, times in children.items() if child["a"] != "x")
    assert changed_a == pytest.approx(300, abs=60)


def test_mutation_without_alternatives_changes_nothing(rng: Generator) -> None:
    space = Space({"a": Choice(["only"]), "b": 3})
    architecture = space.sample(rng)
    assert space.mutate(architecture, rng) is architecture
    assert list(space.neighbors(architecture)) == []


def test_decisions_activated_by_a_mutation_are_sampled(rng: Generator) -> None:
    space = Space({"a": Choice({"off": 0, "on": Integer(1, 50)})})
    parent = space.architecture({"a": "off"})
    assert len({space.mutate(parent, rng)["a.on"] for _ in range(200)}) > 25


@pytest.mark.parametrize("seed", range(0, 50, 2))
def test_neighbors_are_all_architectures_at_one_step(
    seed: int, make_space: Make, rng: Generator
) -> None:
    space = make_space(seed)
    here = space.sample(rng)
    near = list(space.neighbors(here))
    assert len(set(near)) == len(near)
    assert here not in near
    assert all(repaired(space, there.choices) for there in near)
    assert all(only_change(space, here, there) for there in near)
    steps = [space.decision(name).domain.neighbors(value) for name, value in here.choices.items()]
    assert len(near) == sum(map(len, steps))


def test_decisions_activated_by_a_step_have_their_first_value() -> None:
    space = Space({"a": Choice({"off": 0, "on": Integer(3, 5), "real": Real(0.5, 2)})})
    near = space.neighbors(space.architecture({"a": "off"}))
    assert [there.choices for there in near] == [
        {"a": "on", "a.on": 3},
        {"a": "real", "a.real": 0.5},
    ]


@pytest.mark.parametrize("seed", SEEDS)
def test_crossover_takes_each_decision_from_a_parent(
    seed: int, make_space: Make, rng: Generator
) -> None:
    space = make_space(seed)
    one, other = space.sample(rng), space.sample(rng)
    for _ in range(10):
        child = space.crossover(one, other, rng)
        assert repaired(space, child.choices)
        for name, value in child.choices.items():
            parents = [p.choices[name] for p in (one, other) if name in p]
            assert value in parents or not parents


def test_crossover_uses_both_parents_equally(rng: Generator) -> None:
    space = Space({"a": Choice(["x", "y"]), "b": Choice(["x", "y"])})
    one, other = space.architecture({"a": "x", "b": "x"}), space.architecture({"a": "y", "b": "y"})
    children = Counter(tuple(space.crossover(one, other, rng).values()) for _ in range(2000))
    assert len(children) == 4
    assert all(times == pytest.approx(500, abs=90) for times in children.values())


def test_crossover_may_activate_decisions_of_neither_parent(rng: Generator) -> None:
    times = Integer(0, 1, name="times", shared=True)
    inside = Repeat(layer("A", n=Integer(1, 9, name="n", shared=True)), times)
    space = Chain(layer("B", n=times), Choice({"in": inside, "out": layer("C")}, name="kind"))
    assert space.count() == 2 + 1 + 9
    one = space.architecture({"times": 0, "kind": "in"})
    other = space.architecture({"times": 1, "kind": "out"})
    children = {space.crossover(one, other, rng) for _ in range(300)}
    assert len(children) == 3 + 9
