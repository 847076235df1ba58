"""Charts: data and layout for Plotly, and an alternative text.

Colours and fonts of axes come from the page, which may be light or dark; the colours here are
legible on both and distinct for colour-blind readers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy

from ..strategies import Objective
from .text import safe

__all__ = [
    "BEST",
    "COMPLETE",
    "CROSS",
    "FAILED",
    "STOPPED",
    "Chart",
    "axis",
    "axis_of",
    "axis_of_counts",
    "layout",
    "outside",
    "trace",
]

COMPLETE = "#3b8ed0"
BEST = "#d55e00"
STOPPED = "#7f8790"
FAILED = "#cc79a7"
CROSS = {"symbol": "x-thin", "size": 7, "line": {"color": STOPPED, "width": 1.5}}
"""The mark of what was pruned."""

FENCE = 3.0  # in widths of the middle half: a value that is so much worse may be left outside ...
CROWDED = 0.4  # ... if it presses the others into less than this share of the axis
TICKS = 10  # of an axis of whole numbers, at most one each
DECADES = 30.0  # the largest of most positive values by the smallest: then an axis is logarithmic


@final
@dataclass(frozen=True)
class Chart:
    """A figure of the report.

    Attributes:
        name: The id of its element.
        title: Its heading.
        alt: Alternative text.
        caption: How to read it.
        data: Plotly's traces.
        layout: Plotly's layout.
    """

    name: str
    title: str
    alt: str
    caption: str
    data: list[dict[str, Any]]
    layout: dict[str, Any]


def trace(name: str, x: Sequence[Any], y: Sequence[Any], **settings: Any) -> dict[str, Any]:
    """Return one series of a chart."""
    return {"type": "scatter", "name": name, "x": list(x), "y": list(y), **settings}


def layout(x: dict[str, Any], y: dict[str, Any]) -> dict[str, Any]:
    """Return the layout that all charts share."""
    legend = {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"}
    margin = {"l": 8, "r": 8, "t": 8, "b": 8}
    return {
        "xaxis": x,
        "yaxis": y,
        "showlegend": True,
        "legend": legend,
        "margin": margin,
        "hovermode": "closest",
    }


def axis(title: str, **settings: Any) -> dict[str, Any]:
    """Return an axis with a title."""
    return {"title": {"text": safe(title)}, "automargin": True, **settings}


def axis_of_counts(title: str, most: int) -> dict[str, Any]:
    """Return an axis of whole numbers, up to the given one."""
    return axis(title, rangemode="tozero", **({"dtick": 1} if most <= TICKS else {}))


def axis_of(objective: Objective, values: Sequence[float], arrows: str) -> dict[str, Any]:
    """Return the axis of an objective, with an arrow in the better direction.

    It is logarithmic if most values are positive and span decades. Otherwise values that are much
    worse than the others, for example of a diverged training, are left outside, so that the others
    remain distinct.

    Args:
        objective: The objective.
        values: The values to show.
        arrows: Arrows towards larger and smaller values, as "↑↓".
    """
    arrow = arrows[0] if objective.direction == "max" else arrows[1]
    title = f"{objective.metric} ({arrow} better)"
    data = numpy.array(values, dtype=float)
    if not len(data):
        return axis(title)
    low, high = numpy.quantile(data, [0.05, 0.95])
    if data.min() > 0 and high >= DECADES * low:
        return axis(title, type="log", dtick="D2")
    scores = objective.sign * data
    quarter, most = numpy.quantile(scores, [0.25, 0.75])
    inside = data[scores >= quarter - FENCE * (most - quarter)]
    if quarter == most or numpy.ptp(inside) >= CROWDED * numpy.ptp(data):
        return axis(title)
    border = 0.05 * float(numpy.ptp(inside))
    return axis(title, range=[float(inside.min()) - border, float(inside.max()) + border])


def outside(shown: dict[str, Any], values: Sequence[float]) -> str:
    """Say how many values an axis leaves outside, as a sentence; empty if there is none."""
    if "range" not in shown:
        return ""
    low, high = shown["range"]
    number = sum(not low <= value <= high for value in values)
    verb = "value lies" if number == 1 else "values lie"
    return f"{number} much worse {verb} outside; a double click shows all."
