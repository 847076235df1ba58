# pyright: basic
# NNI ships no types that can be relied on.
"""`NASTuner` in process: its `classArgs`, and how what it was asked for is read again."""

import json
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from nasbridge import BackendError, RandomSearch
from nasbridge.adapters.nni import NASTuner, load
from nasbridge.adapters.nni.trials import DATABASE
from nasbridge.strategies import Objective, Strategy, StrategyError, Trial

SPACE = {"units": {"_type": "choice", "_value": [10, 11, 12, 13]}}

MINIMISED = """
from nasbridge import Experiment, Integer, RandomSearch, Space

experiment = Experiment(
    Space({"units": Integer(10, 13)}), lambda a, t: {}, {"loss": "min", "size": "min"},
    RandomSearch(), seed=5,
)
"""


def minimised(folder: Path) -> str:
    file = folder / "minimised.py"
    file.write_text(MINIMISED)
    return str(file)


def database(folder: Path, settings: dict[str, Any], finals: list[Any]) -> Path:
    """Write what NNI stores of successful trials that have reported the given results."""
    place = folder / DATABASE
    place.parent.mkdir(parents=True)
    connection = sqlite3.connect(place)
    connection.executescript(
        "create table TrialJobEvent (timestamp integer, trialJobId text, event text, data text,"
        " sequenceId integer);"
        "create table MetricData (trialJobId text, parameterId text, type text, sequence integer,"
        " data text);"
        "create table ExperimentProfile (params text, revision integer);"
    )
    profile = json.dumps({"searchSpace": SPACE, **settings})
    connection.execute("insert into ExperimentProfile values (?, 1)", (profile,))
    for number, final in enumerate(finals):
        record = json.dumps({"parameter_id": number, "parameters": {"units": 10 + number}})
        event = "insert into TrialJobEvent values (?, ?, ?, ?, ?)"
        connection.execute(event, (1000, f"job{number}", "RUNNING", record, number))
        connection.execute(event, (9000, f"job{number}", "SUCCEEDED", None, number))
        metric = "insert into MetricData values (?, ?, 'FINAL', 0, ?)"
        said = json.dumps(json.dumps(final))
        connection.execute(metric, (f"job{number}", str(number), said))
    connection.commit()
    connection.close()
    return place


# ---------------------------------------------------------------------- what stands in classArgs


def test_a_minimised_experiment_tells_nni_so(tmp_path: Path) -> None:
    """NNI's web UI and `load` know only what stands in the configuration."""
    file = minimised(tmp_path)
    for wrong in (None, "maximize"):
        with pytest.raises(BackendError, match=r"'loss'.*write optimize_mode: minimize"):
            NASTuner(experiment=file, optimize_mode=wrong)
    assert NASTuner(experiment=file, optimize_mode="minimize").generate_parameters(0)


@pytest.mark.parametrize(
    ("beside", "said"),
    [
        ({"optimize_mode": "x"}, r"'x'.*'maximize' or 'minimize'"),
        ({"strategy": "Nothing"}, "strategy beside experiment.*leave it out"),
        ({"settings": {}, "seed": 0}, "settings, seed beside experiment.*leave them out"),
    ],
)
def test_nothing_beside_an_experiment_is_ignored(
    tmp_path: Path, beside: dict[str, Any], said: str
) -> None:
    with pytest.raises(BackendError, match=said):
        NASTuner(**{"experiment": minimised(tmp_path), "optimize_mode": "minimize", **beside})


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        ("RegularizedEvolution", {"popsize": 3}, "RegularizedEvolution has no.*'popsize'.*popula"),
        (None, {"popsize": 3}, "'popsize'.*it has"),
        ("RandomSearch", 3, "settings=3"),
        ("Strategy", {}, "no strategy 'Strategy'"),
    ],
)
def test_settings_that_a_strategy_has_not_are_said(name: Any, settings: Any, said: str) -> None:
    with pytest.raises(BackendError, match=said):
        NASTuner(strategy=name, settings=settings)


# ---------------------------------------------------------------------- and is read again


def test_an_experiment_is_read_in_the_direction_that_it_had(tmp_path: Path) -> None:
    tuner = {"className": "nasbridge.adapters.nni.NASTuner"}
    mode = {"experiment": "minimised.py", "optimize_mode": "minimize"}
    finals = [{"default": 0.5, "size": 3}, {"default": 0.2, "size": 4}, {"default": 0.9, "size": 5}]
    place = database(tmp_path, {"tuner": {**tuner, "classArgs": mode}}, finals)
    assert load(place).best.number == 1
    history = load(place, objectives={"loss": "min", "size": "min"})
    assert history.objectives == (Objective("loss", "min"), Objective("size", "min"))
    assert history[0].values == {"loss": 0.5, "size": 3}
    assert [trial.number for trial in history.pareto] == [0, 1]
    with pytest.raises(StrategyError, match="direction"):
        load(place, objectives={"loss": "least"})


def test_objectives_are_not_for_a_run_of_ours(tmp_path: Path) -> None:
    (tmp_path / "history.jsonl").write_text("")
    with pytest.raises(BackendError, match="leave out objectives="):
        load(tmp_path, objectives={"loss": "min"})


@pytest.mark.parametrize(
    "wrong", ["diverged", None, float("nan"), float("inf"), {"accuracy": 0.5}, [1.0], 10**400]
)
def test_one_result_that_is_no_number_is_one_failed_trial(tmp_path: Path, wrong: Any) -> None:
    """NNI stores whatever a trial reports; the strategy and `load` say the same of it."""
    history = load(database(tmp_path, {}, [0.5, wrong, 0.7]))
    assert [trial.state for trial in history] == ["complete", "failed", "complete"]
    assert "no finite number for default" in history[1].notes["error"]
    told = told_by([0.5, wrong, 0.7])
    assert [trial.state for trial in told] == [trial.state for trial in history]


def told_by(finals: list[Any]) -> list[Trial]:
    """Let trials end with results; return what the strategy is told."""
    told: list[Trial] = []

    @dataclass(frozen=True)
    class Noting(Strategy[Any]):
        def start(self, problem: Any) -> Any:
            return problem

        def propose(self, state: Any, rng: Any) -> Any:
            return RandomSearch().propose(state, rng)

        def observe(self, state: Any, trial: Trial) -> Any:
            if trial.state != "running":
                told.append(trial)
            return state

    tuner = NASTuner(strategy="RandomSearch")
    tuner._strategy = Noting()
    tuner.update_search_space(SPACE)
    for number, final in enumerate(finals):
        given = tuner.generate_parameters(number)
        tuner.receive_trial_result(number, given, final)
        tuner.trial_end(number, True)
    return told
