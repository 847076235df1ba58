"""Charts of learning curves: what trials reported on their way, and where they were stopped."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

from ._report_chart import (
    BEST,
    COMPLETE,
    CROSS,
    FAILED,
    STOPPED,
    Chart,
    axis,
    axis_of,
    layout,
    outside,
    trace,
)
from ._report_text import number
from ._report_view import View
from .strategies import Objective, Trial

__all__ = ["curve_charts"]

INK = 40.0  # curves of full opacity: more of them are fainter

STYLES: dict[str, dict[str, Any]] = {
    "complete": {"color": COMPLETE, "width": 1},
    "pruned": {"color": STOPPED, "width": 1},
    "failed": {"color": FAILED, "width": 1.5, "dash": "dot"},
    "running": {"color": FAILED, "width": 1.5, "dash": "dash"},
}

HOVER = "trial %{customdata}<br>step %{x}: %{y:.4g}<extra></extra>"

Point = tuple[int, float]
Curve = tuple[Trial, list[Point]]


def curve_charts(view: View) -> Iterator[Chart]:
    """Draw the learning curves of each objective that trials have reported.

    An objective that never changes within a trial, as the number of parameters, has none.
    """
    for position, objective in enumerate(view.history.objectives):
        curves = [(trial, _points(trial, objective.metric)) for trial in view.history]
        curves = [(trial, points) for trial, points in curves if points]
        if any(len({value for _, value in points}) > 1 for _, points in curves):
            yield _chart(view, objective, f"curves-{position}", curves)


def _points(trial: Trial, metric: str) -> list[Point]:
    points = [(step.step, step.metrics.get(metric, math.nan)) for step in trial.curve]
    return [(step, value) for step, value in points if math.isfinite(value)]


def _chart(view: View, objective: Objective, name: str, curves: Sequence[Curve]) -> Chart:
    metric = objective.metric
    data: list[dict[str, Any]] = []
    for state in view.states:
        chosen = [curve for curve in curves if curve[0].state == state]
        if chosen:
            opacity = min(max(INK / len(curves), 0.25), 0.9)
            data.append(_lines(state, chosen, line=STYLES[state], opacity=opacity))
    stopped = [curve for curve in curves if curve[0].state == "pruned"]
    if stopped:
        data.append(_ends(stopped))
    best = [curve for curve in curves if view.top and curve[0] is view.top[0]]
    if best and len(view.history.objectives) == 1:
        label = f"best, trial {best[0][0].number}"
        data.append(_lines(label, best, line={"color": BEST, "width": 2.5}))
    values = [value for _, points in curves for _, value in points]
    y = axis_of(objective, values, "↑↓")
    title = f"{metric} while training"
    alt = (
        f"{title}: curves of {len(curves)} trials, up to step {max(p[-1][0] for _, p in curves)}, "
        f"between {number(min(values))} and {number(max(values))}; {len(stopped)} of them pruned, "
        "marked by crosses."
    )
    return Chart(name, title, alt, outside(y, values), data, layout(axis("step"), y))


def _lines(name: str, curves: Sequence[Curve], **settings: Any) -> dict[str, Any]:
    """Draw several curves as one series, with gaps in between: it stays quick with thousands."""
    gap: tuple[None, None, None] = (None, None, None)
    points = [
        point
        for trial, points in curves
        for point in (*((step, value, trial.number) for step, value in points), gap)
    ]
    steps, values, numbers = zip(*points, strict=True)
    lone = any(len(points) == 1 for _, points in curves)  # a line of one point is invisible
    return trace(
        name,
        steps,
        values,
        mode="lines+markers" if lone else "lines",
        marker={"size": 3},
        customdata=numbers,
        hovertemplate=HOVER,
        **settings,
    )


def _ends(curves: Sequence[Curve]) -> dict[str, Any]:
    return trace(
        "stopped here",
        [points[-1][0] for _, points in curves],
        [points[-1][1] for _, points in curves],
        mode="markers",
        marker=CROSS,
        customdata=[trial.number for trial, _ in curves],
        hovertemplate=HOVER,
    )
