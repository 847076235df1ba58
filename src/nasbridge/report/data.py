"""The history of a report: which trials count, which are best, and when they ran."""

import math
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from heapq import nlargest
from typing import final

from ..strategies import History, Trial, non_dominated

__all__ = ["ReportData"]

TOP = 5  # trials that are shown as pictures
DOTS = 2_000  # trials in a chart
ROWS = 1_000  # best trials, and latest trials, in the table


@final
@dataclass(frozen=True)
class ReportData:
    """A history with the derived values that the parts of a report share.

    Attributes:
        history: The history.
    """

    history: History

    @cached_property
    def finished(self) -> tuple[Trial, ...]:
        """The finished trials, in the order in which they finished."""
        return self.history.of_state("complete", "pruned", "failed")

    @cached_property
    def scored(self) -> tuple[Trial, ...]:
        """The complete trials with finite objectives."""
        objectives = self.history.objectives
        return tuple(
            trial
            for trial in self.history.of_state("complete")
            if trial.scores(objectives) is not None
        )

    @cached_property
    def states(self) -> dict[str, int]:
        """The number of trials in each state that occurs."""
        counted = Counter[str](trial.state for trial in self.history)
        order = ("complete", "pruned", "failed", "running")
        return {state: counted[state] for state in order if counted[state]}

    @cached_property
    def drawn(self) -> tuple[Trial, ...]:
        """The scored trials that charts show: all improvements, and some of many others."""
        if len(self.scored) <= DOTS:
            return self.scored
        kept = {trial.number for trial in self.front}
        for objective in self.history.objectives:
            best = -math.inf
            for trial in self.scored:
                score = objective.sign * trial.values[objective.metric]
                if score > best:
                    best = score
                    kept.add(trial.number)
        others = [trial for trial in self.scored if trial.number not in kept]
        step = max(len(others) / max(DOTS - len(kept), 1), 1.0)
        spread = {others[int(k * step)].number for k in range(int(len(others) / step))}
        return tuple(trial for trial in self.scored if trial.number in kept | spread)

    @property
    def thinning(self) -> str:
        """How many trials charts show, as a sentence; empty if all."""
        if len(self.drawn) == len(self.scored):
            return ""
        return (
            f"{len(self.drawn):,} of {len(self.scored):,} complete trials are drawn, all "
            "improvements among them."
        )

    @cached_property
    def listed(self) -> tuple[Trial, ...]:
        """The trials of the table: all, or the best and the latest of many."""
        trials = tuple(self.history)
        if len(trials) <= 2 * ROWS:
            return trials
        first = self.history.objectives[0]
        best = nlargest(ROWS, self.scored, key=lambda t: first.sign * t.values[first.metric])
        kept = {trial.number for trial in (*best, *trials[-ROWS:])}
        return tuple(trial for trial in trials if trial.number in kept)

    @cached_property
    def front(self) -> tuple[Trial, ...]:
        """The non-dominated trials, the best in the first objective first."""
        objectives = self.history.objectives
        scores = [trial.scores(objectives) or () for trial in self.scored]
        order = sorted(non_dominated(scores), key=lambda k: scores[k], reverse=True)
        return tuple(self.scored[k] for k in order)

    @property
    def leaders(self) -> tuple[Trial, ...]:
        """The best trial, or the Pareto front; empty if no trial is complete."""
        return self.top[:1] if len(self.history.objectives) == 1 else self.front

    @cached_property
    def top(self) -> tuple[Trial, ...]:
        """The five best trials, or five spread over the Pareto front."""
        objectives = self.history.objectives
        if len(objectives) == 1:
            ranked = sorted(self.scored, key=lambda t: t.scores(objectives) or (), reverse=True)
            return tuple(ranked[:TOP])
        number = min(TOP, len(self.front))
        last = len(self.front) - 1
        return tuple(self.front[round(k * last / max(number - 1, 1))] for k in range(number))

    @cached_property
    def _busy(self) -> list[tuple[float, float, float]]:
        """Spans in which at least one trial ran: start, end, and busy seconds before the start."""
        spans: list[tuple[float, float, float]] = []
        for started, finished in sorted(filter(None, map(_span, self.finished))):
            if spans and started <= spans[-1][1]:
                start, end, before = spans[-1]
                spans[-1] = start, max(end, finished), before
            else:
                before = spans[-1][2] + spans[-1][1] - spans[-1][0] if spans else 0.0
                spans.append((started, finished, before))
        return spans

    def clock(self, trial: Trial) -> float | None:
        """Return the search time at which a trial ended, in seconds.

        Pauses in which no trial ran do not count. None if the trial's times are unknown.
        """
        span = _span(trial)
        if span is None:
            return None
        position = bisect_right(self._busy, span[1], key=lambda busy: busy[0]) - 1
        start, _, before = self._busy[position]
        return before + span[1] - start

    @cached_property
    def searched(self) -> float | None:
        """The seconds in which at least one trial ran; None if unknown."""
        return sum(end - start for start, end, _ in self._busy) if self._busy else None

    @cached_property
    def evaluated(self) -> float:
        """The seconds of all evaluations, summed."""
        return sum(trial.seconds or 0.0 for trial in self.finished)


def _span(trial: Trial) -> tuple[float, float] | None:
    """Return the start and the end of a trial, if both are known and in order."""
    if trial.started is None or trial.finished is None or trial.finished < trial.started:
        return None
    return trial.started, trial.finished
