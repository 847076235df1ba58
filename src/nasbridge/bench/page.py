"""Results as an HTML page with interactive charts, in the style of the report."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy

from ..report.chart import Chart, axis, layout, trace
from ..report.page import render
from .style import colors_of, is_dashed
from .summary import Line, Summary
from .tables import PROTOCOLS, Protocol

__all__ = ["write_page"]


def write_page(
    summaries: Sequence[Summary], protocol: Protocol, notes: Sequence[str], file: Path
) -> None:
    """Write results as a self-contained HTML page.

    Args:
        summaries: The summary of each table.
        protocol: The protocol.
        notes: Further paragraphs.
        file: The HTML file.

    Raises:
        MissingExtra: Plotly or Jinja is not installed.
    """
    labels = sorted({line.label for summary in summaries for line in summary.lines})
    colors = colors_of(labels)
    page = render(
        "bench.html",
        title="Benchmark",
        lead=PROTOCOLS[protocol],
        summaries=summaries,
        charts=[_chart(f"table-{k}", summary, colors) for k, summary in enumerate(summaries)],
        notes=notes,
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(page, "utf-8")


def _chart(name: str, summary: Summary, colors: dict[str, str]) -> Chart:
    title = f"{summary.measure} by {summary.unit}"
    best = summary.rows[0][0] if summary.rows else "none"
    alt = f"{summary.name}: {title}, {len(summary.lines)} methods; {best} ends best."
    scale = {"type": "log"} if summary.regret else {}
    return Chart(
        name,
        title,
        alt,
        "Means over seeds; hover over a line to see the standard error. Solid lines are "
        "strategies of nasbridge, dashed lines samplers of other libraries.",
        [_trace(line, colors[line.label], summary.regret) for line in summary.lines],
        layout(axis(summary.unit), axis(summary.measure, **scale)),
    )


def _trace(line: Line, color: str, positive: bool) -> dict[str, Any]:
    """Return the trace of a line, with gaps for NaN, and for zeros on a logarithmic axis."""
    shown = numpy.isfinite(line.mean) & ((line.mean > 0) | (not positive))
    means = [float(mean) if keep else None for mean, keep in zip(line.mean, shown, strict=True)]
    errors = ["" if numpy.isnan(error) else f" ± {error:.2g}" for error in line.error]
    return trace(
        line.label,
        [float(x) for x in line.x],
        means,
        mode="lines",
        line={"color": color, "width": 2, "dash": "dash" if is_dashed(line) else "solid"},
        customdata=errors,
        hovertemplate="%{fullData.name}<br>%{x:,.0f}: %{y:.4g}%{customdata}<extra></extra>",
    )
