"""Encoding of architectures as vectors."""

from collections.abc import Callable

import numpy
import pytest

from nasbridge.spaces import Choice, Integer, Real, SearchSpace, Space

Make = Callable[[int], SearchSpace]

SPACE = Space(
    {
        "kind": Choice({"none": 0, "some": Integer(1, 5, name="n"), "pick": Choice([1, 2])}),
        "rate": Real(0.01, 1, log=True),
        "only": Choice(["x"]),
    }
)


def test_entries_have_names() -> None:
    assert SPACE.encoding_names == (
        "kind=none",
        "kind=some",
        "kind=pick",
        "n is active",
        "n",
        "kind.pick=1",
        "kind.pick=2",
        "rate",
        "only",
    )


def test_entries_of_inactive_decisions_are_zero() -> None:
    made = SPACE.architecture({"kind": "none", "rate": 0.1, "only": "x"})
    assert SPACE.encode(made) == pytest.approx([1, 0, 0, 0, 0, 0, 0, 0.5, 1])
    made = SPACE.architecture({"kind": "some", "n": 1, "rate": 1, "only": "x"})
    assert SPACE.encode(made) == pytest.approx([0, 1, 0, 1, 0, 0, 0, 1, 1])
    made = SPACE.architecture({"kind": "pick", "kind.pick": 2, "rate": 0.01, "only": "x"})
    assert SPACE.encode(made) == pytest.approx([0, 0, 1, 0, 0, 0, 1, 0, 1])


@pytest.mark.parametrize("seed", range(40))
def test_vectors_match_their_names_and_distinguish_architectures(
    seed: int, make_space: Make
) -> None:
    space = make_space(seed)
    vectors = [space.encode(architecture) for architecture in space.enumerate()]
    assert all(vector.shape == (len(space.encoding_names),) for vector in vectors)
    assert all(vector.dtype == numpy.float64 for vector in vectors)
    assert len(set(space.encoding_names)) == len(space.encoding_names)
    table = numpy.array(vectors)
    assert table.min() >= 0
    assert table.max() <= 1
    assert len(numpy.unique(table, axis=0)) == len(table)
