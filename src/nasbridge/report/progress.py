"""Charts of progress: the best value so far, over trials and over time."""

from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import Any, NamedTuple

from ..strategies import Objective
from .chart import (
    BEST,
    COMPLETE,
    Chart,
    axis,
    axis_of,
    axis_of_counts,
    layout,
    outside,
    trace,
)
from .data import ReportData
from .text import hover, number

__all__ = ["progress_charts"]

UNITS = ((7200.0, 3600.0, "hours"), (120.0, 60.0, "minutes"), (0.0, 1.0, "seconds"))
"""From how many seconds on a unit is used, how long it is, and its name."""


class Clock(NamedTuple):
    """What progress is measured in.

    Attributes:
        name: As "trials".
        axis: The axis of a chart.
        places: When each finished trial ended, by its number.
    """

    name: str
    axis: dict[str, Any]
    places: Mapping[int, float]


def progress_charts(data: ReportData) -> Iterator[Chart]:
    """Draw the best value so far of each objective: over trials and, if known, over time."""
    if data.scored:
        clocks = list(_clocks(data))
        for position, objective in enumerate(data.history.objectives):
            for clock in clocks:
                yield _chart(data, objective, clock, f"progress-{position}-{clock.name}")


def _clocks(data: ReportData) -> Iterator[Clock]:
    counted = {trial.number: float(k) for k, trial in enumerate(data.finished, start=1)}
    yield Clock("trials", axis_of_counts("trials finished", len(counted)), counted)
    ended = {trial.number: data.clock(trial) for trial in data.finished}
    known = {number: seconds for number, seconds in ended.items() if seconds is not None}
    if known.keys() == counted.keys():
        longest = max(known.values())
        unit, name = next((length, name) for least, length, name in UNITS if longest >= least)
        across = axis(f"{name} of search", rangemode="tozero")
        yield Clock("time", across, {n: known[n] / unit for n in known})


def _chart(data: ReportData, objective: Objective, clock: Clock, name: str) -> Chart:
    metric, sign = objective.metric, objective.sign
    values = [trial.values[metric] for trial in data.scored]
    best = [sign * score for score in accumulate((sign * value for value in values), max)]
    steps = [k for k, value in enumerate(best) if k == 0 or value != best[k - 1]]
    line = trace(
        "best so far",
        [*(clock.places[data.scored[k].number] for k in steps), max(clock.places.values())],
        [*(best[k] for k in steps), best[-1]],
        mode="lines",
        line={"color": BEST, "width": 2.5, "shape": "hv"},
        hoverinfo="skip",
    )
    dots = trace(
        "complete",
        [clock.places[trial.number] for trial in data.drawn],
        [trial.values[metric] for trial in data.drawn],
        mode="markers",
        marker={"color": COMPLETE, "size": 7, "opacity": 0.6},
        hovertext=[hover(trial, data.history.objectives) for trial in data.drawn],
        hoverinfo="text",
    )
    y = axis_of(objective, values, "↑↓")
    leader = data.scored[best.index(best[-1])].number
    title = f"Best {metric} over {clock.name}"
    alt = (
        f"{title}: from {number(best[0])} to {number(best[-1])}, which trial {leader} reached; "
        f"{len(values)} complete trials."
    )
    caption = " ".join(filter(None, [outside(y, values), data.thinning]))
    return Chart(name, title, alt, caption, [dots, line], layout(clock.axis, y))
