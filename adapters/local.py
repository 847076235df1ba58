"""The backend `local`: no framework at all; a history file is the storage."""

import json
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, final

from ..spaces import Searchable, from_json
from ..strategies import History, HistoryFile, Search, Step, Trial
from ._drive import Experimental, Observer, Silent, drive, pruned_by, runner_for
from ._support import Support

__all__ = ["SUPPORT", "from_native", "load", "run", "store_history", "to_native"]

SUPPORT = Support(
    storage="history.jsonl (JSON Lines)",
    hook="Search: ask, tell",
    pruning="nasbridge.MedianPruner",
)

FILE = "history.jsonl"


def to_native(space: Searchable) -> str:
    """Return a space as this backend's own description, which is ours: JSON."""
    return space.to_json()


def from_native(native: str) -> Searchable:
    """Read a space from its JSON."""
    return from_json(native)


@final
class _Store:
    """The trials of an experiment in memory and, with a directory, in its history file."""

    def __init__(
        self, experiment: Experimental, settings: History, file: HistoryFile | None
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
            self._continue(load(file.path, experiment.space))

    def _continue(self, before: History) -> None:
        self._search.replay(before)
        if "skipped" in before.facts:  # numbers that another backend has given in vain
            facts = {**self._history.facts, "skipped": before.facts["skipped"]}
            self._history = replace(self._history, facts=facts)
            self._next = max(before.facts["skipped"]) + 1
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

    def finish(self, trial: Trial) -> None:
        if self._file is not None:
            self._file.finish(trial)
        del self._running[trial.number]
        self._trials[trial.number] = trial
        self._search.tell(trial)


def run(
    experiment: Experimental,
    directory: Path | None = None,
    jobs: int = 0,
    observer: Observer | None = None,
    **options: Any,
) -> History:
    """Run a whole experiment; one that was interrupted goes on where it was.

    Args:
        experiment: What to run.
        directory: Where `history.jsonl` and the trials' files are; None keeps all in memory.
        jobs: Number of worker processes; 0 evaluates in this process.
        observer: Is told what happens.
        **options: None; other backends have some.

    Returns:
        The whole history.

    Raises:
        Unsupported: An option is given.
        HistoryError: The directory belongs to another experiment, or is in use.
    """
    SUPPORT.refuse("local", options)
    if directory is not None:
        experiment = experiment.as_begun(_strategy_in(directory / FILE))
    settings = History(
        experiment.space,
        experiment.objectives,
        seed=experiment.seed,
        strategy=repr(experiment.strategy),
        facts={"backend": "local"},
    )
    runner = runner_for(experiment, jobs)
    with ExitStack() as stack:
        file = None
        if directory is not None:
            file = stack.enter_context(HistoryFile(directory / FILE, settings))
        store = _Store(experiment, settings, file)
        return drive(experiment, store, runner, directory, observer or Silent())


def _strategy_in(file: Path) -> str:
    """Return the strategy in a history file's header, as text; damage is told elsewhere."""
    try:
        with file.open("rb") as lines:
            return str(json.loads(lines.readline())["strategy"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def load(location: Path | str, space: Searchable | None = None) -> History:
    """Read a finished or half-finished experiment.

    Args:
        location: The experiment's directory, or its history file.
        space: The space, where the file's own description is not enough.

    Raises:
        HistoryError: There is no history, or it is damaged.
    """
    path = Path(location)
    return History.load(path / FILE if path.is_dir() else path, space)


def store_history(history: History, directory: Path, **options: Any) -> None:
    """Write a history where `run` goes on with it as if it had always been here.

    Running trials become interrupted ones, which are repeated.

    Args:
        history: The history, of any backend.
        directory: The new run's directory.
        **options: None; other backends have some.

    Raises:
        HistoryError: The directory holds a history already.
    """
    SUPPORT.refuse("local", options)
    replace(history, facts={**history.facts, "backend": "local"}).save(directory / FILE)
