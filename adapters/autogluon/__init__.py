# pyright: basic
# AutoGluon ships no types that can be relied on.
"""The backend `autogluon`: leaderboard, ensemble, bagging and predictors stay AutoGluon's own.

Two doors. Theirs: `NASSearcher` leads the search of any model in `TabularPredictor.fit`, and
`KerasModel` brings the networks of our spaces there; `nas_hyperparameters` is both in one line.
Ours: `run` drives a whole experiment, whatever it evaluates, with AutoGluon's own
`LocalSequentialScheduler` as its loop. That knows one trial at a time: with `jobs` above 1 the
loop is ours. AutoGluon stores no search, so `history.jsonl` does.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...engine.driver import ExperimentSpec, Observer, Silent, drive, executor_for
from ...engine.errors import BackendError
from ...engine.history_store import HistoryStore, settings_of, strategy_in
from ...spaces import SearchSpace
from ...strategies import HISTORY_FILE, History, HistoryFile
from ..registry import BACKENDS
from .executor import scheduled
from .fit import SEARCH, fit_in_two_passes, nas_hyperparameters
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


def run(
    experiment: ExperimentSpec,
    directory: Path | None = None,
    jobs: int = 0,
    observer: Observer | None = None,
    **options: Any,
) -> History:
    """Run a whole experiment; one that was interrupted goes on where it was.

    Args:
        experiment: What to run.
        directory: Where `history.jsonl` and the trials' files are; None keeps all in memory.
        jobs: Number of worker processes; 0 evaluates in this process. With more than one the loop
            is ours, not AutoGluon's.
        observer: Is told what happens.
        **options: None; other backends have some.

    Returns:
        The whole history.

    Raises:
        Unsupported: An option is given.
        HistoryError: The directory belongs to another experiment, or is in use.
    """
    CAPABILITIES.check_options("autogluon", options)
    if directory is not None:
        experiment = experiment.with_original_strategy(strategy_in(directory / HISTORY_FILE))
    settings = settings_of(experiment, "autogluon")
    executor = executor_for(experiment, jobs)
    with ExitStack() as stack:
        file = None
        if directory is not None:
            file = stack.enter_context(HistoryFile(directory / HISTORY_FILE, settings))
        return drive(
            experiment,
            HistoryStore(experiment, settings, file),
            executor,
            directory,
            observer or Silent(),
            scheduled if executor.slots == 1 else None,
        )


def load(location: Path | str | Any, space: SearchSpace | None = None) -> History:
    """Read a finished or half-finished experiment, or the search inside a predictor.

    Args:
        location: A run's directory, its history file, a `TabularPredictor` or its directory.
        space: The space, where the file's own description is not enough.

    Raises:
        BackendError: There is no history, or several.
        HistoryError: It is damaged.
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


def store_history(history: History, directory: Path, **options: Any) -> None:
    """Write a history where `run` goes on with it as if it had always been here.

    Running trials become interrupted ones, which are repeated.

    Args:
        history: The history, of any backend.
        directory: The new run's directory.
        **options: None; other backends have some.

    Raises:
        HistoryError: The directory holds a history already.
        Unsupported: An option is given.
    """
    CAPABILITIES.check_options("autogluon", options)
    replace(history, metadata={**history.metadata, "backend": "autogluon"}).save(
        directory / HISTORY_FILE
    )
