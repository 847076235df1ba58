"""The ready spaces: sizes, equivalent cells, and networks of the published sizes."""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence

import numpy
import pytest
from numpy.random import Generator

from nasbridge.spaces import (
    Chain,
    Label,
    Operation,
    SearchSpace,
    SpaceError,
    library,
)
from nasbridge.spaces.graph.cost import Cost
from nasbridge.spaces.planning.plan import plan

MAKERS: dict[str, Callable[..., SearchSpace]] = {
    "mlp": library.mlp,
    "tabular": library.tabular,
    "cnn": library.cnn,
    "residual_cnn": library.residual_cnn,
    "nas_bench_201": library.nas_bench_201,
    "darts": library.darts,
    "nasnet": library.nasnet,
    "enas_micro": library.enas_micro,
}


def names(space: SearchSpace) -> list[str]:
    return [decision.name for decision in space.decisions]


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_every_sample_is_a_network_with_a_cost(
    make: Callable[..., SearchSpace], rng: Generator
) -> None:
    space = make(classes=7)
    for _ in range(3):
        architecture = space.sample(rng)
        assert space.architecture(architecture) == architecture
        assert architecture.cost((32, 32, 3)).parameters > 0
        assert architecture.graph().vertices[-1].operation.config["units"] == 7


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_decision_names_are_documented(make: Callable[..., SearchSpace]) -> None:
    documented = (make.__doc__ or "").split("Returns:")[1]
    stems = {name.split(".")[0].rstrip("_0123456789") for name in names(make())}
    assert all(stem in documented for stem in stems)


def test_single_values_have_no_decision() -> None:
    assert names(library.mlp(depth=2, units=8, normalization="none", activation="relu")) == [
        "dropout"
    ]
    small = library.mlp(
        depth=(1, 2), units=(4, 8), normalization="batch", activation="relu", dropout=0.0
    )
    assert names(small) == ["depth", "units.0", "units.1"]
    assert library.mlp().count() == sum(4**depth for depth in (1, 2, 3, 4)) * 3 * 3 * 3
    assert library.cnn().count() == (3 * 4 * 2) ** 3 * 2 * 3
    assert library.cnn(stages=1, depth=1, width=8, kernel=3, dropout=0.0).count() == 1
    stage = 3 * 3 * (2 + 2 * 2)  # width, depth, basic or inverted blocks of each kernel
    assert library.residual_cnn().count() == stage**3 * 3


def test_only_inverted_blocks_have_an_expansion() -> None:
    space = library.residual_cnn(stages=1, depth=1, kernel=3, dropout=0.0)
    assert names(space) == ["width_1", "block_1", "expansion_1"]
    parents = {str(c) for condition in space.decision("expansion_1").conditions for c in condition}
    assert parents == {"block_1 in ('inverted')"}
    made = space.architecture({"width_1": 32, "block_1": "inverted", "expansion_1": "4"})
    filters = [v.operation.config.get("filters") for v in made.graph().vertices]
    assert filters.count(4 * 32) == 1


def test_each_block_of_a_tabular_network_has_its_own_decisions() -> None:
    space = library.tabular(3, depth=2, embedding=8, numeric="standard", learning_rate=1e-3)
    assert space.count() == 3 * (3 * 3 * 3 * 3) ** 2
    assert library.tabular().count() == 3 * sum(81**depth for depth in (1, 2, 3, 4)) * 4 * 2 * 3
    values = {"width": 64} | {
        f"{name}.{k}": value
        for k, factor in enumerate(("2x", "4x"))
        for name, value in {
            "normalization": "batch",
            "expansion": factor,
            "activation": "gelu",
            "dropout": 0.1,
        }.items()
    }
    made = space.architecture(values)
    assert made.settings == {"embedding": 8, "numeric": "standard", "learning_rate": 1e-3}
    units = [v.operation.config.get("units") for v in made.graph().vertices]
    assert [u for u in units if u] == [64, 128, 64, 256, 64, 3]
    # weights and biases, and four vectors for each normalization
    blocks = sum(64 * wide + wide + wide * 64 + 64 + 4 * 64 for wide in (128, 256))
    assert made.cost((10,)).parameters == 10 * 64 + 64 + blocks + 64 * 3 + 3


