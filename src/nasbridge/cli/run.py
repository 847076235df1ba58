"""The commands `run` and `resume`: an experiment at work, and what came out."""

import shlex
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..adapters import backend
from ..engine import ExperimentError
from ..engine.options import options_of
from ..engine.run_note import RUN_NOTE, Origin, RunNote, in_folder, read_note
from ..experiment import Experiment
from ..moving import continue_experiment
from ..runs import run_experiment
from ..strategies import History, MedianPruner, Pruner, Trial
from .app import new_table, out, say
from .load import experiment_in, experiment_of

__all__ = ["resume_run", "run_nnictl", "start_run", "view_run"]

PRUNERS: Mapping[str, type[Pruner]] = {"median": MedianPruner}  # for backends without their own
FRONT = 10  # trials of a Pareto front that are shown


def start_run(
    file: Path,
    name: str | None,
    backend_name: str | None,
    directory: Path | None,
    jobs: int | None,
    settings: Mapping[str, Any],
    options: Mapping[str, Any],
    source: Path | None,
) -> None:
    """Run the experiment in a file, or go on with it in a directory that it was begun in.

    Args:
        file: The experiment's file.
        name: The experiment's variable in there; None for the usual one.
        backend_name: The backend; None for that of the directory, or `local`.
        directory: Where everything is stored; None makes one.
        jobs: Number of worker processes; None leaves it to `evaluate`.
        settings: What to change of the experiment; a pruner's name is the backend's, where it
            has pruners of its own.
        options: The backend's own options, beside those that the directory remembers.
        source: The history, or the run, that a new directory begins with.
    """
    shown = directory or Path("runs") / f"{file.stem}-{backend_name or 'local'}"
    new = RunNote(backend_name or "local", None, {})
    before = read_note(shown) if (shown / RUN_NOTE).exists() else new
    chosen = backend_name or before.backend
    theirs = options_of(backend(chosen).run)
    settings, options = dict(settings), {**before.options, **options}
    if "pruner" in settings and "pruner" in theirs:
        options["pruner"] = settings.pop("pruner")
    _check_complete(before, shown, options)
    variable, experiment = experiment_in(file, name)
    origin = Origin(str(file.resolve()), variable, settings)
    if source is not None:
        begun = _changed(experiment, settings)
        continue_experiment(begun, source, chosen, shown.resolve(), options, origin)
    _run(experiment, RunNote(chosen, jobs, options, origin=origin), shown.resolve(), shown)


def resume_run(
    directory: Path, jobs: int | None, settings: Mapping[str, Any], options: Mapping[str, Any]
) -> None:
    """Go on with the run in a directory, as it was begun.

    Args:
        directory: The run's directory.
        jobs: Number of worker processes, if it shall change.
        settings: What else to change of the experiment.
        options: The backend's own options, beside those that the directory remembers.

    Raises:
        ExperimentError: It is no run, or cannot be resumed from here; says the way out.
    """
    note = read_note(directory)
    options = {**note.options, **options}
    _check_complete(note, directory, options)
    place = directory.resolve()
    with in_folder(note.origin):
        variable, experiment = experiment_of(note.origin, directory)
        settings = {**note.origin.settings, **settings}
        origin = replace(note.origin, variable=variable, settings=settings)
        jobs = note.jobs if jobs is None else jobs
        _run(experiment, replace(note, jobs=jobs, options=options, origin=origin), place, directory)


def view_run(directory: Path, options: Mapping[str, Any]) -> None:
    """Show a run in its framework's own web UI, until Ctrl-C.

    Args:
        directory: The run's directory, or that of an experiment of NNI.
        options: The backend's own options.

    Raises:
        ExperimentError: The backend has no web UI.
    """
    name = read_note(directory).backend if (directory / RUN_NOTE).exists() else "nni"
    show = getattr(backend(name), "view", None)
    if show is None:
        raise ExperimentError(
            f"{directory} was run by {name}, which has no web UI of its own here: write a page "
            f"with nasbridge report {shlex.quote(str(directory))}"
        )
    show(directory, **options)


def run_nnictl(arguments: Sequence[str]) -> None:
    """Run NNI's own command line; what is typed after `nnictl` goes there as it is."""
    adapter: Any = backend("nni")
    adapter.nnictl(arguments)


