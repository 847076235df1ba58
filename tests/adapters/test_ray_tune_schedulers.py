# pyright: basic
"""What schedulers of Ray end, told from what has ended by itself."""

import time
from pathlib import Path
from typing import Any

import pytest
from ray import tune
from ray.tune.schedulers import HyperBandScheduler
from ray.tune.search import ConcurrencyLimiter

from nasbridge import Choice, RandomSearch, Space
from nasbridge.adapters.ray_tune import NASSearcher, architecture_from

pytestmark = [
    pytest.mark.frameworks,
    pytest.mark.xdist_group("ray_tune"),
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


class Slow(tune.Trainable):
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


class Stopped(tune.Callback):
    """Leaves a file when a trial has ended that has reported once."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def on_trial_complete(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
        if trial.last_result["training_iteration"] == 1:
            (self.place / "stopped").touch()


def test_a_trial_that_hyperband_stops_while_it_is_saved_is_pruned(tmp_path: Path) -> None:
    proposals = NASSearcher(SPACE, RandomSearch(), metric="score", mode="max")
    widths = [proposals.suggest(str(number))["arch"]["width"] for number in range(4)]
    searcher = NASSearcher(SPACE, RandomSearch(), metric="score", mode="max", max_t=2)
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
            name="theirs", storage_path=str(tmp_path), verbose=0, callbacks=[Stopped(tmp_path)]
        ),
    ).fit()
    assert not found.errors
    assert (tmp_path / "stopped").exists()
    ends = {t.architecture["width"]: (t.state, dict(t.values)) for t in searcher.history}
    worse, better = sorted(widths[2:])
    assert ends[worse] == ("pruned", {"score": worse})
    assert ends[better] == ("complete", {"score": 2.0 * better})
