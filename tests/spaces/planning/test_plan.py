"""Plans: inference of shapes, resolution of mismatches, removal of unused and zero operations."""

import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nasbridge.spaces import (
    STRIDE,
    WIDTH,
    BuildError,
    Cell,
    Chain,
    Layer,
    Node,
    Parallel,
    Repeat,
    Stack,
    Zero,
    layer,
    residual,
)
from nasbridge.spaces.graph.graph import Graph, Operation, Vertex
from nasbridge.spaces.planning.fit import add, concatenate, factorized_reduction
from nasbridge.spaces.planning.plan import plan
from nasbridge.spaces.planning.rules import measure
from nasbridge.spaces.planning.shapes import Shape
from nasbridge.spaces.planning.steps import Plan, PlanBuilder

IDENTITY = layer("Identity")


def conv(filters: int, kernel: int = 3, **config: object) -> Node:
    settings = {"filters": filters, "kernel_size": kernel, "padding": "same", **config}
    return Layer("Conv2D", settings)


def planned(space: Node, shape: Shape = (8, 8, 3)) -> Plan:
    """Return the plan of the first architecture of a space."""
    return plan(next(space.enumerate()).graph(), shape)


def layers(planned: Plan) -> list[str]:
    return [step.operation.name for step in planned.steps[1:]]


def output(planned: Plan) -> Shape:
    return planned.steps[planned.output].shape


def check(planned: Plan) -> None:
    """Assert that every step follows from earlier ones by the rules, and that all are needed."""
    used = {planned.output}
    for position in reversed(range(len(planned.steps))):
        step = planned.steps[position]
        assert position in used, f"{step.path} is not needed"
        assert all(source < position for source in step.inputs)
        used.update(step.inputs)
        if step.inputs:
            shapes = [planned.steps[source].shape for source in step.inputs]
            assert measure(step.operation, shapes) == step.measure
            assert all(size > 0 for size in step.shape)
    assert max(Counter(step.path for step in planned.steps).values()) == 1


def test_unused_operations_are_removed() -> None:
    cell = Cell({"conv": conv(4), "none": Zero()}, nodes=2, name="c")
    edges = {"c.edge_0_1": "conv", "c.edge_0_2": "conv", "c.edge_1_2": "none"}
    only_last = plan(cell.architecture(edges).graph(), (8, 8, 3))
    check(only_last)
    assert [step.path for step in only_last.steps] == ["input", "c.edge_0_2.conv"]


def test_zeros_are_removed_from_sums_with_their_dependents() -> None:
    space = Parallel(conv(4), Chain(Zero(), conv(9), layer("BatchNormalization")), Zero())
    assert layers(planned(space)) == ["Conv2D"]


def test_a_repeated_term_is_kept() -> None:
    found = planned(Parallel(IDENTITY, IDENTITY))
    assert layers(found) == ["Identity", "Identity", "Add"]
    builder = PlanBuilder({"input": (4, 4, 2)})
    assert builder.finish({"": add(builder, [0, 0], "sum")}).steps[1].inputs == (0, 0)


def test_the_input_itself_can_be_the_output() -> None:
    found = planned(Repeat(conv(4), times=0))
    assert (layers(found), found.output) == ([], 0)


def test_an_empty_sum_is_zeros_of_the_strided_size() -> None:
    cell = Cell({"none": Zero()}, nodes=2, reduction=True)
    found = planned(cell, (7, 9, 3))
    check(found)
    assert layers(found) == ["Rescaling", "AveragePooling2D"]
    assert output(found) == (4, 5, 3)


def test_zeros_remain_zeros_after_layers_that_keep_channels() -> None:
    found = planned(Chain(conv(4), Zero(), conv(4, strides=2), conv(4), layer("Flatten")))
    assert layers(found) == ["Conv2D", "Rescaling", "AveragePooling2D", "Flatten"]
    assert output(found) == (64,)


def test_a_network_without_a_path_still_has_an_output() -> None:
    head = Chain(layer("GlobalAveragePooling2D"), layer("Dense", units=5))
    found = planned(Chain(conv(4), Zero(), residual(conv(8, strides=2)), head))
    check(found)
    assert output(found) == (5,)
    assert layers(found) == ["Conv2D", "Rescaling", "Conv2D", "GlobalAveragePooling2D", "Dense"]


def test_a_concatenation_keeps_its_zeros() -> None:
    found = planned(Parallel(conv(4), Zero(), conv(5), merge="concatenate"))
    check(found)
    assert layers(found) == ["Conv2D", "Rescaling", "Conv2D", "Concatenate"]
    assert output(found) == (8, 8, 3 + 4 + 5)


def test_zeros_in_a_concatenation_are_resized_without_weights() -> None:
    found = planned(Parallel(conv(4, strides=2), Zero(), merge="concatenate"))
    check(found)
    assert layers(found) == ["Conv2D", "Rescaling", "AveragePooling2D", "Concatenate"]
    assert output(found) == (4, 4, 7)


def test_a_concatenation_of_one_term_is_removed() -> None:
    assert layers(planned(Parallel(conv(4), merge="concatenate"))) == ["Conv2D"]