def test_stages_share_one_pooling_and_have_their_own_width_and_kernel() -> None:
    space = library.cnn(stages=2)
    made = space.architecture(
        {"depth_1": 2, "width_1": 8, "kernel_1": 3, "pooling": "max", "dropout": 0.2}
        | {"depth_2": 1, "width_2": 16, "kernel_2": 5}
    )
    convolutions = [
        (v.operation.config["filters"], v.operation.config["kernel_size"])
        for v in made.graph().vertices
        if v.operation.name == "Conv2D"
    ]
    assert convolutions == [(8, 3), (8, 3), (16, 5)]


def test_a_small_network_stays_below_100_000_parameters() -> None:
    rng = numpy.random.default_rng(0)
    space = library.cnn()
    sizes = [space.sample(rng).cost((28, 28, 1)).parameters for _ in range(30)]
    assert sum(size < 100_000 for size in sizes) > 10


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: library.mlp(normalization="group"), "unknown normalization 'group': choose from"),
        (
            lambda: library.cnn(pooling="min"),
            r"unknown pooling 'min': choose from \['max', 'average'",
        ),
        (lambda: library.residual_cnn(block="dense"), "unknown block 'dense'"),
        (lambda: library.residual_cnn(expansion=0), "the factor of WIDTH is 0"),
        (lambda: library.tabular(normalization="group"), "unknown normalization 'group'"),
        (lambda: library.tabular(expansion=()), "a choice has no options"),
        (lambda: library.mlp(units=()), "a choice has no options"),
        (lambda: library.mlp(depth=(3, 1)), r"\[3, 1\] is empty"),
        (lambda: library.cnn(depth=-1), "times= of a Repeat is -1"),
        (lambda: library.nas_bench_201(nodes=0), "nodes= of a Cell is 0"),
        (lambda: library.darts(repeats=0), "repeats= of a Stack is 0"),
        (lambda: library.nasnet(width=0), "width= of a Stack is 0"),
    ],
)
def test_invalid_arguments_are_errors(make: Callable[[], object], message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        make()


OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))


def number_of(cell: Mapping[str, Label], edge: str) -> int:
    """Return the image of a number under a cell whose operations are polynomials.

    The polynomials have no constant term, so zero stays zero. Different cells collide with a
    probability of about 10**-30.
    """
    prime = (1 << 127) - 1
    factors = {
        "nor_conv_1x1": (3**70, 5**51, 7**40),
        "nor_conv_3x3": (11**31, 13**29, 17**27),
        "avg_pool_3x3": (19**26, 23**25, 29**24),
    }
    nodes = [2**100 - 15]
    for node in (1, 2, 3):
        total = 0
        for source in range(node):
            operation, x = str(cell[f"{edge}_{source}_{node}"]), nodes[source]
            if operation == "skip_connect":
                total += x
            elif operation != "none":
                a, b, c = factors[operation]
                total += ((a * x + b) * x + c) * x
        nodes.append(total % prime)
    return nodes[3]


def authors_form(cell: Mapping[str, Label]) -> str:
    """Return the authors' unique string: zeros remain terms of a sum, a skip is its source."""
    nodes = ["0"]
    for node in (1, 2, 3):
        terms: list[str] = []
        for source in range(node):
            operation, x = cell[f"cell.edge_{source}_{node}"], nodes[source]
            if operation == "none" or x == "#":
                terms.append("#")
            else:
                terms.append(x if operation == "skip_connect" else f"({x})@{operation}")
        nodes.append("+".join(sorted(terms)))
    return nodes[3]


def test_nas_bench_201_has_the_published_cells() -> None:
    space = library.nas_bench_201()
    assert space.count() == 15_625
    assert names(space) == [f"cell.edge_{source}_{node}" for source, node in EDGES]
    assert space.decisions[0].domain.values() == OPERATIONS
    listed = {tuple(cell.choices.values()) for cell in space.enumerate()}
    assert listed == set(itertools.product(OPERATIONS, repeat=6))
    assert len({authors_form(cell.choices) for cell in space.enumerate()}) == 6_466


