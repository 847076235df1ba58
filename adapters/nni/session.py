# pyright: basic
# NNI ships no types that can be relied on.
"""What a managed run opens, in this order: history file, NNI's manager, relay and store.

NNI itself starts with the first trial that begins, so a finished run starts nothing.
"""

import sys
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any

from nni.assessor import Assessor

from ...engine.driver import ExperimentSpec, executor_for
from ...engine.errors import BackendError
from ...engine.history_store import HistoryStore, open_history_store
from ...engine.run import OpenStore
from .compat import LOOPBACK
from .database import DATABASE, experiment_in, read_database
from .executor import NNIExecutor
from .history import write_experiment
from .manager import Manager
from .relay import Relay
from .reporting import Assessment, assessor_named
from .serving import FOLDER, keep_after, keep_after_error
from .store import NNIStore
from .webui import shown_space

__all__ = ["open_store"]


@contextmanager
def open_store(
    experiment: ExperimentSpec,
    directory: Path | None,
    jobs: int,
    port: int | None = None,
    host: str = LOOPBACK,
    keep: bool = False,
    assessor: Assessor | str | None = None,
) -> Generator[OpenStore]:
    """Open NNI as the storage of a managed run; see `run` and `run_managed`.

    When the run has ended, the context waits until NNI has stored how its trials ended, keeps the
    web UI up if asked to, and ends NNI.
    """
    with ExitStack() as stack:
        place = directory or stack.enter_context(_temporary())
        if isinstance(assessor, str):
            assessor = assessor_named(assessor, experiment.objectives[0])
        executor = executor_for(experiment, jobs)
        history_store = stack.enter_context(open_history_store(experiment, place, "nni"))
        manager = Manager(place / FOLDER, port, host)
        stack.callback(manager.close)
        relay = Relay()
        stack.callback(relay.close)
        store = _store(history_store, place, manager, relay, executor.slots, assessor)
        store.report_missed_ends()
        try:
            yield OpenStore(store, NNIExecutor(executor, store), directory=place)
        except Exception as error:
            if keep:
                keep_after_error(error, store, place)
            raise
        store.wait_for_ends()
        if keep:
            keep_after(store.history(), store, place)


@contextmanager
def _temporary() -> Generator[Path]:
    """Create a directory and remove it afterwards, unless NNI failed: then its logs are needed."""
    place = Path(mkdtemp(prefix="nasbridge-"))
    is_kept = False
    try:
        yield place
    except BackendError as error:
        is_kept = (place / FOLDER).is_dir()
        if not is_kept:
            raise
        raise type(error)(f"{error}; to continue, run with directory={str(place)!r}") from error
    finally:
        if not is_kept:
            rmtree(place)


def _store(
    history_store: HistoryStore,
    place: Path,
    manager: Manager,
    relay: Relay,
    slots: int,
    assessor: Assessor | None,
) -> NNIStore:
    experiment = history_store.experiment
    if experiment_in(place / FOLDER) is None:  # new, or moved here from another backend
        write_experiment(place / FOLDER, history_store.history())
    stored = _Stored.read(place / FOLDER)

    def start() -> Manager:
        settings = {
            "name": place.name,
            "space": shown_space(experiment.space),
            "strategy": type(experiment.strategy).__name__,
            "mode": f"{experiment.objectives[0].direction}imize",
            # Restarted processes of finished trials would wait behind the others.
            "jobs": max(slots, stored.unfinished),
            "trials": stored.limit(history_store),
        }
        manager.start(settings, relay.address)
        print(f"NNI's web UI: {manager.url}", file=sys.stderr)
        return manager

    assessment = None
    if assessor is not None:
        assessment = Assessment(assessor, experiment.objectives, history_store.history())
    return NNIStore(history_store, start, relay, stored.resumed, assessment)


@dataclass(frozen=True)
class _Stored:
    """The trials that NNI has stored before the run.

    Attributes:
        resumed: Numbers of our trials whose processes NNI restarts.
        unfinished: Number of unfinished trials, including those that a user added.
        finished: Number of finished trials.
    """

    resumed: frozenset[int] = frozenset()
    unfinished: int = 0
    finished: int = 0

    @classmethod
    def read(cls, folder: Path) -> "_Stored":
        known = experiment_in(folder)
        if known is None:
            return cls()
        jobs = read_database(folder / known / DATABASE).jobs
        unfinished = [job for job in jobs if job.status in ("WAITING", "RUNNING")]
        numbers: set[Any] = {
            job.record["parameter_id"] for job in unfinished if job.record is not None
        }
        resumed = frozenset(n for n in numbers if isinstance(n, int))
        return cls(resumed, len(unfinished), len(jobs) - len(unfinished))

    def limit(self, history_store: HistoryStore) -> int | None:
        """Return the number of trials at which NNI is done; it counts repeated ones again."""
        trials = history_store.experiment.trials
        if trials is None:
            return None
        history = history_store.history()
        finished = {trial.number for trial in history.of_state("complete", "pruned", "failed")}
        missed = len(self.resumed & finished)
        return max(trials - len(finished), 0) + self.finished + missed
