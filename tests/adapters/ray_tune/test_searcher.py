# pyright: basic
"""`NASSearcher` of Ray Tune: trials that reach a goal, and results of other searches."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy
import pytest
from ray import tune

from nasbridge import (
    BackendError,
    Choice,
    Experiment,
    History,
    RandomSearch,
    RegularizedEvolution,
    Search,
    Space,
    Trial,
)
from nasbridge.adapters.ray_tune import NASSearcher, architecture_from, load
from nasbridge.engine import ActiveTrial
from nasbridge.spaces import Architecture
from nasbridge.strategies import Objective
from nasbridge.testing import chain, comparable, score

pytestmark = [pytest.mark.frameworks, pytest.mark.xdist_group("ray_native")]

SPACE = Space({"units": Choice([16, 32, 64]), "kind": Choice(["a", "b"])})


def fresh(**settings: Any) -> NASSearcher:
    standard: dict[str, Any] = {"metric": "score", "mode": "max"}
    return NASSearcher(SPACE, strategy=RandomSearch(), **standard | settings)


def result(step: int, score: float) -> dict[str, Any]:
    times = {"time_total_s": float(step), "time_this_iter_s": 1.0}
    return {"training_iteration": step, "score": score, "done": True, **times}


def suggested(searcher: NASSearcher, name: str) -> dict[str, Any]:
    config = searcher.suggest(name)
    assert isinstance(config, dict)
    return config


def train_for_long(config: dict[str, Any]) -> None:
    for step in range(1, 9):
        tune.report({"score": float(step)})


@pytest.mark.usefixtures("local_ray")
@pytest.mark.parametrize("from_tuner", [True, False])
def test_a_trial_that_reaches_its_goal_is_complete(tmp_path: Path, from_tuner: bool) -> None:
    goal = {"score": 4.0}
    searcher = fresh() if from_tuner else fresh(stop=goal)
    tune.Tuner(
        train_for_long,
        param_space={"batch": 1} if from_tuner else {},
        tune_config=tune.TuneConfig(search_alg=searcher, num_samples=2, reuse_actors=True),
        run_config=tune.RunConfig(name="run", storage_path=str(tmp_path), stop=goal, verbose=0),
    ).fit()
    assert [(t.state, t.values["score"]) for t in searcher.history] == [("complete", 4.0)] * 2
    assert searcher.history.best.values["score"] == 4.0


def test_goals_are_compared_as_ray_does() -> None:
    searcher = fresh(max_t=9)
    searcher.set_search_properties(None, None, {"x": 1}, stop={"score": 4.0, "a/b": 1, "lost": 0})
    ends = {"a": result(2, 3.9), "b": result(2, 4.0), "c": {**result(2, 1.0), "a/b": 1}}
    ends |= {"d": result(9, 1.0)}
    for name, end in ends.items():
        searcher.suggest(name)
        searcher.on_trial_complete(name, end)
    states = [trial.state for trial in searcher.history]
    assert states == ["pruned", "complete", "complete", "complete"]
    searcher.suggest("e")
    searcher.on_trial_complete("e", result(2, 5.0), error=True)
    assert searcher.history[-1].state == "failed"


def test_a_metric_that_contradicts_the_tuner_is_an_error() -> None:
    for metric, mode in (("loss", "min"), ("score", "min"), ("loss", "max"), ("loss", None)):
        with pytest.raises(BackendError, match=rf"TuneConfig.*{metric!r}.*'score': 'max'.*same"):
            fresh().set_search_properties(metric, mode, {"x": 1})
    several = fresh(metric=["score", "size"], mode=["max", "min"])
    for searcher, mode in ((fresh(), "max"), (fresh(), None), (several, "max")):
        assert searcher.set_search_properties("score", mode, {"x": 1})
    assert fresh().set_search_properties(None, None, {"x": 1})


def test_points_without_a_finite_value_are_failed_trials(tmp_path: Path) -> None:
    searcher = fresh()
    for value in (float("nan"), float("inf"), 1.0):
        units = 16 if value == 1.0 else 32 if value > 1 else 64
        searcher.add_evaluated_point({"arch": {"units": units, "kind": "a"}}, value)
    assert [trial.state for trial in searcher.history] == ["failed", "failed", "complete"]
    assert "score is nan" in searcher.history[0].notes["error"]
    assert searcher.history.best.values == {"score": 1.0}
    several = fresh(metric=["score", "size"], mode=["max", "min"])
    with pytest.raises(BackendError, match=r"one metric.*'score', 'size'.*history="):
        several.add_evaluated_point({"arch": {"units": 16, "kind": "a"}}, 1.0)
    assert len(several.history) == 0


STRATEGY = RegularizedEvolution(population=4, sample=2)


def evaluate(architecture: Architecture, trial: ActiveTrial) -> dict[str, float]:
    return score(architecture)


def proposed(searcher: NASSearcher, number: int) -> list[str]:
    """Return the proposals of the searcher, which observes the score of each."""
    keys: list[str] = []
    for name in map(str, range(number)):
        architecture = architecture_from(suggested(searcher, name), chain())
        keys.append(architecture.key)
        metrics = {**result(1, 0.0), **score(architecture)}
        searcher.on_trial_result(name, {**metrics, "done": False})
        searcher.on_trial_complete(name, metrics)
    return keys


@pytest.mark.parametrize("harness", ["history", "file", "directory"])
def test_a_half_finished_experiment_moves_into_the_searcher(tmp_path: Path, harness: str) -> None:
    experiment = Experiment(chain(), evaluate, {"score": "max"}, STRATEGY, trials=12, seed=3)
    whole = [trial.architecture.key for trial in experiment.run("local")]
    place = tmp_path / "run"
    half = replace(experiment, trials=6).run("local", place)
    interrupted = Trial(6, chain().sample(numpy.random.default_rng(0)))
    half = replace(half, trials=(*half, interrupted))
    harnesses: dict[str, History | Path | str] = {"history": half, "directory": str(place)}
    before = {**harnesses, "file": place / "history.jsonl"}[harness]
    searcher = NASSearcher(chain(), "score", "max", strategy=STRATEGY, seed=3, history=before)
    assert proposed(searcher, 6) == whole[6:]
    assert [trial.number for trial in searcher.history] == list(range(12))
    searcher.save(str(tmp_path / "state"))
    other = NASSearcher(chain(), "score", "max", strategy=STRATEGY, seed=3, history=before)
    other.restore(str(tmp_path / "state"))
    assert comparable(other.history) == comparable(searcher.history)
    assert other.suggest("x") == searcher.suggest("x")


def test_skipped_numbers_stay_free() -> None:
    objectives = (Objective("score", "max"),)
    one = Trial(1, SPACE.architecture({"units": 16, "kind": "a"}), "complete", {"score": 1.0})
    searcher = fresh(history=History(SPACE, objectives, (one,), skipped=(0, 2)))
    searcher.suggest("a")
    assert [trial.number for trial in searcher.history] == [1, 3]
    assert searcher.history.skipped == (0, 2)


def test_a_history_of_another_search_is_an_error() -> None:
    one = Trial(0, SPACE.architecture({"units": 16, "kind": "a"}), "complete", {"score": 1.0})
    history = History(SPACE, (Objective("score", "max"),), (one,))
    with pytest.raises(BackendError, match=r"objectives.*'score'.*give the same"):
        fresh(metric="loss", history=history)
    with pytest.raises(BackendError, match=r"another space.*trial 0"):
        NASSearcher(chain(), "score", "max", strategy=RandomSearch(), history=history)
    alone = NASSearcher(strategy=RandomSearch(), history=history)  # defines space and objectives
    assert alone.suggest("a") != {"arch": dict(one.architecture.choices)}
    assert len(alone.history) == 2


@pytest.mark.parametrize("name", ["a", "of Ray's own"])
def test_a_failed_trial_that_runs_again_gets_its_new_end(tmp_path: Path, name: str) -> None:
    searcher = fresh()
    config = suggested(searcher, "a")
    searcher.on_trial_complete("a", error=True)
    searcher.suggest("b")
    searcher.on_trial_complete("b", result(1, 1.0))
    searcher.save(str(tmp_path / "state"))
    searcher = fresh()
    searcher.restore(str(tmp_path / "state"))
    searcher.suggest("c")
    again = {"config/batch": 1, **{f"config/arch/{k}": v for k, v in config["arch"].items()}}
    searcher.on_trial_result(name, {**result(1, 7.0), **again, "done": False})
    assert [trial.state for trial in searcher.history] == ["failed", "pruned", "running"]
    searcher.on_trial_complete(name, {**result(1, 7.0), **again})
    history = searcher.history
    assert [t.state for t in history] == ["pruned", "complete", "running"]
    assert [t.number for t in history] == [1, 0, 2]
    assert history[1].values == {"score": 7.0}
    bare = Search(RandomSearch(), SPACE, history.objectives, history.seed)
    bare.replay(history)
    assert architecture_from(suggested(searcher, "d"), SPACE) == bare.ask(3)


def train_when_fixed(config: dict[str, Any]) -> None:
    if not Path(config["fixed"]).exists():
        raise MemoryError("too large")
    tune.report({"score": float(config["arch"]["units"])})


@pytest.mark.usefixtures("local_ray")
@pytest.mark.parametrize("how", ["restart_errored", "resume_errored"])
def test_ray_restores_failed_trials(tmp_path: Path, how: str) -> None:
    fixed = tmp_path / "fixed"
    tune.Tuner(
        train_when_fixed,
        param_space={"fixed": str(fixed)},
        tune_config=tune.TuneConfig(search_alg=fresh(), num_samples=2, reuse_actors=True),
        run_config=tune.RunConfig(name="run", storage_path=str(tmp_path), verbose=0),
    ).fit()
    place = tmp_path / "run"
    assert [trial.state for trial in load(place)] == ["failed", "failed"]
    fixed.touch()
    options: dict[str, Any] = {how: True}
    tune.Tuner.restore(str(place), trainable=train_when_fixed, **options).fit()
    assert [trial.state for trial in load(place)] == ["complete", "complete"]
    assert sorted(trial.number for trial in load(place)) == [0, 1]
