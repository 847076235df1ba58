"""The progress bar of a search: best value, trials, remaining time."""

import sys
import time
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, final

from .engine import Observer
from .strategies import History, Trial

if TYPE_CHECKING:
    from rich.table import Table

    from .engine.driver import ExperimentSpec

__all__ = ["ProgressBar", "duration", "progress"]


@contextmanager
def progress(experiment: "ExperimentSpec", observer: Observer | None) -> Generator[Observer]:
    """Show a progress bar inside the context, if standard error is a terminal.

    Args:
        experiment: What is run.
        observer: Replaces the bar.
    """
    from rich.live import Live

    from .terminal import safe_console

    bar = ProgressBar(experiment)
    console = safe_console(file=sys.stderr)
    if observer is not None or not console.is_terminal:
        yield observer or bar
        return
    with Live(bar, console=console, refresh_per_second=4):
        yield bar


@final
class ProgressBar:
    """One line of progress, a renderable of rich.

    Args:
        experiment: What is run.
    """

    def __init__(self, experiment: "ExperimentSpec") -> None:
        self._trials, self._seconds = experiment.trials, experiment.seconds
        self._best = History(experiment.space, experiment.objectives)  # the best trials, or front
        self._states = Counter[str]()
        self._began = self._latest = time.monotonic()
        self._ended = 0  # in this run

    def begun(self, history: History) -> None:
        self._began = self._latest = time.monotonic()
        for trial in history.of_state("complete", "pruned", "failed"):
            self._count(trial)

    def finished(self, trial: Trial) -> None:
        self._count(trial)
        self._ended += 1
        self._latest = time.monotonic()

    def _count(self, trial: Trial) -> None:
        self._states[trial.state] += 1
        if trial.state == "complete":
            known = replace(self._best, trials=(*self._best.trials, trial))
            best = known.pareto if len(known.objectives) > 1 else (known.best,)
            self._best = replace(known, trials=best)

    def __rich__(self) -> "Table":
        from rich.progress_bar import ProgressBar as Bar
        from rich.table import Table
        from rich.text import Text

        now = time.monotonic()
        shown = Table.grid(padding=(0, 1))
        shown.add_column(width=20)
        shown.add_column(no_wrap=True, overflow="ellipsis")
        shown.add_row(Bar(total=1, completed=self._share(now)), Text(self._text(now)))
        return shown

    def _share(self, now: float) -> float:
        """Return the used share of the trials or of the time, from 0 to 1."""
        shares = [0.0]
        if self._trials is not None:
            shares.append(self._states.total() / self._trials)
        if self._seconds:
            shares.append((now - self._began) / self._seconds)
        return min(max(shares), 1.0)

    def _text(self, now: float) -> str:
        done, left = self._states.total(), self._left(now)
        parts = [
            f"{done}/{self._trials}" if self._trials else f"{done} trials",
            self._best_value(),
            "" if left is None else f"about {duration(left)} left",
            *(f"{n} {state}" for state in ("pruned", "failed") if (n := self._states[state])),
            duration(now - self._began),
        ]
        return ", ".join(filter(None, parts))

    def _best_value(self) -> str:
        if not self._best.trials:
            return ""
        metrics = [objective.metric for objective in self._best.objectives]
        if len(metrics) > 1:
            return f"Pareto front of {len(self._best)}"
        return f"best {metrics[0]} {self._best.best.values[metrics[0]]:.4g}"

    def _left(self, now: float) -> float | None:
        """Estimate the remaining seconds from the pace of this run's trials."""
        bounds: list[float] = []
        if self._trials is not None and self._ended:
            pace = (self._latest - self._began) / self._ended
            left = self._trials - self._states.total()
            bounds.append(max(pace * left - (now - self._latest), 0.0))
        if self._seconds is not None:
            bounds.append(max(self._seconds - (now - self._began), 0.0))
        return min(bounds) if bounds and self._states.total() != self._trials else None


def duration(seconds: float) -> str:
    """Format a duration, as "3 min 20 s"."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
