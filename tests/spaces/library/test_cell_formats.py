"""Published formats of cells: reading, writing, and errors for malformed text."""

import ast
from typing import Any, NamedTuple

import pytest
from numpy.random import Generator

from nasbridge.spaces import InvalidArchitecture, SpaceFormatError, library

BEST = (  # the best cell of the benchmark on CIFAR-10, by test accuracy
    "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+"
    "|skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|"
)


def test_every_cell_of_nas_bench_201_is_written_and_read() -> None:
    space = library.nas_bench_201()
    texts: set[str] = set()
    for cell in space.enumerate():
        text = library.to_nas_bench_201_string(cell)
        assert library.from_nas_bench_201_string(text, space) == cell
        texts.add(text)
    assert len(texts) == 15_625
    assert BEST in texts


def test_a_published_cell_is_read_edge_by_edge() -> None:
    cell = library.from_nas_bench_201_string(BEST)
    assert cell.choices == {
        "cell.edge_0_1": "nor_conv_3x3",
        "cell.edge_0_2": "nor_conv_3x3",
        "cell.edge_1_2": "nor_conv_3x3",
        "cell.edge_0_3": "skip_connect",
        "cell.edge_1_3": "nor_conv_3x3",
        "cell.edge_2_3": "nor_conv_1x1",
    }
    assert library.to_nas_bench_201_string(cell) == BEST


def test_cells_of_other_sizes_and_constrained_spaces_are_read() -> None:
    small = library.nas_bench_201(nodes=2, repeats=1, width=4)
    text = "|none~0|+|skip_connect~0|avg_pool_3x3~1|"
    assert library.to_nas_bench_201_string(library.from_nas_bench_201_string(text, small)) == text
    limited = library.nas_bench_201().where(lambda cell: cell["cell.edge_0_1"] != "none", "some")
    assert library.from_nas_bench_201_string(BEST, limited).space is limited
    assert library.from_nas_bench_201_string(f"  {BEST}\n", limited)["cell.edge_0_3"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"node 1 of '' is '': write it as '\|operation~0\|'"),
        (None, "node 1 of None is 'None'"),
        (BEST[:-1], r"node 3 of .* write it as '\|operation~0\|operation~1\|operation~2\|'"),
        (BEST[1:], "node 1 of .* is 'nor_conv_3x3~0|'"),
        (BEST.replace("+", ""), "node 1 of"),
        (BEST.replace("~2", "~1"), "node 3 of"),
        (BEST.replace("~2", ""), "node 3 of"),
        (BEST.replace("~2", "~02"), "node 3 of"),
        (BEST.replace("|skip_connect~0", "|"), "node 3 of"),
        (BEST.replace("skip_connect~0|", ""), "node 3 of"),
        (BEST.replace("skip_connect", "skip"), "'cell.edge_0_3' cannot be 'skip': it is one of"),
        (BEST.partition("+")[0], "the decision 'cell.edge_0_2' is missing"),
        (BEST + "+|none~0|none~1|none~2|none~3|", "has no decision 'cell.edge_0_4'"),
    ],
)
def test_a_malformed_cell_is_an_error_that_names_the_place(text: Any, message: str) -> None:
    with pytest.raises(SpaceFormatError, match=message):
        library.from_nas_bench_201_string(text)


def test_architectures_of_other_spaces_are_not_written_as_nas_bench_201_strings() -> None:
    with pytest.raises(InvalidArchitecture, match=r"has no 'cell.edge_0_1': give an architecture"):
        library.to_nas_bench_201_string(next(library.cnn().enumerate()))


DARTS_V1 = (
    "Genotype(normal=[('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('skip_connect', 0), "
    "('sep_conv_3x3', 1), ('skip_connect', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), "
    "('skip_connect', 2)], normal_concat=[2, 3, 4, 5], reduce=[('max_pool_3x3', 0), "
    "('max_pool_3x3', 1), ('skip_connect', 2), ('max_pool_3x3', 0), ('max_pool_3x3', 0), "
    "('skip_connect', 2), ('skip_connect', 2), ('avg_pool_3x3', 0)], reduce_concat=[2, 3, 4, 5])"
)
DARTS_V2 = (
    "Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), "
    "('sep_conv_3x3', 1), ('sep_conv_3x3', 1), ('skip_connect', 0), ('skip_connect', 0), "
    "('dil_conv_3x3', 2)], normal_concat=[2, 3, 4, 5], reduce=[('max_pool_3x3', 0), "
    "('max_pool_3x3', 1), ('skip_connect', 2), ('max_pool_3x3', 1), ('max_pool_3x3', 0), "
    "('skip_connect', 2), ('skip_connect', 2), ('max_pool_3x3', 1)], reduce_concat=[2, 3, 4, 5])"
)


def test_random_pairs_of_cells_are_written_and_read(rng: Generator) -> None:
    space = library.darts()
    for _ in range(100):
        pair = space.sample(rng)
        text = library.to_darts_genotype(pair)
        again = library.from_darts_genotype(text, space)
        assert again == pair
        assert library.to_darts_genotype(again) == text


class Genotype(NamedTuple):
    """Defined as in the authors' code, which prints it."""

    normal: list[tuple[str, int]]
    normal_concat: range
    reduce: list[tuple[str, int]]
    reduce_concat: range


