# pyright: basic
# NNI ships no types that can be relied on.
"""Random search spaces of NNI: what its tuners draw is an architecture, and comes back equal."""

import json
import random
from typing import Any

import numpy
import pytest
from nni.algorithms.hpo.evolution_tuner import EvolutionTuner
from nni.algorithms.hpo.random_tuner import RandomTuner

from nasbridge.adapters.nni import architecture_from, from_native
from nasbridge.adapters.nni.nested import parameters_from

VALUES: list[Any] = [1, "1", 1.0, True, None, "None", [1, 2], {"a": 1}, {"a": 1.0}, "", 0]
NAMES: list[Any] = [1, "1", None, "b", "c d", 2.5, "x.y", True]
STEPS = [(0.2, 0.6, 0.1), (0.07, 0.1, 0.01), (-0.3, 0.3, 0.1), (1, 10, 3), (-5.5, -0.5, 6)]
LOG_STEPS = [(0.01, 0.2, 0.01), (1, 64, 1), (1, 100, 7), (0.5, 9.3, 0.4)]


def parameter(rng: random.Random, depth: int, plain: list[Any]) -> dict[str, Any]:
    """Return a random parameter; options of a choice may be nested, up to a depth."""
    if depth and rng.random() < 0.3:
        names = rng.sample(NAMES, 3)
        return {
            "_type": "choice",
            "_value": [{"_name": name, **space(rng, depth - 1, plain)} for name in names],
        }
    kind, values = rng.choice(
        [
            ("uniform", (-1, 2.5)),
            ("loguniform", (1e-5, 0.1)),
            ("quniform", rng.choice(STEPS)),
            ("qloguniform", rng.choice(LOG_STEPS)),
            ("randint", rng.choice([(-2, 7), (-2.0, 5.5)])),
            ("choice", rng.sample(plain, 4)),
        ]
    )
    return {"_type": kind, "_value": list(values)}


def space(rng: random.Random, depth: int, plain: list[Any]) -> dict[str, Any]:
    return {name: parameter(rng, depth, plain) for name in "abc"}


def is_close(one: Any, other: Any) -> bool:
    """Return whether two values are equal in value and type, floats up to rounding."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(is_close(one[k], other[k]) for k in one)
    return bool(one == (pytest.approx(other, rel=1e-9) if isinstance(one, float) else other))


@pytest.mark.parametrize(("tuner", "depth"), [(RandomTuner, 1), (EvolutionTuner, 3)])
@pytest.mark.parametrize("seed", range(8))
def test_what_nni_draws_is_read_and_comes_back(tuner: Any, depth: int, seed: int) -> None:
    """NNI's random tuner fails at nested options of nested options, and evolution at dicts."""
    values = VALUES if tuner is RandomTuner else [v for v in VALUES if not isinstance(v, dict)]
    native = space(random.Random(seed), depth, values)
    ours, theirs = from_native(native), tuner()
    theirs.update_search_space(native)
    for number in range(8):
        drawn = json.loads(json.dumps(theirs.generate_parameters(number)))  # numpy's floats
        read = architecture_from(drawn, ours)
        assert is_close(parameters_from(read, native), drawn)
        sampled = ours.sample(numpy.random.default_rng(number))
        stored = json.loads(json.dumps(parameters_from(sampled, native)))
        assert architecture_from(stored, ours) == sampled
