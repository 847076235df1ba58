# pyright: basic
"""Ray's search space dicts and our spaces."""

from typing import Any

import numpy
import pytest
from ray import tune
from ray.tune.search.variant_generator import generate_variants

from nasbridge import BackendError, Choice, Integer, Real, Space
from nasbridge.adapters.ray_tune import architecture_from, from_native, to_native
from nasbridge.adapters.ray_tune.forms import config_from, form_of
from nasbridge.testing import SPACES


def domains(space: Any) -> dict[str, str]:
    return {decision.name: str(decision.domain) for decision in space.decisions}


@pytest.mark.parametrize("name", SPACES)
def test_what_ray_draws_from_our_space_is_an_architecture(name: str) -> None:
    space = SPACES[name]()
    rng: Any = numpy.random.default_rng(0)
    for _ in range(20):
        [(_, config)] = generate_variants({"config": to_native(space)}, random_state=rng)
        drawn = architecture_from({**config["config"], "epochs": 5}, space)
        assert space.is_feasible(drawn)


def test_every_kind_of_ray_has_its_counterpart() -> None:
    native = {
        "choice": tune.choice([16, "a", None]),
        "grid": tune.grid_search([1, 2]),
        "randint": tune.randint(1, 9),
        "lograndint": tune.lograndint(1, 9),
        "qrandint": tune.qrandint(4, 16, 4),
        "qlograndint": tune.qlograndint(2, 8, 2),
        "uniform": tune.uniform(0, 1),
        "loguniform": tune.loguniform(1e-4, 1e-1),
        "quniform": tune.quniform(0.25, 1, 0.25),
        "model": {"units": tune.randint(1, 3), "depth": 2},
    }
    ours = Space(
        {
            "choice": Choice([16, "a", None]),
            "grid": Choice([1, 2]),
            "randint": Integer(1, 8),
            "lograndint": Integer(1, 8, log=True),
            "qrandint": Integer(4, 16, 4),
            "qlograndint": Integer(2, 8, 2, log=True),
            "uniform": Real(0, 1),
            "loguniform": Real(1e-4, 1e-1, log=True),
            "quniform": Real(0.25, 1, step=0.25),
            "model.units": Integer(1, 2),
        }
    )
    assert domains(from_native(native)) == domains(ours)


def test_a_flat_space_keeps_its_steps() -> None:
    ours = Space({"a": Integer(4, 16, 4), "b": Integer(1, 7, 2), "c": Integer(2, 8, log=True)})
    back = from_native(to_native(ours))
    assert [d.domain.size for d in back.decisions] == [d.domain.size for d in ours.decisions]


def test_a_choice_between_dicts_is_a_condition_and_comes_back_as_a_config() -> None:
    body = tune.choice([{"kind": "cnn", "kernel": tune.choice([3, 5])}, {"kind": "none"}, "raw"])
    native = {"net": {"body": body, "bias": True}, "lr": tune.uniform(0, 1)}
    space = from_native(native)
    kernel = next(d for d in space.decisions if d.name.endswith("kernel"))
    assert kernel.conditions != ((),)
    seen: list[Any] = []
    for number in range(30):
        member = space.sample(numpy.random.default_rng(number))
        config = config_from(member, form_of(native))
        assert config["lr"] == member["lr"]
        seen.append(config["net"]["body"])
    wanted = [{"kind": "cnn", "kernel": 3}, {"kind": "cnn", "kernel": 5}, {"kind": "none"}, "raw"]
    assert all(one in wanted for one in seen)
    assert all(one in seen for one in wanted)


@pytest.mark.parametrize(
    ("native", "message"),
    [
        ({"a": tune.sample_from(lambda spec: 1)}, r"'a'.*sample_from.*tune.choice"),
        ({"a": tune.randn(0, 1)}, r"'a'.*no bounds.*tune.uniform"),
        ({"a": tune.choice([tune.uniform(0, 1), 2])}, r"'a'.*in a dict"),
        (
            {"a.b": tune.choice([1, 2]), "a": {"b": tune.choice([3, 4])}},
            r"two open values have the name 'a\.b'.*rename",
        ),
        ({1: tune.choice([1, 2]), "1": tune.choice([3, 4])}, r"two open values have the name '1'"),
        ({"a": 1}, "no open value"),
        ({}, "no open value"),
    ],
)
def test_an_unsupported_value_is_an_error(native: dict[Any, Any], message: str) -> None:
    with pytest.raises(BackendError, match=message):
        from_native(native)
