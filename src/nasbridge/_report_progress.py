"""Charts of progress: the best value so far, over trials and over time."""

from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import Any

from ._report_chart import BEST, COMPLETE, Chart, axis, axis_of, layout, outside, trace
from ._report_text import hover, number
from ._report_view import View
from .strategies import Objective, Trial

__all__ = ["progress_charts"]

UNITS = ((7200.0, 3600.0, "hours"), (120.0, 60.0, "minutes"), (0.0, 1.0, "seconds"))
"""From how many seconds on a unit is used, how long it is, and its name."""


def progress_charts(view: View) -> Iterator[Chart]:
    """Draw the best value so far of each objective: over trials and, if known, over time."""
    if not view.scored:
        return
    places = {trial.number: place for place, trial in enumerate(view.finished, start=1)}
    for position, objective in enumerate(view.history.objectives):
        yield _chart(
            view,
            objective,
            f"progress-{position}-trials",
            f"Best {objective.metric} over trials",
            axis("trials finished", rangemode="tozero"),
            lambda trial: places[trial.number],
        )
        if view.searched is not None and all(view.clock(t) is not None for t in view.scored):
            unit, name = _unit(view.searched)
            yield _chart(
                view,
                objective,
                f"progress-{position}-time",
                f"Best {objective.metric} over time",
                axis(f"{name} of search", rangemode="tozero"),
                lambda trial, unit=unit: (view.clock(trial) or 0.0) / unit,
            )


def _unit(seconds: float) -> tuple[float, str]:
    return next((length, name) for least, length, name in UNITS if seconds >= least)


def _chart(
    view: View,
    objective: Objective,
    name: str,
    title: str,
    x: dict[str, Any],
    place: Callable[[Trial], float],
) -> Chart:
    metric, sign = objective.metric, objective.sign
    values = [trial.values[metric] for trial in view.scored]
    best = [sign * score for score in accumulate((sign * value for value in values), max)]
    line = trace(
        "best so far",
        [*map(place, view.scored), place(view.finished[-1])],
        [*best, best[-1]],
        mode="lines",
        line={"color": BEST, "width": 2.5, "shape": "hv"},
        hoverinfo="skip",
    )
    dots = trace(
        "complete",
        list(map(place, view.scored)),
        values,
        mode="markers",
        marker={"color": COMPLETE, "size": 7, "opacity": 0.55},
        hovertext=[hover(trial, view.history.objectives) for trial in view.scored],
        hoverinfo="text",
    )
    y = axis_of(objective, values, "↑↓")
    leader = view.scored[best.index(best[-1])].number
    alt = (
        f"{title}: from {number(best[0])} to {number(best[-1])}, which trial {leader} reached; "
        f"{len(values)} complete trials."
    )
    return Chart(name, title, alt, outside(y, values), [dots, line], layout(x, y))
