"""The commands `export`, `import` and `report`: histories that leave, arrive, and are shown."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from shlex import quote
from typing import Any

from ..adapters import backend
from ..engine.run_note import Origin, origin_from, read_note
from ..moving import begin_with
from .app import say
from .load import history_at

__all__ = ["export_run", "import_history", "report_history"]


def export_run(directory: Path, file: Path) -> None:
    """Write the history of a run to a file; it remembers where its experiment comes from."""
    origin = asdict(read_note(directory).origin)
    history = history_at(directory)
    replace(history, metadata={**history.metadata, "origin": origin}).save(file)
    say(f"{len(history)} trials in {file}")


def import_history(
    file: Path,
    directory: Path,
    backend_name: str,
    experiment: Path | None,
    options: Mapping[str, Any],
) -> None:
    """Begin a run's directory with a history from elsewhere.

    Args:
        file: The history.
        directory: The new directory.
        backend_name: The backend that is to go on.
        experiment: The experiment's file, where the history does not know it, or its space.
        options: The backend's own options.

    Raises:
        ExperimentError: The directory holds a run already, or the history has gaps.
    """
    backend(backend_name)  # a wrong name is told before anything is read
    history = history_at(file, experiment)
    origin = Origin("" if experiment is None else str(experiment.resolve()))
    if experiment is None and "origin" in history.metadata:  # `export` has put it there
        origin = replace(origin_from(history.metadata["origin"]), folder=origin.folder)
    begin_with(history, str(file), backend_name, directory, options, origin)
    say(f"{len(history)} trials in {directory}; go on with")
    if origin.script:
        say(f"  nasbridge resume {quote(str(directory))}", "bold")
    else:
        say(f"  nasbridge run FILE --directory {quote(str(directory))}", "bold")


def report_history(location: Path, output: Path | None, experiment: Path | None) -> None:
    """Write the report of a run, or of a history file, as a page."""
    from ..report import write_report

    history = history_at(location, experiment)
    if output is None:
        output = location / "report.html" if location.is_dir() else location.with_suffix(".html")
    write_report(history, output, directory=location if location.is_dir() else None)
    say(str(output))
