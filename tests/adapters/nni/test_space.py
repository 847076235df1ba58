# pyright: basic
# NNI ships no types that can be relied on.
"""NNI search spaces and ours, in both directions; NNI's own tuners on our spaces."""

from typing import Any

import pytest
from nni.algorithms.hpo.evolution_tuner import EvolutionTuner
from nni.algorithms.hpo.gridsearch_tuner import GridSearchTuner
from nni.algorithms.hpo.random_tuner import RandomTuner
from nni.algorithms.hpo.tpe_tuner import TpeTuner

from nasbridge import BackendError
from nasbridge import testing as material
from nasbridge.adapters.nni import NASTuner, architecture_from, from_native, to_native
from nasbridge.spaces import Choice, Integer, InvalidArchitecture, Real, Space

NESTED: dict[str, Any] = {
    "rate": {"_type": "loguniform", "_value": [1e-4, 1e-1]},
    "block": {
        "_type": "choice",
        "_value": [
            {"_name": "conv", "kernel": {"_type": "choice", "_value": [1, 3]}},
            {"_name": "skip"},
        ],
    },
}


def test_a_nested_native_space_has_dotted_names() -> None:
    space = from_native(NESTED)
    assert [d.name for d in space.decisions] == ["rate", "block", "block.conv.kernel"]
    native = {"rate": 0.01, "block": {"_name": "conv", "kernel": 3}}
    assert architecture_from(native, space)["block.conv.kernel"] == 3
    skipped = architecture_from({"rate": 0.01, "block": {"_name": "skip"}}, space)
    assert "block.conv.kernel" not in skipped


@pytest.mark.parametrize(
    ("parameter", "values"),
    [
        ({"_type": "randint", "_value": [1, 4]}, [1, 2, 3]),
        ({"_type": "quniform", "_value": [2, 8, 2]}, [2, 4, 6, 8]),
        ({"_type": "quniform", "_value": [0.1, 0.4, 0.1]}, [0.1, 0.2, 0.3, 0.4]),
        ({"_type": "quniform", "_value": [1, 8, 3]}, [1.0, 3.0, 6.0, 8.0]),
        ({"_type": "quniform", "_value": [3, 11, 3]}, [3, 6, 9, 11]),
        ({"_type": "quniform", "_value": [2, 9, 2]}, [2, 4, 6, 8]),
        ({"_type": "choice", "_value": [True, 1, "x"]}, [True, 1, "x"]),
    ],
)
def test_a_native_parameter_has_the_values_that_nni_draws(
    parameter: dict[str, Any], values: list[Any]
) -> None:
    space = from_native({"p": parameter})
    assert [architecture["p"] for architecture in space.enumerate()] == values


@pytest.mark.parametrize(
    ("native", "message"),
    [
        ({}, "empty"),
        ({"p": 3}, r"'p' is 3.*_type"),
        ({"p": {"_type": "normal", "_value": [0, 1]}}, r"'p'.*'normal'.*use choice"),
        ({"p": {"_type": "choice", "_value": [{"a": 1}, 2]}}, r"'p'.*_name"),
    ],
)
def test_a_parameter_without_counterpart_is_refused(native: dict[str, Any], message: str) -> None:
    with pytest.raises(BackendError, match=message):
        from_native(native)


def deep() -> Space:
    """Return a space with options within options, and a decision that two options activate."""
    inner = Choice({"p": {"kernel": Integer(1, 3)}, "q": "q"})
    shared = Choice([1, 2], name="shared")
    outer = {"x": {"inner": inner, "rate": Real(0, 1), "s": shared}, "y": {"s": shared}, "z": "z"}
    return Space({"op": Choice(outer), "depth": Integer(1, 3)})


def test_a_nested_space_has_decisions_below_the_option_that_activates_them() -> None:
    native = to_native(deep(), nested=True)
    assert list(native) == ["op", "shared", "depth"]
    x, y, z = native["op"]["_value"]
    assert list(x) == ["_name", "inner", "inner.p.kernel", "rate"]
    assert (y, z) == ({"_name": "y"}, {"_name": "z"})
    known = {decision.name: decision for decision in from_native(native).decisions}
    assert set(known) == {decision.name for decision in deep().decisions}
    assert known["op.x.rate"].is_active({"op": "x"})
    assert not known["op.x.rate"].is_active({"op": "y"})


SPACES = {"cell": material.cell, "chain": material.chain, "deep": deep}


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("name", ["cell", "chain", "deep"])
@pytest.mark.parametrize("tuner", [TpeTuner, RandomTuner, EvolutionTuner, GridSearchTuner])
def test_nni_tuners_search_our_space(tuner: Any, name: str, nested: bool) -> None:
    space = SPACES[name]()
    made = tuner()
    made.update_search_space(to_native(space, nested=nested))
    for number in range(12):
        (given,) = made.generate_multiple_parameters([number], st_callback=lambda *_: None)
        architecture = architecture_from(given, space)
        assert space.architecture(architecture.choices) == architecture
        made.receive_trial_result(number, given, float(number))
        made.trial_end(number, True)


NAMED_ARCH: dict[str, Any] = {
    "arch": {
        "_type": "choice",
        "_value": [
            {"_name": "architecture", "kernel": {"_type": "choice", "_value": [1, 3]}},
            {"_name": "skip"},
        ],
    },
    "units": {"_type": "choice", "_value": [16, 32]},
}


def test_a_native_parameter_may_be_called_arch() -> None:
    space = from_native(NAMED_ARCH)
    native = {"arch": {"_name": "architecture", "kernel": 3}, "units": 32}
    assert architecture_from(native, space).choices == {
        "arch": "architecture",
        "arch.architecture.kernel": "3",
        "units": "32",
    }
    tuner = NASTuner(strategy="RandomSearch")
    tuner.update_search_space(NAMED_ARCH)
    for number in range(6):
        given = tuner.generate_parameters(number)
        assert architecture_from(given, space)["units"] == given["units"]


def test_a_nested_value_without_a_label_is_refused() -> None:
    with pytest.raises(InvalidArchitecture, match=r"arch is .*without '_name'"):
        architecture_from({"arch": {"units": 3}}, from_native(NAMED_ARCH))
