# pyright: basic
# NNI ships no types that can be relied on.
"""The backend `nni`: NNI's web UI and assessors stay NNI's own, with the right architectures.

Two doors: `run` drives a whole experiment, and `NASTuner` works in an experiment of a user's own,
by its class name. NNI 3.0 hands parameters to trials first come, first served (microsoft/nni#5726);
here each trial takes the record that NNI stores for its own id.
"""

import sys
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

from nni.assessor import Assessor

from ...engine.driver import Accepted, ExperimentSpec, Observer, Silent, drive, executor_for
from ...engine.errors import BackendError
from ...engine.history_store import (
    HISTORY_FILE,
    HistoryStore,
    open_history_store,
    save_history,
)
from ...spaces import SearchSpace
from ...strategies import History, Objective, objectives_from
from ..registry import BACKENDS
from .architecture import architecture_from
from .ctl import nnictl
from .executor import Standing
from .history import database_at, history_of
from .manager import Manager
from .moved import write_experiment
from .node import LOOPBACK, NODE_OPTIONS
from .relay import Relay
from .reporting import Assessment, assessor_named
from .space import from_native, to_native
from .store import NNIStore
from .trials import DATABASE, experiment_in, read_database
from .tuner import NASTuner, next_parameter
from .webui import shown_space

__all__ = [
    "CAPABILITIES",
    "NASTuner",
    "NODE_OPTIONS",
    "architecture_from",
    "from_native",
    "load",
    "next_parameter",
    "nnictl",
    "run",
    "store_history",
    "to_native",
    "view",
]

CAPABILITIES = BACKENDS["nni"].capabilities

FOLDER = "nni"  # NNI's working directory, below ours


def run(
    experiment: ExperimentSpec,
    directory: Path | None = None,
    jobs: int = 0,
    observer: Observer | None = None,
    port: int | None = None,
    host: str = LOOPBACK,
    keep: bool = False,
    assessor: Assessor | str | None = None,
    on_accepted: Accepted | None = None,
) -> History:
    """Run a whole experiment as one of NNI's; one that was interrupted goes on where it was.

    NNI starts a light process for each trial, which takes its parameters and stands for it in the
    web UI. The evaluation itself happens here or in worker processes, as under all backends, so
    that a deep-learning library is loaded once and not for each trial.

    Args:
        experiment: What to run.
        directory: Where NNI's database, `history.jsonl` and the trials' files are; None for a
            place that is removed afterwards, unless NNI fails: then
            the error names it, and a run there goes on.
        jobs: Number of worker processes; 0 evaluates in this process.
        observer: Is told what happens.
        port: The port of the web UI, from 1 to 65535; None takes a free one.
        host: The address that the web UI listens on. NNI has no authentication.
        keep: Whether the web UI stays up in the end, also after an error, until Ctrl-C.
        assessor: Any assessor of NNI, or "Medianstop"; by default none, or the experiment's own
            pruner.
        on_accepted: Called when the storage has accepted the run, before the first trial.

    Returns:
        The whole history.

    Raises:
        BackendError: NNI does not start, or has been ended.
        HistoryError: The directory belongs to another experiment, or is in use.
    """
    with ExitStack() as stack:
        place = directory or stack.enter_context(_temporary())
        if isinstance(assessor, str):
            assessor = assessor_named(assessor, experiment.objectives[0])
        executor = executor_for(experiment, jobs)
        journal = stack.enter_context(open_history_store(experiment, place, "nni"))
        manager = Manager(place / FOLDER, port, host)
        stack.callback(manager.close)
        store = _store(journal, place, manager, executor.slots, assessor, stack)
        store.heal()
        standing = Standing(executor, store)
        return _driven(experiment, store, standing, place, observer or Silent(), keep, on_accepted)


def _driven(
    experiment: ExperimentSpec,
    store: NNIStore,
    standing: Standing,
    place: Path,
    observer: Observer,
    keep: bool,
    on_accepted: Accepted | None,
) -> History:
    """Run, and keep the web UI up, also after an error that NNI has survived."""
    try:
        history = drive(experiment, store, standing, place, observer, on_accepted=on_accepted)
    except Exception as error:
        if keep and store.is_at_work:
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
            store.settle()
            with suppress(BackendError):  # NNI has ended; the first error is what counts
                _keep(store.start(), place)
        raise
    store.settle()
    if keep:
        best = f", the best has {dict(history.best.values)}" if history.of_state("complete") else ""
        print(f"{len(history)} trials{best}", file=sys.stderr)
        _keep(store.start(), place)
    return history


@contextmanager
def _temporary() -> Generator[Path]:
    """Give a place for a run, and remove it; but not if NNI has failed, for its logs say why."""
    place = Path(mkdtemp(prefix="nasbridge-"))
    failed = False
    try:
        yield place
    except BackendError as error:
        failed = (place / FOLDER).is_dir()
        if not failed:
            raise
        raise type(error)(f"{error}; directory={str(place)!r} was kept to go on with") from error
    finally:
        if not failed:
            rmtree(place)


