# pyright: basic
"""`NASSearcher` in a user's `tune.Tuner`: schedulers, failures, saving, bad input."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from ray import tune
from ray.tune.schedulers import ASHAScheduler, HyperBandScheduler, MedianStoppingRule
from ray.tune.search import ConcurrencyLimiter, Searcher

from nasbridge import (
    BackendError,
    Choice,
    History,
    RandomSearch,
    RegularizedEvolution,
    Search,
    Space,
    Trial,
)
from nasbridge.adapters.ray_tune import NASSearcher, architecture_from, load
from nasbridge.testing import chain, comparable, fate, few, score

pytestmark = [pytest.mark.frameworks, pytest.mark.xdist_group("ray_native")]

STRATEGY = RegularizedEvolution(population=5, sample=2)
STEPS = 4


def train(config: dict[str, Any]) -> None:
    architecture = architecture_from(config, chain())
    if config["failing"] and fate(architecture) == "failed":
        raise MemoryError(architecture.key)
    metrics = score(architecture)
    for step in range(1, STEPS + 1):
        tune.report({**metrics, "score": metrics["score"] * step / STEPS})


def fit(
    place: Path, searcher: Searcher, trials: int, scheduler: Any = None, **param_space: Any
) -> tune.ResultGrid:
    # Ray's HyperBand waits forever for a trial that is being saved when another trial ends its
    # bracket. With both cores for each trial, no other trial runs at that time.
    is_alone = isinstance(scheduler, HyperBandScheduler)
    tuner = tune.Tuner(
        tune.with_resources(train, {"cpu": 2 if is_alone else 1}),
        param_space={"failing": False, **param_space},
        tune_config=tune.TuneConfig(
            search_alg=searcher, scheduler=scheduler, num_samples=trials, reuse_actors=True
        ),
        run_config=tune.RunConfig(name="native", storage_path=str(place), verbose=0),
    )
    return tuner.fit()


def replayed(history: History) -> list[str]:
    """Return the proposals of a `Search` that observes the same trials one by one."""
    search = Search(STRATEGY, chain(), history.objectives, history.seed)
    keys: list[str] = []
    for trial in history:
        keys.append(search.ask(trial.number).key)
        search.tell(trial)
    return keys


@pytest.mark.usefixtures("local_ray")
def test_proposals_are_those_of_a_bare_search_and_constants_survive(tmp_path: Path) -> None:
    searcher = NASSearcher(chain(), "score", "max", strategy=STRATEGY, seed=3)
    found = fit(tmp_path, ConcurrencyLimiter(searcher, 1), 12, failing=True, batch=[1, 2])
    history = searcher.history
    assert [trial.number for trial in history] == list(range(12))
    assert [trial.architecture.key for trial in history] == replayed(history)
    assert {trial.state for trial in history} == {"complete", "failed"}
    for trial in history:
        assert trial.state == fate(trial.architecture)
        if trial.state == "complete":
            assert trial.values["score"] == pytest.approx(score(trial.architecture)["score"])
            assert len(trial.curve) == STEPS
    assert all(result.config["batch"] == [1, 2] for result in found if result.config)
    assert comparable(load(tmp_path / "native")) == comparable(history)


SCHEDULERS = [
    ASHAScheduler(metric="score", mode="max", max_t=STEPS, grace_period=1, reduction_factor=2),
    HyperBandScheduler(metric="score", mode="max", max_t=STEPS, reduction_factor=2),
    MedianStoppingRule(
        time_attr="training_iteration",
        metric="score",
        mode="max",
        grace_period=1,
        min_samples_required=2,
    ),
]


@pytest.mark.usefixtures("local_ray")
@pytest.mark.parametrize("scheduler", SCHEDULERS, ids=lambda s: type(s).__name__)
def test_trials_that_a_scheduler_stops_are_pruned(tmp_path: Path, scheduler: Any) -> None:
    searcher = NASSearcher(
        chain(), strategy=STRATEGY, objectives={"score": "max", "size": "min"}, seed=1, max_t=STEPS
    )
    fit(tmp_path, ConcurrencyLimiter(searcher, 12), 12, scheduler)  # HyperBand fills brackets
    history = searcher.history
    assert sorted(trial.number for trial in history) == list(range(12))
    assert {trial.state for trial in history} == {"complete", "pruned"}
    for trial in history:
        assert trial.values == trial.curve[-1].metrics
        assert (len(trial.curve) == STEPS) == (trial.state == "complete")


@pytest.mark.usefixtures("local_ray")
def test_open_values_of_the_param_space_are_searched(tmp_path: Path) -> None:
    searcher = NASSearcher(None, strategy=RandomSearch(), seed=1)
    nested = {"kind": "cnn", "kernel": tune.choice([3, 5])}
    space = {
        "model": {"units": tune.randint(1, 9), "body": tune.choice([nested, {"kind": "none"}])},
        "lr": tune.loguniform(1e-4, 1e-1),
        "epochs": 2,
    }

    def take(config: dict[str, Any]) -> dict[str, float]:
        body = config["model"]["body"]
        assert set(body) == ({"kind", "kernel"} if body["kind"] == "cnn" else {"kind"})
        assert config["epochs"] == 2
        return {"loss": config["lr"] * config["model"]["units"]}

    found = tune.Tuner(
        take,
        param_space=space,
        tune_config=tune.TuneConfig(
            metric="loss", mode="min", search_alg=searcher, num_samples=8, reuse_actors=True
        ),
        run_config=tune.RunConfig(name="native", storage_path=str(tmp_path), verbose=0),
    ).fit()
    assert not found.errors
    assert [t.state for t in searcher.history] == ["complete"] * 8
    assert {t.architecture.choices["model.body"] for t in searcher.history} == {"0", "1"}
    best = found.get_best_result().metrics or {}
    assert best["loss"] == searcher.history.best.values["loss"]


@pytest.mark.usefixtures("local_ray")
def test_an_exhausted_space_ends_the_search(tmp_path: Path) -> None:
    searcher = NASSearcher(few(), "score", "max", strategy=RandomSearch())
    forms = {architecture.canonical for architecture in few().enumerate()}
    tuner = tune.Tuner(
        lambda config: {"score": 1.0},
        tune_config=tune.TuneConfig(search_alg=searcher, num_samples=99, reuse_actors=True),
        run_config=tune.RunConfig(name="native", storage_path=str(tmp_path), verbose=0),
    )
    assert len(tuner.fit()) == len(forms)


TRIALS, WAIT_AT = 9, 5

DRIVER = f"""
import os, sys, time
os.environ["TUNE_GLOBAL_CHECKPOINT_S"] = "0"
from pathlib import Path
from ray import tune
from ray.tune.search import ConcurrencyLimiter
from nasbridge import RegularizedEvolution
from nasbridge.testing import chain, score
from nasbridge.adapters.ray_tune.cluster import instance
from nasbridge.adapters.ray_tune import NASSearcher, architecture_from