def test_5483_cells_build_different_networks() -> None:
    """As functions, in which one operation used twice equals two, there are only 4,930."""
    forms: dict[str, set[int]] = {}
    for cell in library.nas_bench_201().enumerate():
        number = number_of(cell.choices, "cell.edge")
        forms.setdefault(cell.canonical, set()).add(number)
    assert len(forms) == 5_483
    assert all(len(same) == 1 for same in forms.values())
    assert len({next(iter(same)) for same in forms.values()}) == 4_930


def test_each_form_has_one_size(rng: Generator) -> None:
    """Of cells of few operations, many are equivalent."""
    space = library.nas_bench_201(repeats=1)
    sizes: dict[str, set[Cost]] = {}
    for _ in range(500):
        drawn = rng.choice(["none", "skip_connect", "nor_conv_1x1"], 6, p=[0.3, 0.3, 0.4])
        cell = space.architecture(dict(zip(names(space), map(str, drawn), strict=True)))
        sizes.setdefault(cell.canonical, set()).add(cell.cost((32, 32, 3)))
    assert len(sizes) < 300
    assert all(len(same) == 1 for same in sizes.values())


@pytest.mark.parametrize(
    ("operations", "parameters", "flops"),
    [  # from the tables of the benchmark, for CIFAR-10
        ("none none none skip_connect none none", 73_306, 7_783_050),
        (" ".join(["nor_conv_3x3"] * 6), 1_531_546, 220_119_690),
        (" ".join(["nor_conv_1x1"] * 6), 241_306, 31_376_010),
        (
            "nor_conv_3x3 none skip_connect avg_pool_3x3 nor_conv_1x1 nor_conv_3x3",
            587_386,
            82_494_090,
        ),
    ],
)
def test_nas_bench_201_networks_have_the_published_sizes(
    operations: str, parameters: int, flops: int
) -> None:
    space = library.nas_bench_201()
    cell = dict(zip(names(space), operations.split(), strict=True))
    cost = space.architecture(cell).cost((32, 32, 3))
    assert (cost.trainable_parameters, cost.flops) == (parameters, flops)


