# pyright: basic
# NNI ships no types that can be relied on.
"""What NNI's own tuners draw is of our space; a team's own names clash with none of ours."""

from typing import Any

import pytest
from nni.algorithms.hpo.random_tuner import RandomTuner
from nni.algorithms.hpo.tpe_tuner import TpeTuner

from nasbridge.adapters.nni import NASTuner, architecture_from, from_native
from nasbridge.adapters.nni.webui import parameters_of, shown_space
from nasbridge.spaces import Choice, InvalidArchitecture, Space

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
def test_every_value_that_nni_draws_is_in_the_space(tuner: Any) -> None:
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
def test_a_trial_gets_the_kinds_of_numbers_that_nni_gives(tuner: Any) -> None:
    """Also below an option; 4.0 where NNI draws in whole steps, which a trial may rely on."""
    inner = {"_name": "conv", **{k: v for k, v in DRAWN.items() if k != "mixed"}}
    space = DRAWN | {"block": {"_type": "choice", "_value": [inner]}}
    theirs, ours = tuner(seed=0), NASTuner(strategy="RandomSearch")
    for each in (theirs, ours):
        each.update_search_space(space)
    for number in range(6):
        (given,) = theirs.generate_multiple_parameters([number], st_callback=lambda *_: None)
        proposed = ours.generate_parameters(number)
        kinds = {name: type(value) for name, value in proposed["block"].items()}
        assert kinds == {name: type(value) for name, value in given["block"].items()}
        assert architecture_from(proposed, from_native(space))["even"] == proposed["even"]
        drawn = {name: type(proposed[name]) for name in DRAWN if name != "mixed"}
        assert drawn == {name: type(given[name]) for name in drawn}


def test_a_whole_number_has_lost_its_point_on_the_way() -> None:
    """NNI's manager is JavaScript, which writes 1.0 as 1."""
    space = from_native({"p": {"_type": "quniform", "_value": [0.5, 2.0, 0.5]}})
    assert architecture_from({"p": 1}, space)["p"] == 1.0


def test_an_end_of_a_logarithmic_range_may_be_rounded() -> None:
    space = from_native({"rate": DRAWN["rate"]})
    assert architecture_from({"rate": 1e-5 * (1 - 1e-15)}, space)["rate"] == 1e-5
    assert architecture_from({"rate": 0.1 * (1 + 1e-15)}, space)["rate"] == 0.1


@pytest.mark.parametrize("wrong", [{"tenths": 0.31}, {"rate": 0.2}, {"even": 3}, {"even": 2.4}])
def test_another_value_is_refused(wrong: dict[str, Any]) -> None:
    space = from_native({name: DRAWN[name] for name in wrong})
    with pytest.raises(InvalidArchitecture):
        architecture_from(wrong, space)


# ---------------------------------------------------------------------- names of a team's own

TEAM: dict[str, Any] = {
    "arch": {
        "_type": "choice",
        "_value": [
            {"_name": "architecture", "kernel": {"_type": "choice", "_value": [1, 3]}},
            {"_name": "skip"},
        ],
    },
    "units": {"_type": "choice", "_value": [16, 32]},
}


def test_a_parameter_of_a_team_may_have_our_name() -> None:
    space = from_native(TEAM)
    theirs = {"arch": {"_name": "architecture", "kernel": 3}, "units": 32}
    assert architecture_from(theirs, space).choices == {
        "arch": "architecture",
        "arch.architecture.kernel": "3",
        "units": "32",
    }
    tuner = NASTuner(strategy="RandomSearch")
    tuner.update_search_space(TEAM)
    for number in range(6):
        given = tuner.generate_parameters(number)
        assert architecture_from(given, space)["units"] == given["units"]


@pytest.mark.parametrize("names", [("arch", "units"), ("arch", "arch~")])
def test_a_decision_of_ours_may_have_that_name(names: tuple[str, ...]) -> None:
    space = Space({name: Choice(["a", "b"]) for name in names})
    declared = shown_space(space)
    for member in space.enumerate():
        shown = parameters_of(member)
        assert list(shown) == list(declared)
        assert all(shown[name] == member[name] for name in names)
        assert architecture_from(shown, space) == member


def test_a_nested_value_without_a_label_is_said() -> None:
    with pytest.raises(InvalidArchitecture, match=r"arch is .*without '_name'"):
        architecture_from({"arch": {"units": 3}}, from_native(TEAM))
