"""The commands `export`, `import` and `report`: histories that leave, arrive, and are shown."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from ._cli_app import say
from ._cli_load import history_at, space_in
from ._runs import FILE, Origin, RunNote, read_note, write_note
from .adapters import ExperimentError, backend
from .strategies import History

__all__ = ["export_run", "import_history", "report_history"]


def export_run(directory: Path, file: Path) -> None:
    """Write the history of a run to a file; it remembers where its experiment comes from."""
    origin = asdict(read_note(directory).origin)
    history = history_at(directory)
    replace(history, facts={**history.facts, "origin": origin}).save(file)
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
    if (directory / FILE).exists():
        raise ExperimentError(f"{directory} holds a run already: give a new directory")
    adapter = backend(backend_name)
    adapter.SUPPORT.require(backend_name, "importing")
    history = history_at(file, experiment)
    _check_numbers(history, file)
    