def test_the_text_is_what_the_authors_code_prints(rng: Generator) -> None:
    names = {"Genotype": Genotype, "range": range}
    for text in (DARTS_V1, library.to_darts_genotype(library.darts().sample(rng))):
        printed = repr(eval(text, names))
        pair = library.from_darts_genotype(printed)
        assert pair == library.from_darts_genotype(text)
        assert repr(eval(library.to_darts_genotype(pair), names)) == library.to_darts_genotype(pair)


@pytest.mark.parametrize("text", [DARTS_V1, DARTS_V2])
def test_published_genotypes_are_read_and_written_with_the_same_edges(text: str) -> None:
    def edges(text: str) -> dict[str, list[list[tuple[str, int]]]]:
        """Return the edges of each node in order, for each kind of cell."""
        call = ast.parse(text, mode="eval").body
        assert isinstance(call, ast.Call)
        values = {k.arg: k.value for k in call.keywords}
        pairs = {name: ast.literal_eval(values[name]) for name in ("normal", "reduce")}
        return {
            name: [sorted(found[k : k + 2]) for k in range(0, len(found), 2)]
            for name, found in pairs.items()
        }

    written = library.to_darts_genotype(library.from_darts_genotype(text))
    assert edges(written) == edges(text)
    assert written.count("concat=range(2, 6)") == 2


def test_the_published_cells_have_the_published_size() -> None:
    """The training script of the authors prints 3.349342 million weights."""
    space = library.darts(repeats=6, width=36)
    cost = library.from_darts_genotype(DARTS_V2, space).cost((32, 32, 3))
    assert cost.trainable_parameters == 3_349_342


def test_whitespace_in_a_genotype_is_ignored() -> None:
    spread = DARTS_V2.replace(", ", ",\n    ").replace("[2,\n    3,\n    4,\n    5]", "range(2, 6)")
    assert library.from_darts_genotype(f"\n{spread}\n") == library.from_darts_genotype(DARTS_V2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"not a valid genotype .* write it as Genotype\(normal="),
        (None, "not a valid genotype: write it as"),
        ("Genotype", "not a valid genotype: write it as"),
        ("Genotype()", r"the genotype has the fields \[\]: write it as"),
        ("Genotype(1, 2, 3, 4)", "not a valid genotype: write it as"),
        (DARTS_V2[:-1], "not a valid genotype"),
        (DARTS_V2.replace("Genotype", "exit"), "not a valid genotype: write it as"),
        (DARTS_V2.replace("reduce_concat", "concat"), r"the genotype has the fields \['normal', "),
        (
            DARTS_V2.replace("normal_concat=", "**"),
            r"the genotype has the fields \['normal', 'None'",
        ),
        ("\0", "not a valid genotype"),
        ("(" * 5000, "not a valid genotype"),
        ("-" * 100_000 + "1", "not a valid genotype"),
        (
            DARTS_V2.replace("[('sep", "print([('sep", 1).replace(", 2)],", ", 2)]),", 1),
            "not a list",
        ),
        (DARTS_V2.replace("('sep_conv_3x3', 0), ", "", 1), "with two pairs for each node"),
        (DARTS_V2.replace("normal=[", "normal=1 or ["), "normal= of the genotype is not a list"),
        (DARTS_V2.replace("('sep_conv_3x3', 0)", "'sep_conv_3x3'", 1), "pair 0 of normal= of the"),
        (DARTS_V2.replace("('dil_conv_3x3', 2)", "('dil_conv_3x3', '2')"), "pair 7 of normal="),
        (DARTS_V2.replace("('dil_conv_3x3', 2)", "('dil_conv_3x3', True)"), "pair 7 of normal="),
        (
            DARTS_V2.replace("('dil_conv_3x3', 2)", "('dil_conv_3x3', 5)"),
            r"'normal.node_5_inputs' cannot be '0\+5': it is one of '0\+1'",
        ),
        (
            DARTS_V2.replace("('dil_conv_3x3', 2)", "('dil_conv_3x3', 0)"),
            r"'normal.node_5_inputs' cannot be '0\+0'",
        ),
        (DARTS_V2.replace("dil_conv_3x3", "none"), "'normal.edge_2_5' cannot be 'none'"),
        (
            DARTS_V2.replace("normal_concat=[2, 3, 4, 5]", "normal_concat=[4, 5]"),
            r"normal_concat= of the genotype is \[4, 5\]: .* it must be range\(2, 6\)",
        ),
        (
            DARTS_V2.replace("reduce_concat=[2, 3, 4, 5]", "reduce_concat=range(10**9)"),
            r"reduce_concat= of the genotype is range\(10 \*\* 9\)",
        ),
    ],
)
def test_a_malformed_genotype_is_an_error_that_names_the_place(text: Any, message: str) -> None:
    with pytest.raises(SpaceFormatError, match=message):
        library.from_darts_genotype(text)


def test_a_genotype_must_fit_its_space() -> None:
    with pytest.raises(SpaceFormatError, match=r"not in this space: .* 'normal.node_\d_inputs'"):
        library.from_darts_genotype(DARTS_V2, library.darts(nodes=5))
    with pytest.raises(SpaceFormatError, match=r"not in this space: .*has no decision"):
        library.from_darts_genotype(DARTS_V2, library.darts(nodes=3))
    with pytest.raises(InvalidArchitecture, match=r"has no 'normal.node_2_inputs'"):
        library.to_darts_genotype(next(library.nas_bench_201().enumerate()))
