"""Which axes NNI's parallel plot has for a space."""

from collections.abc import Callable
from typing import Any

import numpy
import pytest

from nasbridge import testing as material
from nasbridge.adapters.nni.space import from_native
from nasbridge.adapters.nni.webui import AXES, parameters_of, shown_space
from nasbridge.spaces import Choice, Integer, Real, SearchSpace, Space, library

NESTED: dict[str, Any] = {
    "block": {
        "_type": "choice",
        "_value": [
            {"_name": "conv", "kernel": {"_type": "choice", "_value": [1, 3]}},
            {"_name": "skip"},
        ],
    },
    "rate": {"_type": "uniform", "_value": [0.1, 0.5]},
}


def axes(space: SearchSpace) -> list[str]:
    return list(shown_space(space))[:-1]  # without the whole architecture


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: Space({f"x{k}": Real(0, 1) for k in range(7)}), [f"x{k}" for k in range(AXES)]),
        (lambda: Space({f"x{k}": Integer(0, 9) for k in range(40)}), [f"x{k}" for k in range(6)]),
        (lambda: Space({f"x{k}": Choice([5, 64]) for k in range(7)}), [f"x{k}" for k in range(6)]),
        (lambda: Space({f"x{k}": Choice([None, "a"]) for k in range(2)}), ["x0", "x1"]),
        (material.flat, ["width", "kernel", "layers", "rate"]),
        (material.chain, ["depth", "n_conv", "n_pool", "n_skip", "width"]),
        (material.cell, ["n_conv1", "n_conv3", "n_none", "n_skip"]),
        (lambda: from_native(NESTED), ["rate", "block"]),
    ],
)
def test_the_axes_of_a_space(make: Callable[[], SearchSpace], expected: list[str]) -> None:
    assert axes(make()) == expected


@pytest.mark.parametrize("name", ["cnn", "mlp", "tabular", "residual_cnn", "nas_bench_201"])
def test_what_is_counted_are_no_values(name: str) -> None:
    """As n_5 and n_64, which were how many of all choices had the value 5 or 64."""
    space = getattr(library, name)()
    counted = {axis.removeprefix("n_") for axis in axes(space) if axis.startswith("n_")}
    values = {
        str(option)
        for decision in space.decisions
        for option in decision.options
        if not isinstance(option, str)
    }
    assert not counted & values
    assert axes(space) != ["decisions"]


def test_a_number_is_shown_as_one() -> None:
    """And not as the label of an option."""
    space = material.chain()
    assert shown_space(space)["width"] == {"_type": "choice", "_value": [8, 16, 32]}
    member = space.sample(numpy.random.default_rng(0))
    assert parameters_of(member)["width"] == member["width"] in (8, 16, 32)
    operations = [
        value for name, value in member.choices.items() if name in ("op.0", "op.1", "op.2")
    ]
    assert parameters_of(member)["n_conv"] == operations.count("conv")
