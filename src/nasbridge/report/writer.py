"""The report of a search: one self-contained HTML page."""

from pathlib import Path

from ..engine.run_note import read_note
from ..strategies import History
from . import facts
from .curves import curve_charts
from .front import front_charts
from .importance import importance
from .page import render
from .progress import progress_charts
from .trials import cards, rows
from .view import View

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

    The page holds everything that it shows; it opens without a network, on a phone, too. The
    same history gives the same page.

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
    view = View(history)
    note = None if directory is None else read_note(Path(directory))
    backend = facts.backend_of(view, note)
    page = render(
        title=title,
        lead=facts.lead(view, backend),
        several=len(history.objectives) > 1,
        metrics=[objective.metric for objective in history.objectives],
        shown=BARS,
        first=ROWS,
        tiles=list(facts.tiles(view)),
        summary=[(term, said) for term, said in facts.summary(view, note) if said],
        decisions=facts.decisions(view),
        progress=list(progress_charts(view)),
        curves=list(curve_charts(view)),
        fronts=list(front_charts(view)),
        cards=cards(view),
        importances=[importance(history, objective) for objective in history.objectives],
        rows=rows(view),
        command=facts.command(view, note),
        folder=note.origin.folder if note else "",
        call=facts.call(view, backend),
        versions=facts.versions(view, backend),
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(page, "utf-8")
    return file
