"""Pictures of architectures: contents, and the files."""

import struct
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast
from xml.etree import ElementTree

import matplotlib
import numpy
import pytest
from matplotlib import image

from nasbridge.spaces import (
    Architecture,
    Cell,
    Chain,
    Choice,
    MissingExtra,
    Node,
    Parallel,
    Repeat,
    SearchSpace,
    SpaceError,
    Stack,
    Zero,
    layer,
    library,
    residual,
)
from nasbridge.spaces.draw import draw
from nasbridge.spaces.draw.page import compose_page
from nasbridge.spaces.draw.shapes import COLORS, Curve, Picture, Rect, Text
from nasbridge.spaces.draw.text import text_width, tidy

OPERATIONS: dict[str, Node] = {
    "none": Zero(),
    "skip": layer("Identity"),
    "conv": layer("Conv2D", filters=8, kernel_size=3),
    "pool": layer("MaxPooling2D", pool_size=3, strides=1),
    "twice": Chain(layer("Conv2D", filters=8, kernel_size=1), layer("Conv2D", filters=8)),
}


def made(node: SearchSpace, **choices: object) -> Picture:
    return compose_page(node.architecture(choices).hierarchical_graph())


def texts(picture: Picture) -> list[str]:
    return [shape.text for shape in picture.shapes if isinstance(shape, Text)]


def rects(picture: Picture) -> list[Rect]:
    return [shape for shape in picture.shapes if isinstance(shape, Rect)]


def test_each_layer_of_a_chain_is_drawn_once() -> None:
    space = Chain(layer("Flatten"), Repeat(layer("Dense", units=8), times=3), layer("Leaf"))
    assert texts(made(space)) == ["input", "Flatten", *["Dense", "8"] * 3, "Leaf", "output"]


def test_a_chosen_option_is_one_box() -> None:
    space = Choice(OPERATIONS, name="op")
    assert texts(made(space, op="twice")) == ["input", "twice", "output"]
    assert texts(made(space, op="conv")) == ["input", "conv", "Conv2D 8, 3×3", "output"]


def test_an_option_shows_its_main_layer_and_not_its_activation() -> None:
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


def test_vertices_reached_only_by_none_are_left_out() -> None:
    cell = Cell(OPERATIONS, nodes=2)
    picture = made(cell, edge_0_1="none", edge_0_2="pool", edge_1_2="conv")
    assert texts(picture) == ["input", "pool", "MaxPooling2D 3×3", "node 2", "output"]


def test_an_unreachable_output_has_no_lines() -> None:
    picture = made(Cell(OPERATIONS, nodes=1), edge_0_1="none")
    assert texts(picture) == ["input", "output"]
    assert not [shape for shape in picture.shapes if isinstance(shape, Curve)]


NESTED = Choice(
    {
        "deep": Parallel(Choice(OPERATIONS, name="left"), Choice(OPERATIONS, name="right")),
        "outer": Choice({"inner": layer("LSTM", units=4)}, name="only"),
    },
    name="kind",
)


def test_an_option_with_choices_inside_is_a_frame_around_them() -> None:
    picture = made(NESTED, kind="deep", left="conv", right="pool")
    (frame,) = [rect for rect in rects(picture) if rect.family == "frame"]
    inside = {
        shape.text
        for shape in picture.shapes
        if isinstance(shape, Text) and frame.y < shape.y < frame.y + frame.height
    }
    assert {"deep", "conv", "pool", "+"} <= inside
    assert not {"input", "output"} & inside


def test_an_option_that_is_another_choice_has_both_names() -> None:
    assert "outer: inner" in texts(made(NESTED, kind="outer", only="inner"))


def test_a_stack_shows_its_stages_and_each_cell_once() -> None:
    space = library.darts(repeats=3, width=16)
    shown = texts(compose_page(space.sample(numpy.random.default_rng(0)).hierarchical_graph()))
    assert shown.count("normal cell ×3") == 3
    assert shown.count("reduction cell") == 2 + 1  # two in the network, and the title
    assert [text for text in shown if text.startswith("width")] == [
        *["width 16"],
        *["width 32"] * 2,
        *["width 64"] * 2,
    ]
    assert shown.count("normal cell") == 1
    assert {"3 stages", "input 0", "from cell k−2", "input 1", "from cell k−1"} <= set(shown)


def test_each_stack_has_its_own_cells() -> None:
    choices = {"first.edge_0_1": "conv", "first.edge_0_2": "none", "first.edge_1_2": "conv"}
    choices |= {"second.edge_0_1": "none", "second.edge_0_2": "pool", "second.edge_1_2": "skip"}
    first, second = (Cell(OPERATIONS, nodes=2, name=name) for name in ("first", "second"))
    ends = Stack(second, layer("Halve"), repeats=1, stages=1)
    space = Chain(Stack(first, layer("Halve")), ends)
    shown = texts(made(space, **choices))
    assert {"normal cell ×2", "normal cell", "reduction cell"} <= set(shown)
    assert shown.count("normal cell 2") == 2
    assert {"conv", "pool"} <= set(shown)
    other = space.architecture({**choices, "first.edge_0_1": "pool"})
    assert other.canonical != space.architecture(choices).canonical


