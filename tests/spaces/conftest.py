"""Random spaces of all kinds, small enough to be enumerated."""

from collections.abc import Callable

import numpy
import pytest
from numpy.random import Generator

from nasbridge.spaces import (
    Cell,
    Chain,
    Choice,
    Integer,
    Node,
    NodeCell,
    Parallel,
    Real,
    Repeat,
    SearchSpace,
    Space,
    Stack,
    Zero,
    layer,
    residual,
)

LARGEST = 300  # number of architectures of a random space

Make = Callable[[int], SearchSpace]


class Grower:
    """Generates a random space; a few named nodes occur in several places."""

    def __init__(self, rng: Generator) -> None:
        self.rng = rng
        self.values: tuple[*tuple[Choice | Integer, ...], Integer] = (
            Choice(["relu", "tanh"], name="function", shared=True),
            Choice([1, 2], name="amount"),
            Integer(1, 3, name="level"),
            Integer(0, 2, name="often", shared=True),  # also the number of repetitions
        )
        self.block = layer("Block", size=Choice([3, 5]), name="block")

    def draw(self, number: int) -> int:
        return int(self.rng.integers(number))

    def value(self) -> object:
        """Return a setting: open, shared, nested or fixed."""
        match self.draw(6):
            case 0:
                return self.values[self.draw(len(self.values))]
            case 1:
                return Choice([4, 8, (1, 1)][: 1 + self.draw(3)])
            case 2:
                return Integer(0, 4, step=1 + self.draw(4))
            case 3:
                return Choice({"off": None, "on": Integer(1, 2)})
            case 4:
                return [Choice([True, 1.5]), Real(0.5, 0.5)]
            case _:
                return "fixed"

    def part(self, depth: int) -> Node:
        """Return a part of a network with a maximum nesting depth."""
        if depth == 0:
            return self.leaf()
        match self.draw(7):
            case 0 | 1:
                return Chain(*(self.part(depth - 1) for _ in range(1 + self.draw(3))))
            case 2:
                kinds = {f"kind_{k}": self.part(depth - 1) for k in range(1 + self.draw(3))}
                return Choice(kinds)
            case 3:
                return Parallel(self.part(depth - 1), self.part(depth - 1), merge="concatenate")
            case 4:
                return residual(self.part(depth - 1))
            case 5:
                return Repeat(self.part(depth - 1), self.times(), tied=bool(self.draw(2)))
            case _:
                return self.cells()

    def leaf(self) -> Node:
        match self.draw(4):
            case 0:
                return self.block
            case 1:
                return layer("Identity")
            case _:
                return layer("Leaf", setting=self.value())

    def times(self) -> int | Integer | Choice:
        match self.draw(5):
            case 0:
                return 2
            case 1:
                return Choice({"never": 0, "twice": 2, "two": 2})
            case 2:
                return self.values[-1]
            case _:
                return Integer(self.draw(2), 2)

    def cells(self) -> Node:
        operations: dict[str, Node] = {"none": Zero(), "leaf": self.leaf()}
        match self.draw(3):
            case 0:
                return Cell(operations, nodes=1 + self.draw(2))
            case 1:
                return Cell(operations, nodes=2, inputs=2, choose=1, output="concatenate")
            case _:
                cell = NodeCell(operations, nodes=1, arity=1, combine=("add", "concatenate"))
                return Stack(cell, layer("Halve"), repeats=1, stages=2)


def random_space(seed: int) -> SearchSpace:
    """Return the space of a seed: a network, or a mapping of networks and values."""
    rng = numpy.random.default_rng(seed)
    while True:
        grower = Grower(rng)
        parts = [grower.part(1 + grower.draw(3)) for _ in range(2)]
        space: SearchSpace = parts[0]
        if seed % 3 == 0:
            space = Space({"first": parts[0], "value": grower.value(), "second": parts[1]})
        if 2 <= space.count() <= LARGEST:
            return space


@pytest.fixture
def make_space() -> Make:
    """Returns the random space of a seed."""
    return random_space


@pytest.fixture
def rng() -> Generator:
    return numpy.random.default_rng(0)
