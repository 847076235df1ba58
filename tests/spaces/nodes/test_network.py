"""`Network`: parts that are connected by name."""

from collections.abc import Mapping
from typing import Any

import numpy
import pytest

from nasbridge.spaces import (
    BuildError,
    Chain,
    Choice,
    Integer,
    Merge,
    Network,
    Node,
    Parallel,
    Repeat,
    Space,
    SpaceError,
    from_json,
    layer,
)

SHAPES = {"image": (8, 8, 3), "table": (7,)}


def dense(units: Any) -> Node:
    return layer("Dense", units=units)


def two_by_two() -> Network:
    """Return a network with two inputs and two outputs."""
    convolution = layer("Conv2D", filters=Choice([4, 8]), kernel_size=3)
    return Network(
        {
            "pixels": (Chain(convolution, layer("GlobalAveragePooling2D")), "image"),
            "numbers": (dense(Integer(4, 5)), "table"),
            "both": (
                Choice({"cat": Merge("concatenate"), "add": Merge("add")}),
                ("pixels", "numbers"),
            ),
            "price": (dense(1), "both"),
            "kind": (dense(3), "both"),
        },
        inputs=("image", "table"),
        outputs=("price", "kind"),
    )


def test_decisions_have_the_names_of_the_parts() -> None:
    space = two_by_two()
    assert [one.name for one in space.decisions] == ["pixels.0.filters", "numbers.units", "both"]
    assert space.count() == 8


def test_the_network_takes_and_returns_dicts() -> None:
    space = two_by_two()
    architecture = space.architecture({"pixels.0.filters": 8, "numbers.units": 5, "both": "cat"})
    model = architecture.build(SHAPES)
    assert architecture.cost(SHAPES).parameters == model.count_params() == 224 + 40 + 56
    assert sorted(model.output_names) == ["kind", "price"]
    image, table = numpy.ones((2, 8, 8, 3)), numpy.ones((2, 7))
    model.compile(loss={"price": "mse", "kind": "mse"})
    targets = {"price": numpy.zeros(2), "kind": numpy.zeros((2, 3))}
    model.fit({"image": image, "table": table}, targets, verbose=0)
    assert set(model.predict({"table": table, "image": image}, verbose=0)) == set(targets)


def test_documents_keep_networks() -> None:
    limited = two_by_two().limit(SHAPES, parameters=250)
    again = from_json(limited.to_json())
    assert again == limited
    feasible = list(again.enumerate())
    assert 0 < len(feasible) < 8
    assert all(one.cost(SHAPES).parameters <= 250 for one in feasible)


def test_a_picture_shows_inputs_and_outputs_by_name() -> None:
    picture = next(two_by_two().enumerate()).draw()
    assert all(f">{name}</text>" in picture for name in ("image", "table", "price", "kind"))
    assert ">outputs<" not in picture


def test_a_part_of_a_mapping_may_be_a_network() -> None:
    space = Space({"net": two_by_two(), "rate": Choice([0.1, 0.2])})
    architecture = next(space.enumerate())
    assert architecture.build(SHAPES, "net").count_params() > 0
    assert "net.numbers.units" in architecture


def test_attention_takes_arguments_by_name() -> None:
    attention = layer("MultiHeadAttention", num_heads=2, key_dim=4)

    def crossed(query: str, value: str) -> Network:
        return Network(
            {
                "question": (dense(8), "first"),
                "crossed": (attention, {"query": query, "value": value}),
                "out": (Merge("concatenate"), ("crossed", "question")),
            },
            inputs=("first", "second"),
        )

    space = crossed("question", "second")
    architecture = next(space.enumerate())
    model = architecture.build({"first": (6, 3), "second": (9, 5)})
    assert model.output_shape == (None, 6, 16)
    found = model.get_layer("crossed")
    assert (found.query_dense.kernel.shape[0], found.value_dense.kernel.shape[0]) == (8, 5)
    cost = architecture.cost({"first": (6, 3), "second": (9, 5)})
    assert cost.parameters == model.count_params()
    other = next(crossed("second", "question").enumerate())
    assert other.canonical != architecture.canonical


