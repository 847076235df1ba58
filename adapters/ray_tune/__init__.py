# pyright: basic
# Ray's types are of little use from outside.
"""The backend `ray_tune`: for those who outgrow a machine.

Two doors: `run` drives a whole experiment, whose trials are trials of Ray Tune, placed wherever a
cluster has their resources; and `NASSearcher` works in a `tune.Tuner` of a user's own. Both give
the same proposals.
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ray.tune import Callback
from ray.tune.schedulers import TrialScheduler

from ...engine.driver import ExperimentSpec, Observer, Silent, drive
from ...engine.errors import BackendError
from ...engine.history_store import HistoryStore, settings_of, strategy_in
from ...strategies import HISTORY_FILE, History, HistoryFile
from ..registry import BACKENDS
from .cluster import instance
from .executor import RayExecutor
from .history import load
from .reporting import SchedulerAdapter
from .searcher import NASSearcher
from .space import architecture_from, from_native, to_native
from .store import RayStore
from .trials import Trials, results
from .worker import worker_class

__all__ = [
    "CAPABILITIES",
    "NASSearcher",
    "architecture_from",
    "from_native",
    "load",
    "results",
    "run",
    "store_history",
    "to_native",
]

CAPABILITIES = BACKENDS["ray_tune"].capabilities


def run(
    experiment: ExperimentSpec,
    directory: Path | None = None,
    jobs: int = 0,
    observer: Observer | None = None,
    address: str | None = None,
    resources: Mapping[str, float] | None = None,
    retries: int = 1,
    scheduler: TrialScheduler | None = None,
    callbacks: Sequence[Callback] = (),
    **options: Any,
) -> History:
    """Run a whole experiment under Ray Tune; one that was interrupted goes on where it was.

    Args:
        experiment: What to run.
        directory: Where `history.jsonl`, Ray's experiment directory and the trials' files are; in
            a cluster of several machines on a disk that they share. None for a place that is
            removed afterwards.
        jobs: How many trials run at a time, in Ray's workers; 0 is 1, for Ray evaluates nothing in
            this process.
        observer: Is told what happens.
        address: Of an existing cluster, as "auto" or "10.0.0.1:6379"; None for a private instance
            on this machine, unless `ray.init` was called before.
        resources: What each trial needs, as {"cpu": 2, "gpu": 0.5}; one core by default.
        retries: How often a trial is repeated whose worker or machine was lost; one that fails by
            an exception is not.
        scheduler: A scheduler of Ray that stops trials, as ASHAScheduler and MedianStoppingRule;
            by default none, or the experiment's own pruner.
        callbacks: Callbacks of Ray, as its loggers for TensorBoard or MLflow.
        **options: None.

    Returns:
        The whole history.

    Raises:
        BackendError: No cluster, a machine without what trials need, an option that is unfit.
        Unsupported: An option is unknown.
        HistoryError: The directory belongs to another experiment, or is in use.
    """
    CAPABILITIES.check_options("ray_tune", options)
    slots, needs, times = max(jobs, 1), dict(resources or {"cpu": 1}), _checked(retries)
    with ExitStack() as stack:
        place = directory or Path(stack.enter_context(TemporaryDirectory(prefix="nasbridge-")))
        experiment = experiment.with_original_strategy(strategy_in(place / HISTORY_FILE))
        judge = None if scheduler is None else SchedulerAdapter(scheduler, experiment.objectives[0])
        settings = settings_of(experiment, "ray_tune")
        file = stack.enter_context(HistoryFile(place / HISTORY_FILE, settings))
        store = RayStore(HistoryStore(experiment, settings, file))
        executor = RayExecutor(
            experiment,
            store,
            slots,
            lambda end: end.enter_context(instance(address, needs, slots)),
            lambda: Trials(experiment, place, needs, times),
            lambda: worker_class(experiment, place),
            judge,
            callbacks,
        )
        return drive(experiment, store, executor, place, observer or Silent())


def _checked(retries: object) -> int:
    """Return a number of repetitions, if it is one."""
    if type(retries) is not int or retries < 0:  # Ray would take -1 for "without end"
        raise BackendError(
            f"retries={retries!r}: how often a trial is repeated whose worker was lost is an int "
            "from 0, as retries=3"
        )
    return retries


def store_history(history: History, directory: Path, **options: Any) -> None:
    """Write a history where `run` goes on with it, and shows its trials as Ray's own.

    Running trials become interrupted ones, which are repeated.

    Args:
        history: The history, of any backend.
        directory: The new run's directory.
        **options: None that matter here.

    Raises:
        HistoryError: The directory holds a history already.
        Unsupported: An option is unknown.
    """
    CAPABILITIES.check_options("ray_tune", options)
    replace(history, metadata={**history.metadata, "backend": "ray_tune"}).save(
        directory / HISTORY_FILE
    )
