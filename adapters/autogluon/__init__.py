# pyright: basic
# AutoGluon ships no types that can be relied on.
"""The backend `autogluon`: AutoGluon keeps its leaderboard, ensembles, bagging and predictors.

Native integration: `NASSearcher` searches any model in `TabularPredictor.fit`, and `KerasModel`
trains the networks of a space there; `nas_hyperparameters` combines both in one line. Managed runs:
`run` runs an experiment with AutoGluon's `LocalSequentialScheduler` as its loop.

What is stored, and what a kill leaves:

| written, in this order | by | left by a kill before the next write |
| --- | --- | --- |
| `start` of a trial in `history.jsonl` | both | a running trial, which is repeated |
| `report` in `history.jsonl` | managed runs | a running trial, which is repeated |
| the model's folder | AutoGluon | a folder, which AutoGluon writes again |
| `finish` of a trial in `history.jsonl` | both | a finished trial |

A managed run has the file in its directory, a native search in the model's folder. AutoGluon
itself does not store searches.
"""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ...engine.driver import Accepted, ExperimentSpec, Observer
from ...engine.errors import BackendError
from ...engine.history_store import HISTORY_FILE, open_history_store, save_history
from ...engine.run import OpenStore, run_managed
from ...spaces import SearchSpace
from ...strategies import History
from ..registry import BACKENDS
from .fit import SEARCH, fit_in_two_passes, nas_hyperparameters
from .loop import scheduled
from .model import KerasModel
from .searcher import NASSearcher
from .space import ArchitectureSpace, architecture_from, from_native, to_native
from .torch import TorchModel

__all__ = [
    "ArchitectureSpace",
    "CAPABILITIES",
    "KerasModel",
    "NASSearcher",
    "TorchModel",
    "architecture_from",
    "fit_in_two_passes",
    "from_native",
    "load",
    "nas_hyperparameters",
    "run",
    "store_history",
    "to_native",
]

CAPABILITIES = BACKENDS["autogluon"].capabilities


@contextmanager
def open_store(
    experiment: ExperimentSpec, directory: Path | None, jobs: int
) -> Generator[OpenStore]:
    """Open the history file of a run; see `run_managed`."""
    with open_history_store(experiment, directory, "autogluon") as store:
        yield OpenStore(store, loop=scheduled if jobs < 2 else None)


def run(
    experiment: ExperimentSpec,
    directory: Path | None = None,
    jobs: int = 0,
    observer: Observer | None = None,
    on_accepted: Accepted | None = None,
) -> History:
    """Run an experiment under AutoGluon's scheduler; an interrupted run continues.

    Args:
        experiment: The experiment.
        directory: Holds `history.jsonl` and the trials' files; None keeps the trials in memory.
        jobs: Number of worker processes; 0 evaluates in this process. With more than one, the
            driver's loop replaces AutoGluon's, which runs one trial at a time.
        observer: Receives events.
        on_accepted: Called when the storage has accepted the run, before the first trial.

    Returns:
        The whole history, earlier runs included.

    Raises:
        HistoryError: The directory belongs to another experiment, or is in use.
        TooManyFailures: As many trials in a row failed as the experiment allows.
    """
    opening = open_store(experiment, directory, jobs)
    return run_managed(experiment, directory, jobs, observer, on_accepted, opening)


def load(location: Path | str | Any, space: SearchSpace | None = None) -> History:
    """Return the history of a run, or of the search in a predictor, finished or not.

    Args:
        location: A run's directory, its history file, a `TabularPredictor` or its directory.
        space: The space; needed if it holds functions or classes.

    Raises:
        BackendError: There is no history, or there are several.
        HistoryError: The history is damaged.
    """
    path = Path(getattr(location, "path", location))
    if path.is_file():
        return History.load(path, space)
    found = sorted(_files_in(path))
    if not found:
        raise BackendError(
            f"there is no {HISTORY_FILE} in {path}: give the directory of a run, or of a predictor "
            "that was fitted with nas_hyperparameters or a NASSearcher"
        )
    if len(found) > 1:
        raise BackendError(
            f"{path} holds several searches: give one of {', '.join(map(str, found))}"
        )
    return History.load(found[0], space)


def _files_in(path: Path) -> Iterator[Path]:
    if (path / HISTORY_FILE).is_file():
        yield path / HISTORY_FILE
    else:
        yield from path.glob(f"models/*/{HISTORY_FILE}")
        yield from path.glob(f"{SEARCH}/models/*/{HISTORY_FILE}")  # of a first pass that was killed


def store_history(history: History, directory: Path) -> None:
    """Store a history so that `run` continues it.

    Running trials become interrupted ones, which are repeated.

    Args:
        history: The history, of any backend.
        directory: The new run's directory.

    Raises:
        HistoryError: The directory holds a history already.
    """
    save_history(history, directory, "autogluon")
