# pyright: basic
"""Checks of Ray's tests of searchers, rewritten: what they demand of every searcher.

After `test_searchers.py` and `test_searcher_utils.py` of Ray 2.58.
"""

import copy
import math
from pathlib import Path
from typing import Any

import pytest
from ray import tune
from ray.tune.search import ConcurrencyLimiter, Repeater
from ray.tune.search.search_generator import SearchGenerator
from ray.tune.utils.mock_trainable import MOCK_TRAINABLE_NAME, register_mock_trainable

from nasbridge import BackendError, RandomSearch
from nasbridge.adapters.ray_tune import NASSearcher

pytestmark = [pytest.mark.frameworks, pytest.mark.xdist_group("ray_native")]

SPACE: dict[str, Any] = {"report": tune.uniform(0.0, 5.0)}
POINT = {"report": 1.0}
SIGNS = {"a": 1, "b": -1, "c": 1}


def made(space: Any = None, **settings: Any) -> NASSearcher:
    standard: dict[str, Any] = {"metric": "metric", "mode": "max", "strategy": RandomSearch()}
    return NASSearcher(space, **standard | settings)


def invalid_objective(config: dict[str, Any]) -> None:
    assert (config["list"], config["num"]) == ([1, 2, 3], 4)
    value = config["report"]
    wrong = {4: math.inf, 3: -math.inf, 2: math.nan}.get(int(value), 0.1 if value < 2 else math.nan)
    tune.report({"metric": value if value < 2 else wrong, "size": config["num"]})


@pytest.mark.usefixtures("local_ray")
def test_invalid_values_and_known_trials(tmp_path: Path) -> None:
    """InvalidValuesTest, and AddEvaluatedPointTest with its trials and its analysis."""
    searcher = made(points_to_evaluate=[{"report": r} for r in (0.5, 1.5, 2.5, 3.5, 4.5)])
    results = tune.Tuner(
        invalid_objective,
        param_space={**SPACE, "list": [1, 2, 3], "num": 4},
        tune_config=tune.TuneConfig(
            metric="metric", mode="max", search_alg=searcher, num_samples=6, reuse_actors=True
        ),
        run_config=tune.RunConfig(name="run", storage_path=str(tmp_path), verbose=0),
    ).fit()
    best = results.get_best_result().config
    assert best is not None
    assert best["report"] == searcher.history.best.architecture["report"] <= 2
    assert (best["list"], best["num"]) == ([1, 2, 3], 4)
    states = {t.architecture["report"]: t.state for t in searcher.history}
    assert [states[report] for report in (0.5, 1.5, 2.5, 3.5, 4.5)] == ["complete"] * 2 + [
        "failed"
    ] * 3
    analysis: Any = results._experiment_analysis
    for trials, number in ((analysis, 6), (analysis.trials, 6), (analysis.trials[0], 1)):
        other = copy.deepcopy(made(SPACE))
        other.add_evaluated_trials(trials, "metric")
        assert len(other.history) == number
        assert isinstance(other.suggest("1"), dict)
        with pytest.raises(BackendError, match="'size' is not the objective 'metric'"):
            other.add_evaluated_trials(trials, "size")


def test_evaluated_points() -> None:
    searcher = made(SPACE, points_to_evaluate=[POINT], evaluated_rewards=[1.0])
    assert [trial.values for trial in searcher.history] == [{"metric": 1.0}]
    searcher = made(SPACE)
    assert len(copy.deepcopy(searcher).history) == 0
    for settings in ({}, {"error": True}, {"pruned": True}):
        searcher.add_evaluated_point(POINT, 1.0, intermediate_values=[0.8, 0.9], **settings)
    assert [trial.state for trial in searcher.history] == ["complete", "failed", "pruned"]
    assert all(len(trial.curve) == 2 for trial in searcher.history)
    assert searcher.suggest("1") != POINT
    with pytest.raises(BackendError, match="1 configs, and evaluated_rewards 2 values"):
        made(SPACE, points_to_evaluate=[POINT], evaluated_rewards=[1.0, 2.0])
    with pytest.raises(BackendError, match="constant 'num': 4, which only a param_space"):
        made({**SPACE, "num": 4})


def test_points_to_evaluate_come_first_also_after_a_restore(tmp_path: Path) -> None:
    points = [{"report": value} for value in (1.0, 2.0, 3.0)]
    searcher = made(SPACE, points_to_evaluate=points)
    assert [searcher.suggest(name) for name in "ab"] == points[:2]
    searcher.on_trial_complete("a", {"metric": 1.0})
    searcher.save(str(tmp_path / "state"))
    other = made(SPACE, points_to_evaluate=points)
    other.restore(str(tmp_path / "state"))
    for each in (searcher, copy.deepcopy(searcher), other):
        assert each.suggest("c") == points[2]
        assert each.suggest("d") not in points
        assert [trial.number for trial in each.history] == [0, 1, 2, 3]


