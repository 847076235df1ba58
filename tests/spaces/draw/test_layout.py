"""The layout of pictures: nothing overlaps, is hidden, or is missing."""

from collections.abc import Callable
from functools import cache
from itertools import combinations, pairwise
from typing import Any
from xml.etree import ElementTree

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextToPath
from numpy.typing import NDArray

from nasbridge.spaces import (
    Cell,
    Chain,
    Choice,
    Graph,
    Node,
    NodeCell,
    Parallel,
    Repeat,
    SearchSpace,
    Stack,
    Zero,
    layer,
    library,
    residual,
)
from nasbridge.spaces.draw import draw
from nasbridge.spaces.draw.diagram import Box
from nasbridge.spaces.draw.figure import draw_diagram
from nasbridge.spaces.draw.graph_to_diagram import diagram_of
from nasbridge.spaces.draw.layout import arrange
from nasbridge.spaces.draw.page import TALLEST, compose_page
from nasbridge.spaces.draw.shapes import Curve, Picture, Rect, Text
from nasbridge.spaces.draw.text import text_width
from nasbridge.spaces.graph.graph import HierarchicalGraph

Area = tuple[float, float, float, float]
"""Left, top, right, bottom."""

OPERATIONS: dict[str, Node] = {
    "none": Zero(),
    "skip": layer("Identity"),
    "conv": layer("Conv2D", filters=8, kernel_size=3),
    "pool": layer("MaxPooling2D", pool_size=3, strides=1),
    "twice": Chain(layer("Conv2D", filters=8, kernel_size=1), layer("Conv2D", filters=8)),
}

BLOCK = Chain(
    Choice({name: OPERATIONS[name] for name in ("conv", "skip", "twice")}, name="op"),
    layer("BatchNormalization"),
)

SPACES: dict[str, SearchSpace] = {
    "cell": Cell(OPERATIONS, nodes=3, name="cell"),
    "chain": Chain(layer("Flatten"), Repeat(BLOCK, times=10), layer("Dense", units=10)),
    "darts": library.darts(),
    "enas": library.enas_micro(),
    "long": Chain(Repeat(residual(BLOCK), times=12), layer("Dense", units=10)),
    "mlp": library.mlp(),
    "tabular": library.tabular(),
    "nas_bench_201": library.nas_bench_201(),
    "nested": Choice(
        {
            "deep": Parallel(Choice(OPERATIONS, name="left"), Choice(OPERATIONS, name="right")),
            "outer": Choice({"inner": layer("LSTM", units=4)}, name="only"),
        },
        name="kind",
    ),
    "node_cell": Chain(layer("Leaf"), NodeCell(OPERATIONS, nodes=4, name="cell")),
    "residual": library.residual_cnn(),
    "two_stacks": Chain(
        Stack(Cell(OPERATIONS, nodes=2, name="first"), layer("Halve")),
        Stack(Cell(OPERATIONS, nodes=2, name="second"), layer("Halve"), repeats=1, stages=1),
    ),
}


def drawn(space: SearchSpace, seed: int = 0) -> tuple[HierarchicalGraph, Picture]:
    network = space.sample(numpy.random.default_rng(seed)).hierarchical_graph()
    return network, compose_page(network)


def texts(picture: Picture) -> list[str]:
    return [shape.text for shape in picture.shapes if isinstance(shape, Text)]


def rects(picture: Picture) -> list[Rect]:
    return [shape for shape in picture.shapes if isinstance(shape, Rect)]


def place(rect: Rect) -> Area:
    return rect.x, rect.y, rect.x + rect.width, rect.y + rect.height


def within(inner: Area, outer: Area) -> bool:
    return (
        outer[0] <= inner[0]
        and outer[1] <= inner[1]
        and inner[2] <= outer[2]
        and inner[3] <= outer[3]
    )


def apart(one: Area, other: Area) -> bool:
    return one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]


@cache
def measured(text: str, size: float, bold: bool = False) -> float:
    """Return the width of a text in DejaVu Sans, from the font file."""
    font = FontProperties(family="DejaVu Sans", size=size, weight="bold" if bold else 400)
    measure: Any = TextToPath()
    return float(measure.get_text_width_height_descent(text, font, ismath=False)[0])


def extent(text: Text) -> Area:
    """Return the area of a text, from the top of an `l` to the baseline."""
    across = measured(text.text, text.size, text.bold)
    left = text.x - across / 2 if text.anchor == "middle" else text.x
    return left, text.y - 0.73 * text.size, left + across, text.y


