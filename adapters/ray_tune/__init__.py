# pyright: basic
# Ray's types are of little use from outside.
"""The backend `ray_tune`: for those who outgrow a machine.

Two doors: `run` drives a whole experiment, whose trials are trials of Ray Tune, placed wherever a
cluster has their resources; and `NASSearcher` works in a `tune.Tuner` of a user's own. Both give
the same proposals.
"""

from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from ray.tune import Callback
from ray.tune.schedulers import TrialScheduler

from ...engine.driver import Accepted, ExperimentSpec, Observer
from ...engine.errors import BackendError
from ...engine.history_store import open_history_store, save_history
from ...engine.run import OpenStore, run_managed
from ...strategies import History
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


@contextmanager
def open_store(
    experiment: ExperimentSpec,
    directory: Path | None,
    jobs: int,
    address: str | None,
    resources: Mapping[str, float] | None,
    retries: int,
    scheduler: TrialScheduler | None,
    callbacks: Sequence[Callback],
) -> Generator[OpenStore]:
    """Open the history file of a run, and Ray as its executor; see `run_managed`."""
    slots, needs, times = max(jobs, 1), dict(resources or {"cpu": 1}), _checked(retries)
    with ExitStack() as stack:
        place = directory or Path(stack.enter_context(TemporaryDirectory(prefix="nasbridge-")))
        judge = None if scheduler is None else SchedulerAdapter(scheduler, experiment.objectives[0])
        store = RayStore(stack.enter_context(open_history_store(experiment, place, "ray_tune")))
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
        yield OpenStore(store, executor, directory=place)


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
    on_accepted: Accepted | None = None,
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
        on_accepted: Called when the storage has accepted the run, before the first trial.

    Returns:
        The whole history.

    Raises:
        BackendError: No cluster, a machine without what trials need, an option that is unfit.
        Unsupported: An option is unknown.
        HistoryError: The directory belongs to another experiment, or is in use.
    """
    opening = open_store(
        experiment, directory, jobs, address, resources, retries, scheduler, callbacks
    )
    return run_managed(experiment, directory, jobs, observer, on_accepted, opening)


def _checked(retries: object) -> int:
    """Return a number of repetitions, if it is one."""
    if type(retries) is not int or retries < 0:  # Ray would take -1 for "without end"
        raise BackendError(
            f"retries={retries!r}: how often a trial is repeated whose worker was lost is an int "
            "from 0, as retries=3"
        )
    return retries


def store_history(history: History, directory: Path) -> None:
    """Store a history so that `run` continues it, and shows its trials as Ray's own.

    Running trials become interrupted ones, which are repeated.

    Args:
        history: The history, of any backend.
        directory: The new run's directory.

    Raises:
        HistoryError: The directory holds a history already.
    """
    save_history(history, directory, "ray_tune")
