"""Run directories: which command made one, so that it can be resumed and reported."""

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._progress import progress
from .adapters import ExperimentError, Observer, backend
from .spaces import Searchable
from .strategies import History

if TYPE_CHECKING:
    from .experiment import Experiment

__all__ = ["RunNote", "load_run", "read_note", "run_experiment"]

FILE = "run.json"


@dataclass(frozen=True)
class RunNote:
    """How a directory was made.

    Attributes:
        backend: The backend's name.
        jobs: Number of worker processes.
        options: The backend's own options, those that JSON can carry.
        script: The file that holds the experiment.
        command: The command line that started it.
    """

    backend: str
    jobs: int
    options: Mapping[str, Any]
    script: str
    command: tuple[str, ...]


def run_experiment(
    experiment: "Experiment",
    name: str,
    directory: Path | None,
    jobs: int | None,
    observer: Observer | None,
    options: Mapping[str, Any],
    script: str | None = None,
) -> History:
    """Run an experiment and note in its directory how; see `Experiment.run`.

    Args:
        experiment: The experiment.
        name: The backend's name.
        directory: Where everything is stored, or None.
        jobs: Number of worker processes; None leaves it to `evaluate`.
        observer: Is told what happens; None shows a progress bar.
        options: The backend's own options.
        script: The file that holds the experiment; None takes the script that is running.
    """
    adapter = backend(name)
    if jobs is None:
        jobs = int(getattr(experiment.evaluate, "jobs", 0))
    if jobs < 0:
        raise ExperimentError(f"jobs={jobs}: give 0 for this process, or a number of workers")
    if directory is not None:
        if script is None and sys.argv[0].endswith(".py"):
            script = str(Path(sys.argv[0]).resolve())
        carried = {key: value for key, value in options.items() if _is_plain(value)}
        _note(directory, RunNote(name, jobs, carried, script or "", tuple(sys.argv)))
    with progress(experiment, observer) as watching:
        return adapter.run(experiment, directory=directory, jobs=jobs, observer=watching, **options)


def _note(directory: Path, note: RunNote) -> None:
    if (directory / FILE).exists():
        before = read_note(directory)
        if before.backend != note.backend:
            raise ExperimentError(
                f"{directory} holds a run under {before.backend!r}: use another directory for "
                f"{note.backend!r}, or move the run with nasbridge export and import"
            )
    directory.mkdir(parents=True, exist_ok=True)
    (directory / FILE).write_text(json.dumps(asdict(note), indent=1) + "\n")


def read_note(directory: Path) -> RunNote:
    """Read how a directory was made.

    Raises:
        ExperimentError: It is no directory of a run, or its note is damaged.
    """
    try:
        return RunNote(**json.loads((directory / FILE).read_text()))
    except OSError as error:
        raise ExperimentError(
            f"{directory} is no directory of a run: it has no {FILE}; give the directory= of "
            "experiment.run, or --directory of nasbridge run"
        ) from error
    except (ValueError, TypeError) as error:
        raise ExperimentError(f"{directory / FILE} is damaged ({error}): remove it") from error


def load_run(directory: Path, space: Searchable | None = None) -> History:
    """Read the history of a run, whichever backend stored it."""
    note = read_note(directory)
    return backend(note.backend).load(directory, space)


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, bool | int | float | str)
