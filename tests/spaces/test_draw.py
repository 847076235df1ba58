"""Pictures of architectures: what is in them, where it stands, and how they are written."""

import struct
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any, cast
from xml.etree import ElementTree

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nasbridge.spaces import (
    Architecture,
    Cell,
    Chain,
    Choice,
    Graph,
    MissingExtra,
    Node,
    NodeCell,
    Parallel,
    Repeat,
    Searchable,
    Space,
    SpaceError,
    Stack,
    Zero,
    layer,
    library,
    residual,
)
from nasbridge.spaces.draw import draw
from nasbridge.spaces.draw._collapse import diagram_of
from nasbridge.spaces.draw._diagram import Box
from nasbridge.spaces.draw._figure import figure
from nasbridge.spaces.draw._layout import arrange
from nasbridge.spaces.draw._page import TALLEST, page
from nasbridge.spaces.draw._shapes import COLORS, Curve, Picture, Rect, Text
from nasbridge.spaces.draw._text import tidy, width

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

SPACES: dict[str, Searchable] = {
    "cell": Cell(OPERATIONS, nodes=3, name="cell"),
    "chain": Chain(layer("Flatten"), Repeat(BLOCK, times=10), layer("Dense", units=10)),
    "darts": library.darts(),
    "enas": library.enas_micro(),
    "long": Chain(Repeat(residual(BLOCK), times=12), layer("Dense", units=10)),
    "mlp": library.mlp(),
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


def drawn(space: Searchable, seed: int = 0) -> tuple[Architecture, Picture]:
    architecture = space.sample(numpy.random.default_rng(seed))
    return architecture, page(architecture.outline(next(iter(networks(architecture)))))


def networks(architecture: Architecture) -> list[str | None]:
    """The names of its networks; None for one without a name."""
    space = architecture.space
    if isinstance(space, Space) and not isinstance(space.tree, Node):
        return [name for name, part in space.tree.items() if isinstance(part, Node)]
    return [None]


def made(node: Searchable, **choices: object) -> Picture:
    return page(node.architecture(choices).outline())


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


def measured(text: str, size: float, bold: bool = False) -> float:
    """The width of a text in DejaVu Sans, by its font file."""
    font_manager = pytest.importorskip("matplotlib.font_manager")
    from matplotlib.textpath import TextToPath

    font = font_manager.FontProperties(
        family="DejaVu Sans", size=size, weight="bold" if bold else 400
    )
    measure: Any = TextToPath()
    return float(measure.get_text_width_height_descent(text, font, ismath=False)[0])


def extent(text: Text) -> Area:
    """What a text covers: from the top of an `l` to its baseline."""
    across = measured(text.text, text.size, text.bold)
    left = text.x - across / 2 if text.anchor == "middle" else text.x
    return left, text.y - 0.73 * text.size, left + across, text.y


def points(curve: Curve) -> Iterator[tuple[float, float]]:
    """Points on a line, a few pixels apart at most."""
    here = curve.pieces[0][1][0]
    for kind, way in curve.pieces[1:]:
        ends = [here, here, way[0], way[0]] if kind == "L" else [here, *way]
        for t in numpy.linspace(0.0, 1.0, 200):
            weights = (1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3
            across = sum(w * x for w, (x, _) in zip(weights, ends, strict=True))
            yield across, sum(w * y for w, (_, y) in zip(weights, ends, strict=True))
        here = way[-1]


def meets(curve: Curve, box: Area, slack: float = 0.2) -> bool:
    left, top, right, bottom = box
    return any(
        left + slack < x < right - slack and top + slack < y < bottom - slack
        for x, y in points(curve)
    )


def on_a_way(graph: Graph) -> set[int]:
    """Vertices on a way from an input to the output that avoids `none`; every way is walked."""
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


# ---------------------------------------------------------------- layout


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
def test_items_stand_apart_and_lines_go_down_between_them(
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
        assert route[0] == (layout.middles[source][0], pytest.approx(boxes[source][3]))
        assert route[-1] == (layout.middles[target][0], pytest.approx(boxes[target][1]))
        assert all(upper[1] <= lower[1] for upper, lower in pairwise(route))
        for number, (upper, lower) in enumerate(pairwise(route)):
            assert number % 2 or upper[0] == lower[0]
            swept = min(upper[0], lower[0]), upper[1], max(upper[0], lower[0]), lower[1]
            others = [box for k, box in enumerate(boxes) if k not in (source, target)]
            assert all(apart(swept, box) for box in others if box[0] < box[2])


def test_a_chain_is_straight_and_a_shortcut_does_not_bend_it() -> None:
    sizes = [(50.0, 20.0), (90.0, 40.0), (0.0, 0.0), (70.0, 20.0), (120.0, 40.0), (20.0, 20.0)]
    edges = [(0, 1), (1, 2), (1, 3), (3, 4), (2, 5), (4, 5)]
    middles = arrange(sizes, edges).middles
    assert len({middles[k][0] for k in (0, 1, 3, 4, 5)}) == 1
    assert middles[2][0] > middles[4][0] + 60


def test_branches_that_are_too_many_for_one_row_stand_in_several() -> None:
    branches = range(1, 13)
    sizes = [(50.0, 20.0), *[(120.0, 30.0)] * 12, (50.0, 20.0)]
    layout = arrange(sizes, [*((0, k) for k in branches), *((k, 13) for k in branches)])
    assert 2 <= len({layout.middles[k][1] for k in branches}) <= 4


def test_nothing_crosses_where_nothing_need_cross() -> None:
    # Two inputs, each with operations of its own, given in the order that crosses most.
    sizes = [(40.0, 20.0)] * 7
    layout = arrange(sizes, [(0, 2), (1, 3), (0, 4), (1, 5), (2, 6), (3, 6), (4, 6), (5, 6)])
    left, right = sorted(layout.middles[k][0] for k in (2, 4)), layout.middles[3][0]
    assert not left[0] < right < left[1]


# ---------------------------------------------------------------- pages


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", SPACES)
def test_no_box_and_no_text_is_hidden(name: str, seed: int) -> None:
    check_clean(drawn(SPACES[name], seed)[1])


@pytest.mark.parametrize("seed", range(40))
def test_random_spaces_are_drawn_cleanly_and_completely(
    make_space: Callable[[int], Searchable], seed: int
) -> None:
    space = make_space(seed)
    architecture = space.sample(numpy.random.default_rng(seed))
    for part in networks(architecture):
        picture = page(architecture.outline(part))
        check_clean(picture)
        check_complete(architecture, part, picture)
        ElementTree.fromstring(architecture.draw(part=part))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", SPACES)
def test_all_that_is_used_is_named(name: str, seed: int) -> None:
    architecture, picture = drawn(SPACES[name], seed)
    check_complete(architecture, None, picture)


def check_clean(picture: Picture) -> None:
    """No two boxes or texts overlap, and lines keep off both."""
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
    for (one, covered), (other, also) in combinations(written, 2):
        assert apart(covered, also), (one.text, other.text)
    for text, covered in written:
        assert within(covered, everything), text.text
        assert all(apart(covered, box) or within(covered, box) for box in boxes), text.text
    for curve in (shape for shape in picture.shapes if isinstance(shape, Curve)):
        assert not any(meets(curve, box) for box in boxes)
        assert not any(meets(curve, covered) for _, covered in written)


def check_complete(architecture: Architecture, part: str | None, picture: Picture) -> None:
    """Every option that the result depends on is named, and no other is."""
    outline = architecture.outline(part)
    said = texts(picture)
    used, unused = set[str](), set[str]()
    for graph in (outline.graph, *outline.panels.values()):
        for position in range(len(graph.vertices)):
            labels = {b.label for b in graph.vertices[position].blocks if b.kind != "repeat"}
            (used if position in on_a_way(graph) else unused).update(labels)
    for label in used:
        assert any(label in text for text in said), label
    assert not (unused - used).intersection(said)


def test_every_chain_box_is_there_and_only_once() -> None:
    space = Chain(layer("Flatten"), Repeat(layer("Dense", units=8), times=3), layer("Leaf"))
    assert texts(made(space)) == ["input", "Flatten", *["Dense", "8"] * 3, "Leaf", "output"]


def test_a_chosen_option_is_one_box_however_many_layers_it_has() -> None:
    space = Choice(OPERATIONS, name="op")
    assert texts(made(space, op="twice")) == ["input", "twice", "output"]
    assert texts(made(space, op="conv")) == ["input", "conv", "Conv2D 8, 3×3", "output"]


def test_norms_and_activations_do_not_hide_the_layer_they_accompany() -> None:
    option = Chain(layer("ReLU"), layer("Conv2D", filters=4, kernel_size=(1, 7)), layer("ReLU"))
    assert "Conv2D 4, 1×7" in texts(made(Choice({"conv": option}, name="op"), op="conv"))


def test_one_choice_in_two_places_is_two_boxes() -> None:
    shared = Choice({name: OPERATIONS[name] for name in ("conv", "pool")}, name="op")
    assert texts(made(Chain(shared, shared), op="conv")).count("conv") == 2


def test_skips_are_dashed_lines_without_a_box() -> None:
    space = Chain(layer("Flatten"), Choice({"skip": layer("Identity")}, name="op"), layer("Leaf"))
    picture = made(space, op="skip")
    assert "skip" in texts(picture)
    assert len(rects(picture)) == 4  # the ends and two layers
    lines = [shape for shape in picture.shapes if isinstance(shape, Curve)]
    assert [line.dashed for line in lines] == [False, True, True, False]


def test_a_shortcut_is_a_line_without_a_name() -> None:
    picture = made(residual(layer("Dense", units=4)))
    assert texts(picture) == ["input", "Dense", "4", "+", "output"]
    assert len([shape for shape in picture.shapes if isinstance(shape, Curve)]) == 5


def test_what_hangs_on_none_is_left_out() -> None:
    cell = Cell(OPERATIONS, nodes=2)
    picture = made(cell, edge_0_1="none", edge_0_2="pool", edge_1_2="conv")
    assert texts(picture) == ["input", "pool", "MaxPooling2D 3×3", "node 2", "output"]


def test_an_output_that_nothing_reaches_stands_alone() -> None:
    picture = made(Cell(OPERATIONS, nodes=1), edge_0_1="none")
    assert texts(picture) == ["input", "output"]
    assert not [shape for shape in picture.shapes if isinstance(shape, Curve)]


def test_an_option_with_choices_inside_is_a_frame_around_them() -> None:
    picture = made(SPACES["nested"], kind="deep", left="conv", right="pool")
    (frame,) = [place(rect) for rect in rects(picture) if rect.family == "frame"]
    inside = [
        shape.text
        for shape in picture.shapes
        if isinstance(shape, Text) and within((shape.x, shape.y, shape.x, shape.y), frame)
    ]
    assert {"deep", "conv", "pool", "+"} <= set(inside)
    assert not {"input", "output"} & set(inside)
    assert "outer: inner" in texts(made(SPACES["nested"], kind="outer", only="inner"))


def test_a_stack_shows_its_stages_and_each_cell_once() -> None:
    _, picture = drawn(library.darts(repeats=3, width=16))
    said = texts(picture)
    assert said.count("normal cell ×3") == 3
    assert said.count("reduction cell") == 2 + 1  # two in the network, and the title
    assert [text for text in said if text.startswith("width")] == [
        *["width 16"],
        *["width 32"] * 2,
        *["width 64"] * 2,
    ]
    assert said.count("normal cell") == 1
    assert {"3 stages", "input 0", "from cell k−2", "input 1", "from cell k−1"} <= set(said)


def test_two_stacks_refer_to_cells_of_their_own() -> None:
    choices = {"first.edge_0_1": "conv", "first.edge_0_2": "none", "first.edge_1_2": "conv"}
    choices |= {"second.edge_0_1": "none", "second.edge_0_2": "pool", "second.edge_1_2": "skip"}
    space = SPACES["two_stacks"]
    said = texts(made(space, **choices))
    assert {"normal cell", "reduction cell", "normal 2 cell"} <= set(said)
    assert said.count("normal 2 cell") == 2
    assert {"conv", "pool"} <= set(said)
    other = space.architecture({**choices, "first.edge_0_1": "pool"})
    assert other.canonical != space.architecture(choices).canonical


def test_a_cell_ends_in_its_output() -> None:
    cell = Cell(OPERATIONS, nodes=2, output="concatenate")
    said = texts(made(cell, edge_0_1="conv", edge_0_2="pool", edge_1_2="conv"))
    assert said[-2:] == ["output", "concatenate"]
    assert said.count("concatenate") == 1


def test_a_long_network_runs_on_in_columns_of_like_height() -> None:
    architecture, picture = drawn(SPACES["long"])
    diagram = diagram_of(architecture.outline().graph, [Box("input", shape="pill")])
    assert figure(diagram).picture.height > 2 * TALLEST
    assert picture.height < 1.2 * TALLEST
    bottoms = [
        max(y for _, y in points(shape))
        for shape in picture.shapes
        if isinstance(shape, Curve) and len(shape.pieces) > 8
    ]
    assert len(bottoms) >= 2  # the lines from one column to the next
    assert min(bottoms) > 0.6 * picture.height


def test_settings_are_said_as_papers_say_them() -> None:
    space = Chain(
        layer("Conv2D", filters=64, kernel_size=7, strides=2, activation="relu"),
        layer("Conv2D", filters=8, kernel_size=3, strides=(1, 1), dilation_rate=2, groups=4),
        layer("Conv1D", filters=8, kernel_size=5, activation="linear"),
        layer("MultiHeadAttention", num_heads=4, key_dim=16),
        layer("Dropout", rate=0.25),
        layer("Bidirectional", layer=layer("LSTM", units=32)),
        layer("Mine", level=3, mode="fast", name_of="ignored"),
    )
    said = texts(made(space))
    assert {
        "64, 7×7, stride 2, relu",
        "8, 3×3, dilation 2, groups 4",
        "8, 5",
        "4 heads, key 16",
        "0.25",
        "LSTM 32",
        "level 3, mode fast",
    } <= set(said)


class Custom:
    """Stands for a layer of a user."""


def test_layers_of_users_go_by_their_class_name() -> None:
    assert "Custom" in texts(made(layer(Custom)))


def test_all_families_of_boxes_have_colors_with_contrast() -> None:
    def luminance(color: str) -> float:
        parts = [int(color[k : k + 2], 16) / 255 for k in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return float(numpy.dot(linear, [0.2126, 0.7152, 0.0722]))

    from nasbridge.spaces.draw._shapes import INK, LINE, MUTED

    for fill, outline in COLORS.values():
        for dark, least in ((INK, 7.0), (MUTED, 4.5), (LINE, 3.0)):
            assert (luminance(fill) + 0.05) / (luminance(dark) + 0.05) > least
        assert outline != fill


# ---------------------------------------------------------------- text


@pytest.mark.parametrize("size", [10.0, 12.0])
def test_widths_are_not_below_those_of_a_wide_font(size: float) -> None:
    for character in map(chr, range(32, 127)):
        assert width(character, size) * 1.02 >= measured(character * 8, size) / 8, character
    for text in ("sep_conv_3x3", "AveragePooling2D 3×3, stride 2", "from cell k−1", "Größe"):
        assert measured(text, size) <= width(text, size) <= 1.4 * measured(text, size)


def test_tidy_keeps_the_ends_of_long_texts() -> None:
    long = tidy("begin" + "x" * 100 + "end")
    assert len(long) == 48
    assert long.startswith("begin")
    assert long.endswith("end")
    assert tidy("x" * 48) == "x" * 48


HOSTILE = [
    "<script>alert(1)</script>",
    "a & b < c > d \"e\" 'f'",
    "]]><!-- --><?php ?>",
    "$\\frac{1}{2}$ %s {0}",
    "null\x00 escape\x1b[31m\ud800",
    "two\nlines\tand more",
    "漢字",
]


@pytest.mark.parametrize("label", HOSTILE)
def test_hostile_labels_are_text_and_nothing_else(label: str) -> None:
    space = Choice({label: OPERATIONS["conv"], "other": layer("Leaf", note=label)}, name="op")
    for chosen in (label, "other"):
        root = ElementTree.fromstring(space.architecture({"op": chosen}).draw().encode())
        kinds = {element.tag.rpartition("}")[2] for element in root.iter()}
        assert kinds <= {"svg", "rect", "text", "title", "path", "polygon"}
        attributes = {key for element in root.iter() for key in element.attrib}
        assert not [key for key in attributes if key.startswith("on") or "href" in key]
    picture = made(space, op=label)
    assert tidy(label) in texts(picture)
    (written,) = [
        shape for shape in picture.shapes if isinstance(shape, Text) and shape.text == tidy(label)
    ]
    (box,) = [rect for rect in rects(picture) if rect.family == "convolution"]
    assert width(written.text, written.size) <= box.width


# ---------------------------------------------------------------- files


@pytest.fixture
def architecture() -> Architecture:
    return SPACES["darts"].sample(numpy.random.default_rng(0))


def test_the_svg_is_complete_in_itself(architecture: Architecture) -> None:
    text = architecture.draw()
    root = ElementTree.fromstring(text)
    box = [float(number) for number in root.attrib["viewBox"].split()]
    assert box[:2] == [0, 0]
    assert [float(root.attrib[key]) for key in ("width", "height")] == box[2:]
    ground = root[0]
    assert ground.attrib["fill"] == "#ffffff"
    assert [float(ground.attrib[key]) for key in ("width", "height")] == box[2:]
    assert "url(" not in text
    assert text.count("http") == 1  # the namespace
    written = [
        element.text or element[0].tail for element in root.iter() if element.tag.endswith("}text")
    ]
    assert written == texts(page(architecture.outline()))


def test_boxes_tell_all_settings_to_who_points_at_them() -> None:
    space = Choice({"conv": layer("Conv2D", filters=8, padding="same")}, name="op")
    titles = [
        element.text
        for element in ElementTree.fromstring(space.architecture({"op": "conv"}).draw()).iter()
        if element.tag.endswith("}title")
    ]
    assert "op.conv: Conv2D(filters=8, padding=same)" in titles


def test_an_svg_file_is_what_is_returned(architecture: Architecture, tmp_path: Path) -> None:
    file = tmp_path / "new" / "folder" / "best.SVG"
    assert architecture.draw(file) == file.read_text("utf-8") == architecture.draw(str(file))


def test_a_png_has_two_pixels_for_one(architecture: Architecture, tmp_path: Path) -> None:
    image = pytest.importorskip("matplotlib.image")
    file = tmp_path / "new" / "best.png"
    root = ElementTree.fromstring(architecture.draw(file))
    data = file.read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    size = struct.unpack(">II", data[16:24])
    assert size == (2 * int(root.attrib["width"]), 2 * int(root.attrib["height"]))
    pixels = numpy.asarray(image.imread(file))[..., :3]
    assert (pixels[0, 0] == 1).all()
    seen = {tuple(color) for color in numpy.round(pixels.reshape(-1, 3) * 255).astype(int)}
    for family in ("convolution", "normal", "reduction", "frame"):
        fill = COLORS[family][0]
        assert tuple(int(fill[k : k + 2], 16) for k in (1, 3, 5)) in seen


def test_a_png_does_not_depend_on_the_users_style(tmp_path: Path) -> None:
    matplotlib = pytest.importorskip("matplotlib")
    outline = SPACES["mlp"].sample(numpy.random.default_rng(0)).outline()
    draw(outline, tmp_path / "plain.png")
    style = {"figure.facecolor": "black", "text.usetex": True, "savefig.bbox": "tight"}
    with matplotlib.rc_context({**style, "font.family": "serif", "savefig.dpi": 30}):
        draw(outline, tmp_path / "styled.png")
    assert (tmp_path / "plain.png").read_bytes() == (tmp_path / "styled.png").read_bytes()


def test_a_png_takes_any_label(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    space = Choice({HOSTILE[3]: OPERATIONS["conv"]}, name="op")
    space.architecture({"op": HOSTILE[3]}).draw(tmp_path / "label.png")
    assert (tmp_path / "label.png").stat().st_size > 1000


@pytest.mark.parametrize("name", ["best.pdf", "best", "best.svg.gz", ".svg"])
def test_another_ending_is_refused(architecture: Architecture, tmp_path: Path, name: str) -> None:
    with pytest.raises(SpaceError, match=r"\.svg or \.png"):
        architecture.draw(tmp_path / "folder" / name)
    assert not list(tmp_path.iterdir())


def test_a_png_without_matplotlib_says_what_to_install(
    architecture: Architecture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(cast(dict[str, object], sys.modules), "matplotlib.figure", None)
    with pytest.raises(MissingExtra, match=r"drawing a PNG needs matplotlib.*nasbridge\[report\]"):
        architecture.draw(tmp_path / "best.png")
    assert not list(tmp_path.iterdir())
    assert architecture.draw(tmp_path / "best.svg")


DRAW = """
import hashlib, sys, numpy
from nasbridge.spaces import library
for space in (library.darts(), library.enas_micro(), library.residual_cnn()):
    text = space.sample(numpy.random.default_rng(1)).draw()
    print(hashlib.sha256(text.encode()).hexdigest())
assert "matplotlib" not in sys.modules and "keras" not in sys.modules
"""


def test_every_process_draws_the_same() -> None:
    def once(seed: str) -> Sequence[str]:
        done = subprocess.run(
            [sys.executable, "-c", DRAW],
            capture_output=True,
            text=True,
            check=False,
            env={"PYTHONHASHSEED": seed, "OMP_NUM_THREADS": "1"},
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.split()

    first = once("1")
    assert len(set(first)) == 3
    assert once("2") == first
