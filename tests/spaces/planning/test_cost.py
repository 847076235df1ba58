"""Costs, compared with manual counts and with the published table of NAS-Bench-201."""

import pytest

from nasbridge.spaces import (
    Architecture,
    BuildError,
    Chain,
    Choice,
    Node,
    Parallel,
    layer,
    library,
)
from nasbridge.spaces.graph.cost import Cost
from nasbridge.spaces.planning.shapes import Shape


def only(space: Node) -> Architecture:
    return next(space.enumerate())


OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
EDGES = ("0_1", "0_2", "1_2", "0_3", "1_3", "2_3")
DATA: dict[str, tuple[int, Shape]] = {
    "cifar10": (10, (32, 32, 3)),
    "cifar100": (100, (32, 32, 3)),
    "imagenet16": (120, (16, 16, 3)),
}

# Operations on the six edges, data, millions of parameters and of multiply-additions as published;
# cells in which no operation is unreachable, spread over the whole range.
PUBLISHED = [
    ("141104", "cifar10", 0.073306, 7.78305),
    ("040201", "cifar100", 0.107156, 11.72106),
    ("410142", "imagenet16", 0.108456, 2.93644),
    ("102402", "cifar10", 0.129306, 15.64737),
    ("112421", "cifar100", 0.135156, 15.65322),
    ("201424", "imagenet16", 0.136456, 3.91948),
    ("110344", "cifar10", 0.316346, 43.17249),
    ("301114", "cifar100", 0.322196, 43.17834),
    ("134114", "imagenet16", 0.323496, 10.80076),
    ("134124", "cifar10", 0.344346, 47.10465),
    ("431021", "cifar100", 0.350196, 47.11050),
    ("344142", "imagenet16", 0.351496, 11.78380),
    ("203414", "cifar10", 0.344346, 47.10465),
    ("210342", "cifar100", 0.378196, 51.04266),
    ("211032", "imagenet16", 0.379496, 12.76684),
    ("113202", "cifar10", 0.372346, 51.03681),
    ("310222", "cifar100", 0.406196, 54.97482),
    ("223442", "imagenet16", 0.407496, 13.74988),
    ("222023", "cifar10", 0.428346, 58.90113),
    ("434403", "cifar100", 0.565236, 78.56778),
    ("341132", "imagenet16", 0.594536, 20.63116),
    ("343002", "cifar10", 0.587386, 82.49409),
    ("321043", "cifar100", 0.593236, 82.49994),
    ("434213", "imagenet16", 0.594536, 20.63116),
    ("224303", "cifar10", 0.615386, 86.42625),
    ("332024", "cifar100", 0.621236, 86.43210),
    ("330314", "imagenet16", 0.809576, 28.49548),
    ("132033", "cifar10", 0.830426, 117.88353),
    ("331302", "cifar100", 0.836276, 117.88938),
    ("333333", "imagenet16", 1.538696, 55.03756),
]


NETWORKS = {data: library.nas_bench_201(classes) for data, (classes, _) in DATA.items()}


def network(data: str, cell: str) -> Architecture:
    chosen = {f"cell.edge_{edge}": OPERATIONS[int(k)] for edge, k in zip(EDGES, cell, strict=True)}
    return NETWORKS[data].architecture(chosen)


@pytest.mark.parametrize(("cell", "data", "parameters", "flops"), PUBLISHED)
def test_costs_equal_those_published_by_nas_bench_201(
    cell: str, data: str, parameters: float, flops: float
) -> None:
    cost = network(data, cell).cost(DATA[data][1])
    assert cost.trainable_parameters == round(parameters * 1e6)
    assert cost.flops == round(flops * 1e6)


def test_unreachable_operations_cost_nothing() -> None:
    # 0>1 is none, so the convolution on 1>3 has no effect; the benchmark counted it nevertheless.
    dead, without = network("cifar10", "000130"), network("cifar10", "000100")
    assert dead.cost((32, 32, 3)) == without.cost((32, 32, 3))


@pytest.mark.parametrize(
    ("space", "shape", "parameters", "flops"),
    [
        (layer("Dense", units=5), (4, 3), 3 * 5 + 5, 4 * (3 * 5 + 5)),
        (layer("Dense", units=5, use_bias=False), (3,), 15, 15),
        (layer("Conv1D", filters=4, kernel_size=3), (10, 2), 3 * 2 * 4 + 4, 8 * 28),
        (layer("Conv2D", filters=4, kernel_size=(3, 1), strides=2), (9, 8, 2), 28, 4 * 4 * 28),
        (layer("Conv2D", filters=4, kernel_size=3, groups=2), (3, 3, 6), 9 * 3 * 4 + 4, 112),
        (layer("DepthwiseConv2D", kernel_size=3, depth_multiplier=2), (3, 3, 5), 100, 100),
        (layer("SeparableConv2D", filters=7, kernel_size=3), (4, 4, 5), 45 + 42, 4 * 87),
        (layer("Conv2DTranspose", filters=3, kernel_size=2, strides=2), (4, 4, 5), 63, 1152),
        (layer("BatchNormalization"), (4, 4, 5), 20, 0),
        (layer("BatchNormalization", scale=False), (4, 4, 5), 15, 0),
        (layer("LSTM", units=3), (7, 2), 4 * 3 * (2 + 3 + 1), 7 * 72),
        (layer("TimeDistributed", layer=layer("Dense", units=2)), (7, 3), 8, 56),
        (layer("Bidirectional", layer=layer("GRU", units=3)), (7, 2), 2 * 63, 2 * 7 * 63),
        (layer("MaxPooling2D"), (4, 4, 5), 0, 0),
    ],
)
def test_costs_equal_manual_counts(space: Node, shape: Shape, parameters: int, flops: int) -> None:
    cost = only(space).cost(shape)
    assert (cost.parameters, cost.flops) == (parameters, flops)


def test_moving_averages_are_not_trainable() -> None:
    space = Chain(layer("Dense", units=2), layer("BatchNormalization"))
    assert only(space).cost((3,)) == Cost(parameters=16, trainable_parameters=12, flops=8)


def test_frozen_layers_are_not_trainable() -> None:
    assert only(layer("Dense", units=2, trainable=False)).cost((3,)) == Cost(8, 0, 8)


def test_layers_that_fit_branches_are_counted() -> None:
    wide = layer("Conv2D", filters=4, kernel_size=1, use_bias=False)
    cost = only(Parallel(layer("Identity"), wide)).cost((2, 2, 3))
    assert cost == Cost(parameters=12 + 12 + 16, trainable_parameters=32, flops=4 * (12 + 12))


def test_a_limit_excludes_networks_that_cannot_be_built() -> None:
    space = Choice(
        {"half": layer("Cropping2D", cropping=2), "all": layer("Cropping2D", cropping=4)}
    )
    with pytest.raises(BuildError):
        space.architecture({"choice": "all"}).cost((8, 8, 1))
    small = space.limit((8, 8, 1), parameters=10)
    assert [dict(architecture.choices) for architecture in small.enumerate()] == [
        {"choice": "half"}
    ]
