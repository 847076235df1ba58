# pyright: basic
# NNI ships no types that can be relied on.
"""NNI's search spaces and database, read and written without its manager; and `NASTuner`."""

import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy
import pytest
from nni import NoMoreTrialError
from nni.algorithms.hpo.evolution_tuner import EvolutionTuner
from nni.algorithms.hpo.gridsearch_tuner import GridSearchTuner
from nni.algorithms.hpo.random_tuner import RandomTuner
from nni.algorithms.hpo.tpe_tuner import TpeTuner

from nasbridge import BackendError, Experiment, RegularizedEvolution
from nasbridge import testing as material
from nasbridge.adapters import backend
from nasbridge.adapters.nni import NASTuner, architecture_from, from_native, load, to_native
from nasbridge.adapters.nni.store import shown_metrics
from nasbridge.adapters.nni.trials import DATABASE
from nasbridge.adapters.nni.webui import AXES, parameters_of, shown_space
from nasbridge.engine import ExperimentError
from nasbridge.spaces import Choice, Integer, Real, SearchSpace, Space, library
from nasbridge.strategies import Objective
from nasbridge.testing import bare_loop

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


def spaces() -> dict[str, SearchSpace]:
    odd = Space({f"_odd{k}": Choice(["a", "b"]) for k in range(9)})
    made = {name: make() for name, make in material.SPACES.items()}
    small = material.chain().limit((8, 8, 1), parameters=9_000, flops=500_000)
    return made | {"darts": library.darts(classes=10), "odd": odd, "small": small}


# ---------------------------------------------------------------------- there and back


@pytest.mark.parametrize("name", ["cell", "chain", "flat", "darts", "odd", "small"])
def test_an_architecture_survives_what_the_manager_does_to_it(name: str) -> None:
    space = spaces()[name]
    for number in range(20):
        member = space.sample(numpy.random.default_rng(number))
        stored = json.loads(json.dumps(parameters_of(member), allow_nan=False))
        assert architecture_from(stored, space) == member


@pytest.mark.parametrize("name", ["cell", "chain", "flat", "darts", "odd", "small"])
def test_the_web_ui_is_told_every_key_and_few_axes(name: str) -> None:
    """A key that is not declared leaves NNI's page blank."""
    space = spaces()[name]
    declared = shown_space(space)
    assert 1 < len(declared) <= AXES + 1
    (nested,) = declared["arch"]["_value"]
    for number in range(20):
        shown = parameters_of(space.sample(numpy.random.default_rng(number)))
        assert list(shown) == list(declared)
        assert set(shown["arch"]) <= set(nested)
        for axis in set(shown) - {"arch"}:
            assert isinstance(shown[axis], int | float | str)


def test_what_a_space_is_limited_in_is_an_axis() -> None:
    space = spaces()["small"]
    member = space.sample(numpy.random.default_rng(0))
    cost, shown = member.cost((8, 8, 1)), parameters_of(member)
    assert (shown["parameters"], shown["flops"]) == (cost.parameters, cost.flops)
    assert shown_space(space)["parameters"] == {"_type": "uniform", "_value": [0, 9_000]}


def test_a_nested_space_of_a_team_becomes_ours() -> None:
    space = from_native(NESTED)
    assert [d.name for d in space.decisions] == ["rate", "block", "block.conv.kernel"]
    theirs = {"rate": 0.01, "block": {"_name": "conv", "kernel": 3}}
    assert architecture_from(theirs, space)["block.conv.kernel"] == 3
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
def test_every_value_that_nni_draws_is_there(parameter: dict[str, Any], values: list[Any]) -> None:
    space = from_native({"p": parameter})
    assert [architecture["p"] for architecture in space.enumerate()] == values


@pytest.mark.parametrize(
    ("native", "said"),
    [
        ({}, "empty"),
        ({"p": 3}, r"'p' is 3.*_type"),
        ({"p": {"_type": "normal", "_value": [0, 1]}}, r"'p'.*'normal'.*take choice"),
        ({"p": {"_type": "choice", "_value": [{"a": 1}, 2]}}, r"'p'.*_name"),
    ],
)
def test_what_has_no_counterpart_is_said(native: dict[str, Any], said: str) -> None:
    with pytest.raises(BackendError, match=said):
        from_native(native)


def deep() -> Space:
    """Options within options, and a decision that two of them open."""
    inner = Choice({"p": {"kernel": Integer(1, 3)}, "q": "q"})
    shared = Choice([1, 2], name="shared")
    outer = {"x": {"inner": inner, "rate": Real(0, 1), "s": shared}, "y": {"s": shared}, "z": "z"}
    return Space({"op": Choice(outer), "depth": Integer(1, 3)})


