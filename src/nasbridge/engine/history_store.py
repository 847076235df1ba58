"""A history file as the store of an experiment's trials; one process at a time."""

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import final

from ..strategies import History, HistoryFile, Search, Step, Trial
from .driver import ExperimentSpec, pruned_by

__all__ = ["HistoryStore", "settings_of", "strategy_in"]


def settings_of(experiment: ExperimentSpec, backend: str) -> History:
    """Return an empty history that says what is searched.

    Args:
        experiment: The experiment.
        backend: The backend's name.
    """
    return History(
        experiment.space,
        experiment.objectives,
        seed=experiment.seed,
        strategy=repr(experiment.strategy),
        metadata={"backend": backend},
    )


def strategy_in(file: Path) -> str:
    """Return the strategy in a history file's header, as text; damage is told elsewhere."""
    try:
        with file.open("rb") as lines:
            return str(json.loads(lines.readline())["strategy"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


@final
class HistoryStore:
    """The trials of an experiment in memory and, with a directory, in its history file.

    Args:
        experiment: The experiment.
        settings: What is searched; see `settings_of`.
        file: The history file, or None.
    """

    def __init__(
        self, experiment: ExperimentSpec, settings: History, file: HistoryFile | None
    ) -> None:
        self._experiment = experiment
        self._search = Search(
            experiment.strategy, experiment.space, experiment.objectives, experiment.seed
        )
        self._history = settings
        self._file = file
        self._next = 0  # the number of the next new trial
        self._trials: dict[int, Trial] = {}
        self._running: dict[int, Trial] = {}
        self._interrupted: list[Trial] = []
        if file is not None:
            self._continue(History.load(file.path, experiment.space))

    def _continue(self, before: History) -> None:
        self._search.replay(before)
        self._history = replace(self._history, skipped=before.skipped)
        self._next = max(before.skipped, default=-1) + 1
        for trial in before:
            if trial.state == "running":
                self._interrupted.append(trial)
            else:
                self._trials[trial.number] = trial
            self._next = max(self._next, trial.number + 1)

    def history(self) -> History:
        unfinished = (*self._running.values(), *self._interrupted)
        trials = (*self._trials.values(), *sorted(unfinished, key=lambda trial: trial.number))
        return replace(self._history, trials=trials)

    def begin(self, limit: float) -> Trial | None:
        if self._interrupted:
            architecture = self._interrupted[0].architecture
            trial = Trial(self._interrupted.pop(0).number, architecture, started=time.time())
        else:
            if self._next >= limit:
                return None
            trial = Trial(self._next, self._search.ask(self._next), started=time.time())
            self._next += 1
        self._running[trial.number] = trial
        if self._file is not None:
            self._file.start(trial)
        return trial

    def report(self, trial: Trial, step: Step) -> bool:
        self._running[trial.number] = trial
        if self._file is not None:
            self._file.report(trial.number, step)
        others = [
            *self._trials.values(),
            *(other for number, other in self._running.items() if number != trial.number),
        ]
        return pruned_by(self._experiment.pruner, trial, others, self._experiment.objectives)

    def restart(self, number: int) -> None:
        """Forget what a running trial has reported: it begins anew."""
        trial = replace(self._running[number], curve=(), started=time.time())
        self._running[number] = trial
        if self._file is not None:
            self._file.start(trial)

    def finish(self, trial: Trial) -> None:
        if self._file is not None:
            self._file.finish(trial)
        del self._running[trial.number]
        self._trials[trial.number] = trial
        self._search.tell(trial)
