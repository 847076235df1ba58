"""Progress of a search in a terminal: best value, trials left, time left."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, final

from .adapters import Observer
from .strategies import History, Trial

if TYPE_CHECKING:
    from rich.progress import Progress

    from .adapters._drive import Experimental

__all__ = ["progress"]


@contextmanager
def progress(experiment: "Experimental", observer: Observer | None) -> Iterator[Observer]:
    """Show a progress bar while the context lasts, if there is a terminal to show it in.

    Args:
        experiment: What is run.
        observer: Takes the bar's place.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    if observer is not None:
        yield observer
        return
    columns = (
        TextColumn("[bold]{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[said]}"),
        TimeElapsedColumn(),
    )
    console = Console(file=sys.stderr)
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        yield _Bar(bar, experiment)


@final
class _Bar:
    """Keeps a bar up to date."""

    def __init__(self, bar: "Progress", experiment: "Experimental") -> None:
        self._bar, self._experiment = bar, experiment
        self._trials: list[Trial] = []
        self._began = time.monotonic()
        self._ended = 0  # in this run
        self._task = bar.add_task("searching", total=experiment.trials, said="")

    def begun(self, history: History) -> None:
        self._trials = list(history.of_state("complete", "pruned", "failed"))
        self._show()

    def finished(self, trial: Trial) -> None:
        self._trials.append(trial)
        self._ended += 1
        self._show()

    def _show(self) -> None:
        done = len(self._trials)
        said = [f"{done} of {self._experiment.trials or 'any number of'} trials", self._best()]
        left = self._left(done)
        if left is not None:
            said.append(f"about {_duration(left)} left")
        for state in ("pruned", "failed"):
            number = sum(trial.state == state for trial in self._trials)
            said.extend([f"{number} {state}"] * (number > 0))
        self._bar.update(self._task, completed=done, said=", ".join(filter(None, said)))

    def _best(self) -> str:
        history = History(self._experiment.space, self._experiment.objectives, tuple(self._trials))
        if not history.of_state("complete"):
            return ""
        if len(history.objectives) > 1:
            return f"Pareto front of {len(history.pareto)}"
        metric = history.objectives[0].metric
        return f"best {metric} {history.best.values[metric]:.4g}"

    def _left(self, done: int) -> float | None:
        spent = time.monotonic() - self._began
        bounds: list[float] = []
        if self._experiment.trials is not None and self._ended:
            bounds.append(spent / self._ended * max(self._experiment.trials - done, 0))
        if self._experiment.seconds is not None:
            bounds.append(max(self._experiment.seconds - spent, 0))
        return min(bounds) if bounds else None


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
