# pyright: basic
# Ray's types are of little use from outside.
"""The backend `ray_tune`: runs trials on a Ray cluster.

Managed runs: `run` places each trial on a node that has its resources. Native integration:
`NASSearcher` is a search algorithm for your own `tune.Tuner`. Both give the same proposals.
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
        adapted = (
            None if scheduler is None else SchedulerAdapter(scheduler, experiment.objectives[0])
        )
        store = RayStore(stack.enter_context(open_history_store(experiment, place, "ray_tune")))
        executor = RayExecutor(
            experiment,
            store,
            slots,
            lambda end: end.enter_context(instance(address, needs, slots)),
            lambda: Trials(experiment, place, needs, times),
            lambda: worker_class(experiment, place),
            adapted,
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
    """Run an experiment under Ray Tune; an interrupted run continues.

    Args:
        experiment: The experiment.
        directory: Holds `history.jsonl`, Ray's experiment directory and the trials' files. In a
            cluster of several machines they must share it. None for a temporary directory.
        jobs: Number of trials that run at a time, in Ray's workers; 0 means 1, since Ray evaluates
            nothing in this process.
        observer: Receives events.
        address: Address of a cluster, as "auto" or "10.0.0.1:6379"; None for a private instance
            on this machine, or for the connection of an earlier `ray.init`.
        resources: What each trial needs, as {"cpu": 2, "gpu": 0.5}; None for one core.
        retries: How often a trial is repeated after its worker or machine was lost, at least 0; a
            trial that raises is not repeated.
        scheduler: An ASHAScheduler or MedianStoppingRule of Ray, which stops trials; None for the
            experiment's pruner.
        callbacks: Callbacks of Ray, such as its loggers for TensorBoard and MLflow.
        on_accepted: Called when the storage has accepted the run, before the first trial.

    Returns:
        The whole history, earlier runs included.

    Raises:
        BackendError: There is no cluster, no node has the resources, or an option is invalid.
        HistoryError: The directory belongs to another experiment, or is in use.
        TooManyFailures: As many trials in a row failed as the experiment allows.
    """
    opening = open_store(
        experiment, directory, jobs, address, resources, retries, scheduler, callbacks
    )
    return run_managed(
        experiment, directory, jobs, observer, on_accepted, opening, supplies_executor=True
    )


def _checked(retries: object) -> int:
    """Return the number of retries, or raise if it is invalid."""
    if type(retries) is not int or retries < 0:  # Ray takes -1 for "without end"
        raise BackendError(
            f"retries={retries!r}: give an int from 0, how often a trial is repeated after its "
            "worker was lost"
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
