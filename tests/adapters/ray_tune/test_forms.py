# pyright: basic
"""The form of a `param_space`: configs of Ray that are read back, copied, stored and restored."""

import copy
import pickle
import time
from pathlib import Path
from typing import Any

import numpy
import pytest
from ray import tune
from ray.tune.search import Repeater

from nasbridge import BackendError, RandomSearch
from nasbridge.adapters.ray_tune import NASSearcher, architecture_from, from_native, load
from nasbridge.spaces import InvalidArchitecture
from nasbridge.strategies import HistoryError
from nasbridge.testing import comparable

RANDINT: Any = tune.randint  # typed for ints, called with floats
QRANDINT: Any = tune.qrandint
LOGRANDINT: Any = tune.lograndint

OPTIMIZERS = [
    {"name": "sgd", "m": tune.uniform(0, 1), "more": {"nesterov": tune.choice([True, 1]), "c": 5}},
    {"name": "sgd", "m": tune.uniform(2, 3)},
    {"name": "adam"},
    {"name": "adam", "beta": 1},
    {"name": "adam", "beta": 1.0},
    "lion",
    [1, {"k": tune.randint(0, 3), "c": 2}],
]
NESTED: dict[str, Any] = {
    "epochs": 3,
    "model": {"lr": tune.loguniform(1e-4, 1e-1), "opt": tune.choice(OPTIMIZERS), "bias": True},
    "plain": tune.choice([{"a": 1}, {"a": 1.0}, [1], 2]),
    "units": tune.randint(1, 9),
    "list": [1, tune.uniform(2, 3), {"d": tune.choice([4]), "e": 5}],
}


def searcher_of(native: dict[str, Any] | None, **settings: Any) -> NASSearcher:
    made = NASSearcher(None, "loss", "min", strategy=RandomSearch(), **settings)
    if native is not None:
        made.set_search_properties("loss", "min", native)
    return made