def test_darts_has_the_published_size() -> None:
    cell = math.prod(node * (node - 1) // 2 * 7**2 for node in (2, 3, 4, 5))
    assert cell == 1_037_664_180
    assert library.darts().count() == cell**2
    assert library.darts(nodes=2).count() == (1 * 3 * 7**4) ** 2


def test_nasnet_and_enas_have_the_sizes_of_their_construction() -> None:
    # 5 nodes with two inputs, with repetition, two operations and one merge; two kinds of cells
    inputs = math.prod(node**2 for node in (2, 3, 4, 5, 6))
    assert library.nasnet().count() == (inputs * 13**10 * 2**5) ** 2
    assert library.enas_micro().count() == (inputs * 5**10) ** 2


def test_operations_have_the_names_of_the_papers() -> None:
    def operations(space: Chain, name: str) -> Sequence[Label]:
        return space.decision(name).domain.values()

    assert set(operations(library.darts(), "normal.edge_0_2")) == {
        *("max_pool_3x3", "avg_pool_3x3", "skip_connect"),
        *("sep_conv_3x3", "sep_conv_5x5", "dil_conv_3x3", "dil_conv_5x5"),
    }
    assert set(operations(library.nasnet(), "reduction.node_2_operation_0")) == {
        *("skip_connect", "conv_1x1", "conv_3x3", "conv_3x1_1x3", "conv_7x1_1x7", "dil_conv_3x3"),
        *("avg_pool_3x3", "max_pool_3x3", "max_pool_5x5", "max_pool_7x7"),
        *("sep_conv_3x3", "sep_conv_5x5", "sep_conv_7x7"),
    }
    # in the order of the authors' code, so their lists of numbers can be read
    assert operations(library.enas_micro(), "normal.node_2_operation_0") == (
        *("sep_conv_3x3", "sep_conv_5x5", "avg_pool_3x3", "max_pool_3x3", "skip_connect"),
    )


LAYERS = {  # at stride 2: kernel, then stride and dilation if they are not 1
    "skip_connect": ["ReLU", "factorized_reduction", "BatchNormalization"],
    "conv_1x1": ["ReLU", "Conv2D 1 /2", "BatchNormalization"],
    "conv_3x3": ["ReLU", "Conv2D 3 /2", "BatchNormalization"],
    "conv_3x1_1x3": [
        "ReLU",
        "Conv2D (1, 3) /(1, 2)",
        "Conv2D (3, 1) /(2, 1)",
        "BatchNormalization",
    ],
    "conv_7x1_1x7": [
        "ReLU",
        "Conv2D (1, 7) /(1, 2)",
        "Conv2D (7, 1) /(2, 1)",
        "BatchNormalization",
    ],
    "dil_conv_3x3": ["ReLU", "DepthwiseConv2D 3 *2", "Conv2D 1 /2", "BatchNormalization"],
    "dil_conv_5x5": ["ReLU", "DepthwiseConv2D 5 *2", "Conv2D 1 /2", "BatchNormalization"],
    "avg_pool_3x3": ["AveragePooling2D 3 /2"],
    "max_pool_3x3": ["MaxPooling2D 3 /2"],
    "max_pool_5x5": ["MaxPooling2D 5 /2"],
    "max_pool_7x7": ["MaxPooling2D 7 /2"],
    **{
        f"sep_conv_{k}x{k}": [
            *("ReLU", f"SeparableConv2D {k} /2", "BatchNormalization"),
            *("ReLU", f"SeparableConv2D {k}", "BatchNormalization"),
        ]
        for k in (3, 5, 7)
    },
}


@pytest.mark.parametrize(
    ("space", "place"),
    [
        (library.darts(repeats=1), "reduction.edge_0_2"),
        (library.nasnet(repeats=1), "reduction.node_2_operation_0"),
        (library.enas_micro(repeats=1), "reduction.node_2_operation_0"),
    ],
    ids=("darts", "nasnet", "enas_micro"),
)
def test_operations_consist_of_the_layers_of_the_papers(space: Chain, place: str) -> None:
    start = next(space.enumerate())
    for label in space.decision(place).domain.values():
        graph = space.architecture({**start.choices, place: label}).graph()
        within = f"stage_1_reduction.{place}.{label}"
        found = [v.operation for v in graph.vertices if v.path.startswith(within)]
        assert [described(operation) for operation in found] == LAYERS[str(label)]


def described(operation: Operation) -> str:
    config = operation.config
    kernel = config.get("kernel_size", config.get("pool_size", ""))
    strides, dilation = config.get("strides", 1), config.get("dilation_rate", 1)
    words = [operation.name, str(kernel), f"/{strides}" * (strides != 1)]
    return " ".join(filter(None, [*words, f"*{dilation}" * (dilation != 1)]))


@pytest.mark.parametrize("make", [library.darts, library.nasnet, library.enas_micro])
def test_reduction_cells_are_at_one_third_and_two_thirds_of_the_depth(
    make: Callable[..., Chain],
) -> None:
    space = make(repeats=2, width=8)
    graph = next(space.enumerate()).graph()
    assert graph.vertices[1].operation.config["filters"] == 3 * 8
    cells = dict.fromkeys(vertex.path.partition(".")[0] for vertex in graph.vertices)
    assert [name for name in cells if name.startswith("stage_")] == [
        *("stage_0_normal_0", "stage_0_normal_1", "stage_1_reduction"),
        *("stage_1_normal_0", "stage_1_normal_1", "stage_2_reduction"),
        *("stage_2_normal_0", "stage_2_normal_1"),
    ]
    widths = {
        vertex.path.partition(".")[0]: vertex.operation.config["filters"]
        for vertex in graph.vertices
        if vertex.path.endswith(("input_1_conv",))
    }
    assert list(widths.values()) == [8, 8, 16, 16, 16, 32, 32, 32]


def test_operations_at_stride_2_halve_the_size_without_being_fitted() -> None:
    """All branches of a reduction cell have one size, for every operation."""
    space = library.nasnet(repeats=1, width=4)
    for operation in space.decision("reduction.node_2_operation_0").domain.values():
        values = {
            name: operation if "operation" in name else decision.domain.values()[0]
            for name, decision in zip(names(space), space.decisions, strict=True)
        }
        fitted = [step.path for step in plan(space.architecture(values).graph(), (8, 8, 3)).steps]
        assert not [path for path in fitted if ".fit_" in path]