def test_a_report_after_the_end_is_ignored() -> None:
    searcher = made(SPACE)
    searcher.suggest("trial_1")
    searcher.on_trial_result("trial_1", {"training_iteration": 1, "metric": 1})
    searcher.on_trial_complete("trial_1", {"training_iteration": 2, "metric": 1})
    before = searcher.history.trials
    searcher.on_trial_result("trial_1", {"training_iteration": 3, "metric": 1})
    searcher.on_trial_complete("trial_1", {"training_iteration": 4, "metric": 1})
    assert searcher.history.trials == before


def end(searcher: NASSearcher, name: str) -> None:
    result = {"training_iteration": 1, "metric": 1, "config/report": 1.0, "time_total_s": 1}
    searcher.on_trial_result(name, result)
    searcher.on_trial_complete(name, result)


def test_restore_needs_no_search_properties(tmp_path: Path) -> None:
    """SaveRestoreCheckpointTest: a searcher without arguments continues."""
    searcher = NASSearcher(SPACE, "metric", "max")
    searcher.set_search_properties("metric", "max", SPACE)
    for name in ("1", "2", "not_completed"):
        searcher.suggest(name)
    end(searcher, "1")
    searcher.save(str(tmp_path / "checkpoint.pkl"))
    other = NASSearcher()
    other.restore(str(tmp_path / "checkpoint.pkl"))
    end(other, "2")
    config = other.suggest("3")
    assert isinstance(config, dict)
    assert list(config) == ["report"]
    end(other, "3")
    assert (other.metric, other.mode) == ("metric", "max")
    assert other.history.metadata["running"] == {"not_completed": 2}


@pytest.mark.parametrize(("samples", "repeat", "configs"), [(2, 1, 2), (12, 4, 3), (11, 5, 3)])
def test_repeated_trials(samples: int, repeat: int, configs: int) -> None:
    register_mock_trainable()
    searcher = made(SPACE)
    generator: Any = SearchGenerator(Repeater(searcher, repeat=repeat, set_index=False))
    spec = {"run": MOCK_TRAINABLE_NAME, "num_samples": samples, "stop": {"training_iteration": 1}}
    generator.add_configurations({"test": spec})
    trials: list[Any] = []
    while not generator.is_finished():
        trials.append(generator.next_trial())
    assert len({trial.evaluated_params["report"] for trial in trials}) == configs
    for trial in trials:
        generator.on_trial_complete(trial.trial_id, {"metric": 1.0, "training_iteration": 1})
    states = [trial.state for trial in searcher.history]
    assert states == ["complete"] * (samples // repeat) + ["running"] * (samples % repeat > 0)


@pytest.mark.parametrize("batch", [False, True])
def test_limited_concurrency(batch: bool) -> None:
    searcher = made(SPACE)
    limiter = ConcurrencyLimiter(searcher, max_concurrent=2, batch=batch)
    assert all(isinstance(limiter.suggest(f"test_{k}"), dict) for k in (1, 2))
    other = ConcurrencyLimiter(searcher, max_concurrent=3)
    other.set_state(limiter.get_state())
    assert other.suggest("test_3") is None
    other.on_trial_complete("test_1", {"metric": 3})
    other.on_trial_complete("test_2", {"metric": 3})
    assert isinstance(other.suggest("test_3"), dict)
    assert [trial.state for trial in searcher.history] == ["complete", "complete", "running"]


def test_a_mixed_list() -> None:
    searcher = made()
    searcher.set_search_properties("metric", "max", {"mixed_list": [1, tune.uniform(2, 3), 4]})
    config = searcher.suggest("1")
    assert isinstance(config, dict)
    assert config["mixed_list"][::2] == [1, 4]
    assert 2 <= config["mixed_list"][1] < 3


def test_several_objectives() -> None:
    config = {name: tune.uniform(0, 1) for name in "abc"}
    searcher = NASSearcher(None, ["a", "b", "c"], ["max", "min", "max"], strategy=RandomSearch())
    searcher.set_search_properties(None, None, config)
    for k in range(16):
        given = searcher.suggest(str(k))
        assert isinstance(given, dict)
        searcher.on_trial_complete(str(k), {n: s * given[n] for n, s in SIGNS.items()})
    for name, best in (("a", max), ("b", min), ("c", max)):
        assert best(t.values[name] for t in searcher.history.pareto) == best(
            t.values[name] for t in searcher.history
        )