def configs(searcher: NASSearcher, names: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for name in names:
        config = searcher.suggest(name)
        assert isinstance(config, dict)
        found.append(config)
    return found


def test_the_config_of_a_nested_param_space_is_read_back() -> None:
    searcher, other = searcher_of(NESTED), searcher_of(NESTED)
    proposed = configs(searcher, "abcdefghijklmnopqrstuvwxyz")
    for config in proposed:
        constants = {"epochs": 3, **config, "model": {"bias": True, **config["model"]}}
        other.add_evaluated_point(constants, 0.5)
    ours = [trial.architecture for trial in searcher.history]
    assert [trial.architecture for trial in other.history] == ours
    options = [config["model"]["opt"] for config in proposed]
    assert {repr(option) for option in options} >= set(map(repr, OPTIMIZERS[2:6]))
    assert all(option["more"]["c"] == 5 for option in options if "more" in option)
    lists = [option for option in options if isinstance(option, list)]
    assert lists
    assert all((one, two["c"], two["k"] in range(3)) == (1, 2, True) for one, two in lists)
    for one, two, three in (config["list"] for config in proposed):
        assert one == 1
        assert 2 <= two <= 3
        assert three == {"d": 4, "e": 5}
    flat = {"lr": 0.01, "units": 4}
    space = from_native({"model": {"lr": NESTED["model"]["lr"]}, "units": NESTED["units"]})
    nested = architecture_from({"model": {"lr": 0.01}, "units": 4}, space)
    assert nested == architecture_from({"model.lr": flat["lr"], "units": 4}, space)


@pytest.mark.parametrize(
    ("wrong", "name"),
    [({"model": {"lr": 9}}, "model.lr"), ({"units": 9}, "units"), ({"model": {"opt": 1}}, "opt")],
)
def test_a_point_outside_the_param_space_is_an_error(wrong: dict[str, Any], name: str) -> None:
    searcher = searcher_of(NESTED)
    (config,) = configs(searcher, "a")
    merged = {**config, **wrong, "model": {**config["model"], **wrong.get("model", {})}}
    with pytest.raises(InvalidArchitecture, match=name):
        searcher_of(NESTED).add_evaluated_point(merged, 0.5)


def test_the_order_of_keys_does_not_matter(tmp_path: Path) -> None:
    reordered = {key: NESTED[key] for key in reversed(NESTED)}
    reordered["model"] = {key: NESTED["model"][key] for key in reversed(NESTED["model"])}
    assert from_native(reordered).fingerprint == from_native(NESTED).fingerprint
    searcher, other = searcher_of(NESTED), searcher_of(reordered)
    configs(searcher, "abc")
    searcher.on_trial_complete("b", {"loss": 1.0})
    searcher.save(str(tmp_path / "state"))
    other.restore(str(tmp_path / "state"))
    assert comparable(other.history) == comparable(searcher.history)
    assert configs(other, "defg") == configs(searcher, "defg")


@pytest.mark.parametrize("how", ["deepcopy", "pickle", "restore", "restore, then param_space"])
def test_a_copy_of_a_searcher_has_its_trials_and_its_form(tmp_path: Path, how: str) -> None:
    searcher = searcher_of(NESTED, seed=4)
    configs(searcher, "abcd")
    searcher.on_trial_complete("b", {"loss": 1.0})
    searcher.on_trial_result("c", {"loss": 2.0, "training_iteration": 1})
    if how == "deepcopy":
        other = copy.deepcopy(searcher)
    elif how == "pickle":
        other = pickle.loads(pickle.dumps(searcher))
    else:
        searcher.save(str(tmp_path / "state"))
        other = searcher_of(None, seed=4)
        other.restore(str(tmp_path / "state"))
        if "then" in how:
            other.set_search_properties("loss", "min", NESTED)
    assert comparable(other.history) == comparable(searcher.history)
    for each in (searcher, other):
        each.on_trial_complete("c", {"loss": 2.0, "training_iteration": 1, "done": False})
        each.on_trial_complete("a", {"loss": 3.0})
    assert comparable(other.history) == comparable(searcher.history)
    assert configs(other, "efgh") == configs(searcher, "efgh")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"units": tune.randint(1, 20)}, "'units' was an integer from 1 to 8, and is now .* 19"),
        ({"plain": tune.choice([2, 3, 4])}, "'plain' was one of .*, and is now one of '2', '3'"),
        ({"new": tune.randint(1, 9)}, "'new' was added"),
        ({"units": 3}, "'units' was removed"),
    ],
)
def test_a_restore_with_another_param_space_names_the_change(
    tmp_path: Path, changed: dict[str, Any], message: str
) -> None:
    searcher = searcher_of(NESTED)
    configs(searcher, "a")
    searcher.save(str(tmp_path / "state"))
    with pytest.raises(HistoryError, match=f"another space .decision {message}"):
        searcher_of({**NESTED, **changed}).restore(str(tmp_path / "state"))


def test_a_param_space_that_changes_is_an_error(tmp_path: Path) -> None:
    searcher = searcher_of(NESTED)
    configs(searcher, "a")
    with pytest.raises(BackendError, match=r"has begun to search.*same param_space"):
        searcher.set_search_properties("loss", "min", {"units": tune.randint(1, 10)})
    functions = {"f": tune.choice([{"act": max, "k": tune.randint(1, 9)}, {"act": min}])}
    searcher, place = searcher_of(functions), str(tmp_path / "state")
    assert {config["f"]["act"] for config in configs(searcher, "abcd")} == {max, min}
    searcher.save(place)
    with pytest.raises(BackendError, match=r"cannot describe: give Tuner.restore the same"):
        searcher_of(None).restore(place)
    other = searcher_of(functions)
    other.restore(place)
    assert configs(other, "ef") == configs(searcher, "ef")


def test_a_grid_of_dicts_is_an_error() -> None:
    """Ray merges the chosen dict with that of `tune.grid_search`, so trials would receive both."""
    with pytest.raises(BackendError, match=r"'grid_search': \[{'a': 1}.*use tune.choice"):
        searcher_of({"p": tune.grid_search([{"a": 1}, {"b": 2}])})
    searcher = searcher_of({"p": tune.grid_search([[1], [2]]), "q": tune.grid_search([3, 4])})
    assert configs(searcher, "a")[0] in [{"p": [p], "q": q} for p in (1, 2) for q in (3, 4)]


