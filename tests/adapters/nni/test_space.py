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

STEPS = {"_type": "quniform", "_value": [1, 3, 1]}


def choice(*options: Any) -> dict[str, Any]:
    return {"p": {"_type": "choice", "_value": list(options)}}


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
        ({"_type": "randint", "_value": [1.0, 4.0]}, [1, 2, 3]),
        ({"_type": "randint", "_value": [0.5, 3.5]}, [1, 2, 3]),
        ({"_type": "randint", "_value": ["1", 4]}, [1, 2, 3]),
        ({"_type": "quniform", "_value": [2, 8, 2]}, [2, 4, 6, 8]),
        ({"_type": "quniform", "_value": ["2e0", 8, 2]}, [2, 4, 6, 8]),
        ({"_type": "quniform", "_value": [0.1, 0.4, 0.1]}, [0.1, 0.2, 0.3, 0.4]),
        ({"_type": "quniform", "_value": [1, 8, 3]}, [1.0, 3.0, 6.0, 8.0]),
        ({"_type": "quniform", "_value": [3, 11, 3]}, [3, 6, 9, 11]),
        ({"_type": "quniform", "_value": [2, 9, 2]}, [2, 4, 6, 8]),
        ({"_type": "choice", "_value": [True, 1, "x"]}, [True, 1, "x"]),
        ({"_type": "choice", "_value": [{"a": 1}, [2], None]}, [{"a": 1}, [2], None]),
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
        (choice({"_name": "a"}, {"_name": "a", "k": 1}), r"'p' have the same '_name'.*its own"),
        (choice({"_name": "a"}, {"k": STEPS}), r"'p' declares parameters.*add the names"),
        (choice({"_name": "a", "k": {"_type": "randint", "_value": [2, 2]}}), r"'p.a.k'.*no value"),
        (choice(), r"'p'.*no options"),
        ({"p": {"_type": "choice", "_value": "abc"}}, r"'p'.*'abc'.*list"),
        ({"p": {"_type": "uniform", "_value": [1]}}, r"'p'.*\[1\].*uniform takes \[low, high\]"),
        ({"p": {"_type": "quniform", "_value": [1, 2]}}, r"'p'.*takes \[low, high, step\]"),
        ({"p": {"_type": "quniform", "_value": [1, 2, "x"]}}, r"'p'.*'x'.*numbers"),
        ({"p": {"_type": "quniform", "_value": [1, 2, None]}}, r"'p'.*None.*numbers"),
        *(
            ({"p": {"_type": kind, "_value": [1, 2, step]}}, f"'p'.*step of.*{step:g}")
            for kind in ("quniform", "qloguniform")
            for step in (0, -1, 0.0, float("nan"), float("inf"))
        ),
        ({"p": {"_type": "uniform", "_value": [2, 1]}}, r"'p'.*empty: swap"),
        ({"p": {"_type": "loguniform", "_value": [0, 1]}}, r"'p'.*must start above 0"),
        ({"p": {"_type": "randint", "_value": [5.0, 5]}}, r"'p'.*no value.*upper bound"),
        ({"p": {"_type": "randint", "_value": [0, float("inf")]}}, r"'p'.*no value"),
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


@pytest.mark.parametrize(
    "options",
    [
        [{"_name": 1}, {"_name": 2, "k": STEPS}],
        [{"_name": 1}, {"_name": "1", "k": STEPS}, {"_name": None, "k": 7}, {"_name": True}],
        [{"a": 1}, {"a": 1.0}, {"b": (1, 2)}, {"a": True}],
        [{"_name": "a", "k": 1}, "a", [1], [1.0]],
        [{"_name": "a", "k": {"_type": "choice", "_value": [{"x": 1}, {"x": 2}, (3, 3)]}}],
    ],
)
def test_trials_receive_options_as_they_are_declared(options: list[Any]) -> None:
    """Names of any type, constants below an option, and dicts that are plain values."""
    native, space = choice(*options), from_native(choice(*options))
    (tuner, theirs), seen = (NASTuner(strategy="RandomSearch"), RandomTuner(0)), list[Any]()
    tuner.update_search_space(native)
    for number in range(int(space.count())):
        given = tuner.generate_parameters(number)
        architecture = tuner.history[number].architecture
        assert architecture_from(given, space) == architecture
        seen.append(given["p"])
        if repr(given["p"]) not in map(repr, options):
            name, *_ = (option for option in options if option["_name"] == given["p"]["_name"])
            assert list(given["p"]) == list(name)
    assert len(set(map(repr, seen))) == space.count()
    if not any(isinstance(o, dict) and o.get("k") == 7 for o in options):  # their TypeError
        theirs.update_search_space(native)
        for number in range(int(space.count())):
            assert architecture_from(theirs.generate_parameters(number), space)


def test_plain_dicts_come_back_from_json() -> None:
    """NNI's database has lists instead of tuples, and 1 instead of 1.0."""
    space = from_native(choice({"a": 1.0, "b": (1, 2)}, {"a": 2.0, "b": (1, 2)}, (3, 3)))
    for given, position in (({"a": 1, "b": [1, 2]}, 0), ({"a": 2, "b": [1, 2]}, 1), ([3, 3], 2)):
        read = architecture_from({"p": given}, space)["p"]
        assert read == space.decisions[0].options[position]


def test_a_repeated_nested_option_is_searched_once_with_a_warning() -> None:
    with pytest.warns(UserWarning, match=r"'_name': 'a'.*of 'p' are given more than once"):
        space = from_native(choice({"_name": "a"}, {"_name": "a"}, {"_name": "b"}))
    assert space.count() == 2
