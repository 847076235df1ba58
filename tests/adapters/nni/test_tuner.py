# pyright: basic
# NNI ships no types that can be relied on.
"""`NASTuner` in this process: its `classArgs`, proposals, results and history."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from nni import NoMoreTrialError

from nasbridge import BackendError, Experiment, RandomSearch, RegularizedEvolution
from nasbridge import testing as material
from nasbridge.adapters.nni import NASTuner, architecture_from
from nasbridge.adapters.nni.webui import parameters_of
from nasbridge.engine import ExperimentError
from nasbridge.strategies import Strategy, Trial
from nasbridge.testing import bare_loop, comparable

FLAT = {"units": {"_type": "choice", "_value": [10, 11, 12, 13]}}

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


def test_a_minimised_experiment_requires_optimize_mode(tmp_path: Path) -> None:
    """NNI's web UI and `load` read the configuration alone."""
    file = minimised(tmp_path)
    for wrong in (None, "maximize"):
        with pytest.raises(BackendError, match=r"'loss'.*write optimize_mode: minimize"):
            NASTuner(experiment=file, optimize_mode=wrong)
    assert NASTuner(experiment=file, optimize_mode="minimize").generate_parameters(0)


@pytest.mark.parametrize(
    ("beside", "message"),
    [
        ({"optimize_mode": "x"}, r"'x'.*'maximize' or 'minimize'"),
        ({"strategy": "Nothing"}, "strategy beside experiment.*leave it out"),
        ({"settings": {}, "seed": 0}, "settings, seed beside experiment.*leave them out"),
    ],
)
def test_arguments_that_contradict_an_experiment_are_refused(
    tmp_path: Path, beside: dict[str, Any], message: str
) -> None:
    with pytest.raises(BackendError, match=message):
        NASTuner(**{"experiment": minimised(tmp_path), "optimize_mode": "minimize", **beside})


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("RegularizedEvolution", {"popsize": 3}, "RegularizedEvolution has no.*'popsize'.*popula"),
        (None, {"popsize": 3}, "'popsize'.*choose from"),
        ("RandomSearch", 3, "settings=3"),
        ("Strategy", {}, "unknown strategy 'Strategy'"),
    ],
)
def test_an_unknown_strategy_or_setting_is_refused(name: Any, settings: Any, message: str) -> None:
    with pytest.raises(BackendError, match=message):
        NASTuner(strategy=name, settings=settings)


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
def test_the_tuner_proposes_as_a_bare_search(tmp_path: Path, end_first: bool) -> None:
    """NNI may pass the end of a trial before its result."""
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


def test_a_resumed_tuner_does_not_repeat_imported_trials(tmp_path: Path) -> None:
    searched = experiment()
    done = [trial for trial in bare_loop(searched) if trial.state == "complete"]
    tuner = tuner_of(tmp_path)
    tuner.import_data(
        [{"parameter": parameters_of(t.architecture), "value": t.values["score"]} for t in done]
    )
    new = architecture_from(tuner.generate_parameters(0), searched.space)
    assert new.canonical not in {trial.architecture.canonical for trial in done}


def test_the_tuner_searches_a_nested_native_space() -> None:
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


def test_an_exhausted_space_ends_the_experiment() -> None:
    tuner = NASTuner(strategy="RandomSearch")
    tuner.update_search_space({"a": {"_type": "choice", "_value": [1, 2]}})
    assert {tuner.generate_parameters(number)["a"] for number in range(2)} == {1, 2}
    with pytest.raises(NoMoreTrialError):
        tuner.generate_parameters(2)


def test_invalid_class_args_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match=r"'Nothing'.*RandomSearch"):
        NASTuner(strategy="Nothing")
    with pytest.raises(BackendError, match=r"'max'.*'maximize'"):
        NASTuner(optimize_mode="max")
    (tmp_path / "empty.py").write_text("x = 1\n")
    with pytest.raises(ExperimentError, match=r"empty\.py holds no Experiment"):
        NASTuner(experiment=str(tmp_path / "empty.py"))


@pytest.mark.parametrize(
    "wrong", ["diverged", None, float("nan"), float("inf"), {"accuracy": 0.5}, [1.0], 10**400]
)
def test_a_result_without_a_finite_number_is_a_failed_trial(wrong: Any) -> None:
    """`load` reads such a trial in the same way."""
    observed: list[Trial] = []

    @dataclass(frozen=True)
    class Recording(Strategy[Any]):
        def start(self, problem: Any) -> Any:
            return problem

        def propose(self, state: Any, rng: Any) -> Any:
            return RandomSearch().propose(state, rng)

        def observe(self, state: Any, trial: Trial) -> Any:
            if trial.state != "running":
                observed.append(trial)
            return state

    tuner = NASTuner(strategy="RandomSearch")
    tuner._strategy = Recording()
    tuner.update_search_space(FLAT)
    for number, final in enumerate([0.5, wrong, 0.7]):
        given = tuner.generate_parameters(number)
        tuner.receive_trial_result(number, given, final)
        tuner.trial_end(number, True)
    assert [trial.state for trial in observed] == ["complete", "failed", "complete"]
    assert "has no finite number for default" in observed[1].notes["error"]
    assert all(trial.started is not None and trial.finished is not None for trial in observed)


def test_the_tuner_has_space_strategy_seed_and_history(tmp_path: Path) -> None:
    tuner, searched = tuner_of(tmp_path), experiment()
    assert (tuner.space, tuner.strategy, tuner.seed) == (searched.space, searched.strategy, 5)
    given = tuner.generate_parameters(0)
    tuner.receive_trial_result(0, given, {"default": 0.5, "size": 3.0})
    tuner.trial_end(0, True)
    tuner.generate_parameters(1)
    history = tuner.history
    assert [(trial.number, trial.state) for trial in history] == [(0, "complete"), (1, "running")]
    assert history.objectives == searched.objectives
    assert comparable(history.of_state("complete")) == [
        (0, history[0].architecture.choices, "complete", {"score": 0.5, "size": 3.0})
    ]


def test_a_proposal_without_a_search_space_is_an_error() -> None:
    with pytest.raises(BackendError, match=r"no search space: give experiment= .*searchSpace"):
        NASTuner(strategy="RandomSearch").generate_parameters(0)