def points(curve: Curve) -> NDArray[numpy.float64]:
    """Return points on a line, at most a few pixels apart, shape (points, 2)."""
    t = numpy.linspace(0.0, 1.0, 200)[:, None]
    here, found = curve.pieces[0][1][0], list[NDArray[numpy.float64]]()
    for kind, way in curve.pieces[1:]:
        a, b, c, d = map(numpy.array, [here, here, *way, *way] if kind == "L" else [here, *way])
        found.append(
            (1 - t) ** 3 * a + 3 * t * (1 - t) ** 2 * b + 3 * t**2 * (1 - t) * c + t**3 * d
        )
        here = way[-1]
    return numpy.concatenate(found)


def meets(line: NDArray[numpy.float64], area: Area, slack: float = 0.2) -> bool:
    inside = (line > numpy.array(area[:2]) + slack) & (line < numpy.array(area[2:]) - slack)
    return bool(inside.all(axis=1).any())


def on_a_path(graph: Graph) -> set[int]:
    """Return the vertices on paths from an input to the output without `none`; tries every path."""
    found: set[int] = set()

    def walk(position: int, behind: tuple[int, ...]) -> None:
        vertex = graph.vertices[position]
        if vertex.operation.name == "input":
            found.update((*behind, position))
        elif vertex.operation.name != "zero":
            for source in set(vertex.inputs):
                walk(source, (*behind, position))

    walk(graph.output, ())
    return found


@st.composite
def diagrams(draw: st.DrawFn) -> tuple[list[tuple[float, float]], list[tuple[int, int]]]:
    """Sizes of items, and edges from earlier items to later ones."""
    count = draw(st.integers(2, 14))
    kinds = st.sampled_from([(0.0, 0.0), (40.0, 20.0), (96.0, 39.0), (250.0, 26.0)])
    sizes = draw(st.lists(kinds, min_size=count, max_size=count))
    pairs = st.sampled_from(list(combinations(range(count), 2)))
    return sizes, sorted(draw(st.sets(pairs, max_size=2 * count)))


@given(diagrams())
@settings(deadline=None, max_examples=60)
def test_items_do_not_overlap_and_lines_run_down_between_them(
    diagram: tuple[list[tuple[float, float]], list[tuple[int, int]]],
) -> None:
    sizes, edges = diagram
    layout = arrange(sizes, edges)
    boxes = [
        (x - across / 2, y - down / 2, x + across / 2, y + down / 2)
        for (x, y), (across, down) in zip(layout.middles, sizes, strict=True)
    ]
    page_box = (-0.1, -0.1, layout.width + 0.1, layout.height + 0.1)
    assert all(within(box, page_box) for box in boxes)
    solid = [box for box, (across, _) in zip(boxes, sizes, strict=True) if across]
    assert all(apart(one, other) for one, other in combinations(solid, 2))
    for (source, target), route in zip(edges, layout.routes, strict=True):
        assert route[0] == pytest.approx((layout.middles[source][0], boxes[source][3]))
        assert route[-1] == pytest.approx((layout.middles[target][0], boxes[target][1]))
        assert all(upper[1] <= lower[1] for upper, lower in pairwise(route))
        for number, (upper, lower) in enumerate(pairwise(route)):
            assert number % 2 or upper[0] == lower[0]
            swept = min(upper[0], lower[0]), upper[1], max(upper[0], lower[0]), lower[1]
            others = [box for k, box in enumerate(boxes) if k not in (source, target)]
            assert all(apart(swept, box) for box in others if box[0] < box[2])


def test_a_chain_is_straight_beside_a_shortcut() -> None:
    sizes = [(50.0, 20.0), (90.0, 40.0), (0.0, 0.0), (70.0, 20.0), (120.0, 40.0), (20.0, 20.0)]
    edges = [(0, 1), (1, 2), (1, 3), (3, 4), (2, 5), (4, 5)]
    middles = arrange(sizes, edges).middles
    assert len({middles[k][0] for k in (0, 1, 3, 4, 5)}) == 1
    assert middles[2][0] > middles[4][0] + 60


def test_many_branches_are_split_over_several_rows() -> None:
    branches = range(1, 13)
    sizes = [(50.0, 20.0), *[(120.0, 30.0)] * 12, (50.0, 20.0)]
    layout = arrange(sizes, [*((0, k) for k in branches), *((k, 13) for k in branches)])
    assert 2 <= len({layout.middles[k][1] for k in branches}) <= 4


