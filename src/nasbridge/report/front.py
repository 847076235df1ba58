"""Charts of the Pareto front, for each pair of objectives."""

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any

from ..strategies import Objective, Trial
from .chart import BEST, COMPLETE, Chart, axis_of, layout, outside, trace
from .data import ReportData
from .text import hover

__all__ = ["front_charts"]


def front_charts(data: ReportData) -> Iterator[Chart]:
    """Draw the complete trials by each pair of objectives, the Pareto front among them."""
    if data.scored:
        for number, (y, x) in enumerate(combinations(data.history.objectives, 2)):
            yield _chart(data, x, y, f"front-{number}")


def _chart(data: ReportData, x: Objective, y: Objective, name: str) -> Chart:
    leading = {trial.number for trial in data.front}
    rest = [trial for trial in data.drawn if trial.number not in leading]

    def dots(label: str, trials: Sequence[Trial], **settings: Any) -> dict[str, Any]:
        return trace(
            label,
            [trial.values[x.metric] for trial in trials],
            [trial.values[y.metric] for trial in trials],
            hovertext=[hover(trial, data.history.objectives) for trial in trials],
            hoverinfo="text",
            **settings,
        )

    others = {"color": COMPLETE, "size": 7, "opacity": 0.6}
    best = {"color": BEST, "size": 10, "symbol": "diamond"}
    steps = {"color": BEST, "width": 1.5, "shape": "vh"}  # what the front attains
    mode = "lines+markers" if len(data.history.objectives) == 2 else "markers"
    traces = [dots("dominated", rest, mode="markers", marker=others)] if rest else []
    traces.append(dots("Pareto front", data.front, mode=mode, marker=best, line=steps))
    xs = [trial.values[x.metric] for trial in data.scored]
    ys = [trial.values[y.metric] for trial in data.scored]
    across, up = axis_of(x, xs, "→←"), axis_of(y, ys, "↑↓")
    title = f"{y.metric} by {x.metric}"
    better = {"max": "larger", "min": "smaller"}
    alt = (
        f"{title}: {len(data.scored)} complete trials, {len(data.front)} of them on the Pareto "
        f"front; {better[x.direction]} {x.metric} and {better[y.direction]} {y.metric} are better."
    )
    caption = " ".join(filter(None, [outside(across, xs), outside(up, ys), data.thinning]))
    return Chart(name, title, alt, caption, traces, layout(across, up))
