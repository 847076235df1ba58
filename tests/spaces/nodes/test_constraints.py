"""Constraints: they restrict what is proposed; impossible ones are errors at creation."""

from collections.abc import Callable

import pytest
from numpy.random import Generator

from nasbridge.spaces import (
    Architecture,
    Chain,
    Choice,
    ConstraintError,
    Integer,
    Real,
    SearchSpace,
    Space,
    SpaceError,
    from_json,
    layer,
    library,
)

Make = Callable[[int], SearchSpace]

PAIR = Space({"a": Integer(1, 5), "b": Integer(1, 5)})


def small(architecture: Architecture) -> bool:
    return bool(architecture["a"] + architecture["b"] < 5)


def test_only_feasible_architectures_are_proposed(rng: Generator) -> None:
    space = PAIR.where(small)
    listed = list(space.enumerate())
    assert len(listed) == 6
    assert PAIR.count() == space.count() == 25  # counting ignores constraints
    here = there = space.sample(rng)
    for _ in range(100):
        here, there = space.mutate(here, rng), space.sample(rng)
        child = space.crossover(here, there, rng)
        assert all(map(small, (here, there, child, *space.neighbors(here))))
        assert {here, there, child} <= set(listed)


def test_several_constraints_must_all_hold() -> None:
    space = PAIR.where(small).where(lambda x: x["a"] == x["b"], "equal")
    assert [tuple(a.values()) for a in space.enumerate()] == [(1, 1), (2, 2)]
    assert [str(constraint) for constraint in space.constraints] == ["'small'", "'equal'"]
    assert len(PAIR.constraints) == 0


def test_any_network_can_be_constrained() -> None:
    chain = Chain(layer("A", n=Choice([1, 2, 3], name="n")))
    space = chain.where(lambda x: x["n"] > 1)
    assert [a["n"] for a in space.enumerate()] == [2, 3]
    assert next(space.enumerate()) == chain.architecture({"n": 2})


def test_creating_an_architecture_ignores_constraints() -> None:
    space = PAIR.where(small)
    big = space.architecture({"a": 5, "b": 5})
    assert not space.is_feasible(big)
    assert PAIR.is_feasible(big)


def test_without_constraints_the_space_is_the_same() -> None:
    space = PAIR.where(small)
    assert space.unconstrained() == PAIR
    assert space.fingerprint == PAIR.fingerprint
    assert PAIR.unconstrained() is PAIR


def test_an_impossible_constraint_is_an_error_at_creation() -> None:
    with pytest.raises(ConstraintError, match=r"none of the 25 architectures .* satisfies 'never'"):
        PAIR.where(lambda x: False, "never")
    with pytest.raises(
        ConstraintError, match=r"satisfies 'small' and 'never': relax the constraint"
    ):
        PAIR.where(small).where(lambda x: False, "never")
    endless = Space({"x": Real(0, 1)})
    with pytest.raises(ConstraintError, match=r"none of the 2000 random .* satisfies 'never'"):
        endless.where(lambda x: False, "never")


def test_rare_feasible_architectures_are_found() -> None:
    space = PAIR.where(lambda x: x["a"] == x["b"] == 5)
    assert [tuple(a.values()) for a in space.enumerate()] == [(5, 5)]


def test_a_move_without_feasible_results_is_an_error(rng: Generator) -> None:
    alone = PAIR.where(lambda x: x["a"] == x["b"] == 5)
    parent = next(alone.enumerate())
    with pytest.raises(ConstraintError, match=r"none of 1000 draws of a mutation satisfies"):
        alone.mutate(parent, rng)
    assert list(alone.neighbors(parent)) == []


def test_a_limit_that_samples_exceed_is_met_by_descent(rng: Generator) -> None:
    space = library.residual_cnn().limit((28, 28, 1), parameters=8_000)
    assert space.feasible_start is not None
    drawn = [space.sample(rng) for _ in range(5)]
    assert all(architecture.cost((28, 28, 1)).parameters <= 8_000 for architecture in drawn)
    assert len(set(drawn)) > 1
    with pytest.raises(ConstraintError, match="at most 100 parameters"):
        library.residual_cnn().limit((28, 28, 1), parameters=100)