def test_a_nested_space_has_decisions_below_the_option_that_opens_them() -> None:
    native = to_native(deep(), nested=True)
    assert list(native) == ["op", "shared", "depth"]
    x, y, z = native["op"]["_value"]
    assert list(x) == ["_name", "inner", "inner.p.kernel", "rate"]
    assert (y, z) == ({"_name": "y"}, {"_name": "z"})
    theirs = {decision.name: decision for decision in from_native(native).decisions}
    assert set(theirs) == {decision.name for decision in deep().decisions}
    assert theirs["op.x.rate"].is_active({"op": "x"})
    assert not theirs["op.x.rate"].is_active({"op": "y"})


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("name", ["cell", "chain", "deep"])
@pytest.mark.parametrize("tuner", [TpeTuner, RandomTuner, EvolutionTuner, GridSearchTuner])
def test_tuners_of_nni_run_our_space(tuner: Any, name: str, nested: bool) -> None:
    space = (spaces() | {"deep": deep()})[name]
    made = tuner()
    made.update_search_space(to_native(space, nested=nested))
    for number in range(12):
        (given,) = made.generate_multiple_parameters([number], st_callback=lambda *_: None)
        architecture = architecture_from(given, space)
        assert space.architecture(architecture.choices) == architecture
        made.receive_trial_result(number, given, float(number))
        made.trial_end(number, True)


# ---------------------------------------------------------------------- metrics


def test_metrics_as_nni_can_show_them() -> None:
    one, two = (Objective("score"),), (Objective("score"), Objective("size", "min"))
    assert shown_metrics({"score": 1.0}, one, frozenset()) == {"default": 1.0}
    assert shown_metrics({"size": 1.0}, one, frozenset()) is None
    assert shown_metrics({"score": float("nan")}, one, frozenset()) is None
    given = {"score": 1.0, "size": 2.0, "depth": 3.0, "loss": float("inf")}
    shown = {"default": 1.0, "size": 2.0, "depth (metric)": 3.0}
    assert shown_metrics(given, two, frozenset({"depth"})) == shown


# ---------------------------------------------------------------------- a database of stock NNI


def database(file: Path, ran: dict[int, int | None], own: Sequence[int] = ()) -> Path:
    """Write what stock NNI stores: trial k should have had parameters k, and had those in `ran`.

    Those in `own` a user has added, which NNI gives no id.
    """
    place = file / DATABASE
    place.parent.mkdir(parents=True)
    connection = sqlite3.connect(place)
    connection.executescript(
        "create table TrialJobEvent (timestamp integer, trialJobId text, event text, data text,"
        " logPath text, sequenceId integer, message text, environmentId text);"
        "create table MetricData (timestamp integer, trialJobId text, parameterId text, type text,"
        " sequence integer, data text);"
        "create table ExperimentProfile (params text, id text, execDuration integer, startTime"
        " integer, endTime integer, logDir text, nextSequenceId integer, revision integer);"
    )
    space = {"units": {"_type": "choice", "_value": [10, 11, 12, 13]}}
    tuner = {"name": "TPE", "classArgs": {"optimize_mode": "minimize"}}
    profile = json.dumps({"searchSpace": space, "tuner": tuner})
    connection.execute(
        "insert into ExperimentProfile values (?, 'x', 1, 1, null, '', 4, 1)", (profile,)
    )
    for number, had in ran.items():
        known = None if number in own else number
        record = json.dumps({"parameter_id": known, "parameters": {"units": 10 + number}})
        event = "insert into TrialJobEvent values (?, ?, ?, ?, '', ?, null, 'e')"
        end = "FAILED" if had is None else "SUCCEEDED"
        connection.execute(event, (1000, f"job{number}", "WAITING", record, number))
        connection.execute(event, (2000, f"job{number}", "RUNNING", None, number))
        connection.execute(event, (9000 + number, f"job{number}", end, None, number))
        if had is not None:
            value = json.dumps(json.dumps(100.0 + had))
            connection.execute(
                "insert into MetricData values (1, ?, ?, 'FINAL', 0, ?)",
                (f"job{number}", None if had in own else str(had), value),
            )
    connection.commit()
    connection.close()
    return place


def test_a_trial_of_stock_nni_has_the_parameters_that_it_had(tmp_path: Path) -> None:
    history = load(database(tmp_path, {0: 1, 1: 0, 2: 2}))
    assert [trial.architecture["units"] for trial in history] == [11, 10, 12]
    assert [trial.values["default"] for trial in history] == [101.0, 100.0, 102.0]
    assert ["stored" in trial.notes for trial in history] == [True, True, False]
    assert history.objectives == (Objective("default", "min"),)
    assert [trial.seconds for trial in history] == pytest.approx([7.0, 7.001, 7.002])


def test_a_trial_that_may_have_had_anything_is_doubtful(tmp_path: Path) -> None:
    """It crashed before it asked, so that all that came later were shifted by one."""
    history = load(database(tmp_path, {0: None, 1: 0, 2: 1}))
    assert [trial.state for trial in history] == ["failed", "complete", "complete"]
    assert ["doubtful" in trial.notes for trial in history] == [True, False, False]
    assert [trial.architecture["units"] for trial in history][1:] == [10, 11]


