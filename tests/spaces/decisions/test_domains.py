"""Domains: validation, sampling, listing and encoding of values."""

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any, cast

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.random import Generator

from nasbridge.spaces import (
    Categorical,
    GeometricRange,
    Integer,
    IntegerRange,
    Label,
    Real,
    RealGrid,
    RealRange,
    Space,
    SpaceError,
    When,
)

Domain = Categorical | IntegerRange | RealRange | RealGrid | GeometricRange

FINITE: list[tuple[Domain, list[Label]]] = [
    (Categorical(("a", "b", "c")), ["a", "b", "c"]),
    (Categorical(("only",)), ["only"]),
    (IntegerRange(-2, 1), [-2, -1, 0, 1]),
    (IntegerRange(3, 3), [3]),
    (IntegerRange(1, 8, step=3), [1, 4, 7]),
    (IntegerRange(1, 5, log=True), [1, 2, 3, 4, 5]),
    (IntegerRange(2, 10, step=4, log=True), [2, 6, 10]),
    (RealRange(0.25, 0.25), [0.25]),
    (RealGrid(0.2, 0.6, 0.1), [0.2, 0.3, 0.4, 0.5, 0.6]),
    (RealGrid(0.07, 0.1, 0.01), [0.07, 0.08, 0.09, 0.1]),
    (RealGrid(0, 0.6, 0.1 + 0.2), [0.0, 0.30000000000000004, 0.6]),
    (RealGrid(1, 9, 3), [1.0, 4.0, 7.0]),
    (RealGrid(2, 2, 3), [2.0]),
    (RealGrid(0.1, 0.4, 0.1, log=True), [0.1, 0.2, 0.3, 0.4]),
    (RealGrid(0.05, 0.37, 0.1, origin=0), [0.05, 0.1, 0.2, 0.3, 0.37]),
    (RealGrid(-0.2, 0.1, 0.1, origin=0), [-0.2, -0.1, 0.0, 0.1]),
    (GeometricRange(16, 130, 2, whole=True), [16, 32, 64, 128]),
    (GeometricRange(3, 3**12, 3, whole=True), [3**k for k in range(1, 13)]),
    (GeometricRange(0.001, 10, 10), [0.001, 0.01, 0.1, 1.0, 10.0]),
    (GeometricRange(2, 2, 2), [2.0]),
]
REALS = [
    RealRange(-1.0, 3.0),
    RealRange(1e-4, 1e-1, log=True),
    RealRange(1e-300, 1e300, log=True),
    RealRange(-1e300, 1e300),
    RealRange(1.0, math.nextafter(1.0, 2.0)),
    RealRange(1e10, math.nextafter(1e10, 2e10), log=True),
]
ALL = [domain for domain, _ in FINITE] + REALS

bounds = st.integers(-(2**53), 2**53)
finite = st.floats(-1e300, 1e300)


def share(domain: Domain, value: Label, rng: Generator, draws: int = 20_000) -> float:
    """Return how often a value is drawn."""
    return sum(domain.sample(rng) == value for _ in range(draws)) / draws


@pytest.mark.parametrize(("domain", "values"), FINITE)
def test_a_finite_domain_lists_its_values_in_order(domain: Domain, values: list[Label]) -> None:
    assert list(domain.values()) == values
    assert domain.size == len(values)
    assert [domain.check(value) for value in values] == values


@pytest.mark.parametrize("domain", ALL)
def test_samples_are_members_of_plain_type(domain: Domain, rng: Generator) -> None:
    for _ in range(200):
        value = domain.sample(rng)
        assert domain.check(value) == value
        assert type(value) in (str, int, float)


@pytest.mark.parametrize("domain", [domain for domain in ALL if domain.size > 1])
def test_mutation_returns_another_member(domain: Domain, rng: Generator) -> None:
    value = domain.sample(rng)
    for _ in range(200):
        other = domain.mutate(value, rng)
        assert other != value
        assert domain.check(other) == other
        value = other


@pytest.mark.parametrize(("domain", "values"), FINITE)
def test_sampling_and_mutation_reach_every_value(
    domain: Domain, values: list[Label], rng: Generator
) -> None:
    assert {domain.sample(rng) for _ in range(300)} == set(values)
    if len(values) > 1:
        others = {domain.mutate(values[0], rng) for _ in range(300)}
        far = values[3:] if isinstance(domain, RealGrid) else []  # it rarely moves that far
        assert set(values[1:]) - set(far) <= others <= set(values[1:])


def test_a_mutation_at_a_bound_is_reflected_and_not_clamped(rng: Generator) -> None:
    domain = RealRange(0.0, 1.0)
    drawn = [domain.mutate(bound, rng) for bound in (0.0, 1.0) for _ in range(200)]
    assert not {0.0, 1.0} & set(drawn)


