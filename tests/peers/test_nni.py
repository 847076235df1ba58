# pyright: basic
# NNI ships no types that can be relied on.
"""Checks of NNI's tests of its built-in tuners, rewritten; after `test_builtin_tuners.py`."""

import random
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from nni.tuner import Tuner

from nasbridge import BackendError
from nasbridge.adapters.nni import NASTuner
from nasbridge.spaces import SpaceError

STRATEGIES = ["RandomSearch", "RegularizedEvolution", "LocalSearch", "GridSearch", None]
ROUNDS, EACH = 3, 12
NEAR = 1e-6

SPACES: dict[str, tuple[str, list[Any]]] = {
    "choice_str": ("choice", ["cat", "dog", "elephant", "cow", "sheep", "panda"]),
    "choice_num": ("choice", [42, 43, -1]),
    "choice_mixed": ("choice", [0.3, "cat", 1, None]),
    "choice_float": ("choice", [0.3, 1, 2.0]),
    "choice_dict": ("choice", [{"a": 1}, [1, 2], "x"]),
    "choice_single": ("choice", [1]),
    "randint": ("randint", [-2, 3]),
    "randint_float": ("randint", [-2.0, 3.0]),
    "randint_single": ("randint", [10, 11]),
    "uniform": ("uniform", [-1.0, 1.5]),
    "uniform_equal": ("uniform", [99.9, 99.9]),
    "quniform": ("quniform", [0, 10, 2.5]),
    "quniform_clip": ("quniform", [2, 10, 5]),
    "quniform_clip_2": ("quniform", [-5.5, -0.5, 6]),
    "loguniform": ("loguniform", [0.001, 100]),
    "loguniform_equal": ("loguniform", [1, 1]),
    "qloguniform": ("qloguniform", [0.001, 100, 1]),
    "qloguniform_equal": ("qloguniform", [1.2, 1.2, 0.01]),
}
UNBOUNDED = pytest.mark.xfail(
    raises=BackendError,
    strict=True,
    reason="a normal distribution has no bounds, so it cannot be encoded, mutated or counted; an "
    "error names the parameter and the types that can be searched",
)
NORMAL = ["normal", "qnormal", "lognormal", "qlognormal"]
INVALID: dict[str, tuple[str, list[Any]]] = {
    "choice_empty": ("choice", []),
    "randint_empty": ("randint", [10, 10]),
    "uniform_reversed": ("uniform", [2, 1]),
    "quniform_no_step": ("quniform", [1, 2]),
    "quniform_step_zero": ("quniform", [1, 2, 0]),
    "loguniform_negative": ("loguniform", [-1, 1]),
    "unknown": ("categorical", [1, 2]),
}


def declared(spaces: Mapping[str, tuple[str, list[Any]]]) -> dict[str, Any]:
    return {name: {"_type": kind, "_value": value} for name, (kind, value) in spaces.items()}


def started(strategy: str | None, space: Mapping[str, Any]) -> Any:
    points = {"points": 3} if strategy == "GridSearch" else None
    tuner = NASTuner(strategy=strategy, settings=points)
    assert isinstance(tuner, Tuner)
    tuner.update_search_space(space)
    return tuner


def check_range(parameters: Mapping[str, Any], space: Mapping[str, Any]) -> None:
    assert parameters.keys() == space.keys()
    for name, value in parameters.items():
        kind, declared_value = space[name]["_type"], space[name]["_value"]
        if kind == "choice":
            assert (repr(value), value) in [(repr(option), option) for option in declared_value]
            continue
        low, high, *steps = declared_value
        assert type(value) is (int if kind == "randint" else float)
        assert low <= value <= high - (kind == "randint")
        for step in steps:
            is_multiple = abs(value / step - round(value / step)) < NEAR
            assert is_multiple or min(value - low, high - value) < NEAR


def check_search(strategy: str | None, space: Mapping[str, Any]) -> None:
    """Search in batches, as NNI asks for trials, until the space is exhausted."""
    rng, tuner, queue = random.Random(0), started(strategy, space), deque[Any]()
    for batch in range(ROUNDS):
        ids = list(range(batch * EACH, (batch + 1) * EACH))
        given = tuner.generate_multiple_parameters(ids, st_callback=lambda *a: queue.append(a))
        assert given or batch
        for number, parameters in [*zip(ids, given, strict=False), *queue]:
            check_range(parameters, space)
            tuner.receive_trial_result(number, parameters, rng.uniform(-100, 100))
            tuner.trial_end(number, True)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_type_together(strategy: str | None) -> None:
    check_search(strategy, declared(SPACES))


@pytest.mark.parametrize("name", SPACES)
def test_every_type(name: str) -> None:
    for strategy in ("RandomSearch", "RegularizedEvolution"):
        check_search(strategy, declared({name: SPACES[name]}))


@UNBOUNDED
@pytest.mark.parametrize("kind", NORMAL)
def test_normal_distributions(kind: str) -> None:
    value = [-8.2, 3.0, 0.1][: 2 + kind.startswith("q")]
    check_search("RandomSearch", declared({"p": (kind, value)}))


def test_a_grid_of_real_numbers_needs_their_number() -> None:
    with pytest.raises(SpaceError, match=r"'uniform'.*points=5"):
        NASTuner(strategy="GridSearch").update_search_space(declared(SPACES))


@pytest.mark.parametrize("name", INVALID)
def test_an_invalid_space_is_an_error(name: str) -> None:
    with pytest.raises(BackendError, match=repr(name)):
        started("RandomSearch", declared({name: INVALID[name]}))


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize(
    "options", [["cat", "dog", "elephant", "cow", "sheep", "panda", "ox"], [20, 60, 1, 50, 4, 5, 6]]
)
def test_import_data(strategy: str | None, options: Sequence[Any]) -> None:
    """At the beginning and between trials, with repeated records and several metrics."""
    tuner = started(strategy, declared({"p": ("choice", list(options))}))
    first, second, third = options[0], options[1], options[3]
    data: list[dict[str, Any]] = [
        {"parameter": {"p": first}, "value": 1.1},
        {"parameter": {"p": second}, "value": {"default": 1.2, "tmp": 2}},
    ]
    tuner.import_data(data)
    given = tuner.generate_multiple_parameters([0, 1, 2])
    for number, parameters in enumerate(given):
        tuner.receive_trial_result(number, parameters, float(number))
        tuner.trial_end(number, True)
    tuner.import_data([*data, {"parameter": {"p": third}, "value": 1.3}])
    more = tuner.generate_multiple_parameters([3])
    proposed = [parameters["p"] for parameters in (*given, *more)]
    assert len(set(proposed)) == len(proposed) == 4  # none twice, and none that was imported
    assert not {first, second} & set(proposed)
    assert more[0]["p"] != third
