"""The commands `export`, `import` and `report`."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from shlex import quote

from ..engine.run_note import Origin, origin_from, read_note
from ..moving import begin_with
from .app import print_message
from .load import history_at
from .options import parse_options

__all__ = ["export_run", "import_history", "report_history"]


def export_run(directory: Path, file: Path, experiment: Path | None, texts: Sequence[str]) -> None:
    """Write the history of a run to a file, with the origin of its experiment."""
    origin = asdict(read_note(directory).origin)
    command = f"nasbridge export {quote(str(directory))} {quote(str(file))}"
    history = history_at(directory, experiment, texts, command)
    replace(history, metadata={**history.metadata, "origin": origin}).save(file)
    print_message(f"{len(history)} trials in {file}")


def import_history(
    file: Path,
    directory: Path,
    backend_name: str,
    experiment: Path | None,
    texts: Sequence[str],
) -> None:
    """Create a run's directory from a history file.

    Args:
        file: The history file.
        directory: The new directory.
        backend_name: The backend that continues the run.
        experiment: The experiment's file, if the history does not name it or include its space.
        texts: Options of the backend as KEY=VALUE.

    Raises:
        ExperimentError: The directory already holds a run, or the history has gaps.
    """
    options = parse_options(
        backend_name, texts
    )  # report invalid options before reading the history
    history = history_at(file, experiment)
    origin = Origin("" if experiment is None else str(experiment.resolve()))
    if experiment is None and "origin" in history.metadata:  # written by `export`
        origin = replace(origin_from(history.metadata["origin"]), folder=origin.folder)
    begin_with(history, str(file), backend_name, directory, options, origin)
    print_message(f"{len(history)} trials in {directory}; continue with")
    script = quote(origin.script) if experiment is not None else "FILE"
    print_message(f"  nasbridge resume {quote(str(directory))} --experiment {script}", "bold")


def report_history(
    location: Path, output: Path | None, experiment: Path | None, texts: Sequence[str]
) -> None:
    """Write an HTML report of a run or of a history file."""
    from ..report import write_report

    command = f"nasbridge report {quote(str(location))}"
    history = history_at(location, experiment, texts, command)
    if output is None:
        output = location / "report.html" if location.is_dir() else location.with_suffix(".html")
    write_report(history, output, directory=location if location.is_dir() else None)
    print_message(str(output))