@pytest.mark.parametrize("domain", ALL)
def test_encoding_is_between_0_and_1_and_has_the_documented_width(
    domain: Domain, rng: Generator
) -> None:
    for _ in range(100):
        code = domain.encode(domain.sample(rng))
        assert len(code) == domain.width
        assert all(0 <= entry <= 1 for entry in code)


def test_different_values_have_different_encodings() -> None:
    assert Categorical(("a", "b")).encode("b") == (0.0, 1.0)
    assert IntegerRange(0, 4).encode(1) == (0.25,)
    assert IntegerRange(1, 8, step=3).encode(7) == (1.0,)
    assert IntegerRange(1, 100, log=True).encode(10) == pytest.approx((0.5,))
    assert RealRange(-1.0, 3.0).encode(0.0) == (0.25,)
    assert RealRange(1e-4, 1e-2, log=True).encode(1e-3) == pytest.approx((0.5,))


@given(bounds, bounds, st.integers(1, 10**6), st.integers(0, 2**31))
@settings(max_examples=50, deadline=None)
def test_samples_of_any_integer_range_are_steps(one: int, two: int, step: int, seed: int) -> None:
    domain = IntegerRange(min(one, two), max(one, two), step)
    value = domain.sample(numpy.random.default_rng(seed))
    assert (value - domain.low) % step == 0
    assert domain.low <= value <= domain.high
    assert set(domain.neighbors(value)) <= {value - step, value + step}


@given(finite, finite, st.integers(0, 2**31))
@settings(max_examples=50, deadline=None)
def test_samples_of_any_real_range_are_within_bounds(one: float, two: float, seed: int) -> None:
    domain = RealRange(min(one, two), max(one, two))
    value = domain.sample(numpy.random.default_rng(seed))
    assert domain.low <= value <= domain.high


def test_sampling_is_uniform_or_log_uniform(rng: Generator) -> None:
    assert share(Categorical(("a", "b", "c", "d")), "a", rng) == pytest.approx(0.25, abs=0.02)
    assert share(IntegerRange(1, 4), 4, rng) == pytest.approx(0.25, abs=0.02)
    # of log(4.5 / 0.5), the number 1 has log(1.5 / 0.5)
    expected = math.log(3) / math.log(9)
    assert share(IntegerRange(1, 4, log=True), 1, rng) == pytest.approx(expected, abs=0.02)
    domain = RealRange(1e-4, 1e-2, log=True)
    below = sum(domain.sample(rng) < 1e-3 for _ in range(20_000)) / 20_000
    assert below == pytest.approx(0.5, abs=0.02)


def test_neighbors_are_one_step_away() -> None:
    assert Categorical(("a", "b", "c")).neighbors("b") == ("a", "c")
    assert IntegerRange(1, 9, step=2).neighbors(1) == (3,)
    assert IntegerRange(1, 9, step=2).neighbors(5) == (3, 7)
    assert RealRange(0.0, 10.0).neighbors(5.0) == pytest.approx((4.0, 6.0))
    assert RealRange(0.0, 10.0).neighbors(0.0) == (1.0,)
    assert RealRange(1e-2, 1.0, log=True).neighbors(1.0) == pytest.approx((10**-0.2,))


