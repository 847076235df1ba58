# pyright: basic
# NNI ships no types that can be relied on.
"""The backend `nni`: NNI's web UI and assessors, with the right architecture for each trial.

`run` is the managed run; `NASTuner` is the native integration, by its class name in your own NNI
configuration. NNI 3.0 gives parameters to trials in the order in which they ask (microsoft/nni
#5726); here each trial receives the record that NNI stores for its own id.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from nni.assessor import Assessor

from ...engine.driver import Accepted, ExperimentSpec, Observer
from ...engine.errors import BackendError
from ...engine.history_store import HISTORY_FILE, save_history
from ...engine.run import run_managed
from ...spaces import SearchSpace
from ...strategies import History, Objective, objectives_from
from ..registry import BACKENDS
from .compat import LOOPBACK, NODE_OPTIONS
from .ctl import nnictl
from .database import database_at, read_database
from .history import history_of
from .native_trial import next_parameter
from .serving import view
from .session import open_store
from .space import architecture_from, from_native, to_native
from .tuner import NASTuner

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
    """Run an experiment as an NNI experiment; an interrupted run continues.

    NNI starts a light process for each trial, which receives its parameters and represents the
    trial in the web UI. The evaluation runs in this process or in worker processes, as under all
    backends, so a deep-learning library is loaded once and not for each trial.

    Args:
        experiment: The experiment.
        directory: Holds NNI's database, `history.jsonl` and the trials' files; None for a
            temporary directory. If NNI fails, that is kept and the error names it, so that a run
            there can continue.
        jobs: Number of worker processes; 0 evaluates in this process.
        observer: Receives events.
        port: The port of the web UI, from 1 to 65535; None takes a free one.
        host: The address that the web UI listens on, 127.0.0.1 or 0.0.0.0; NNI has no
            authentication.
        keep: Whether the web UI stays up after the run, also after an error, until Ctrl-C.
        assessor: An NNI assessor, or "Medianstop"; None for the experiment's own pruner, if any.
        on_accepted: Called when the storage has accepted the run, before the first trial.

    Returns:
        The whole history, earlier runs included.

    Raises:
        BackendError: NNI does not start, or has ended.
        Unsupported: The port or the host is invalid.
        HistoryError: The directory belongs to another experiment, or is in use.
        TooManyFailures: As many trials in a row failed as the experiment allows.
    """
    opening = open_store(experiment, directory, jobs, port, host, keep, assessor)
    return run_managed(
        experiment, directory, jobs, observer, on_accepted, opening, supplies_executor=True
    )


def load(
    location: Path | str,
    space: SearchSpace | None = None,
    objectives: Mapping[str, str] | Sequence[Objective] | None = None,
) -> History:
    """Return the history of a managed run, or of any other NNI experiment, finished or not.

    A trial that ran with NNI's own client has the parameters that it reports to have received. If
    those differ from the parameters that NNI stores, its note "stored" states so; if they are
    unknown, its note "doubtful" does.

    Args:
        location: A run's directory, the folder of an NNI experiment, or its `nni.sqlite`.
        space: The space; needed if NNI's own search space is not the one that was searched.
        objectives: The objectives of an NNI experiment, as `{"loss": "min", "size": "min"}`: the
            first one is NNI's "default", further ones are metrics beside it. None for "default" in
            the direction of the tuner's `optimize_mode`. A managed run stores its own.

    Raises:
        BackendError: There is no experiment, or its space is unknown, or objectives are given for
            a managed run.
    """
    path = Path(location)
    file = path / HISTORY_FILE
    if file.is_file():
        if objectives is not None:
            raise BackendError(f"{file} holds the objectives of its run: leave out objectives=")
        return History.load(file, space)
    wanted = None if objectives is None else objectives_from(objectives)
    return history_of(read_database(database_at(path)), space, wanted)


def store_history(history: History, directory: Path) -> None:
    """Store a history so that `run` continues it.

    Running trials become interrupted ones, which are repeated. NNI's web UI shows the trials so far
    once the run continues.

    Args:
        history: The history, of any backend.
        directory: The new run's directory.

    Raises:
        HistoryError: The directory holds a history already.
    """
    save_history(history, directory, "nni")
