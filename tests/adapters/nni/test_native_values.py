# pyright: basic
# NNI ships no types that can be relied on.
"""Values drawn by NNI's tuners: all are in our space, and trials receive NNI's own types."""

from typing import Any

import pytest
from nni.algorithms.hpo.random_tuner import RandomTuner
from nni.algorithms.hpo.tpe_tuner import TpeTuner

from nasbridge.adapters.nni import NASTuner, architecture_from, from_native
from nasbridge.spaces import InvalidArchitecture

DRAWN = {
    "tenths": {"_type": "quniform", "_value": [0.1, 0.9, 0.1]},
    "odd": {"_type": "quniform", "_value": [0.25, 2.0, 0.3]},
    "thousandths": {"_type": "qloguniform", "_value": [0.001, 0.2, 0.001]},
    "even": {"_type": "quniform", "_value": [2, 64, 2]},
    "threes": {"_type": "quniform", "_value": [3, 11, 3]},  # NNI clips 12 to 11
    "whole": {"_type": "qloguniform", "_value": [1, 64, 1]},
    "rate": {"_type": "loguniform", "_value": [1e-5, 1e-1]},
    "drawn": {"_type": "randint", "_value": [0, 7]},
    "mixed": {"_type": "choice", "_value": [1, 1.0, 1.5, "x", True]},
}


@pytest.mark.parametrize("tuner", [TpeTuner, RandomTuner])
def test_every_drawn_value_is_in_the_space(tuner: Any) -> None:
    space, made = from_native(DRAWN), tuner(seed=0)
    made.update_search_space(DRAWN)
    drawn: set[object] = set()
    for number in range(80):
        (given,) = made.generate_multiple_parameters([number], st_callback=lambda *_: None)
        architecture = architecture_from(given, space)
        drawn.add(given["tenths"])
        for name, value in given.items():
            if name == "mixed":
                assert (architecture[name], type(architecture[name])) == (value, type(value))
            else:
                assert architecture[name] == pytest.approx(value, rel=1e-9)
    assert 0.30000000000000004 in drawn  # 3 * 0.1


@pytest.mark.parametrize("tuner", [TpeTuner, RandomTuner])
def test_a_trial_receives_the_number_types_of_nni(tuner: Any) -> None:
    """Also below an option: 4.0, not 4, where NNI draws in whole steps."""
    inner = {"_name": "conv", **{k: v for k, v in DRAWN.items() if k != "mixed"}}
    space = DRAWN | {"block": {"_type": "choice", "_value": [inner]}}
    native, ours = tuner(seed=0), NASTuner(strategy="RandomSearch")
    for each in (native, ours):
        each.update_search_space(space)
    for number in range(6):
        (given,) = native.generate_multiple_parameters([number], st_callback=lambda *_: None)
        proposed = ours.generate_parameters(number)
        types = {name: type(value) for name, value in proposed["block"].items()}
        assert types == {name: type(value) for name, value in given["block"].items()}
        assert architecture_from(proposed, from_native(space))["even"] == proposed["even"]
        drawn = {name: type(proposed[name]) for name in DRAWN if name != "mixed"}
        assert drawn == {name: type(given[name]) for name in drawn}


def test_a_whole_float_may_arrive_as_an_integer() -> None:
    """NNI's manager is JavaScript, which writes 1.0 as 1."""
    space = from_native({"p": {"_type": "quniform", "_value": [0.5, 2.0, 0.5]}})
    assert architecture_from({"p": 1}, space)["p"] == 1.0


def test_a_rounded_bound_of_a_logarithmic_range_is_in_the_space() -> None:
    space = from_native({"rate": DRAWN["rate"]})
    assert architecture_from({"rate": 1e-5 * (1 - 1e-15)}, space)["rate"] == 1e-5
    assert architecture_from({"rate": 0.1 * (1 + 1e-15)}, space)["rate"] == 0.1


@pytest.mark.parametrize("wrong", [{"tenths": 0.31}, {"rate": 0.2}, {"even": 3}, {"even": 2.4}])
def test_a_value_between_two_options_is_refused(wrong: dict[str, Any]) -> None:
    space = from_native({name: DRAWN[name] for name in wrong})
    with pytest.raises(InvalidArchitecture):
        architecture_from(wrong, space)