def test_steps_of_a_real_range_are_ordered_and_listed_lazily(rng: Generator) -> None:
    fine = RealGrid(0, 1, 1e-6)
    assert fine.size == len(fine.values()) == 1_000_001
    assert fine.values()[300_000] == 0.3
    assert 0.3 in fine.values()
    assert 0.3000004 not in fine.values()
    assert fine.check(0.1 * 3) == 0.3
    assert fine.encode(0.25) == (0.25,)
    assert fine.neighbors(0.5) == (0.4, 0.499999, 0.500001, 0.6)
    assert RealGrid(0, 1, 0.25).neighbors(0.0) == (0.25,)
    near = sum(abs(fine.mutate(0.5, rng) - 0.5) < 0.2 for _ in range(2000)) / 2000
    assert near == pytest.approx(0.68, abs=0.04)  # a normal distribution within one deviation
    log = RealGrid(1e-4, 1, 1e-4, log=True)
    below = sum(log.sample(rng) < 1e-2 for _ in range(5000)) / 5000
    assert below == pytest.approx(math.log(100 / 0.5) / math.log(1e4 / 0.5), abs=0.03)


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (0, "step of a real range is 0.0: give a number above 0"),
        (-1, "above 0"),
        ("1", "'1': give a finite number"),
        (math.nan, "finite"),
        (True, "finite"),
        (1e-20, "too small for floating-point numbers"),
    ],
)
def test_an_invalid_step_of_a_real_range_is_an_error(step: Any, message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        RealGrid(0, 1, step)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Integer(1, 9, factor=1), "factor of a range is 1: give an int above 1"),
        (lambda: Integer(1, 9, factor=cast(Any, 1.5)), "1.5: give an int above 1"),
        (lambda: Integer(0, 9, factor=2), "must start above 0"),
        (
            lambda: Integer(1, 9, 2, factor=2),
            "step=2 and factor=2 of an Integer",
        ),
        (lambda: Real(0.1, 9, factor=0.5), "0.5: give a finite number above 1"),
        (lambda: Real(0.1, 9, factor=1 + 1e-9), "more than 100,000 values"),
        (lambda: Real(0.1, 9, step=0.1, factor=2), "exclude each other"),
    ],
)
def test_an_invalid_factor_is_an_error(make: Callable[[], object], message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        make()


def test_the_origin_of_a_real_needs_a_step() -> None:
    with pytest.raises(SpaceError, match="origin=1 of a Real needs a step"):
        Real(0, 1, origin=1)


def test_a_conditional_value_of_a_fine_grid_is_counted_at_once() -> None:
    rate, epochs = Real(0, 1, step=1e-9), When(Integer(1, 3), ({"rate": (0.5,)},))
    assert Space({"rate": rate, "epochs": epochs}).count() == 10**9 + 3


@pytest.mark.parametrize("domain", REALS)
def test_points_of_a_real_range_include_both_ends(domain: RealRange) -> None:
    assert domain.values(1) == (domain.low,)
    points = domain.values(5)
    assert len(points) == 5
    assert (points[0], points[-1]) == (domain.low, domain.high)
    assert list(points) == sorted(points)


def test_listing_a_real_range_needs_points() -> None:
    with pytest.raises(SpaceError, match=r"a number from 0 to 1 cannot be listed.*points=5"):
        RealRange(0, 1).values()
    with pytest.raises(SpaceError, match="points=0 is invalid: give at least 1"):
        RealRange(0, 1).values(0)


@pytest.mark.parametrize(
    ("domain", "value"),
    [
        (Categorical(("1", "2")), 1),
        (Categorical(("a", "b")), "c"),
        (Categorical(("a", "b")), ["a"]),
        (IntegerRange(1, 9, step=2), 2),
        (IntegerRange(1, 9), 10),
        (IntegerRange(0, 1), True),
        (IntegerRange(1, 9), 2.0),
        (IntegerRange(1, 9), "2"),
        (IntegerRange(1, 9), None),
        (RealRange(0, 1), 1.5),
        (RealRange(0, 1), math.nan),
        (RealRange(0, 1), True),
        (RealRange(0, 1), "0.5"),
    ],
)
def test_values_outside_a_domain_are_rejected(domain: Domain, value: object) -> None:
    with pytest.raises(ValueError, match="is not"):
        domain.check(value)


def test_numpy_numbers_become_python_numbers() -> None:
    integer = IntegerRange(0, 9).check(numpy.int64(3))
    assert (integer, type(integer)) == (3, int)
    real = RealRange(0, 1).check(numpy.float32(0.5))
    assert (real, type(real)) == (0.5, float)
    assert RealRange(0, 1).check(Fraction(1, 4)) == 0.25
    label = Categorical(("a",)).check(numpy.str_("a"))
    assert (label, type(label)) == ("a", str)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Categorical(()), "no options: add at least one"),
        (lambda: Categorical(("a", "b", "a")), "two options of a choice have the label 'a'"),
        (lambda: Categorical(("a", "")), "the label '' of a choice is not a non-empty string"),
        (lambda: IntegerRange(3, 1), r"\[3, 1\] is empty: swap low=3 and high=1"),
        (lambda: IntegerRange(1, 3, step=0), "step of an integer range is 0: give at least 1"),
        (lambda: IntegerRange(0, 3, log=True), "must start above 0, not at 0: raise low"),
        (lambda: IntegerRange(True, 3), "low of an integer range is True: give an int"),
        (lambda: IntegerRange(1, 10**400), "high of an integer range exceeds"),
        (lambda: RealRange(2.0, 1.0), r"\[2.0, 1.0\] is empty: swap"),
        (lambda: RealRange(0.0, 1.0, log=True), "must start above 0"),
        (lambda: RealRange(0.0, math.inf), "high of a real range is inf: give a finite number"),
        (lambda: RealRange(math.nan, 1.0), "low of a real range is nan: give a finite number"),
        (lambda: RealRange(0.0, 10**400), "high of a real range is inf: give a finite number"),
        (lambda: RealRange(True, 2.0), "low of a real range is True: give a number"),
    ],
)
def test_invalid_domains_are_errors(make: object, message: str) -> None:
    assert callable(make)
    with pytest.raises(SpaceError, match=message):
        make()


def test_a_choice_of_many_options_is_created_quickly() -> None:
    assert Categorical(tuple(map(str, range(50_000)))).size == 50_000


def test_domains_have_a_readable_text() -> None:
    assert str(Categorical(("a", "b"))) == "one of 'a', 'b'"
    assert str(IntegerRange(1, 9, step=2)) == "an integer from 1 to 9 in steps of 2"
    assert str(RealRange(0.5, 2)) == "a number from 0.5 to 2"
