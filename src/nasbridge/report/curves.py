"""Charts of learning curves: what trials reported on their way, and where they were stopped."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

from ..strategies import Objective, Trial
from .chart import (
    BEST,
    COMPLETE,
    CROSS,
    FAILED,
    STOPPED,
    Chart,
    axis_of,
    axis_of_counts,
    layout,
    outside,
    trace,
)
from .data import ReportData
from .text import number

__all__ = ["curve_charts"]

MOST = 100  # curves of one state that are drawn; of more, as many from low to high

STYLES: dict[str, dict[str, Any]] = {
    "complete": {"color": COMPLETE, "width": 1},
    "pruned": {"color": STOPPED, "width": 1},
    "failed": {"color": FAILED, "width": 1.5, "dash": "dot"},
    "running": {"color": FAILED, "width": 1.5, "dash": "dash"},
}

HOVER = "trial %{customdata}<br>step %{x}: %{y:.4g}<extra></extra>"

Point = tuple[int, float]
Curve = tuple[Trial, list[Point]]


def curve_charts(data: ReportData) -> Iterator[Chart]:
    """Draw the learning curves of each objective that trials have reported.

    An objective that never changes within a trial, as the number of parameters, has none.
    """
    for position, objective in enumerate(data.history.objectives):
        curves = [(trial, _points(trial, objective.metric)) for trial in data.history]
        curves = [(trial, points) for trial, points in curves if points]
        if any(len({value for _, value in points}) > 1 for _, points in curves):
            yield _chart(data, objective, f"curves-{position}", curves)


def _points(trial: Trial, metric: str) -> list[Point]:
    points = [(step.step, step.metrics.get(metric, math.nan)) for step in trial.curve]
    return [(step, value) for step, value in points if math.isfinite(value)]


def _chart(data: ReportData, objective: Objective, name: str, curves: Sequence[Curve]) -> Chart:
    traces: list[dict[str, Any]] = []
    captions: list[str] = []
    for state in data.states:
        chosen = [curve for curve in curves if curve[0].state == state]
        if len(chosen) > MOST:
            captions.append(f"{MOST} of the {len(chosen):,} curves of {state} trials are drawn.")
        if chosen:
            traces.append(_lines(state, _spread(chosen), line=STYLES[state], opacity=0.6))
    stopped = [curve for curve in curves if curve[0].state == "pruned"]
    if stopped:
        traces.append(_ends(stopped))
    leaders = {trial.number for trial in data.leaders}
    leading = [curve for curve in curves if curve[0].number in leaders]
    if leading:
        label = "best" if len(data.history.objectives) == 1 else "Pareto front"
        traces.append(_lines(label, leading, line={"color": BEST, "width": 2}))
    values = [value for _, points in curves for _, value in points]
    y = axis_of(objective, values, "↑↓")
    title = f"{objective.metric} while training"
    alt = (
        f"{title}: {len(curves)} trials, between {number(min(values))} and {number(max(values))}; "
        f"{len(stopped)} were pruned, which crosses mark."
    )
    caption = " ".join(filter(None, [*captions, outside(y, values)]))
    x = axis_of_counts("step", max(points[-1][0] for _, points in curves))
    return Chart(name, title, alt, caption, traces, layout(x, y))


def _spread(curves: Sequence[Curve]) -> list[Curve]:
    """Pick as many curves as remain distinct, evenly from the lowest end to the highest."""
    if len(curves) <= MOST:
        return list(curves)
    ranked = sorted(curves, key=lambda curve: curve[1][-1][1])
    return [ranked[round(k * (len(ranked) - 1) / (MOST - 1))] for k in range(MOST)]


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
