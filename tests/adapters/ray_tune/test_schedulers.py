# pyright: basic
"""Trials that a scheduler of Ray stops, and trials that run as a whole."""

import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ray import tune
from ray.tune.schedulers import ASHAScheduler, HyperBandScheduler, MedianStoppingRule
from ray.tune.search import ConcurrencyLimiter

from nasbridge import Choice, Experiment, RandomSearch, Search, Space
from nasbridge.adapters.ray_tune import NASSearcher, architecture_from
from nasbridge.engine import ActiveTrial
from nasbridge.spaces import Architecture
from nasbridge.strategies import objectives_from

pytestmark = [
    pytest.mark.frameworks,
    pytest.mark.xdist_group("ray_native"),
    pytest.mark.usefixtures("local_ray"),
]

SPACE = Space({"width": Choice([1, 2, 3, 4])})
LONG = 60.0  # seconds after which a test fails instead of waiting on


def wait_for(file: Path) -> None:
    deadline = time.monotonic() + LONG
    while not file.exists():
        if time.monotonic() > deadline:
            raise TimeoutError(file)
        time.sleep(0.05)


class Slow(tune.Trainable):  # type: ignore[misc]  # Ray has no types
    """Two steps; the worse of the last two trials is stopped while its checkpoint is written."""

    def setup(self, config: dict[str, Any]) -> None:
        self.place, self.last_two = Path(config["place"]), config["last_two"]
        self.width = architecture_from(config, SPACE)["width"]
        self.at = 0

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self.setup(new_config)
        return True

    def step(self) -> dict[str, float]:
        self.at += 1
        if self.width == max(self.last_two) and self.at == 1:
            wait_for(self.place / "saving")
        return {"score": float(self.width * self.at)}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        Path(checkpoint_dir, "at").write_text(str(self.at))
        if self.width == min(self.last_two) and self.at == 1:
            (self.place / "saving").touch()
            wait_for(self.place / "stopped")

    def load_checkpoint(self, checkpoint_dir: Any) -> None:
        self.at = int(Path(checkpoint_dir, "at").read_text())


class Stopped(tune.Callback):  # type: ignore[misc]  # Ray has no types
    """Leaves a file when a trial has ended that has reported once."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def on_trial_complete(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
        if trial.last_result["training_iteration"] == 1:
            (self.place / "stopped").touch()


def test_a_trial_that_hyperband_stops_while_it_is_saved_is_pruned(tmp_path: Path) -> None:
    search = Search(RandomSearch(), SPACE, objectives_from({"score": "max"}), 0)
    widths = [int(search.ask(number)["width"]) for number in range(4)]
    searcher = NASSearcher(SPACE, "score", "max", strategy=RandomSearch(), max_t=2)
    # A first bracket of two trials with two steps each; a second one, halved after the first step.
    scheduler = HyperBandScheduler(metric="score", mode="max", max_t=2, reduction_factor=2)
    found = tune.Tuner(
        Slow,
        param_space={"place": str(tmp_path), "last_two": widths[2:]},
        tune_config=tune.TuneConfig(
            search_alg=ConcurrencyLimiter(searcher, 4),
            scheduler=scheduler,
            num_samples=4,
            reuse_actors=True,
        ),
        run_config=tune.RunConfig(
            name="native", storage_path=str(tmp_path), verbose=0, callbacks=[Stopped(tmp_path)]
        ),
    ).fit()
    assert not found.errors
    assert (tmp_path / "stopped").exists()
    ends = {t.architecture["width"]: (t.state, dict(t.values)) for t in searcher.history}
    worse, better = sorted(widths[2:])
    assert ends[worse] == ("pruned", {"score": worse})
    assert ends[better] == ("complete", {"score": 2.0 * better})


def by_epochs(config: dict[str, Any]) -> None:
    """Report every tenth of thirty epochs."""
    width = int(architecture_from(config, SPACE)["width"])
    for epoch in (10, 20, 30):
        tune.report({"score": float(width * epoch), "epoch": epoch})


def asha() -> ASHAScheduler:
    return ASHAScheduler("epoch", max_t=30, grace_period=10, reduction_factor=2)


def test_max_t_counts_what_the_scheduler_counts(tmp_path: Path) -> None:
    searcher = NASSearcher(SPACE, strategy=RandomSearch(), max_t=30, time_attr="epoch")
    tune.Tuner(
        by_epochs,
        param_space={"fixed": 1},  # Ray passes the metric only with a param_space
        tune_config=tune.TuneConfig(
            metric="score",
            mode="max",
            search_alg=ConcurrencyLimiter(searcher, 1),
            scheduler=asha(),
            num_samples=4,
            reuse_actors=True,
        ),
        run_config=tune.RunConfig(name="native", storage_path=str(tmp_path), verbose=0),
    ).fit()
    states = {trial.state for trial in searcher.history}
    assert states == {"complete", "pruned"}
    for trial in searcher.history:
        assert (trial.state == "complete") == (len(trial.curve) == 3)


def evaluate(architecture: Architecture, trial: ActiveTrial) -> dict[str, float]:
    width = float(architecture["width"])
    (trial.directory / "pid").write_text(str(os.getpid()))
    for step in (1, 2, 3):
        trial.report(step, score=width * step, epoch=10.0 * step)
    return {"score": 3 * width}


EXPERIMENT = Experiment(SPACE, evaluate, {"score": "max"}, RandomSearch(), trials=4)


def test_a_whole_trial_is_complete_whatever_asha_counts(tmp_path: Path) -> None:
    history = EXPERIMENT.run("ray_tune", tmp_path / "run", scheduler=asha())
    assert {trial.state for trial in history} == {"complete", "pruned"}
    for trial in history:
        assert (trial.state == "complete") == (len(trial.curve) == 3)
    assert len({file.read_text() for file in tmp_path.glob("run/trials/*/pid")}) == 1  # one worker
    unknown = ASHAScheduler("minutes", max_t=30)
    with pytest.warns(UserWarning, match=r"time_attr='minutes'.*training_iteration"):
        replace(EXPERIMENT, trials=1).run("ray_tune", tmp_path / "other", scheduler=unknown)


def evaluate_slowly(architecture: Architecture, trial: ActiveTrial) -> dict[str, float]:
    """The last trial reports after the first report of the others, and before their last."""
    for step in (1, 2, 3):
        time.sleep(0.5 if trial.number < 3 else 0.8)
        trial.report(step, score=float(architecture["width"] * step))
    return {"score": 3.0 * architecture["width"]}


def test_the_median_rule_receives_trials_of_earlier_runs(tmp_path: Path) -> None:
    def rule() -> MedianStoppingRule:
        return MedianStoppingRule(grace_period=0, min_samples_required=3)

    experiment = replace(EXPERIMENT, evaluate=evaluate_slowly)
    replace(experiment, trials=3).run("ray_tune", tmp_path / "run", scheduler=rule())
    history = experiment.run("ray_tune", tmp_path / "run", scheduler=rule())
    widths = [trial.architecture["width"] for trial in history]
    assert widths[3] < sorted(widths[:3])[1]  # worse than the median of the others
    assert [trial.state for trial in history] == ["complete"] * 3 + ["pruned"]
