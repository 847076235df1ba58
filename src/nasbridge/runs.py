"""Managed runs: an experiment under a backend, in a directory that records how it was started."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .adapters import backend
from .engine import ExperimentError, ExperimentSpec, Observer
from .engine.modules import is_loading
from .engine.options import check_options
from .engine.run_note import Origin, find_note, in_folder, note_of, read_note, write_note
from .progress import progress
from .spaces import SearchSpace
from .strategies import History

__all__ = ["load_run", "run_experiment"]


def run_experiment(
    experiment: ExperimentSpec,
    name: str,
    directory: Path | None,
    jobs: int | None,
    observer: Observer | None,
    options: Mapping[str, Any],
    origin: Origin | None = None,
) -> History:
    """Run an experiment; see `Experiment.run`.

    Args:
        experiment: The experiment.
        name: The backend's name.
        directory: The run's directory, or None.
        jobs: Number of worker processes; None for the default of `evaluate`.
        observer: Receives events; None shows a progress bar.
        options: Options of the backend.
        origin: Where the experiment is defined; None for the running script.
    """
    if is_loading():
        raise ExperimentError(
            "the file runs an experiment while it is being imported: put that line below "
            "if __name__ == '__main__':"
        )
    adapter = backend(name)
    check_options(name, adapter.run, options)
    note = note_of(name, jobs, options, origin or Origin())
    if jobs is None:
        jobs = int(getattr(experiment.evaluate, "jobs", 0))
    if not isinstance(jobs, int) or jobs < 0:
        raise ExperimentError(f"jobs={jobs!r}: give 0 for this process, or a number of workers")
    if directory is not None:
        _check_backend(directory, name)

    def on_accepted() -> None:
        if directory is not None:
            write_note(directory, note)

    with progress(experiment, observer) as watching:
        return adapter.run(
            experiment,
            directory=directory,
            jobs=jobs,
            observer=watching,
            on_accepted=on_accepted,
            **options,
        )


def _check_backend(directory: Path, name: str) -> None:
    before = find_note(directory)
    if before is not None and before.backend != name:
        raise ExperimentError(
            f"{directory} holds a run under {before.backend!r}: use another directory for "
            f"{name!r}, or move the run with nasbridge export and import"
        )


def load_run(directory: Path, space: SearchSpace | None = None) -> History:
    """Return the history of a run under any backend."""
    note = read_note(directory)
    place = directory.resolve()
    with in_folder(note.origin):
        return backend(note.backend).load(place, space)