def test_the_final_concatenation_of_a_cell_is_its_output() -> None:
    cell = Cell(OPERATIONS, nodes=2, output="concatenate")
    shown = texts(made(cell, edge_0_1="conv", edge_0_2="pool", edge_1_2="conv"))
    assert shown[-2:] == ["output", "concatenate"]
    assert shown.count("concatenate") == 1


def test_settings_are_written_as_in_papers() -> None:
    space = Chain(
        layer("Conv2D", filters=64, kernel_size=7, strides=2, activation="relu"),
        layer("Conv2D", filters=8, kernel_size=3, strides=(1, 1), dilation_rate=2, groups=4),
        layer("Conv1D", filters=8, kernel_size=5, activation="linear"),
        layer("MultiHeadAttention", num_heads=4, key_dim=16),
        layer("Dropout", rate=0.25),
        layer("Bidirectional", layer=layer("LSTM", units=32)),
        layer("Mine", level=3, mode="fast", name_of="ignored"),
    )
    shown = texts(made(space))
    assert {
        "64, 7×7, stride 2, relu",
        "8, 3×3, dilation 2, groups 4",
        "8, 5",
        "4 heads, key 16",
        "0.25",
        "LSTM 32",
        "level 3, mode fast",
    } <= set(shown)


class Custom:
    """Stands for a layer of the user."""


def test_layers_of_users_are_labelled_with_their_class_name() -> None:
    assert "Custom" in texts(made(layer(Custom)))


def test_the_colors_of_all_families_have_enough_contrast() -> None:
    def luminance(color: str) -> float:
        parts = [int(color[k : k + 2], 16) / 255 for k in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return float(numpy.dot(linear, [0.2126, 0.7152, 0.0722]))

    from nasbridge.spaces.draw.shapes import INK, LINE, MUTED

    for fill, outline in COLORS.values():
        for dark, least in ((INK, 7.0), (MUTED, 4.5), (LINE, 3.0)):
            assert (luminance(fill) + 0.05) / (luminance(dark) + 0.05) > least
        assert outline != fill


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
def test_markup_in_labels_is_drawn_as_text(label: str) -> None:
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
    assert text_width(written.text, written.size) <= box.width


@pytest.fixture
def architecture() -> Architecture:
    return library.darts().sample(numpy.random.default_rng(0))


def test_the_svg_is_self_contained(architecture: Architecture) -> None:
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
    assert written == texts(compose_page(architecture.hierarchical_graph()))


def test_tooltips_show_all_settings() -> None:
    space = Choice({"conv": layer("Conv2D", filters=8, padding="same")}, name="op")
    titles = [
        element.text
        for element in ElementTree.fromstring(space.architecture({"op": "conv"}).draw()).iter()
        if element.tag.endswith("}title")
    ]
    assert "op.conv: Conv2D(filters=8, padding=same)" in titles


def test_the_svg_file_equals_the_returned_text(architecture: Architecture, tmp_path: Path) -> None:
    file = tmp_path / "new" / "folder" / "best.SVG"
    assert architecture.draw(file) == file.read_text("utf-8") == architecture.draw(str(file))


def test_a_png_has_twice_the_resolution(architecture: Architecture, tmp_path: Path) -> None:
    file = tmp_path / "new" / "best.png"
    root = ElementTree.fromstring(architecture.draw(file))
    data = file.read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    size = struct.unpack(">II", data[16:24])
    assert size == (2 * int(root.attrib["width"]), 2 * int(root.attrib["height"]))
    pixels = numpy.round(255 * numpy.asarray(image.imread(file))[..., :3]).astype(int)
    colors = set((pixels @ [1 << 16, 1 << 8, 1]).ravel().tolist())
    assert (pixels[0, 0] == 255).all()
    for family in ("convolution", "normal", "reduction", "frame"):
        assert int(COLORS[family][0].removeprefix("#"), 16) in colors


def test_a_png_does_not_depend_on_the_matplotlib_style(tmp_path: Path) -> None:
    network = library.mlp().sample(numpy.random.default_rng(0)).hierarchical_graph()
    draw(network, tmp_path / "plain.png")
    style: Any = {"figure.facecolor": "black", "text.usetex": True, "savefig.bbox": "tight"}
    untyped: Any = matplotlib
    with untyped.rc_context({**style, "font.family": "serif", "savefig.dpi": 30}):
        draw(network, tmp_path / "styled.png")
    assert (tmp_path / "plain.png").read_bytes() == (tmp_path / "styled.png").read_bytes()


def test_a_label_with_tex_is_drawn_as_png(tmp_path: Path) -> None:
    space = Choice({HOSTILE[3]: OPERATIONS["conv"]}, name="op")
    space.architecture({"op": HOSTILE[3]}).draw(tmp_path / "label.png")
    assert (tmp_path / "label.png").stat().st_size > 1000


@pytest.mark.parametrize("name", ["best.pdf", "best", "best.svg.gz", ".svg"])
def test_another_suffix_is_an_error(architecture: Architecture, tmp_path: Path, name: str) -> None:
    with pytest.raises(SpaceError, match=r"\.svg or \.png"):
        architecture.draw(tmp_path / "folder" / name)
    assert not list(tmp_path.iterdir())


def test_a_png_without_matplotlib_names_the_extra(
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


def test_every_process_draws_the_same_picture() -> None:
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