def test_a_trial_that_a_user_has_added_has_the_parameters_that_it_had(tmp_path: Path) -> None:
    right = load(database(tmp_path / "right", {0: 0, 1: 1, 2: 2}, own=(1, 2)))
    assert [trial.architecture["units"] for trial in right] == [10, 11, 12]
    assert not any(trial.notes for trial in right)
    shifted = load(database(tmp_path / "shifted", {0: 1, 1: 0, 2: 2}, own=(1,)))
    assert [trial.architecture["units"] for trial in shifted] == [11, 10, 12]
    assert ["stored" in trial.notes for trial in shifted] == [True, True, False]
    unknown = load(database(tmp_path / "unknown", {0: 1, 1: 0, 2: 2}, own=(1, 2)))
    assert ["doubtful" in trial.notes for trial in unknown] == [True, False, False]


def test_trials_outside_the_space_are_told(tmp_path: Path) -> None:
    file = database(tmp_path, {0: 0, 1: 1, 2: 2})
    with pytest.warns(UserWarning, match=r"1 of 3 trials are outside .* by number \[2\]"):
        assert len(load(file, Space({"units": Choice([10, 11])}))) == 2
    with pytest.raises(BackendError, match=r"3 of 3 trials are outside the space.*space=\.\.\."):
        load(file, Space({"width": Choice([10, 11])}))


def test_what_is_no_database_is_said(tmp_path: Path) -> None:
    (tmp_path / "nni.sqlite").write_text("nonsense" * 1000)
    with pytest.raises(BackendError, match=r"nni\.sqlite.*damaged"):
        backend("nni").load(tmp_path / "nni.sqlite")


# ---------------------------------------------------------------------- NASTuner


FILE = """
from nasbridge import Experiment, RegularizedEvolution
from nasbridge import testing as material

experiment = Experiment(
    material.chain(), material.evaluate_or_fail, {"score": "max"},
    RegularizedEvolution(population=8, sample=3), trials=20, seed=5,
)
other = experiment
"""


def experiment() -> Experiment:
    return Experiment(
        material.chain(),
        material.evaluate_or_fail,
        {"score": "max"},
        RegularizedEvolution(population=8, sample=3),
        trials=20,
        seed=5,
    )


def tuner_of(tmp_path: Path) -> NASTuner:
    file = tmp_path / "search.py"
    file.write_text(FILE)
    return NASTuner(experiment=str(file))


@pytest.mark.parametrize("end_first", [False, True])
def test_the_tuner_proposes_what_a_bare_search_does(tmp_path: Path, end_first: bool) -> None:
    """NNI may tell the end of a trial before its result."""
    tuner, searched = tuner_of(tmp_path), experiment()
    for trial in bare_loop(searched):
        given = tuner.generate_parameters(trial.number)
        assert architecture_from(given, searched.space) == trial.architecture
        succeeded = trial.state == "complete"
        if end_first:
            tuner.trial_end(trial.number, succeeded)
        if succeeded:
            value = {"default": trial.values["score"], "size": trial.values["size"]}
            tuner.receive_trial_result(trial.number, given, value)
        if not end_first:
            tuner.trial_end(trial.number, succeeded)


def test_a_resumed_tuner_goes_on(tmp_path: Path) -> None:
    searched = experiment()
    done = [trial for trial in bare_loop(searched) if trial.state == "complete"]
    tuner = tuner_of(tmp_path)
    tuner.import_data(
        [{"parameter": parameters_of(t.architecture), "value": t.values["score"]} for t in done]
    )
    new = architecture_from(tuner.generate_parameters(0), searched.space)
    assert new.canonical not in {trial.architecture.canonical for trial in done}


def test_the_tuner_takes_a_nested_space_of_nni() -> None:
    tuner = NASTuner(strategy="RandomSearch", optimize_mode="minimize")
    tuner.update_search_space(NESTED)
    seen: set[str] = set()
    for number in range(20):
        given = tuner.generate_parameters(number)
        block = given["block"]
        seen.add(block["_name"])
        assert set(block) == ({"_name", "kernel"} if block["_name"] == "conv" else {"_name"})
        tuner.receive_trial_result(number, given, 1.0)
        tuner.trial_end(number, True)
    assert seen == {"conv", "skip"}


def test_a_used_up_space_ends_the_tuner() -> None:
    tuner = NASTuner(strategy="RandomSearch")
    tuner.update_search_space({"a": {"_type": "choice", "_value": [1, 2]}})
    assert {tuner.generate_parameters(number)["a"] for number in range(2)} == {1, 2}
    with pytest.raises(NoMoreTrialError):
        tuner.generate_parameters(2)


def test_bad_class_args_are_said(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match=r"'Nothing'.*RandomSearch"):
        NASTuner(strategy="Nothing")
    with pytest.raises(BackendError, match=r"'max'.*'maximize'"):
        NASTuner(optimize_mode="max")
    (tmp_path / "empty.py").write_text("x = 1\n")
    with pytest.raises(ExperimentError, match=r"empty\.py holds no Experiment"):
        NASTuner(experiment=str(tmp_path / "empty.py"))