def test_a_shortcut_between_different_shapes_is_a_strided_convolution() -> None:
    found = planned(residual(conv(16, strides=2)), (7, 9, 3))
    check(found)
    fit = ["AveragePooling2D", "Conv2D", "BatchNormalization"]
    assert layers(found) == ["Identity", "Conv2D", *fit, "Add"]
    assert found.steps[3].operation.config == {"pool_size": 1, "strides": (2, 2)}
    shortcut = {"filters": 16, "kernel_size": 1, "use_bias": False}
    assert found.steps[4].operation.config == shortcut
    assert output(found) == (4, 5, 16)


@pytest.mark.parametrize("first", [Zero(), IDENTITY])
def test_layers_that_fit_terms_are_numbered_independently_of_zeros(first: Node) -> None:
    found = planned(Parallel(first, conv(4), conv(8)), (8, 8, 8))
    assert [s.path for s in found.steps if ".fit_" in s.path] == ["add.fit_1", "add.fit_1.bn"]


@pytest.mark.parametrize(
    ("size", "smaller", "stride", "cut"),
    [(8, 4, 2, 0), (7, 4, 2, 0), (9, 3, 3, 0), (7, 5, 1, 2), (28, 13, 2, 2), (5, 1, 5, 0)],
)
def test_sizes_are_reduced_by_a_stride_or_by_cropping(
    size: int, smaller: int, stride: int, cut: int
) -> None:
    builder = PlanBuilder({"input": (size, 3)})
    small = builder.layer("Cropping1D", {"cropping": (size - smaller, 0)}, (0,), "small")
    found = builder.finish({"": add(builder, [0, small], "sum")})
    check(found)
    by_name = {step.operation.name: step.operation.config for step in found.steps[2:]}
    if stride > 1:
        assert by_name["AveragePooling1D"] == {"pool_size": 1, "strides": (stride,)}
    else:
        assert "AveragePooling1D" not in by_name
    if cut:
        assert by_name["Cropping1D"] == {"cropping": (cut // 2, cut - cut // 2)}
    else:
        assert "Cropping1D" not in by_name


def test_vectors_of_different_widths_are_summed_through_a_dense_layer() -> None:
    found = planned(residual(layer("Dense", units=6)), (4,))
    check(found)
    assert layers(found) == ["Identity", "Dense", "Dense", "BatchNormalization", "Add"]
    assert found.steps[3].operation.config == {"units": 6, "use_bias": False}


def test_a_concatenation_uses_factorized_reduction_and_keeps_channels() -> None:
    found = planned(Parallel(IDENTITY, conv(6, strides=2), merge="concatenate"), (7, 9, 5))
    check(found)
    assert layers(found)[-2:] == ["BatchNormalization", "Concatenate"]
    assert output(found) == (4, 5, 11)


@pytest.mark.parametrize("sizes", [(7,), (8, 5), (1, 1), (5, 4, 3)])
@pytest.mark.parametrize("filters", [1, 5, 8])
def test_factorized_reduction_halves_any_size(sizes: Shape, filters: int) -> None:
    builder = PlanBuilder({"input": (*sizes, 3)})
    strides = (2,) * len(sizes)
    found = builder.finish({"": factorized_reduction(builder, 0, filters, strides, "reduce")})
    check(found)
    assert output(found) == (*(-(-size // 2) for size in sizes), filters)
    convolutions = [step for step in found.steps if step.operation.name.startswith("Conv")]
    assert sum(step.measure.parameters for step in convolutions) == 3 * filters


def test_factorized_reduction_shifts_its_second_half_by_a_pixel() -> None:
    space = Stack(
        Cell({"skip": IDENTITY}, nodes=1, inputs=2),
        Cell({"conv": conv(4, strides=STRIDE)}, nodes=1, inputs=2, reduction=True),
        repeats=1,
        stages=2,
        width=4,
    )
    found = planned(space, (8, 8, 4))
    check(found)
    pads = [s.operation.config for s in found.steps if s.operation.name == "ZeroPadding2D"]
    cuts = [s.operation.config for s in found.steps if s.operation.name == "Cropping2D"]
    assert pads == [{"padding": ((0, 1), (0, 1))}]
    assert cuts == [{"cropping": ((1, 0), (1, 0))}]


def test_a_window_larger_than_its_input_is_padded() -> None:
    pool = layer("MaxPooling2D", pool_size=2, name="pool")
    found = planned(Repeat(pool, times=5), (4, 4, 1))
    check(found)
    assert [step.shape[0] for step in found.steps] == [4, 2, 1, 1, 1, 1]
    assert [step.operation.config.get("padding") for step in found.steps[3:]] == ["same"] * 3
    assert output(planned(layer("Conv2D", filters=2, kernel_size=5), (3, 3, 1))) == (3, 3, 2)


@pytest.mark.parametrize(
    ("channels", "settings", "names"),
    [
        (15, {"kernel_size": 1, "strides": 2}, ["AveragePooling2D", "Conv2D"]),
        (7, {"kernel_size": (1, 1), "strides": (2, 1)}, ["AveragePooling2D", "Conv2D"]),
        (16, {"kernel_size": 1, "strides": 2}, ["Conv2D"]),
        (7, {"kernel_size": 1}, ["Conv2D"]),
        (7, {"kernel_size": 3, "strides": 2}, ["Conv2D"]),
    ],
)
def test_narrow_strided_pointwise_convolutions_subsample_first(
    channels: int, settings: dict[str, object], names: list[str]
) -> None:
    config = {"filters": 4, **settings}
    found = planned(Layer("Conv2D", config), (9, 8, channels))
    check(found)
    assert layers(found) == names
    as_written = measure(Operation("Conv2D", config), [(9, 8, channels)])
    assert as_written is not None
    assert output(found) == as_written.shape
    assert sum(step.measure.flops for step in found.steps) == as_written.flops


shapes = st.tuples(st.integers(1, 12), st.integers(1, 12), st.integers(1, 5))


@given(st.lists(shapes, min_size=1, max_size=4), st.sampled_from([add, concatenate]))
@settings(deadline=None)
def test_branches_of_any_shapes_are_merged(branches: list[Shape], merge: object) -> None:
    builder = PlanBuilder({"input": (12, 12, 1)})
    terms: list[int] = []
    for k, (height, width, channels) in enumerate(branches):
        cut = {"cropping": ((12 - height, 0), (0, 12 - width))}
        small = builder.layer("Cropping2D", cut, (0,), f"cut_{k}")
        config = {"filters": channels, "kernel_size": 1}
        terms.append(builder.layer("Conv2D", config, (small,), f"conv_{k}"))
    found = builder.finish({"": (add if merge is add else concatenate)(builder, terms, "merge")})
    check(found)
    heights, widths, channels_ = zip(*branches, strict=True)
    channels = channels_[-1] if merge is add else sum(channels_)
    assert output(found) == (min(heights), min(widths), channels)


@pytest.mark.parametrize(
    ("space", "shape", "message"),
    [
        (
            conv(4),
            (10,),
            r"Conv2D\(filters=4, .* at 'Conv2D' cannot take \(10,\): its input must have",
        ),
        (layer("Conv2D", kernel_size=3), (8, 8, 3), "filters= is missing"),
        (conv(0), (8, 8, 3), "filters=0 is less than 1"),
        (layer("Dense", units="many"), (8,), "units='many' is not an integer"),
        (conv(4, kernel=3, padding="full"), (8, 8, 3), "padding='full' is unknown"),
        (conv(4, groups=2), (8, 8, 3), "groups=2"),
        (conv(4, strides=(1, 2, 3)), (8, 8, 3), r"strides=\(1, 2, 3\) must have 2 entries"),
        (conv(4, data_format="channels_first"), (3, 8, 8), "channels_last"),
        (layer("Cropping2D", cropping=4), (8, 8, 3), "leaves nothing of .*larger input_shape"),
        (layer("Reshape", target_shape=(5, -1)), (8,), "does not fit its 8 numbers"),
        (layer("Permute", dims=(1, 3)), (8, 3), "is not a permutation"),
        (layer("BatchNormalization", axis=4), (8, 8, 3), "axis=4"),
        (layer("GroupNormalization", groups=2), (8, 8, 3), "groups=2 does not divide 3"),
        (
            Parallel(IDENTITY, layer("Flatten")),
            (8, 8, 3),
            r"cannot be summed: their shapes are \(8, 8, 3\) and \(192,\)",
        ),
        (
            residual(layer("Reshape", target_shape=(1, 1, 1, 1, -1))),
            (2, 2, 2, 2, 2),
            "4 spatial axes.*one shape",
        ),
    ],
)
def test_errors_name_layer_shape_and_fix(space: Node, shape: Shape, message: str) -> None:
    with pytest.raises(BuildError, match=message):
        planned(space, shape)


@pytest.mark.parametrize("shape", [(), (None, 3), (0, 3), (8.0, 3), (-1, 8), 32])
def test_the_input_shape_must_be_that_of_one_example(shape: tuple[int, ...]) -> None:
    with pytest.raises(BuildError, match="input_shape="):
        planned(layer("Flatten"), shape)


def test_only_complete_graphs_with_one_input_can_be_planned() -> None:
    cell = Cell({"conv": conv(WIDTH)}, nodes=1)  # type: ignore[arg-type]
    outline = (
        Stack(cell, layer("MaxPooling2D"))
        .architecture({"normal.edge_0_1": "conv"})
        .hierarchical_graph()
    )
    with pytest.raises(BuildError, match=r"architecture\.graph\(\)"):
        plan(outline.graph, (8, 8, 3))
    two = tuple(Vertex(Operation("input"), (), name) for name in "ab")
    with pytest.raises(BuildError, match="2 inputs without names"):
        plan(Graph(two, 0), (8, 8, 3))


def test_planning_loads_no_framework() -> None:
    code = (
        "import sys\n"
        "from nasbridge.spaces import Chain, layer\n"
        "space = Chain(layer('Conv2D', filters=4, kernel_size=3), layer('Flatten'))\n"
        "print(next(space.enumerate()).cost((8, 8, 1)).parameters, 'keras' in sys.modules)\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["40", "False"]
