# pyright: basic
"""Random search spaces of Ray: what Ray draws is read as an architecture, and comes back equal."""

import random
from typing import Any

import numpy
import pytest
from ray import tune
from ray._private.dict import merge_dicts
from ray.tune.search.variant_generator import generate_variants

from nasbridge.adapters.ray_tune import from_native
from nasbridge.adapters.ray_tune.forms import architecture_in, config_from, form_of

VALUES: list[Any] = [1, "1", 1.0, True, None, "None", (1, 2), [1, 2], {"a": 1}, {"a": 1.0}, "", 0]
DEPTH = 3


def domain(rng: random.Random, depth: int) -> Any:
    """Return a random domain; options of a choice may have open values."""
    if depth < DEPTH and rng.random() < 0.2:
        return tune.choice([space(rng, depth + 1), rng.choice(VALUES), space(rng, depth + 1)])
    return rng.choice(
        [
            tune.uniform(-1, 2.5),
            tune.loguniform(1e-5, 1e-1),
            tune.quniform(*rng.choice([(0.2, 0.6, 0.1), (0.07, 0.1, 0.01), (-0.3, 0.3, 0.1)])),
            tune.qloguniform(0.01, 0.2, 0.01),
            tune.randint(-2, 7),
            tune.lograndint(1, 9),
            tune.qrandint(*rng.choice([(3, 17, 4), (-8, 8, 3), (0, 10, 5)])),
            tune.qlograndint(2, 16, 2),
            tune.choice(rng.sample(VALUES, 4)),
        ]
    )


def space(rng: random.Random, depth: int = 0) -> dict[str, Any]:
    """Return a random dict with domains, constants, dicts and lists."""
    made: dict[str, Any] = {"first": domain(rng, depth)}
    for name in "abc":
        kind = rng.random()
        if kind < 0.4 or depth >= DEPTH:
            made[name] = domain(rng, depth)
        elif kind < 0.6:
            made[name] = space(rng, depth + 1)
        elif kind < 0.8:
            made[name] = [rng.choice(VALUES), domain(rng, depth + 1), space(rng, depth + 1)]
        else:
            made[name] = rng.choice(VALUES)
    return made


def is_close(one: Any, other: Any) -> bool:
    """Return whether two configs are equal in values and types, floats up to rounding."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(is_close(one[k], other[k]) for k in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(is_close, one, other))
    return bool(one == (pytest.approx(other, rel=1e-9) if isinstance(one, float) else other))


@pytest.mark.parametrize("seed", range(12))
def test_what_ray_draws_is_read_and_comes_back(seed: int) -> None:
    native = space(random.Random(seed))
    ours, form = from_native(native), form_of(native)
    for number in range(8):
        rng: Any = numpy.random.default_rng(number)
        [(_, drawn)] = generate_variants({"config": native}, random_state=rng)
        read = architecture_in(drawn["config"], form, ours)
        assert is_close(merge_dicts(native, config_from(read, form)), drawn["config"])
        config = config_from(ours.sample(numpy.random.default_rng(number)), form)
        again = config_from(architecture_in(config, form, ours), form)
        assert repr(again) == repr(config)  # two options may give the same config
