# pyright: basic
"""CPU time of a trial under Ray Tune: managed run, native integration and Ray's random search.

    python benchmarks/overhead_ray.py     # writes docs/benchmarks/overhead_ray.md

Twelve decisions of five options each, trials that return immediately, one at a time, with reused
workers. The ways alternate on one private Ray instance. The figure is the CPU time of the driver,
because wall-clock seconds are unreliable on a shared machine.
"""

import argparse
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ray import tune
from ray.tune.search import ConcurrencyLimiter
from ray.tune.search.basic_variant import BasicVariantGenerator

from nasbridge import Choice, Experiment, RandomSearch, Space
from nasbridge.adapters.ray_tune import NASSearcher, to_native
from nasbridge.adapters.ray_tune.cluster import instance

REPOSITORY = Path(__file__).resolve().parent.parent
SPACE = Space({f"decision_{k}": Choice(list("abcde")) for k in range(12)})
ROUNDS = {10: 5, 100: 3, 1000: 3}  # trials: repeats; takes at least 15 minutes


def score(values: Mapping[str, Any]) -> dict[str, float]:
    """Count the options "a", which takes the same time for all ways."""
    return {"score": float(sum(value == "a" for value in values.values()))}


def evaluate(architecture: Mapping[str, Any], trial: Any) -> dict[str, float]:
    """Return immediately."""
    return score(architecture)


def fit(searcher: Any, space: dict[str, Any], trials: int, place: str) -> None:
    """Run a search in `tune.Tuner`."""
    settings = tune.TuneConfig(search_alg=searcher, num_samples=trials, reuse_actors=True)
    run = tune.RunConfig(name="run", storage_path=place, verbose=0)

    def trainable(config: dict[str, Any]) -> dict[str, float]:
        return score(config)

    found = tune.Tuner(trainable, param_space=space, tune_config=settings, run_config=run).fit()
    assert len(found) == trials


def ray_random(trials: int, seed: int, place: str) -> None:
    """Run Ray's random search."""
    searcher = BasicVariantGenerator(max_concurrent=1, random_state=seed)
    fit(searcher, to_native(SPACE), trials, place)


def native_integration(trials: int, seed: int, place: str) -> None:
    """Run random search of nasbridge in Ray's `Tuner`."""
    searcher = NASSearcher(SPACE, "score", "max", strategy=RandomSearch(), seed=seed, flat=True)
    fit(ConcurrencyLimiter(searcher, 1), {}, trials, place)


def managed_run(trials: int, seed: int, place: str) -> None:
    """Run `experiment.run` under Ray Tune."""
    experiment = Experiment(SPACE, evaluate, {"score": "max"}, RandomSearch(), trials, seed=seed)
    assert len(experiment.run("ray_tune", place)) == trials


WAYS: dict[str, Callable[[int, int, str], None]] = {
    "Ray Tune, BasicVariantGenerator": ray_random,
    "nasbridge, NASSearcher": native_integration,
    "nasbridge, experiment.run": managed_run,
}


def spent(way: Callable[[int, int, str], None], trials: int, seed: int) -> float:
    """Return the CPU milliseconds of the driver per trial."""
    with tempfile.TemporaryDirectory() as place:
        began = time.process_time()
        way(trials, seed, place)
        return 1000 * (time.process_time() - began) / trials


def measure(trials: int, repeats: int) -> list[str]:
    """Return the table rows for a number of trials."""
    found: dict[str, list[float]] = {name: [] for name in WAYS}
    for repeat in range(repeats):
        for name, way in WAYS.items():
            found[name].append(spent(way, trials, repeat))
    rows: list[str] = []
    rays = next(iter(found.values()))
    for name, times in found.items():
        ratios = [time / ray for time, ray in zip(times, rays, strict=True)]
        ratio = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        rows.append(f"| {trials} | {name} | {statistics.median(times):.0f} | {ratio} | {repeats} |")
        print(rows[-1], flush=True)
    return rows


def main() -> None:
    """Measure, write the table, print it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--output", type=Path, default=REPOSITORY / "docs" / "benchmarks" / "overhead_ray.md"
    )
    arguments = parser.parse_args()
    with instance(None, {"cpu": 1}, 1):
        for way in WAYS.values():
            spent(way, 3, 0)  # warm up
        table = "\n".join(row for trials, n in ROUNDS.items() for row in measure(trials, n))
    load = os.getloadavg()[0]
    arguments.output.write_text(
        f"""# CPU time of a trial under Ray Tune

A search with 12 decisions of 5 options and trials that return immediately, one at a time, with
reused workers; the three ways alternate on one private Ray instance. Median CPU milliseconds of the
driver per trial, and the ratio to Ray's random search in the same round (median and range).
Wall-clock seconds are omitted, because they are unreliable on a shared machine.

| trials | way | CPU ms per trial | ratio to Ray's | repeats |
|---:|---|---:|---|---:|
{table}

Load average after the run: {load:.1f} on {os.cpu_count()} cores. Made by
`python benchmarks/overhead_ray.py`; Python {platform.python_version()}, Ray {version("ray")}.
"""
    )


if __name__ == "__main__":
    main()
