"""Native values as labels: by type and nearness, never by Python's equality."""

from typing import Any

import numpy
import pytest

from nasbridge import Choice, Integer, Real, Space
from nasbridge.engine import read_architecture, read_label
from nasbridge.spaces import InvalidArchitecture


def read(node: Any, value: object, **settings: float) -> object:
    (decision,) = Space({"x": node}).decisions
    return read_label(decision, value, **settings)


@pytest.mark.parametrize("value", [1, 1.0, True, "1"])
def test_options_that_python_calls_equal_are_distinguished_by_type(value: Any) -> None:
    node = Choice({"an int": 1, "a float": 1.0, "a bool": True, "a text": "1"})
    wanted = {int: "an int", float: "a float", bool: "a bool", str: "a text"}
    assert read(node, value) == wanted[type(value)]


@pytest.mark.parametrize(
    ("node", "value", "label"),
    [
        (Choice([0.1, 0.3]), 0.1 * 3, "0.3"),
        (Choice([1.0, 2.0]), 1, "1.0"),  # JavaScript writes 1 for 1.0
        (Choice([1, 2]), 2.0, "2"),
        (Choice({"a": 0.0, "b": 1e-13}), 1e-13, "b"),
        (Choice({"a": 0.0, "b": 1.0}), -1e-17, "a"),
        (Choice([16, 32]), numpy.int64(32), "32"),
        (Choice([16, 32]), "32", "32"),
        (Choice([1.0, float("nan")]), float("nan"), "nan"),
        (Choice([None, (1, 2)]), (1, 2), "(1, 2)"),
        (Integer(1, 8), 3.0, 3),
        (Integer(1, 8), numpy.float64(2.9999999999), 3),
        (Real(0.1, 1.0, log=True), 0.1 - 1e-17, 0.1),
        (Real(0.1, 1.0, log=True), 1.0000000001, 1.0),
        (Real(0.0, 1.0), 1, 1.0),
    ],
)
def test_a_value_is_read_as_its_label(node: Any, value: object, label: object) -> None:
    found = read(node, value)
    assert found == label
    assert type(found) is type(label)


@pytest.mark.parametrize(
    ("node", "value"),
    [
        (Choice([1, 2]), True),
        (Choice([True, False]), 1),
        (Choice([0.1, 0.3]), 0.2),
        (Choice([16, 32]), float("nan")),
        (Integer(1, 8), 2.5),
        (Integer(0, 1), True),
        (Integer(1, 8), float("inf")),
        (Integer(1, 8), "3"),
        (Real(0.1, 1.0), 0.09),
        (Real(0.1, 1.0), float("nan")),
    ],
)
def test_a_value_outside_the_domain_is_refused(node: Any, value: object) -> None:
    with pytest.raises(ValueError, match="is not "):
        read(node, value)


def test_the_tolerance_can_be_wider() -> None:
    node = Real(0.1, 1.0)
    with pytest.raises(ValueError, match="is not "):
        read(node, 1.0000005)
    assert read(node, 1.0000005, tolerance=1e-6) == 1.0


@pytest.mark.parametrize(
    ("value", "tolerance"), [(1_000_000.5, 1e-6), (5_000_000_000.5, 1e-9), (1_000_000.01, 1e-6)]
)
def test_no_tolerance_rounds_a_fraction_to_an_integer(value: float, tolerance: float) -> None:
    node = Integer(1, 10**10)
    with pytest.raises(ValueError, match="is not "):
        read(node, value, tolerance=tolerance)
    assert read(node, round(value) + 1e-6, tolerance=tolerance) == round(value)


def test_values_of_inactive_and_other_names_are_ignored() -> None:
    space = Space({"op": Choice(["a", "b"]), "width": Integer(1, 4)})
    read_values = {"op": "b", "width": 2.0, "epochs": 3}
    assert dict(read_architecture(read_values, space).choices) == {"op": "b", "width": 2}


@pytest.mark.parametrize(
    ("values", "message"),
    [({"op": "b"}, "width"), ({"op": "c", "width": 1}, "op"), ({"op": "a", "width": 9}, "width")],
)
def test_the_error_names_the_decision(values: dict[str, object], message: str) -> None:
    space = Space({"op": Choice(["a", "b"]), "width": Integer(1, 4)})
    with pytest.raises(InvalidArchitecture, match=message):
        read_architecture(values, space)