def test_a_failing_function_is_reported_with_the_architecture() -> None:
    space = Space({"kind": Choice({"off": 0, "on": Integer(1, 2, name="n")})})

    def careless(architecture: Architecture) -> bool:
        return bool(architecture["n"] > 1)

    with pytest.raises(
        ConstraintError, match=r"'careless' failed on Architecture\(kind='off'\)"
    ) as e:
        space.where(careless)
    assert 'check `"name" in architecture` before' in str(e.value)
    assert isinstance(e.value.__cause__, KeyError)


def test_a_constraint_is_evaluated_once_for_each_architecture() -> None:
    asked: list[Architecture] = []

    def counted(architecture: Architecture) -> bool:
        asked.append(architecture)
        return True

    space = PAIR.where(counted)
    for _ in range(3):
        assert len(list(space.enumerate())) == 25
    assert len(asked) == len(set(asked)) == 25


@pytest.mark.parametrize("seed", range(0, 30, 3))
def test_feasible_architectures_are_the_enumerated_ones(
    seed: int, make_space: Make, rng: Generator
) -> None:
    space = make_space(seed)
    allowed = set(list(space.enumerate())[::2])
    half = space.where(lambda x: x in allowed, "half")
    assert set(half.enumerate()) == allowed
    assert {half.sample(rng) for _ in range(50)} <= allowed


def dense(*units: int) -> Chain:
    return Chain(
        layer("Flatten"), layer("Dense", units=Choice(units, name="units")), layer("Dense", units=2)
    )


def test_networks_can_be_limited_in_parameters() -> None:
    space = dense(1, 2, 4, 8).limit((3,), parameters=4 * 4 + 4 * 2 + 2)
    assert [a["units"] for a in space.enumerate()] == [1, 2, 4]  # of 3 inputs: 4u + 2u + 2


def test_networks_can_be_limited_in_operations() -> None:
    space = dense(1, 2, 4, 8).limit((3,), flops=12)
    kept = [a["units"] for a in space.enumerate()]
    costs = {a["units"]: a.cost((3,)).flops for a in dense(1, 2, 4, 8).enumerate()}
    assert kept == [units for units, flops in costs.items() if flops <= 12]
    assert 0 < len(kept) < 4


def test_a_limit_has_a_readable_text() -> None:
    space = dense(1, 2).limit((3,), parameters=1000, flops=2000)
    (limit,) = space.constraints
    assert str(limit) == "at most 1,000 parameters and at most 2,000 flops for input (3,)"
    with pytest.raises(ConstraintError, match=r"satisfies at most 3 parameters for input \(3,\)"):
        dense(1, 2).limit((3,), parameters=3)
    with pytest.raises(ConstraintError, match="limit\\(\\) has no limit: give parameters="):
        dense(1, 2).limit((3,))


def test_networks_that_cannot_be_built_are_not_proposed() -> None:
    either = Choice({"conv": layer("Conv2D", filters=1, kernel_size=1), "flat": layer("Flatten")})
    space = either.limit((3,), parameters=100)
    assert [a["choice"] for a in space.enumerate()] == ["flat"]


def test_a_limit_is_written_to_json_and_a_function_is_not() -> None:
    space = dense(1, 2, 4).limit((3,), parameters=14)
    again = from_json(space.to_json())
    assert again == space
    assert list(again.enumerate()) == list(space.enumerate())
    with pytest.raises(
        SpaceError, match=r"cannot be written as JSON.* and limit\(\) instead of where\(\)"
    ):
        PAIR.where(small).to_json()


def test_a_small_network_is_found_in_a_library_space(rng: Generator) -> None:
    space = library.cnn().limit((28, 28, 1), parameters=100_000)
    for _ in range(5):
        assert space.sample(rng).cost((28, 28, 1)).parameters <= 100_000
