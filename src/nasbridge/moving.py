"""Continue an experiment in a new directory, from a run or history of any backend."""

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
    """Store earlier trials of an experiment in the directory of a new run.

    Args:
        experiment: The experiment; space, objectives, strategy and seed must match the source.
        source: A history, its file, or the directory of a run under any backend.
        name: The backend that continues the experiment.
        directory: The new directory.
        options: Options of the backend.
        origin: Where the experiment is defined; None for the running script.

    Raises:
        ExperimentError: The history belongs to another experiment, or the directory already holds
            a run.
    """
    if directory is None:
        raise ExperimentError("continue_from= needs directory=: earlier trials are stored there")
    if (directory / RUN_NOTE).exists():
        raise ExperimentError(
            f"{directory} already holds a run: omit continue_from= to continue that run, or "
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
        label: The name of the history in messages.
        name: The backend.
        directory: The new directory.
        options: The options of the backend's `run`; `store_history` receives those it accepts.
        origin: Where the experiment is defined.

    Raises:
        ExperimentError: The directory already holds a run, or the history has gaps.
        Unsupported: The backend cannot continue a history, or has no such option.
    """
    if (directory / RUN_NOTE).exists():
        raise ExperimentError(f"{directory} already holds a run: give a new directory")
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
            f"{label} has {len(history)} trials, but trial {min(missing)} is missing: a history "
            "with gaps cannot be continued, because each proposal depends on its number; give a "
            "complete one"
        )