def _check_complete(note: RunNote, directory: Path, options: Mapping[str, Any]) -> None:
    missing = [name for name in note.left_out if name not in options]
    if missing:
        raise ExperimentError(
            f"{directory} was begun with {', '.join(missing)}= as an object, which its note "
            f"cannot hold: go on by running {note.origin.script or 'your program'} again"
        )


def _run(experiment: Experiment, note: RunNote, directory: Path, shown: Path) -> None:
    """Run an experiment as a note says, in a directory that messages call as the user does."""
    experiment = _changed(experiment, note.origin.settings)
    place = shlex.quote(str(shown))
    say(f"{note.origin.script} under {note.backend}, in {place}", "dim")
    try:
        history = run_experiment(
            experiment, note.backend, directory, note.jobs, None, note.options, note.origin
        )
    except KeyboardInterrupt:
        if (directory / RUN_NOTE).exists():
            say("stopped; what was running will be repeated. Go on with")
            say(f"  nasbridge resume {place}", "bold")
        raise
    try:
        _show(history, experiment)
        _show_running(history, place)
    finally:  # a report helps most where everything failed
        say(f"  nasbridge report {place}", "bold")
    if len(history) == experiment.trials and not history.of_state("running"):
        say(f"  nasbridge resume {place} --trials {2 * len(history)}", "bold")


def _changed(experiment: Experiment, settings: Mapping[str, Any]) -> Experiment:
    changes = dict(settings)
    if "pruner" in changes:
        name = changes["pruner"]
        if name not in PRUNERS:
            raise ExperimentError(
                f"there is no pruner {name!r} by name: take one of {', '.join(PRUNERS)}, or a "
                "backend with pruners of its own, as optuna"
            )
        changes["pruner"] = PRUNERS[name]()
    with warnings.catch_warnings():  # fewer trials than the file says are a test, not an oversight
        warnings.simplefilter("ignore")
        return replace(experiment, **changes)


# ---------------------------------------------------------------------- what came out


def _show(history: History, experiment: Experiment) -> None:
    ended = history.of_state("complete", "pruned", "failed")
    said = [f"{len(ended)} trials"]
    for state in ("pruned", "failed"):
        number = len(history.of_state(state))
        said += [f"{number} {state}"] * (number > 0)
    if experiment.trials is not None and len(ended) < experiment.trials:
        said.append(f"of {experiment.trials} wanted" + _why(history, experiment))
    say(", ".join(said))
    if history.failure and history.of_state("complete"):
        say(history.failure)
    metrics = [objective.metric for objective in experiment.objectives]
    best = [history.best] if len(metrics) == 1 else _front(history)
    table = new_table("trial", *metrics, "architecture")
    for trial in best[:FRONT]:
        table.add_row(*_row(trial, metrics))
    out.print(table)
    if len(best) > FRONT:
        say(f"... and {len(best) - FRONT} more on the Pareto front")


def _why(history: History, experiment: Experiment) -> str:
    """Say why there are fewer trials than wanted."""
    if "exhausted" in history.metadata:
        return "; the space has no more"
    if history.of_state("running"):
        return "; others are under way"
    return "" if experiment.seconds is None else "; time is used up"


def _show_running(history: History, place: str) -> None:
    """Name the trials that belong to other processes, and how to get them back."""
    running = history.of_state("running")
    for trial in running[:FRONT]:
        process = str(trial.notes.get("process", "a process of your own"))
        host, _, number = process.partition("/")
        where = f"process {number.partition('/')[0]} on {host}" if number else process
        say(f"trial {trial.number} is under way in {where}")
    if any("process" in trial.notes for trial in running):
        say("if these processes are gone, repeat their trials with")
        say(f"  nasbridge resume {place} --reclaim", "bold")


def _front(history: History) -> list[Trial]:
    """Return the Pareto front, best values of the first objective first."""
    first = history.objectives[0]
    return sorted(history.pareto, key=lambda trial: -first.sign * trial.values[first.metric])


def _row(trial: Trial, metrics: list[str]) -> list[str]:
    choices = trial.architecture.choices.items()
    architecture = ", ".join(f"{name}={label}" for name, label in choices)
    return [str(trial.number), *(f"{trial.values[m]:.6g}" for m in metrics), architecture]
