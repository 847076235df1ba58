"""Optuna distributions as spaces, and spaces as distributions."""

from collections.abc import Mapping

import optuna
import pytest
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from nasbridge import Integer, NasbridgeError, Real, Space
from nasbridge.adapters.optuna import from_native, to_native

NATIVE: Mapping[str, BaseDistribution] = {
    "optimizer/lr": FloatDistribution(1e-4, 1e-1, log=True),
    "drop out": FloatDistribution(0.0, 0.5),
    "steps": FloatDistribution(0.0, 1.0, step=0.25),
    "n.units": IntDistribution(16, 128, step=16),
    "batch": IntDistribution(1, 512, log=True),
    "act": CategoricalDistribution(["relu", None, 3, 2.5, True]),
}


def test_every_kind_of_distribution_becomes_a_decision() -> None:
    space = from_native(NATIVE)
    assert [(d.name, str(d.domain)) for d in space.decisions] == [
        ("optimizer/lr", "a number from 0.0001 to 0.1"),
        ("drop out", "a number from 0 to 0.5"),
        ("steps", "a number from 0 to 1 in steps of 0.25"),
        ("n.units", "an integer from 16 to 128 in steps of 16"),
        ("batch", "an integer from 1 to 512"),
        ("act", "one of 'relu', 'None', '3', '2.5', 'True'"),
    ]
    member = space.architecture(
        {"optimizer/lr": 0.01, "drop out": 0.5, "steps": 0.75, "n.units": 32, "batch": 8}
        | {"act": None}
    )
    assert member["act"] is None
    assert member["steps"] == 0.75


def test_every_kind_of_domain_becomes_a_distribution() -> None:
    space = Space({"a": Integer(1, 10, step=4), "b": Integer(1, 64, log=True), "c": Real(0, 1)})
    assert to_native(space) == {
        "a": IntDistribution(1, 9, step=4),
        "b": IntDistribution(1, 64, log=True),
        "c": FloatDistribution(0, 1),
    }


def test_an_empty_study_has_no_space() -> None:
    with pytest.raises(NasbridgeError, match="no distributions to make a space of"):
        from_native(optuna.create_study())


def test_steps_of_floats_are_decimal() -> None:
    options = from_native({"x": FloatDistribution(0, 1, step=0.1)}).decision("x").options
    assert tuple(options) == (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