def test_whole_floats_are_bounds_of_integers() -> None:
    native = {
        "a": RANDINT(1.0, 9.0),
        "b": QRANDINT(3.0, 17.0, 4.0),
        "c": LOGRANDINT(numpy.float64(2), numpy.int64(5)),
    }
    values = [list(decision.domain.values()) for decision in from_native(native).decisions]
    assert values == [[1, 2, 3, 4, 5, 6, 7, 8], [4, 8, 12, 16], [2, 3, 4]]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (RANDINT(1.5, 4), r"'p' has integer values, and 1.5"),
        (tune.randint(5, 5), r"'p'.*empty"),
        (QRANDINT(1, 9, 0.5), r"'p' has integer values, and 0.5"),
        (QRANDINT(1, 9, -2), r"'p' is quantised in steps of -2"),
        (QRANDINT(1, 9, 0), r"'p' is quantised in steps of 0"),
        (tune.uniform(3, 1), r"'p'.*empty"),
        (tune.choice([]), r"'p'.*no options"),
    ],
)
def test_an_invalid_range_is_an_error_that_names_the_parameter(value: Any, message: str) -> None:
    with pytest.raises(BackendError, match=message):
        from_native({"p": value})


def test_a_repeater_completes_trials_by_their_mean() -> None:
    """It reports no `training_iteration`, and beside the mean the error of the last repeat."""
    searcher = searcher_of(None)
    repeated = Repeater(searcher, repeat=2)
    repeated.set_search_properties("loss", "min", {"x": tune.uniform(0, 1)})
    for name in "abcdef":
        assert isinstance(repeated.suggest(name), dict)
    for name, loss in {"a": 1.0, "b": 3.0, "c": 5.0}.items():
        result = {"loss": loss, "training_iteration": 1, "done": True}
        repeated.on_trial_complete(name, result)
    for name in "de":
        repeated.on_trial_complete(name, None, error=True)
    with pytest.warns(RuntimeWarning, match="Mean of empty slice"):
        repeated.on_trial_complete("f", None, error=True)
    found = [(trial.state, trial.values.get("loss")) for trial in searcher.history]
    assert found == [("complete", 2.0), ("complete", 5.0), ("failed", None)]


def test_a_failed_trial_that_runs_again_is_not_mistaken_for_another_one() -> None:
    """Python takes True, 1 and 1.0 for the same."""
    searcher = searcher_of({"p": tune.choice([True, 1, 1.0])})
    for name in "abc":
        searcher.suggest(name)
        searcher.on_trial_complete(name, error=True)
    result = {"config/p": 1, "loss": 2.0, "training_iteration": 1, "done": True}
    searcher.on_trial_result("again", {**result, "done": False})
    searcher.on_trial_complete("again", result)
    (again,) = searcher.history.of_state("complete")
    assert type(again.architecture["p"]) is int


def test_a_clock_that_steps_back_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    searcher, hours = searcher_of(NESTED), iter(range(1000, 0, -1))
    monkeypatch.setattr(time, "time", lambda: 3600.0 * next(hours))
    configs(searcher, "abcd")
    for name in "cadb":
        searcher.on_trial_complete(name, {"loss": 1.0})
    assert all(trial.seconds is not None and 0 <= trial.seconds < 60 for trial in searcher.history)
    searcher.save(str(tmp_path / "state"))
    other = searcher_of(NESTED)
    other.restore(str(tmp_path / "state"))
    assert [trial.number for trial in other.history] == [2, 0, 3, 1]
    assert comparable(other.history) == comparable(searcher.history)


def test_a_later_driver_may_have_an_earlier_name(tmp_path: Path) -> None:
    """Ray names a driver's files by its start, here by a clock that was set back by an hour."""
    searcher = searcher_of(NESTED)
    configs(searcher, "ab")
    searcher.save_to_dir(str(tmp_path), "2026-10-25_02-30-00")
    searcher.on_trial_complete("a", {"loss": 1.0})
    searcher.save_to_dir(str(tmp_path), "2026-10-25_01-30-00")
    other = searcher_of(NESTED)
    other.restore_from_dir(str(tmp_path))
    for history in (load(tmp_path), other.history):
        assert comparable(history) == comparable(searcher.history)