def _store(
    journal: HistoryStore,
    place: Path,
    manager: Manager,
    slots: int,
    assessor: Assessor | None,
    stack: ExitStack,
) -> NNIStore:
    """Return the trials so far as a store; the manager is started with the first new one."""
    experiment = journal.experiment
    if experiment_in(place / FOLDER) is None:  # it comes from another backend
        write_experiment(place / FOLDER, journal.history())
    resumed, open_, ended = _stored(place / FOLDER)
    relay = Relay()
    stack.callback(relay.close)

    def start() -> Manager:
        told = {
            "name": place.name,
            "space": shown_space(experiment.space),
            "strategy": type(experiment.strategy).__name__,
            "mode": f"{experiment.objectives[0].direction}imize",
            "jobs": max(slots, open_),  # those that have ended would wait behind the others
            "trials": _most(experiment, journal, resumed, ended),
        }
        manager.start(told, relay.address)
        print(f"NNI's web UI: {manager.url}", file=sys.stderr)
        return manager

    assessment = None
    if assessor is not None:
        assessment = Assessment(assessor, experiment.objectives, journal.history())
    return NNIStore(experiment, journal, start, relay, resumed, assessment)


def _most(
    experiment: ExperimentSpec, journal: HistoryStore, resumed: frozenset[int], ended: int
) -> int | None:
    """Return after how many of NNI's trials the experiment is done; it may count some twice."""
    if experiment.trials is None:
        return None
    history = journal.history()
    finished = {trial.number for trial in history.of_state("complete", "pruned", "failed")}
    return max(experiment.trials - len(finished), 0) + ended + len(resumed & finished)


def _stored(place: Path) -> tuple[frozenset[int], int, int]:
    """Return what NNI goes on with by itself.

    Returns:
        The numbers of our trials among it, how many there are with those of a user, and how many
        of NNI's trials have ended.
    """
    known = experiment_in(place)
    if known is None:
        return frozenset(), 0, 0
    jobs = read_database(place / known / DATABASE).jobs
    open_ = [job for job in jobs if job.status in ("WAITING", "RUNNING")]
    numbers = {job.record["parameter_id"] for job in open_ if job.record is not None}
    ours = frozenset(n for n in numbers if isinstance(n, int))
    return ours, len(open_), len(jobs) - len(open_)


def _keep(manager: Manager, place: Path) -> None:
    print(f"The web UI of {place} stays at {manager.url} until Ctrl-C", file=sys.stderr)
    try:
        while True:
            time.sleep(0.5)
            manager.check()
    except KeyboardInterrupt:
        pass


def view(directory: Path | str, port: int | None = None, host: str = LOOPBACK) -> None:
    """Show a run, or any stopped experiment of NNI, in NNI's web UI until Ctrl-C.

    Args:
        directory: A run's directory, the folder of an experiment, or what NNI calls its working
            directory.
        port: The port of the web UI; None takes a free one.
        host: The address that it listens on. NNI has no authentication.

    Raises:
        BackendError: There is no experiment, or there are several, or NNI does not start.
    """
    place = Path(directory)
    folder = database_at(place / FOLDER if (place / FOLDER).is_dir() else place).parent.parent
    manager = Manager(folder.parent, port, host)
    try:
        manager.view(folder.name)
        _keep(manager, folder)
    finally:
        manager.close()


def load(
    location: Path | str,
    space: SearchSpace | None = None,
    objectives: Mapping[str, str] | Sequence[Objective] | None = None,
) -> History:
    """Read a finished or half-finished experiment, ours or any other of NNI's.

    Trials that ran with NNI's own client have the parameters that they say they had; where that
    is not known, "doubtful" in their notes says so.

    Args:
        location: A run's directory, the folder of an NNI experiment, or its `nni.sqlite`.
        space: The space, where NNI's own description is not enough.
        objectives: What NNI's own experiment optimized, as `{"loss": "min", "size": "min"}`: the
            first one is NNI's "default", further ones are metrics beside it. None takes the
            tuner's optimize_mode, and knows of no further ones. Runs of ours have their own.

    Raises:
        BackendError: There is no experiment, or its space is not known, or objectives are given
            for a run that has its own.
    """
    path = Path(location)
    if (path / HISTORY_FILE).is_file():
        if objectives is not None:
            raise BackendError(
                f"{path / HISTORY_FILE} says itself what its run optimized: leave out objectives="
            )
        return History.load(path / HISTORY_FILE, space)
    wanted = None if objectives is None else objectives_from(objectives)
    return history_of(read_database(database_at(path)), space, wanted)


def store_history(history: History, directory: Path) -> None:
    """Write a history where `run` goes on with it as if it had always been here.

    Running trials become interrupted ones, which are repeated. When the run goes on, NNI's web UI
    shows the trials so far, too.

    Args:
        history: The history, of any backend.
        directory: The new run's directory.

    Raises:
        HistoryError: The directory holds a history already.
    """
    save_history(history, directory, "nni")