def test_layers_merge_as_they_are() -> None:
    gate = Chain(
        layer("GlobalAveragePooling2D", keepdims=True), layer("Conv2D", filters=4, kernel_size=1)
    )
    excite = Parallel(layer("Identity"), gate, merge=layer("Multiply"))
    architecture = next(excite.enumerate())
    model = architecture.build((6, 6, 4))
    model.set_weights([numpy.zeros((1, 1, 4, 4)), numpy.array([1.0, 2.0, 3.0, 4.0])])
    given = numpy.random.default_rng(0).normal(size=(1, 6, 6, 4)).astype("float32")
    assert numpy.allclose(model(given), given * [1, 2, 3, 4], atol=1e-6)
    assert from_json(excite.to_json()) == excite


def test_results_of_inner_networks_have_names() -> None:
    inner = Network(
        {"low": (dense(4), "x"), "high": (dense(2), "low")}, inputs="x", outputs=("low", "high")
    )
    space = Network(
        {"body": (inner, "input"), "both": (Merge("concatenate"), ("body.low", "body.high"))}
    )
    assert next(space.enumerate()).build((3,)).output_shape == (None, 6)
    missing = Network({"body": (inner, "input"), "out": (dense(1), "body.middle")})
    with pytest.raises(SpaceError, match="no output 'middle': its outputs are low, high"):
        missing.decisions  # noqa: B018
    with pytest.raises(
        SpaceError, match=r"2 tensors \(low, high\) flow into a part for one tensor"
    ):
        Chain(inner, Repeat(dense(1), 1)).decisions  # noqa: B018


def test_names_determine_the_inputs_of_the_canonical_form() -> None:
    def joined(first: str, second: str) -> str:
        space = Network(
            {
                "a": (dense(2), first),
                "b": (dense(2), second),
                "c": (Merge("concatenate"), ("a", "b")),
            },
            inputs=("x", "y"),
        )
        return next(space.enumerate()).canonical

    assert joined("x", "y") != joined("y", "x")


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((8, 8, 3), r"give a dict, as \{\"image\": "),
        ({"image": (8, 8, 3)}, "has the inputs image and table: use the same names"),
        ({"image": (8, 8, 3), "table": (0,)}, "not the shape of one example"),
    ],
)
def test_shapes_are_checked(shape: Any, message: str) -> None:
    with pytest.raises(BuildError, match=message):
        next(two_by_two().enumerate()).cost(shape)


def test_one_input_takes_one_shape() -> None:
    with pytest.raises(BuildError, match="one input without a name: give one shape"):
        next(Chain(dense(2)).enumerate()).cost({"x": (3,)})


PARTS: Mapping[str, Any] = {"a": (dense(1), "input"), "b": (dense(1), "a")}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Network({}), "needs a dict"),
        (lambda: Network({"a": dense(1)}), "give a node and what flows into it"),  # type: ignore[dict-item]
        (lambda: Network({"a": (dense(1), [])}), "give a node and what flows into it"),
        (lambda: Network({"a": (dense(1), "inptu")}), "did you mean 'input'"),
        (lambda: Network({"a": (dense(1), "b"), "b": (dense(1), "input")}), "before it is defined"),
        (lambda: Network({"input": (dense(1), "input")}), "two parts or inputs 'input'"),
        (lambda: Network(PARTS, inputs=("input", "other")), "'other' .* leads to no output"),
        (lambda: Network(PARTS, outputs="a"), "'b' .* leads to no output"),
        (lambda: Network(PARTS, outputs=("b", "b")), "distinct names"),
        (lambda: Network(PARTS, outputs="c"), "'c' is an output of a Network, but no part"),
        (lambda: Network(PARTS, inputs=()), "has no input"),
        (lambda: Network({"a.b": (dense(1), "input")}), "the name 'a.b' is invalid"),
        (lambda: Merge("sum"), "how='sum' is unknown"),  # type: ignore[arg-type]
        (lambda: Merge(layer("Add")), "use the layer itself"),  # type: ignore[arg-type]
        (lambda: Parallel(dense(1), merge="sum"), "merge='sum' is unknown"),  # type: ignore[arg-type]
    ],
)
def test_wrong_networks_are_errors(make: Any, message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        make()


def test_options_of_a_choice_have_the_same_inputs() -> None:
    other = Network({"a": (dense(1), "x")}, inputs=("x",))
    with pytest.raises(SpaceError, match="have different inputs"):
        next(Choice({"two": two_by_two(), "one": other}).enumerate()).graph()
