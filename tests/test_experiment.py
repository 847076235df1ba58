"""`Experiment`: settings, events, how a run ends and how it continues."""

import json
import pickle
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy
import pytest

from nasbridge import (
    Architecture,
    BayesianOptimization,
    Experiment,
    ExperimentError,
    History,
    Integer,
    MedianPruner,
    NasbridgeError,
    Pruned,
    RandomSearch,
    RegularizedEvolution,
    Space,
    TooManyFailures,
    Trial,
)
from nasbridge.engine import ActiveTrial, Silent
from nasbridge.experiment import default_strategy
from nasbridge.testing import bare_loop, comparable, evaluate

SPACE = Space({"a": Integer(0, 99), "b": Integer(0, 99)})


def experiment(**settings: Any) -> Experiment:
    standard: dict[str, Any] = {
        "evaluate": evaluate,
        "objectives": {"score": "max"},
        "strategy": RandomSearch(),
        "trials": 5,
    }
    return Experiment(SPACE, **standard | settings)


def run(searched: Experiment, directory: Path | None = None, **options: Any) -> History:
    given: dict[str, Any] = {"observer": Silent(), **options}
    return searched.run("local", directory, **given)


@pytest.mark.parametrize(("trials", "initial"), [(None, 10), (1000, 10), (50, 10), (30, 6), (5, 4)])
def test_the_default_strategy_leaves_most_trials_to_the_model(
    trials: int | None, initial: int
) -> None:
    assert default_strategy(trials) == BayesianOptimization(initial)


def test_a_population_that_never_evolves_gives_a_warning_at_its_line() -> None:
    with pytest.warns(UserWarning, match="all 10 trials .* population of 10") as warned:
        experiment(strategy=RegularizedEvolution(10, 3), trials=10)
    assert Path(warned[0].filename) == Path(__file__)


def test_an_experiment_is_a_value() -> None:
    one = experiment(pruner=MedianPruner())
    assert one == experiment(pruner=MedianPruner())
    assert pickle.loads(pickle.dumps(one)) == one
    assert replace(one, trials=7).trials == 7
    with pytest.raises(AttributeError):
        one.trials = 3  # type: ignore[misc]


def test_numpy_numbers_are_accepted() -> None:
    made = experiment(trials=numpy.int64(5), seed=numpy.int64(2**62), seconds=numpy.float32(9))
    assert comparable(run(made)) == comparable(run(experiment(seed=2**62)))


def test_each_trial_has_its_own_seed_and_directory(tmp_path: Path) -> None:
    given: list[tuple[int, int, Path]] = []

    def look(architecture: Architecture, trial: ActiveTrial) -> Mapping[str, float]:
        (trial.directory / "weights").touch()
        given.append((trial.number, trial.seed, trial.directory))
        return {"score": 1.0}

    run(experiment(evaluate=look), tmp_path)
    assert [number for number, _, _ in given] == list(range(5))
    assert len({seed for _, seed, _ in given}) == 5
    assert given[3][2] == tmp_path / "trials" / "00003"
    again = [seed for _, seed, _ in given]
    given.clear()
    run(experiment(evaluate=look))
    assert [seed for _, seed, _ in given] == again
    assert not given[0][2].exists()  # without a directory of the run, nothing stays


