"""Moving an experiment: a run begins with the history of another one, of any backend."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .adapters import backend
from .engine import ExperimentError, ExperimentIdentity, ExperimentSpec
from .engine.options import accepted_options, check_options
from .engine.run_note import RUN_NOTE, Origin, note_of, write_note
from .runs import load_run
from .spaces import SearchSpace
from .strategies import History

__all__ = ["begin_with", "continue_experiment"]


def continue_experiment(
    experiment: ExperimentSpec,
    source: History | Path,
    name: str,
    directory: Path | None,
    options: Mapping[str, Any],
    origin: Origin | None = None,
) -> None:
    """Begin the directory of a run with earlier trials of the same experiment.

    Args:
        experiment: The experiment, with the same space, objectives, strategy and seed.
        source: A history, its file, or the directory of a run under any backend.
        name: The backend that continues it.
        directory: The new directory.
        options: The backend's own options.
        origin: Where the experiment is defined; None for the running script.

    Raises:
        ExperimentError: The history is of another experiment, or the directory holds a run.
    """
    if directory is None:
        raise ExperimentError("continue_from= needs directory=: earlier trials are stored there")
    if (directory / RUN_NOTE).exists():
        raise ExperimentError(
            f"{directory} holds a run already: leave out continue_from= to continue that run, or "
            "give a new directory"
        )
    label = "the history" if isinstance(source, History) else str(source)
    history = _read(source, experiment.space)
    ExperimentIdentity.of(history).resume(
        experiment, label, "continue it with the same settings", ExperimentError
    )
    begin_with(history, label, name, directory, options, origin or Origin())


def begin_with(
    history: History,
    label: str,
    name: str,
    directory: Path,
    options: Mapping[str, Any],
    origin: Origin,
) -> None:
    """Store a history in a new run's directory, in the form of the backend that continues it.

    Args:
        history: The history.
        label: What messages call it.
        name: The backend.
        directory: The new directory.
        options: The options of the backend's `run`; `store_history` is given those it takes.
        origin: Where the experiment is defined.

    Raises:
        ExperimentError: The directory holds a run, or the history has gaps.
        Unsupported: The backend cannot continue a history, or has no such option.
    """
    if (directory / RUN_NOTE).exists():
        raise ExperimentError(f"{directory} holds a run already: give a new directory")
    adapter = backend(name)
    adapter.CAPABILITIES.require(name, "importing")
    check_options(name, adapter.run, options)
    _check_numbers(history, label)
    accepted = accepted_options(adapter.store_history, options)
    adapter.store_history(history, directory, **accepted)
    write_note(directory, note_of(name, None, options, origin))


def _read(source: History | Path, space: SearchSpace) -> History:
    if isinstance(source, History):
        return source
    return load_run(source, space) if source.is_dir() else History.load(source, space)


def _check_numbers(history: History, label: str) -> None:
    known = {trial.number for trial in history} | set(history.skipped)
    missing = set(range(max(known, default=-1) + 1)) - known
    if missing:
        raise ExperimentError(
            f"{label} has {len(history)} trials, but no trial {min(missing)}: it cannot be "
            "continued, since each proposal depends on its trial's number; give a complete history"
        )
