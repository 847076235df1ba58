# pyright: basic
"""CPU time of a trial under AutoGluon: `NASSearcher` and the native random searcher.

    python benchmarks/overhead_autogluon.py     # writes docs/benchmarks/overhead_autogluon.md

Twelve decisions of five options each, and a model without training. The searchers alternate in one
process, so that load changes affect both equally; the time of a fit without a search is subtracted.
The figures are the median CPU time per trial over the repeats, and the median ratio over the pairs.
"""

import argparse
import platform
import statistics
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy
import pandas
from autogluon.core.models import AbstractModel
from autogluon.tabular import TabularPredictor

from nasbridge import Choice, RegularizedEvolution, Space
from nasbridge.adapters.autogluon import NASSearcher, to_native

REPOSITORY = Path(__file__).resolve().parent.parent
SPACE = Space({f"decision_{k}": Choice(list("abcde")) for k in range(12)})
ROUNDS = {10: 9, 100: 5}  # trials: repeats
RNG = numpy.random.default_rng(0)
TABLE = pandas.DataFrame({"a": RNG.random(100), "b": RNG.random(100), "y": RNG.random(100)})


class Idle(AbstractModel):
    """A model without training that predicts the number of decisions with the value "a"."""

    ag_name = "Idle"

    def _fit(self, X: Any, y: Any, **kwargs: Any) -> None:
        self.model = sum(value == "a" for value in self._get_model_params().values())

    def _predict_proba(self, X: Any, **kwargs: Any) -> Any:
        return numpy.full(len(X), float(self.model or 0))


def native(seed: int) -> Any:
    """Return the name of AutoGluon's random search."""
    return "random"


def bridged(seed: int) -> Any:
    """Return a `NASSearcher` with regularized evolution."""
    return NASSearcher(SPACE, strategy=RegularizedEvolution(), seed=seed)


SEARCHERS = {"AutoGluon, random": native, "nasbridge, RegularizedEvolution": bridged}


def cpu_ms(searcher: Any, trials: int) -> float:
    """Return the CPU milliseconds of a whole fit, without a search if `searcher` is None."""
    model: dict[str, Any] = dict(to_native(SPACE))
    if searcher is None:
        model = dict.fromkeys(model, "b")
    else:
        tuning = {"scheduler": "local", "searcher": searcher, "num_trials": trials}
        model["ag_args"] = {"hyperparameter_tune_kwargs": tuning}
    with tempfile.TemporaryDirectory() as folder:
        predictor: Any = TabularPredictor("y", "regression", path=folder, verbosity=0)
        began = time.process_time()
        predictor.fit(TABLE, hyperparameters={Idle: model}, fit_weighted_ensemble=False)
        spent = time.process_time() - began
        assert len(predictor.model_names()) == (1 if searcher is None else trials)
    return 1000 * spent


def measure(trials: int, repeats: int) -> list[str]:
    """Return the table rows for a number of trials."""
    spent: dict[str, list[float]] = {name: [] for name in SEARCHERS}
    for repeat in range(repeats):
        for name, make in SEARCHERS.items():
            bare = cpu_ms(None, 0)
            spent[name].append((cpu_ms(make(repeat), trials) - bare) / trials)
    first = next(iter(spent.values()))
    rows: list[str] = []
    for name, times in spent.items():
        ratio = statistics.median(one / other for one, other in zip(times, first, strict=True))
        rows.append(
            f"| {trials} | {name} | {statistics.median(times):.2f} | {ratio:.2f} | {repeats} |"
        )
    return rows


def main() -> None:
    """Measure, write the table, print it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--most", type=int, default=100, help="maximum number of trials in a search"
    )
    parser.add_argument(
        "--output", type=Path, default=REPOSITORY / "docs" / "benchmarks" / "overhead_autogluon.md"
    )
    arguments = parser.parse_args()
    for make in SEARCHERS.values():
        cpu_ms(make(0), 5)  # warm up
    rounds = {trials: n for trials, n in ROUNDS.items() if trials <= arguments.most}
    table = "\n".join(row for trials, n in rounds.items() for row in measure(trials, n))
    arguments.output.write_text(
        f"""# CPU time of a trial under AutoGluon

A search with 12 decisions of 5 options in `TabularPredictor.fit`, and a model without training; the
searchers alternate in one process. Median CPU milliseconds per trial beyond a fit without a search,
and the median ratio to AutoGluon's random search in the same round. nasbridge also writes the
history to disk.

| trials | searcher | CPU ms per trial | ratio to AutoGluon's | repeats |
|---|---|---|---|---|
{table}

Made by `python benchmarks/overhead_autogluon.py`; Python {platform.python_version()}, AutoGluon
{version("autogluon.tabular")}.
"""
    )
    print(arguments.output.read_text())


if __name__ == "__main__":
    main()