def test_a_directory_is_created_only_on_request(tmp_path: Path) -> None:
    run(experiment(), tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["history.jsonl", "run.json"]


def broken(architecture: Architecture, trial: ActiveTrial) -> Mapping[str, float]:
    raise ValueError("no data")


@pytest.mark.parametrize(("trials", "message"), [(1, "the only trial"), (3, "all 3 trials")])
def test_a_run_in_which_all_trials_failed_is_an_error(
    trials: int, message: str, tmp_path: Path
) -> None:
    searched = experiment(evaluate=broken, trials=trials)
    for _ in range(2):  # also when it resumes
        with pytest.raises(TooManyFailures, match=f"{message} failed, .*ValueError: no data"):
            run(searched, tmp_path)


def test_a_run_without_a_complete_trial_logs_the_reason(caplog: pytest.LogCaptureFixture) -> None:
    def pruned(architecture: Architecture, trial: ActiveTrial) -> Mapping[str, float]:
        if trial.number == 0:
            raise Pruned
        return broken(architecture, trial)

    experiment(evaluate=pruned, trials=2, max_failures=100).run()
    assert "no trial is complete: 1 failed with ValueError: no data" in caplog.text


def test_a_metric_may_have_any_name() -> None:
    def report(architecture: Architecture, trial: ActiveTrial) -> Mapping[str, float]:
        trial.report(1, score=0.5, step=3.0, number=4.0)
        return {"score": 1.0, "step": 3.0}

    (trial, *_) = run(experiment(evaluate=report))
    assert trial.curve[0].metrics == {"score": 0.5, "step": 3.0, "number": 4.0}


def test_numbers_of_every_kind_are_metrics() -> None:
    def odd(architecture: Architecture, trial: Any) -> Mapping[str, Any]:
        trial.report(numpy.int64(1), score=numpy.float32(0.5))
        return {"score": numpy.array(0.25), "count": numpy.int64(3), "other": float("nan")}

    (trial, *_) = run(experiment(evaluate=odd))
    assert (trial.values["score"], trial.values["count"]) == (0.25, 3.0)
    assert all(type(value) is float for value in trial.values.values())


class Watching:
    """An observer that records events."""

    def __init__(self) -> None:
        self.before: list[int] = []
        self.ended: list[tuple[int, str]] = []

    def begun(self, history: History) -> None:
        self.before.append(len(history))

    def finished(self, trial: Trial) -> None:
        self.ended.append((trial.number, trial.state))


def test_an_observer_receives_events(tmp_path: Path) -> None:
    watching = Watching()
    run(experiment(), tmp_path, observer=watching)
    run(experiment(trials=8), tmp_path, observer=watching)
    assert watching.before == [0, 5]
    assert watching.ended == [(number, "complete") for number in range(8)]


def test_failures_must_come_in_a_row_to_end_a_run(tmp_path: Path) -> None:
    def moody(architecture: Architecture, trial: ActiveTrial) -> Mapping[str, float]:
        if trial.number % 3 or trial.number > 8:
            raise RuntimeError("it failed")
        return {"score": 1.0}

    searched = experiment(evaluate=moody, trials=20, max_failures=3)
    with pytest.raises(TooManyFailures, match=r"last 3 trials failed, trial 9 .*max_failures"):
        run(searched, tmp_path)
    with pytest.raises(TooManyFailures, match="trial 12 with"):  # the count starts again
        run(searched, tmp_path)
    assert (
        "RuntimeError: it failed"
        in run(replace(searched, trials=13), tmp_path)[9].notes["traceback"]
    )


def test_a_system_exit_in_evaluate_is_a_failure() -> None:
    def leaving(architecture: Architecture, trial: ActiveTrial) -> Mapping[str, float]:
        raise SystemExit("leaving")

    with pytest.raises(TooManyFailures, match="all 5 trials failed, with SystemExit: leaving"):
        run(experiment(evaluate=leaving))


def test_a_run_continues_after_ctrl_c(tmp_path: Path) -> None:
    interrupts = [3]

    def interrupted(architecture: Architecture, trial: ActiveTrial) -> Mapping[str, float]:
        if trial.number in interrupts:
            interrupts.remove(trial.number)
            raise KeyboardInterrupt
        return evaluate(architecture, trial)

    with pytest.raises(KeyboardInterrupt):
        run(experiment(evaluate=interrupted), tmp_path)
    assert comparable(run(experiment(evaluate=interrupted), tmp_path)) == comparable(
        bare_loop(experiment())
    )


def test_no_trial_begins_after_the_time_limit() -> None:
    assert not run(experiment(trials=None, seconds=0))


def test_a_run_stores_its_origin(tmp_path: Path) -> None:
    run(experiment(), tmp_path)
    note = json.loads((tmp_path / "run.json").read_text())
    assert (note["backend"], note["jobs"], note["options"]) == ("local", None, {})


def test_a_directory_of_another_backend_is_refused(tmp_path: Path) -> None:
    run(experiment(), tmp_path)
    with pytest.raises(ExperimentError, match=r"'local'.*another directory.*'optuna'"):
        experiment().run("optuna", tmp_path)


def test_evaluate_may_set_the_number_of_workers() -> None:
    class Wanting:
        jobs = 1

        def __call__(self, architecture: Architecture, trial: ActiveTrial) -> Mapping[str, float]:
            return {"score": 1.0}

    with pytest.raises(ExperimentError, match="cannot be sent to a worker"):  # it is local here
        run(experiment(evaluate=Wanting()))
    assert len(run(experiment(evaluate=Wanting()), jobs=0)) == 5


def test_a_time_limit_needs_workers() -> None:
    def local(architecture: Architecture, trial: ActiveTrial) -> Mapping[str, float]:
        return {"score": 1.0}

    with pytest.raises(ExperimentError, match="cannot be sent to a worker"):
        run(experiment(evaluate=local, trial_seconds=60))


@pytest.mark.parametrize("backend", ["local", "optuna"])
def test_the_default_strategy_stays_when_trials_are_raised(backend: str, tmp_path: Path) -> None:
    """The default strategy depends on the number of trials; a run keeps the one it has."""

    def run(trials: int) -> History:
        raised = Experiment(SPACE, evaluate, {"score": "max"}, trials=trials)
        return raised.run(backend, tmp_path, observer=Silent())

    before, after = default_strategy(10), default_strategy(25)
    assert before != after
    begun = replace(experiment(strategy=before), trials=25)
    run(10)
    for history in (run(25), run(25)):
        assert history.strategy == repr(before)
        assert comparable(history) == comparable(bare_loop(begun))


@pytest.mark.parametrize("backend", ["local", "optuna"])
def test_an_explicit_strategy_is_never_replaced(backend: str, tmp_path: Path) -> None:
    Experiment(SPACE, evaluate, {"score": "max"}, trials=3).run(
        backend, tmp_path, observer=Silent()
    )
    named = Experiment(SPACE, evaluate, {"score": "max"}, BayesianOptimization(10), trials=100)
    assert named.strategy == default_strategy(100)
    with pytest.raises(NasbridgeError, match=r"another experiment.* strategy"):
        named.run(backend, tmp_path, observer=Silent())
