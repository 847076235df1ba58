"""The report of a search: one self-contained HTML page."""

from pathlib import Path

from ..engine.run_note import read_note
from ..strategies import History
from . import summary
from .curves import curve_charts
from .data import ReportData
from .front import front_charts
from .importance import importance
from .page import render
from .progress import progress_charts
from .trials import cards, rows

__all__ = ["write_report"]

TITLE = "Architecture search"
BARS = 15  # decisions whose importance is shown
ROWS = 30  # trials of the table that are shown at first


def write_report(
    history: History,
    path: str | Path,
    directory: str | Path | None = None,
    title: str = TITLE,
) -> Path:
    """Write a report: what was searched, what came out, what mattered, and how to repeat it.

    The page is self-contained: it opens without a network, and on a phone. The same history
    gives the same page.

    Args:
        history: What to report; finished, interrupted or empty.
        path: The HTML file; missing folders are made, an older report is replaced.
        directory: The run's directory, which knows the command that made it.
        title: The heading.

    Returns:
        The path of the file.

    Raises:
        MissingExtra: Plotly, Jinja or scikit-learn is not installed.
        ExperimentError: The directory is not that of a run.

    Example:
        `write_report(experiment.run(directory="runs/a"), "report.html", directory="runs/a")`
    """
    file = Path(path)
    data = ReportData(history)
    note = None if directory is None else read_note(Path(directory))
    backend = summary.backend_of(data, note)
    page = render(
        title=title,
        lead=summary.lead(data, backend),
        several=len(history.objectives) > 1,
        metrics=[objective.metric for objective in history.objectives],
        shown=BARS,
        first=ROWS,
        tiles=list(summary.tiles(data)),
        summary=[(term, text) for term, text in summary.summary(data, note) if text],
        decisions=summary.decisions(data),
        progress=list(progress_charts(data)),
        curves=list(curve_charts(data)),
        fronts=list(front_charts(data)),
        cards=cards(data),
        importances=[importance(history, objective) for objective in history.objectives],
        rows=rows(data),
        trials=len(history),
        command=summary.command(data, note),
        folder=note.origin.folder if note else "",
        call=summary.call(data, backend),
        versions=summary.versions(data, backend),
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(page, "utf-8")
    return file
