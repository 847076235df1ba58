# pyright: basic
"""`NASSearcher` of Ray Tune: trials that reach a goal, and what was found elsewhere."""

from pathlib import Path
from typing import Any

import pytest
from ray import tune

from nasbridge import Choice, RandomSearch, Space
from nasbridge.adapters.ray_tune import NASSearcher

pytestmark = [pytest.mark.frameworks, pytest.mark.xdist_group("ray_tune")]

SPACE = Space({"units": Choice([16, 32, 64]), "kind": Choice(["a", "b"])})


def fresh(**settings: Any) -> NASSearcher:
    standard: dict[str, Any] = {"metric": "score", "mode": "max"}
    return NASSearcher(SPACE, RandomSearch(), **standard | settings)


def result(step: int, score: float) -> dict[str, Any]:
    times = {"time_total_s": float(step), "time_this_iter_s": 1.0}
    return {"training_iteration": step, "score": score, "done": True, **times}


# ---------------------------------------------------------------------- goals


def train_for_long(config: dict[str, Any]) -> None:
    for step in range(1, 9):
        tune.report({"score": float(step)})


@pytest.mark.usefixtures("local_ray")
@pytest.mark.parametrize("is_told", [True, False])
def test_a_trial_that_reaches_its_goal_is_complete(tmp_path: Path, is_told: bool) -> None:
    goal = {"score": 4.0}
    searcher = fresh() if is_told else fresh(stop=goal)
    tune.Tuner(
        train_for_long,
        param_space={"batch": 1} if is_told else {},
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
