# pyright: basic
"""What a trial costs under Ray Tune: our searcher and our door beside Ray's own random search.

    python benchmarks/overhead_ray.py     # writes docs/benchmarks/overhead_ray.md

Twelve decisions of five options each, a trial that returns at once, one at a time, workers reused.
The ways take turns on one private Ray; what is measured is the CPU time of the driver, for seconds
say little on a machine that others use.
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
ROUNDS = {10: 5, 100: 3, 1000: 3}  # trials: repeats; a quarter of an hour and more


def score(values: Mapping[str, Any]) -> dict[str, float]:
    """Count the options "a"; the time that it takes is the same for all."""
    return {"score": float(sum(value == "a" for value in values.values()))}


def evaluate(architecture: Mapping[str, Any], trial: Any) -> dict[str, float]:
    """Return at once."""
    return score(architecture)


def fit(searcher: Any, space: dict[str, Any], trials: int, place: str) -> None:
    """Search in a Tuner."""
    settings = tune.TuneConfig(search_alg=searcher, num_samples=trials, reuse_actors=True)
    run = tune.RunConfig(name="run", storage_path=place, verbose=0)

    def trainable(config: dict[str, Any]) -> dict[str, float]:
        return score(config)

    found = tune.Tuner(trainable, param_space=space, tune_config=settings, run_config=run).fit()
    assert len(found) == trials


def theirs(trials: int, seed: int, place: str) -> None:
    """Ray's own random search."""
    searcher = BasicVariantGenerator(max_concurrent=1, random_state=seed)
    fit(searcher, to_native(SPACE), trials, place)


def searcher(trials: int, seed: int, place: str) -> None:
    """Our random search in Ray's Tuner."""
    ours = NASSearcher(SPACE, "score", "max", strategy=RandomSearch(), seed=seed, flat=True)
    fit(ConcurrencyLimiter(ours, 1), {}, trials, place)


def door(trials: int, seed: int, place: str) -> None:
    """Our own door."""
    experiment = Experiment(SPACE, evaluate, {"score": "max"}, RandomSearch(), trials, seed=seed)
    assert len(experiment.run("ray_tune", place)) == trials


WAYS: dict[str, Callable[[int, int, str], None]] = {
    "Ray Tune, BasicVariantGenerator": theirs,
    "nasbridge, NASSearcher": searcher,
    "nasbridge, experiment.run": door,
}


def spent(way: Callable[[int, int, str], None], trials: int, seed: int) -> float:
    """Return the CPU milliseconds of the driver a trial."""
    with tempfile.TemporaryDirectory() as place:
        began = time.process_time()
        way(trials, seed, place)
        return 1000 * (time.process_time() - began) / trials


def measure(trials: int, repeats: int) -> list[str]:
    """Return the rows of the table for a number of trials."""
    found: dict[str, list[float]] = {name: [] for name in WAYS}
    for repeat in range(repeats):
        for name, way in WAYS.items():
            found[name].append(spent(way, trials, repeat))
    rows: list[str] = []
    rays = next(iter(found.values()))
    for name, times in found.items():
        ratios = [time / ray for time, ray in zip(times, rays, strict=True)]
        told = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        rows.append(f"| {trials} | {name} | {statistics.median(times):.0f} | {told} | {repeats} |")
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
        f"""# What a trial costs under Ray Tune

A search with 12 decisions of 5 options and trials that return at once, one at a time, with workers
that are reused; the three ways in turn on one private Ray. CPU milliseconds of the driver a trial,
the median of the repeats; and how many times what Ray's own took in the same round, the median and
the range. Seconds are not shown, for they say little where others use the machine.

| trials | way | CPU ms a trial | times Ray's own | repeats |
|---:|---|---:|---|---:|
{table}

Load average of the machine afterwards: {load:.1f} on {os.cpu_count()} cores. Made by
`python benchmarks/overhead_ray.py`; Python {platform.python_version()}, Ray {version("ray")}.
"""
    )


if __name__ == "__main__":
    main()