place = Path(sys.argv[1])

def train(config):
    begun = place / "begun" / str(time.time())
    begun.parent.mkdir(exist_ok=True)
    begun.touch()
    if len(list(begun.parent.iterdir())) == {WAIT_AT} + 1:
        (place / "waiting").touch()
        time.sleep(600)
    return score(architecture_from(config, chain()))

def tuner():
    if (place / "native").exists():
        return tune.Tuner.restore(str(place / "native"), trainable=train, resume_unfinished=True)
    strategy = RegularizedEvolution(population=5, sample=2)
    searcher = NASSearcher(chain(), "score", "max", strategy=strategy, seed=3)
    settings = tune.TuneConfig(
        search_alg=ConcurrencyLimiter(searcher, 1), num_samples={TRIALS}, reuse_actors=True
    )
    run = tune.RunConfig(name="native", storage_path=str(place), verbose=0)
    return tune.Tuner(train, tune_config=settings, run_config=run)

with instance(None, {{"cpu": 1}}, 1):
    tuner().fit()
"""


def wait_for(file: Path, child: subprocess.Popen[Any], seconds: float = 180) -> None:
    deadline = time.monotonic() + seconds
    while not file.exists():
        assert child.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_killed_driver_resumes_identically(tmp_path: Path) -> None:
    command = [sys.executable, "-c", DRIVER, str(tmp_path)]
    child = subprocess.Popen(command, start_new_session=True)
    try:
        wait_for(tmp_path / "waiting", child)
        time.sleep(1)  # until Ray has saved its state
    finally:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
    before = load(tmp_path / "native")
    assert 1 <= len(before.of_state("complete")) <= WAIT_AT
    subprocess.run(command, check=True, start_new_session=True)
    history = load(tmp_path / "native")
    assert [(t.number, t.state) for t in history] == [(n, "complete") for n in range(TRIALS)]
    assert [trial.architecture.key for trial in history] == replayed(history)


def reported(searcher: NASSearcher, results: Sequence[dict[str, Any] | None]) -> Trial:
    """Return a trial with these results, of which the last one ends it."""
    searcher.suggest("a")
    for result in results[:-1]:
        searcher.on_trial_result("a", {**(result or {}), "done": False})
    searcher.on_trial_complete("a", results[-1])
    return searcher.history[-1]


def result(step: int, loss: float) -> dict[str, Any]:
    return {"training_iteration": step, "loss": loss, "pid": 7, "config/x": 1.0, "done": True}


SPACE = Space({"units": Choice([16, 32, 64]), "kind": Choice(["a", "b"])})


def test_the_last_reports_determine_how_a_trial_ended() -> None:
    def fresh(max_t: int | None = None) -> NASSearcher:
        return NASSearcher(SPACE, "loss", "min", strategy=RandomSearch(), max_t=max_t)

    first, second = result(1, 3.0), result(2, 2.0)
    assert reported(fresh(), [first, second, second]).state == "complete"  # reported twice
    assert reported(fresh(), [first, second]).state == "pruned"
    assert reported(fresh(2), [first, second]).state == "complete"
    saving = {**second, "done": False}  # stopped by HyperBand while its checkpoint was written
    assert reported(fresh(), [first, second, saving]).state == "pruned"
    assert reported(fresh(), [first, None]).state == "pruned"  # by HyperBand
    assert reported(fresh(), [None]).state == "failed"  # without a report
    diverged = reported(fresh(), [result(1, float("nan")), result(1, float("nan"))])
    assert (diverged.state, "loss" in diverged.notes["error"]) == ("failed", True)
    assert reported(fresh(), [first, second, second]).values == {"loss": 2.0}
    again = reported(
        fresh(), [first, second, result(1, 9.0), second, second]
    )  # the trial restarted
    assert [step.metrics["loss"] for step in again.curve] == [9.0, 2.0]


def test_the_saved_state_is_a_history(tmp_path: Path) -> None:
    searcher = NASSearcher(SPACE, "loss", "min", strategy=STRATEGY, seed=4)
    reported(searcher, [result(1, 3.0), result(1, 3.0)])
    searcher.suggest("b")
    searcher.save(str(tmp_path / "state"))
    assert History.load(tmp_path / "state")[0].values == {"loss": 3.0}
    other = NASSearcher(SPACE, "loss", "min", strategy=STRATEGY, seed=4)
    other.restore(str(tmp_path / "state"))
    for one in (searcher, other):
        one.on_trial_complete("b", result(1, 1.0))
    assert comparable(other.history) == comparable(searcher.history)
    assert other.suggest("c") == searcher.suggest("c")
    wrong = NASSearcher(SPACE, "loss", "min", strategy=STRATEGY, seed=5)
    with pytest.raises(BackendError, match=r"seed 4, not 5.*same settings"):
        wrong.restore(str(tmp_path / "state"))


def test_evaluated_points_are_not_tried_again() -> None:
    searcher = NASSearcher(SPACE, "loss", "min", strategy=RandomSearch(), flat=True)
    points = [{"units": units, "kind": kind} for units in (16, 32, 64) for kind in "ab"]
    for point in points[1:]:
        searcher.add_evaluated_point(point, 1.0)
    assert searcher.suggest("a") == points[0]
    assert searcher.suggest("b") == Searcher.FINISHED


def test_bad_input_is_an_error_with_a_fix() -> None:
    with pytest.raises(BackendError, match="give both"):
        NASSearcher(SPACE, metric="loss")
    with pytest.raises(BackendError, match="as many modes"):
        NASSearcher(SPACE, metric=["loss", "size"], mode=["min"])
    with pytest.raises(BackendError, match=r"no objectives.*metric="):
        NASSearcher(SPACE).suggest("a")
    with pytest.raises(BackendError, match=r"no space.*Tuner.restore"):
        NASSearcher(metric="loss", mode="min").suggest("a")
    searcher = NASSearcher(SPACE, metric="loss", mode="min")
    with pytest.raises(BackendError, match=r"'lr' open.*into that space"):
        searcher.set_search_properties(None, None, {"lr": tune.uniform(0, 1)})
