"""A history file as the store of an experiment's trials; one process at a time.

Each event is one line, appended and flushed before the driver continues. A kill leaves at most one
torn line, which is dropped, and running trials, which are repeated under their numbers.
"""

import json
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import final

from ..strategies import History, HistoryFile, Step, Trial
from .driver import ExperimentSpec, pruned_by
from .trial_log import TrialLog

__all__ = ["HISTORY_FILE", "HistoryStore", "open_history_store", "save_history"]

HISTORY_FILE = "history.jsonl"


@contextmanager
def open_history_store(
    experiment: ExperimentSpec, directory: Path | None, backend: str
) -> Generator["HistoryStore"]:
    """Open the history file of a run while the context lasts.

    Args:
        experiment: The experiment.
        directory: The run's directory; None keeps the trials in memory.
        backend: The backend's name, for the history's metadata.

    Raises:
        HistoryError: The file is of another experiment, is damaged or in use.
    """
    if directory is None:
        yield HistoryStore(experiment, backend)
        return
    path = directory / HISTORY_FILE
    experiment = experiment.with_original_strategy(_strategy_in(path))
    with HistoryFile(path, _empty_history(experiment, backend)) as file:
        yield HistoryStore(experiment, backend, file)


def save_history(history: History, directory: Path, backend: str) -> None:
    """Write a history as the history file of a new run.

    Args:
        history: The history, of any backend.
        directory: The new run's directory.
        backend: The backend that will continue it.

    Raises:
        HistoryError: The directory holds a history already.
    """
    metadata = {**history.metadata, "backend": backend}
    replace(history, metadata=metadata).save(directory / HISTORY_FILE)


def _strategy_in(file: Path) -> str:
    """Return the strategy in a file's header; `HistoryFile` reports damage."""
    try:
        with file.open("rb") as lines:
            return str(json.loads(lines.readline())["strategy"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _empty_history(experiment: ExperimentSpec, backend: str) -> History:
    return History(
        experiment.space,
        experiment.objectives,
        seed=experiment.seed,
        strategy=repr(experiment.strategy),
        metadata={"backend": backend},
    )


@final
class HistoryStore:
    """The trials of an experiment in memory and, with a file, on disk.

    Args:
        experiment: The experiment.
        backend: The backend's name, for the history's metadata.
        file: The history file, or None.

    Attributes:
        experiment: The experiment, with the strategy that its run was begun with.
    """

    def __init__(
        self, experiment: ExperimentSpec, backend: str, file: HistoryFile | None = None
    ) -> None:
        self.experiment = experiment
        self._backend, self._file = backend, file
        self._log = TrialLog(
            experiment.strategy, experiment.space, experiment.objectives, experiment.seed
        )
        if file is not None:
            self._log.replay(History.load(file.path, experiment.space))
        self._interrupted = list(self._log.running)  # numbers, to be repeated in this order

    def history(self) -> History:
        return self._log.history({"backend": self._backend})

    def begin(self, limit: float) -> Trial | None:
        if self._interrupted:
            interrupted = self._log.running[self._interrupted.pop(0)]
            trial = Trial(interrupted.number, interrupted.architecture, started=time.time())
            self._log.adopt(trial)
        elif self._log.next_number < limit:
            trial = self._log.begin()
        else:
            return None
        if self._file is not None:
            self._file.start(trial)
        return trial

    def report(self, trial: Trial, step: Step) -> bool:
        self._log.adopt(trial)
        if self._file is not None:
            self._file.report(trial.number, step)
        if self.experiment.pruner is None:
            return False
        others = [
            other
            for other in self._log.others(trial.number)
            if other.number not in self._interrupted
        ]
        return pruned_by(self.experiment.pruner, trial, others, self.experiment.objectives)

    def restart(self, number: int) -> None:
        """Discard the reports of a running trial, which begins again."""
        trial = replace(self._log.running[number], curve=(), started=time.time())
        self._log.adopt(trial)
        if self._file is not None:
            self._file.start(trial)

    def finish(self, trial: Trial) -> None:
        if self._file is not None:
            self._file.finish(trial)
        self._log.finish(trial)
