# pyright: basic
"""Random networks: Keras builds what the plan infers, also where branches have to be fitted."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Literal, TypeVar

import numpy
import pytest
from numpy.random import Generator

from nasbridge.spaces import (
    STRIDE,
    WIDTH,
    BuildError,
    Cell,
    Chain,
    Choice,
    Layer,
    Node,
    NodeCell,
    Parallel,
    Repeat,
    Stack,
    Zero,
    layer,
    residual,
)
from nasbridge.spaces.graph.cost import Cost
from nasbridge.spaces.planning.plan import plan
from nasbridge.spaces.planning.shapes import Shape

T = TypeVar("T")

# Together they need every kind of fitting and every kind of layer; see the first test.
SEEDS = (0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 13, 29, 43, 57)

SHAPES: list[Shape] = [
    *((7, 9, 3), (4, 4, 1), (1, 1, 2), (8, 8, 4), (13, 6, 2)),
    *((11, 2), (5, 3), (1, 1), (5, 4, 3, 2), (6, 7, 8, 1)),
    *((4,), (9,)),
]


def some(rng: Generator, options: Sequence[T]) -> T:
    return options[int(rng.integers(len(options)))]


def operation(rng: Generator, rank: int, filters: object, strides: object) -> Node:
    """Return one layer for data with `rank` spatial axes."""
    if rank == 0:
        return Layer("Dense", {"units": filters})
    window = {"strides": strides, "padding": some(rng, ("same", "valid"))}
    kernel = {"kernel_size": some(rng, (1, 2, 3)), **window}
    kinds = [
        Layer(f"Conv{rank}D", {"filters": filters, **kernel}),
        Layer(f"MaxPooling{rank}D", {"pool_size": some(rng, (2, 3)), **window}),
        Layer(f"AveragePooling{rank}D", {"pool_size": 2, **window}),
    ]
    if rank < 3:
        kinds += [
            Layer(f"DepthwiseConv{rank}D", kernel),
            Layer(f"SeparableConv{rank}D", {"filters": filters, **kernel}),
        ]
    return some(rng, kinds)


def part(rng: Generator, rank: int, depth: int) -> Node:
    """Return a random part whose input and output have the same number of axes."""
    kinds: list[Callable[[], Node]] = [
        lambda: operation(rng, rank, int(rng.integers(1, 6)), int(rng.integers(1, 4))),
        lambda: layer(str(some(rng, ("Identity", "ReLU", "BatchNormalization")))),
        Zero,
    ]
    if depth:
        merge: Literal["add", "concatenate"] = some(rng, ("add", "concatenate"))
        branches = [part(rng, rank, depth - 1) for _ in range(int(rng.integers(1, 4)))]
        kinds += 2 * [
            lambda: Chain(*branches),
            lambda: Parallel(*branches, merge=merge),
            lambda: residual(*branches),
            lambda: Repeat(branches[0], times=int(rng.integers(3))),
        ]
        if rank:
            kinds.append(lambda: cells(rng, rank))
    return some(rng, kinds)()


def cells(rng: Generator, rank: int) -> Node:
    """Return stacked cells; some operations ignore the stride or the width of the cell."""
    operations: dict[str, Node] = {
        "conv": operation(rng, rank, WIDTH, STRIDE),
        "other": operation(rng, rank, 3, 1),
        "skip": layer("Identity"),
        "none": Zero(),
    }
    inputs = int(rng.integers(1, 3)) if rank == 2 else 1
    output: Literal["last", "concatenate"] = some(rng, ("last", "concatenate"))
    on_edges = bool(rng.integers(2))

    def cell(reduction: bool) -> Cell | NodeCell:
        if on_edges:
            return Cell(operations, 2, inputs, output=output, reduction=reduction)
        return NodeCell(operations, 2, inputs, combine=("add", "concatenate"), reduction=reduction)

    return Stack(cell(False), cell(True), repeats=1, stages=2, width=3)


def network(seed: int) -> tuple[Node, Shape, Generator]:
    rng = numpy.random.default_rng(seed)
    shape = SHAPES[seed % len(SHAPES)]
    rank = len(shape) - 1
    body = [part(rng, rank, 2) for _ in range(3)]
    head = [layer(f"GlobalAveragePooling{rank}D")] if rank else []
    open_part = Choice({"none": Zero(), "part": part(rng, rank, 1)})
    return Chain(*body, residual(open_part), *head, layer("Dense", units=3)), shape, rng


def test_the_networks_need_every_kind_of_fitting() -> None:
    fitting: set[str] = set()
    layers: set[str] = set()
    for seed in SEEDS:
        space, shape, rng = network(seed)
        for step in plan(space.sample(rng).graph(), shape).steps:
            layers.add(step.operation.name)
            kind = step.operation.name.rstrip("123D")
            fitting |= {f"{part} {kind}" for part in ("fit_", "half_", "skip") if part in step.path}
            fitting |= {"zeros"} if kind == "Rescaling" else set()
    assert fitting >= {"zeros", "skip AveragePooling", "fit_ Conv", "fit_ Dense", "fit_ Cropping"}
    assert fitting >= {"fit_ ZeroPadding", "fit_ AveragePooling", "fit_ Concatenate", "half_ Conv"}
    ranked = ("Conv", "MaxPooling", "AveragePooling", "Cropping", "ZeroPadding")
    assert layers >= {f"{kind}{rank}D" for kind in ranked for rank in (1, 2, 3)}
    assert layers >= {
        f"{kind}Conv{rank}D" for kind in ("Depthwise", "Separable") for rank in (1, 2)
    }
    assert {SHAPES[seed % len(SHAPES)] for seed in SEEDS} == set(SHAPES)


def twins(seed: int) -> tuple[Node, Shape, Generator]:
    """Return a space of many equivalent networks: equal parts, sums, skips and zeros."""
    rng = numpy.random.default_rng(seed)
    shape = SHAPES[seed % len(SHAPES)]
    rank = len(shape) - 1
    parts = {str(k): part(rng, rank, 1) for k in range(2)}
    parts |= {"skip": layer("Identity"), "none": Zero(), "sum": Parallel(*parts.values())}
    first, second = (Choice(parts, name=f"part_{k}") for k in range(2))
    start = operation(rng, rank, 3, 1)
    end = operation(rng, rank, some(rng, (3, 4)), 1)
    shared = Choice(
        {
            "shared": Chain(start, Parallel(first, second, end)),
            "twice": Parallel(Chain(start, first), Chain(start, second), Chain(start, end)),
            "nested": Chain(start, Parallel(Parallel(first, second), end)),
        },
        name="form",
    )
    head = [layer(f"GlobalAveragePooling{rank}D")] if rank else []
    return Chain(shared, *head, layer("Dense", units=3)), shape, rng


@pytest.mark.parametrize("seed", range(24))
def test_equal_forms_have_equal_sizes(seed: int) -> None:
    space, shape, rng = twins(seed)
    sizes: dict[str, set[Cost]] = {}
    built = 0
    for architecture in {space.sample(rng) for _ in range(200)}:
        with suppress(BuildError):  # one of the layers leaves nothing
            sizes.setdefault(architecture.canonical, set()).add(architecture.cost(shape))
            built += 1
    assert built > len(sizes)  # some are equivalent
    assert all(len(same) == 1 for same in sizes.values())


@pytest.mark.frameworks
@pytest.mark.parametrize("seed", SEEDS)
def test_keras_builds_what_the_plan_infers(seed: int) -> None:
    from nasbridge.spaces.keras import count_parameters, flops, layer_name

    space, shape, rng = network(seed)
    architecture = space.sample(rng)
    model = architecture.build(shape)
    planned = plan(architecture.graph(), shape)
    assert len(planned.steps) == len(model.layers)
    for step in planned.steps:
        assert model.get_layer(layer_name(step.path)).output.shape == (None, *step.shape), step.path
    cost = architecture.cost(shape)
    assert cost.parameters == count_parameters(model) == model.count_params()
    trainable = sum(numpy.prod(weight.shape) for weight in model.trainable_weights)
    assert cost.trainable_parameters == trainable
    assert cost.flops == flops(model)
    result = model.predict_on_batch(numpy.zeros((2, *shape), "float32"))
    assert result.shape == (2, 3)
    assert numpy.isfinite(result).all()
