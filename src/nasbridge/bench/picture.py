# pyright: basic
# matplotlib's types are partly unknown.
"""Results as a PNG."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..spaces import MissingExtra
from .style import colors_of, is_dashed
from .summary import Summary

__all__ = ["write_picture"]

ACROSS = 2  # plots per row
WIDTH, HEIGHT = 6.4, 4.4  # of a plot, in inches
DPI = 150


def write_picture(summaries: Sequence[Summary], file: Path) -> None:
    """Write a plot of each table: means over seeds, with standard errors as bands.

    Args:
        summaries: The summary of each table.
        file: The PNG file.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra("matplotlib", "report", "drawing a PNG") from error
    across = min(ACROSS, len(summaries))
    down = math.ceil(len(summaries) / across)
    sheet: Any = Figure((WIDTH * across, HEIGHT * down), dpi=DPI, layout="constrained")
    labels = sorted({line.label for summary in summaries for line in summary.lines})
    colors = colors_of(labels)
    for number, summary in enumerate(summaries, 1):
        _plot(sheet.add_subplot(down, across, number), summary, colors)
    file.parent.mkdir(parents=True, exist_ok=True)
    canvas: Any = FigureCanvasAgg(sheet)
    canvas.print_png(str(file))


def _plot(axes: Any, summary: Summary, colors: dict[str, str]) -> None:
    for line in summary.lines:
        color = colors[line.label]
        stroke = "--" if is_dashed(line) else "-"
        axes.plot(line.x, line.mean, stroke, color=color, label=line.label, linewidth=1.5)
        low, high = line.mean - line.error, line.mean + line.error
        axes.fill_between(line.x, low, high, color=color, alpha=0.15, linewidth=0)
    axes.set(title=summary.name, xlabel=summary.unit, ylabel=summary.measure)
    if summary.regret and any((line.mean > 0).any() for line in summary.lines):
        axes.set_yscale("log")
    axes.grid(alpha=0.3)
    if summary.lines:
        axes.legend(fontsize=7)
