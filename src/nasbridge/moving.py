"""Moving: a run begins with the history of another one, of any backend."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .adapters import backend
from .engine import ExperimentError
from .runs import FILE, Origin, load_run, note_of, write_note
from .spaces import SearchSpace
from .strategies import History

if TYPE_CHECKING:
    from .experiment import Experiment

__all__ = ["begin_with", "continue_experiment"]


def continue_experiment(
    experiment: "Experiment",
    source: History | Path,
    name: str,
    directory: Path | None,
    options: Mapping[str, Any],
    origin: Origin | None = None,
) -> None:
    """Begin the directory of an experiment with what has been found of it elsewhere.

    Args:
        experiment: The experiment, which must be the same: its space, objectives, strategy, seed.
        source: A history, its file, or the directory of a run under any backend.
        name: The backend that is to go on.
        directory: The new directory.
        options: The backend's own options.
        origin: Where the experiment comes from; None takes the script that is running.

    Raises:
        ExperimentError: It is another experiment, or the directory holds a run already.
    """
    if directory is None:
        raise ExperimentError("continue_from= needs directory=: the trials so far are stored there")
    if (directory / FILE).exists():
        raise ExperimentError(
            f"{directory} holds a run already: go on with it without continue_from, or give a new "
            "directory"
        )
    said = "the history" if isinstance(source, History) else str(source)
    history = _read(source, experiment.space)
    _check_same(history, experiment, said)
    begin_with(history, said, name, directory, options, origin or Origin())


def begin_with(
    history: History,
    said: str,
    name: str,
    directory: Path,
    options: Mapping[str, Any],
    origin: Origin,
) -> None:
    """Begin a run's directory with a history from elsewhere.

    Args:
        history: The history.
        said: What messages call it.
        name: The backend that is to go on.
        directory: The new directory.
        options: The backend's own options.
        origin: Where the experiment comes from.

    Raises:
        ExperimentError: The directory holds a run already, or the history has gaps.
        Unsupported: The backend cannot go on with a history.
    """
    if (directory / FILE).exists():
        raise ExperimentError(f"{directory} holds a run already: give a new directory")
    adapter = backend(name)
    adapter.CAPABILITIES.require(name, "importing")
    _check_numbers(history, said)
    adapter.store_history(history, directory, **options)
    write_note(directory, note_of(name, None, options, origin))


def _read(source: History | Path, space: SearchSpace) -> History:
    if isinstance(source, History):
        return source
    return load_run(source, space) if source.is_dir() else History.load(source, space)


def _check_same(history: History, experiment: "Experiment", said: str) -> None:
    begun = experiment.with_original_strategy(history.strategy)
    ours = {
        "space": (history.space.fingerprint, experiment.space.fingerprint),
        "objectives": (history.objectives, experiment.objectives),
        "strategy": (history.strategy, repr(begun.strategy)),
        "seed": (history.seed, experiment.seed),
    }
    for name, (there, here) in ours.items():
        if there != here:
            raise ExperimentError(
                f"{said} is of another experiment: its {name} is {there!r}, not {here!r}; "
                "continue it with the same settings"
            )


def _check_numbers(history: History, said: str) -> None:
    known = {trial.number for trial in history} | set(history.skipped)
    missing = set(range(max(known, default=-1) + 1)) - known
    if missing:
        raise ExperimentError(
            f"{said} has {len(history)} trials, but none with the number {min(missing)}: it "
            "cannot be gone on with, for what a trial is given depends on its number"
        )
