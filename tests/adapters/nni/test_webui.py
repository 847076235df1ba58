"""What NNI's web UI receives: axes of the parallel plot, whole architectures, and metrics."""

import json
from collections.abc import Callable
from typing import Any

import numpy
import pytest

from nasbridge import testing as material
from nasbridge.adapters.nni.space import architecture_from, from_native
from nasbridge.adapters.nni.webui import AXES, parameters_of, shown_metrics, shown_space
from nasbridge.spaces import Choice, Integer, Real, SearchSpace, Space, library
from nasbridge.strategies import Objective

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


def spaces() -> dict[str, SearchSpace]:
    odd = Space({f"_odd{k}": Choice(["a", "b"]) for k in range(9)})
    made = {name: make() for name, make in material.SPACES.items()}
    small = material.chain().limit((8, 8, 1), parameters=9_000, flops=500_000)
    return made | {"darts": library.darts(classes=10), "odd": odd, "small": small}


def axes(space: SearchSpace) -> list[str]:
    return list(shown_space(space))[:-1]  # without the whole architecture


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: Space({f"x{k}": Real(0, 1) for k in range(7)}), [f"x{k}" for k in range(AXES)]),
        (lambda: Space({f"x{k}": Integer(0, 9) for k in range(40)}), [f"x{k}" for k in range(6)]),
        (lambda: Space({f"x{k}": Choice([5, 64]) for k in range(7)}), [f"x{k}" for k in range(6)]),
        (lambda: Space({f"x{k}": Choice([None, "a"]) for k in range(2)}), ["x0", "x1"]),
        (material.flat, ["width", "kernel", "layers", "rate", "dropout"]),
        (material.chain, ["depth", "n_conv", "n_pool", "n_skip", "width"]),
        (material.cell, ["n_conv1", "n_conv3", "n_none", "n_skip"]),
        (lambda: from_native(NESTED), ["rate", "block"]),
    ],
)
def test_the_axes_of_a_space(make: Callable[[], SearchSpace], expected: list[str]) -> None:
    assert axes(make()) == expected


@pytest.mark.parametrize("name", ["cnn", "mlp", "tabular", "residual_cnn", "nas_bench_201"])
def test_only_operations_are_counted(name: str) -> None:
    """Not values: n_64 would be the number of decisions that have the value 64."""
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


def test_a_number_is_shown_as_a_number() -> None:
    """Not as the label of its option."""
    space = material.chain()
    assert shown_space(space)["width"] == {"_type": "choice", "_value": [8, 16, 32]}
    member = space.sample(numpy.random.default_rng(0))
    assert parameters_of(member)["width"] == member["width"] in (8, 16, 32)
    operations = [
        value for name, value in member.choices.items() if name in ("op.0", "op.1", "op.2")
    ]
    assert parameters_of(member)["n_conv"] == operations.count("conv")


@pytest.mark.parametrize("name", ["cell", "chain", "flat", "darts", "odd", "small"])
def test_an_architecture_survives_the_json_of_the_manager(name: str) -> None:
    space = spaces()[name]
    for number in range(20):
        member = space.sample(numpy.random.default_rng(number))
        stored = json.loads(json.dumps(parameters_of(member), allow_nan=False))
        assert architecture_from(stored, space) == member


@pytest.mark.parametrize("name", ["cell", "chain", "flat", "darts", "odd", "small"])
def test_every_stored_key_is_declared_and_axes_are_few(name: str) -> None:
    """A key that is not declared leaves the page blank."""
    space = spaces()[name]
    declared = shown_space(space)
    assert 1 < len(declared) <= AXES + 1
    (nested,) = declared["arch"]["_value"]
    for number in range(20):
        shown = parameters_of(space.sample(numpy.random.default_rng(number)))
        assert list(shown) == list(declared)
        assert set(shown["arch"]) <= set(nested)
        for axis in set(shown) - {"arch"}:
            assert isinstance(shown[axis], int | float | str)


def test_a_limited_cost_is_an_axis() -> None:
    space = spaces()["small"]
    member = space.sample(numpy.random.default_rng(0))
    cost, shown = member.cost((8, 8, 1)), parameters_of(member)
    assert (shown["parameters"], shown["flops"]) == (cost.parameters, cost.flops)
    assert shown_space(space)["parameters"] == {"_type": "uniform", "_value": [0, 9_000]}


@pytest.mark.parametrize("names", [("arch", "units"), ("arch", "arch~")])
def test_a_decision_may_be_called_arch(names: tuple[str, ...]) -> None:
    space = Space({name: Choice(["a", "b"]) for name in names})
    declared = shown_space(space)
    for member in space.enumerate():
        shown = parameters_of(member)
        assert list(shown) == list(declared)
        assert all(shown[name] == member[name] for name in names)
        assert architecture_from(shown, space) == member


def test_metrics_have_names_and_values_that_nni_shows() -> None:
    one, two = (Objective("score"),), (Objective("score"), Objective("size", "min"))
    assert shown_metrics({"score": 1.0}, one, frozenset()) == {"default": 1.0}
    assert shown_metrics({"size": 1.0}, one, frozenset()) is None
    assert shown_metrics({"score": float("nan")}, one, frozenset()) is None
    given = {"score": 1.0, "size": 2.0, "depth": 3.0, "loss": float("inf")}
    shown = {"default": 1.0, "size": 2.0, "depth (metric)": 3.0}
    assert shown_metrics(given, two, frozenset({"depth"})) == shown
