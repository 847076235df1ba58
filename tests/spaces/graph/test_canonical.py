"""Canonical forms: equal for equivalent architectures, and for no others."""

import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import numpy
import pytest

from nasbridge import library
from nasbridge.spaces import (
    WIDTH,
    Cell,
    Chain,
    Choice,
    Integer,
    InvalidArchitecture,
    Node,
    NodeCell,
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

Make = Callable[[int], SearchSpace]


def power(exponent: int, later: bool = False) -> Callable[[float], object]:
    """Two functions with the same name."""
    return (lambda x: lambda: x**exponent) if later else (lambda x: x**exponent)


A, B, C = layer("ReLU"), layer("BatchNormalization"), layer("Softmax")
CUSTOM = layer("A")  # a layer with an unknown number of channels
SKIP = layer("Identity")
POOL = layer("MaxPooling2D", pool_size=3, strides=1, padding="same")
CONV_8, CONV_16 = layer("Conv2D", filters=8), layer("Conv2D", filters=16)


def form(space: Node) -> str:
    """Return the canonical form of a space without open points."""
    (architecture,) = space.enumerate()
    return architecture.canonical


def number_of_forms(space: SearchSpace) -> int:
    return len({architecture.canonical for architecture in space.enumerate()})


TWINS: list[tuple[Node, Node]] = [
    (Chain(A, SKIP, B), Chain(A, B)),
    (Chain(A, Chain(B)), Chain(Chain(A), B)),
    (Repeat(A, 2), Chain(A, A)),
    (Chain(A, Repeat(B, 0)), A),
    (Chain(A, layer("Activation", activation="linear")), A),
    (Chain(A, layer("Dropout", rate=0.0)), A),
    (Parallel(A), A),
    (Parallel(A, B), Parallel(B, A)),
    (Parallel(Parallel(A, B), C), Parallel(A, Parallel(C, B))),
    (Parallel(A, Zero()), A),
    (Parallel(A, Chain(Zero(), B)), A),
    (Parallel(A, Chain(B, Zero(), C)), A),
    (residual(A), Parallel(A, SKIP)),
    (Chain(Zero(), A), Zero()),
    (Chain(Parallel(A, B), C), Chain(Parallel(B, A), C)),
    (Skip(), SKIP),
    (Cell({"none": Zero()}, nodes=2), Zero()),
    (Cell({"a": A}, nodes=1), A),
    (layer("A", name="x"), CUSTOM),
    (layer("A", f=power(2)), layer("A", f=power(2))),
    (Parallel(Chain(CONV_16, B), CONV_16), Parallel(CONV_16, Chain(CONV_16, B))),
]

STRANGERS: list[tuple[Node, Node]] = [
    (A, B),
    (A, Chain(A, A)),
    (Chain(A, B), Chain(B, A)),
    (layer("A", n=1), layer("A", n=2)),
    (layer("A", n=1), layer("A", n=True)),
    (layer("A", n=1), layer("A", m=1)),
    (layer("A", f=len), layer("A", f=max)),
    (Chain(A, layer("Activation", activation="relu")), A),
    (Chain(A, layer("Dropout", rate=0.5)), A),
    (Parallel(A, A), A),
    (Parallel(A, B), Parallel(A, B, merge="concatenate")),
    (Parallel(A, B, merge="concatenate"), Parallel(B, A, merge="concatenate")),
    (Parallel(A, Zero(), merge="concatenate"), A),
    (residual(A), A),
    (Chain(Parallel(A, B), C), Parallel(Chain(A, C), Chain(B, C))),
    (Zero(), SKIP),
    (Parallel(CONV_8, CONV_16), Parallel(CONV_16, CONV_8)),  # all are projected to the last width
    (Parallel(Chain(CONV_8, B), CONV_16), Parallel(CONV_16, Chain(CONV_8, B))),
    (Parallel(Parallel(CONV_8, CONV_16), CONV_8), Parallel(Parallel(CONV_16, CONV_8), CONV_8)),
    (layer("A", f=lambda: 1), layer("A", f=lambda: 2)),
    (layer("A", f=power(2)), layer("A", f=power(3))),
    (layer("A", f=power(2, later=True)), layer("A", f=power(3, later=True))),
    (Parallel(SKIP, CONV_8), Parallel(CONV_8, SKIP)),
    (Parallel(POOL, CONV_8), Parallel(CONV_8, POOL)),
    (Parallel(A, CUSTOM), Parallel(CUSTOM, A)),
    (
        Chain(Parallel(POOL, A, merge="concatenate"), Parallel(SKIP, CONV_8)),
        Chain(Parallel(POOL, A, merge="concatenate"), Parallel(CONV_8, SKIP)),
    ),
    (
        Parallel(Zero(), CONV_16, merge="concatenate"),
        Parallel(Chain(CONV_8, Zero()), CONV_16, merge="concatenate"),
    ),
]


@pytest.mark.parametrize(("one", "other"), TWINS)
def test_equal_functions_have_equal_forms(one: Node, other: Node) -> None:
    assert form(one) == form(other)


@pytest.mark.parametrize(("one", "other"), STRANGERS)
def test_different_functions_have_different_forms(one: Node, other: Node) -> None:
    assert form(one) != form(other)


def test_unreachable_operations_do_not_count() -> None:
    cell = Cell({"a": A, "b": B, "none": Zero()}, nodes=2)
    # The second node uses the input only, so the first node does not count.
    made = {
        operation: cell.architecture({"edge_0_1": operation, "edge_0_2": "a", "edge_1_2": "none"})
        for operation in ("a", "b", "none")
    }
    assert len({architecture.canonical for architecture in made.values()}) == 1
    assert len({architecture.key for architecture in made.values()}) == 3


def test_choices_without_effect_are_equivalent() -> None:
    kinds = Choice({"skip": SKIP, "also": Chain(SKIP, SKIP), "a": A})
    assert number_of_forms(kinds) == 2
    # of 0, 1, 2 or 3 layers A in a row
    assert number_of_forms(Repeat(Choice({"a": A, "skip": SKIP}), 3)) == 4
    assert number_of_forms(Repeat(Choice({"a": A, "skip": SKIP}), Integer(0, 3))) == 4


def test_the_order_of_a_nodes_inputs_does_not_count() -> None:
    cell = NodeCell({"a": A, "b": B}, nodes=1, inputs=2)
    # two of the four (input, operation), with repetition: 4 + 6 of 16. On its own a cell has one
    # input twice: AA, AB, BB
    assert number_of_forms(cell) == 3
    assert number_of_forms(Stack(cell, SKIP, stages=1)) == 10


def test_equal_cells_in_different_stacks_are_not_equivalent() -> None:
    cell = Cell({"a": layer("A", filters=WIDTH)}, nodes=1)
    stacks = [
        Stack(cell, SKIP),
        Stack(cell, SKIP, repeats=3),
        Stack(cell, SKIP, stages=2),
        Stack(cell, SKIP, width=8),
        Stack(cell, B),
        Stack(Cell({"b": B}, nodes=1), SKIP),
    ]
    assert len(set(map(form, stacks))) == len(stacks)


def test_two_stacks_are_distinguished() -> None:
    kinds = {"a": A, "b": B}
    one, other = Cell(kinds, nodes=1, name="one"), Cell(kinds, nodes=1, name="other")
    space = Chain(Stack(one, SKIP), Stack(other, SKIP))
    assert number_of_forms(space) == space.count() == 4


def test_a_stack_of_the_same_network_has_as_many_forms_as_its_cells() -> None:
    cell = Cell({"a": A, "skip": SKIP, "none": Zero()}, nodes=2)
    assert number_of_forms(Stack(cell, SKIP)) == number_of_forms(cell)


def test_an_open_width_counts() -> None:
    space = Scope(layer("Dense", units=WIDTH), width=Choice({"a": 8, "b": 8, "c": 16}))
    assert number_of_forms(space) == 2


class Initializer:
    """An object that is identified by its settings, as in Keras."""

    def __init__(self, scale: float) -> None:
        self.scale = scale

    def get_config(self) -> dict[str, float]:
        return {"scale": self.scale}


def test_objects_in_settings_are_compared_by_their_content() -> None:
    assert form(layer("A", i=Initializer(1))) == form(layer("A", i=Initializer(1)))
    assert form(layer("A", i=Initializer(1))) != form(layer("A", i=Initializer(2)))
    assert form(layer("A", i=Initializer)) != form(layer("A", i="Initializer"))


class Plain:
    """An object with the default text, which contains its address."""

    def __init__(self, scale: float) -> None:
        self.scale = scale

    def call(self, x: float) -> float:
        return x * self.scale


class Slotted:
    """Neither attributes nor a text that could be compared."""

    __slots__ = ()


def one_of(number: int) -> Callable[[str], bool]:
    """Return a function whose constants include a set."""
    return lambda text: text in {"a", "b", "c", "d"} or text == str(number)


def local(number: int) -> object:
    """Return an object of a class of its own; all these classes have one name."""

    class Local:
        def call(self) -> int:
            return 1

    class Other:
        def call(self) -> int:
            return 2

    Other.__qualname__ = Local.__qualname__
    return Local() if number == 1 else Other()


STABLE: list[Callable[[int], object]] = [
    Plain,
    lambda n: Plain(n).call,
    local,
    lambda n: vars(type(local(n)))["call"].__get__(local(1)),
    lambda n: partial(power, n),
    lambda n: partial(Plain(1).call, n),
    lambda n: one_of(n),
    lambda n: {n, "a", "b"},
    lambda n: numpy.arange(5000) * (numpy.arange(5000) == 2500) * n,
]


@pytest.mark.parametrize("make", STABLE)
def test_settings_are_compared_without_addresses(make: Callable[[int], object]) -> None:
    kept = [make(1), make(1), make(2)]  # so that no address is used again
    one, same, other = (form(layer("A", f=value)) for value in kept)
    assert one == same != other


def test_a_function_may_refer_to_itself() -> None:
    def make() -> Callable[[int], int]:
        def down(n: int) -> int:
            return down(n - 1) if n else 0

        return down

    assert form(layer("A", f=make())) == form(layer("A", f=make()))


def test_a_setting_without_a_stable_form_is_an_error() -> None:
    with pytest.raises(SpaceError, match=r"Slotted object at 0x.*get_config"):
        form(layer("A", f=Slotted()))


def test_values_beside_networks_count() -> None:
    space = Space({"net": Choice({"a": A, "twin": Chain(A, SKIP)}), "lr": Choice([0.1, 0.2])})
    assert space.count() == 4
    assert number_of_forms(space) == 2
    assert number_of_forms(Space({"lr": Choice([0.1, 0.2])})) == 2


@pytest.mark.parametrize("seed", range(40))
def test_forms_do_not_depend_on_object_identity(seed: int, make_space: Make) -> None:
    """Two spaces of one seed share no objects; their forms are equal."""
    one, other = make_space(seed), make_space(seed)
    forms = [architecture.canonical for architecture in one.enumerate()]
    assert forms == [architecture.canonical for architecture in other.enumerate()]
    assert 1 <= len(set(forms)) <= one.count()


CONV_BN = Chain(CONV_8, B)


def test_sharing_counts() -> None:
    """One layer that is used twice has fewer weights than two layers."""
    twice = Chain(CONV_8, Parallel(B, B))
    assert form(twice) != form(Parallel(CONV_BN, CONV_BN))
    assert form(Chain(twice, A)) != form(Chain(Parallel(CONV_BN, CONV_BN), A))
    # in the middle of a network, too: what follows is equal
    one, two = (
        Chain(part, layer("Dense", units=3)) for part in (twice, Parallel(CONV_BN, CONV_BN))
    )
    assert form(one) != form(two)
    # the order in which equal branches are written does not count
    other = Chain(CONV_8, C)
    assert form(Parallel(CONV_BN, CONV_BN, other)) == form(Parallel(CONV_BN, other, CONV_BN))


SAME: dict[str, Any] = {"filters": 8, "kernel_size": 3, "padding": "same"}


def test_terms_that_are_fitted_belong_to_their_sum() -> None:
    """A sum of fitted terms has one projection for each term."""
    nested, flat = Parallel(Parallel(A, B), CONV_16), Parallel(A, B, CONV_16)
    conv = layer("Conv2D", **SAME)
    assert form(Chain(conv, nested)) != form(Chain(conv, flat))
    # nothing is fitted where all terms have eight channels
    nested, flat = Parallel(Parallel(A, B), conv), Parallel(A, B, conv)
    assert form(Chain(conv, nested)) == form(Chain(conv, flat))
    for changes in ({"activation": "glu"}, {"strides": 2}, {"padding": "valid"}):
        other = layer("Conv2D", **SAME | changes)
        nested, flat = Parallel(Parallel(A, other), B), Parallel(A, other, B)
        assert form(Chain(conv, nested)) != form(Chain(conv, flat)), changes


def test_what_zeros_are_made_from_counts() -> None:
    """Zeros as the output keep the layers that they were made from."""
    assert form(Chain(CONV_8, Zero())) != form(Chain(CONV_16, Zero()))
    assert form(Chain(CONV_8, Zero(), Zero())) == form(Chain(CONV_8, Zero()))


def test_the_cost_is_linear() -> None:
    """A chain of n blocks x + x is 2**n times its input, and is not written as so many terms."""
    block = residual(Choice({"conv": layer("Conv2D", **SAME), "skip": SKIP}, name="op"))
    space = Chain(CONV_8, Repeat(block, times=1000), Repeat(block, times=100))
    forms = set[str]()
    for label in ("skip", "conv"):
        architecture = space.architecture({d.name: label for d in space.decisions})
        begun = time.process_time()
        forms.add(architecture.canonical)
        assert time.process_time() - begun < 2  # about 0.1 s
    shorter = Chain(CONV_8, Repeat(block, times=1000), Repeat(block, times=99))
    forms.add(shorter.architecture({d.name: "skip" for d in shorter.decisions}).canonical)
    assert len(forms) == 3


@pytest.mark.parametrize(
    ("space", "shape"),
    [
        (library.nasnet(repeats=1, nodes=3, width=4), (16, 16, 3)),
        (library.enas_micro(repeats=1, nodes=3, width=4), (16, 16, 3)),
        (library.darts(repeats=1, nodes=2, width=4), (16, 16, 3)),
        (library.residual_cnn(), (16, 16, 3)),
    ],
)
def test_equivalent_architectures_have_equal_cost(
    space: SearchSpace, shape: tuple[int, ...]
) -> None:
    """Swaps inputs of a node at random; the form differs where the order matters."""
    rng = numpy.random.default_rng(0)
    costs: dict[str, set[tuple[int, int]]] = {}
    for _ in range(60):
        choices = dict(space.sample(rng).choices)
        for swapped in (False, True):
            for name in [name for name in choices if swapped and name.endswith("_0")]:
                other = f"{name[:-1]}1"
                if other in choices:
                    choices[name], choices[other] = choices[other], choices[name]
            with suppress(InvalidArchitecture):
                architecture = space.architecture(choices)
                cost = architecture.cost(shape)
                costs.setdefault(architecture.canonical, set()).add((cost.parameters, cost.flops))
    assert max(map(len, costs.values())) == 1
