"""Managed runs: an experiment under a backend, in a directory that records how it was started."""

import inspect
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .adapters import Adapter, backend
from .engine import ExperimentError, ExperimentSpec, Observer
from .engine.errors import naming_full_disks
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
    _check_takes_on_accepted(name, adapter)
    note = note_of(name, jobs, options, origin or Origin())
    if jobs is None:
        jobs = int(getattr(experiment.evaluate, "jobs", 0))
    if not isinstance(jobs, int) or jobs < 0:
        raise ExperimentError(f"jobs={jobs!r}: give 0 for this process, or a number of workers")
    if directory is not None:
        _check_backend(directory, name)

    accepted = False

    def on_accepted() -> None:
        nonlocal accepted
        accepted = True
        if directory is not None:
            write_note(directory, note)

    with naming_full_disks(directory), progress(experiment, observer) as watching:
        history = adapter.run(
            experiment,
            directory=directory,
            jobs=jobs,
            observer=watching,
            on_accepted=on_accepted,
            **options,
        )
    if directory is not None and not accepted:
        write_note(directory, note)
        _warn_of_late_note(name)
    return history


def _warn_of_late_note(name: str) -> None:
    warnings.warn(
        f"backend {name!r} never called on_accepted: the run note was written after the run, so "
        "an interrupted run would have none; call on_accepted() in its run, before the first trial",
        stacklevel=4,
    )


def _check_takes_on_accepted(name: str, adapter: Adapter) -> None:
    parameters = inspect.signature(adapter.run).parameters
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    if "on_accepted" not in parameters and not takes_any:
        raise ExperimentError(
            f"backend {name!r}: its run has no parameter on_accepted, so the run note would be "
            "missing; add the parameter and call it when the storage has accepted the run"
        )


def _check_backend(directory: Path, name: str) -> None:
    before = find_note(directory)
    if before is not None and before.backend != name:
        raise ExperimentError(
            f"{directory} holds a run under {before.backend!r}: use another directory for "
            f"{name!r}, or move the run with nasbridge export and import"
        )


def load_run(
    directory: Path, space: SearchSpace | None = None, options: Mapping[str, Any] | None = None
) -> History:
    """Return the history of a run under any backend.

    Args:
        directory: The run's directory.
        space: The space; None for the one stored with the run.
        options: Options of the backend's `load`, such as the storage.
    """
    note = read_note(directory)
    place, adapter = directory.resolve(), backend(note.backend)
    known = inspect.signature(adapter.load).parameters
    unknown = [name for name in options or {} if name not in known]
    if unknown:
        raise ExperimentError(
            f"backend {note.backend!r} reads a run without {', '.join(unknown)}=: omit it"
        )
    with in_folder(note.origin):
        return adapter.load(place, space, **(options or {}))