def test_a_planar_diagram_has_no_crossings() -> None:
    edges = [(0, 6), (1, 3), (3, 4), (3, 6), (5, 6)]
    routes = arrange([(40.0, 20.0)] * 7, edges).routes
    curves = [curve for route in routes for curve in list(pairwise(route))[1::2]]
    for (start, end), (other_start, other_end) in combinations(curves, 2):
        if start[1] == other_start[1]:
            assert (start[0] - other_start[0]) * (end[0] - other_end[0]) >= 0


def test_lines_are_straight_or_clearly_bent() -> None:
    sizes = [(48.0, 20.0), (144.0, 20.0), (96.0, 20.0), (48.0, 20.0), (144.0, 20.0)]
    routes = arrange(sizes, [(0, 1), (1, 2), (1, 4), (2, 3), (2, 4)]).routes
    offsets = {abs(a[0] - b[0]) for route in routes for a, b in pairwise(route)} - {0.0}
    assert min(offsets) > 20


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", SPACES)
def test_every_used_option_is_visible_and_named(name: str, seed: int) -> None:
    network, picture = drawn(SPACES[name], seed)
    check_clean(picture)
    check_complete(network, picture)


@pytest.mark.parametrize("seed", range(40))
def test_random_spaces_are_drawn_cleanly_and_completely(
    make_space: Callable[[int], SearchSpace], seed: int
) -> None:
    space = make_space(seed)
    architecture = space.sample(numpy.random.default_rng(seed))
    for part in space.resolve(architecture.choices, compact=True).values():
        if isinstance(part, HierarchicalGraph):
            picture = compose_page(part)
            check_clean(picture)
            check_complete(part, picture)
            ElementTree.fromstring(draw(part))


def check_clean(picture: Picture) -> None:
    """Check that boxes and texts do not overlap, and that lines avoid both."""
    everything = (0.0, 0.0, picture.width, picture.height)
    boxes = [place(rect) for rect in rects(picture) if rect.family != "frame"]
    frames = [place(rect) for rect in rects(picture) if rect.family == "frame"]
    written = [(text, extent(text)) for text in picture.shapes if isinstance(text, Text)]
    assert all(within(box, everything) for box in [*boxes, *frames])
    assert all(apart(one, other) for one, other in combinations(boxes, 2))
    for one, other in combinations(frames, 2):
        assert apart(one, other) or within(one, other) or within(other, one)
    for box in boxes:
        assert all(apart(box, frame) or within(box, frame) for frame in frames)
    for (text, covered), (_, also) in combinations(written, 2):
        assert apart(covered, also), text.text
    for text, covered in written:
        assert within(covered, everything), text.text
        assert all(apart(covered, box) or within(covered, box) for box in boxes), text.text
    for line in (points(shape) for shape in picture.shapes if isinstance(shape, Curve)):
        assert not any(meets(line, box) for box in boxes)
        assert not any(meets(line, covered) for _, covered in written)


def check_complete(network: HierarchicalGraph, picture: Picture) -> None:
    """Check that options that the output depends on are named, and no others."""
    shown = texts(picture)
    used, unused = set[str](), set[str]()
    for graph in (network.graph, *network.subgraphs.values()):
        reached = on_a_path(graph)
        for position, vertex in enumerate(graph.vertices):
            labels = {block.label for block in vertex.blocks if block.kind != "repeat"}
            (used if position in reached else unused).update(labels)
    for label in used:
        assert any(label in text for text in shown), label
    assert not (unused - used).intersection(shown)


def test_a_long_network_is_split_into_columns_of_similar_height() -> None:
    network, picture = drawn(SPACES["long"])
    diagram = diagram_of(network.graph, [Box("input", shape="pill")])
    assert draw_diagram(diagram).picture.height > 2 * TALLEST
    assert picture.height < 1.2 * TALLEST
    bottoms = [
        float(points(shape)[:, 1].max())
        for shape in picture.shapes
        if isinstance(shape, Curve) and len(shape.pieces) > 8
    ]
    assert len(bottoms) >= 2  # the lines from one column to the next
    assert min(bottoms) > 0.6 * picture.height


@pytest.mark.parametrize("size", [10.0, 12.0])
def test_text_widths_are_upper_bounds_for_a_wide_font(size: float) -> None:
    for character in map(chr, range(32, 127)):
        assert text_width(character, size) * 1.02 >= measured(character * 8, size) / 8, character
    for text in ("sep_conv_3x3", "AveragePooling2D 3×3, stride 2", "from cell k−1", "Größe"):
        assert measured(text, size) <= text_width(text, size) <= 1.4 * measured(text, size)
