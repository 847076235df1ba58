"""The commands `run`, `resume`, `view` and `nnictl`."""

import shlex
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..adapters import backend
from ..engine import ExperimentError
from ..engine.identity import document_of
from ..engine.options import options_of
from ..engine.run_note import (
    RUN_NOTE,
    Origin,
    RunNote,
    check_connections,
    connections,
    in_folder,
    read_note,
)
from ..experiment import Experiment
from ..moving import continue_experiment
from ..runs import run_experiment
from ..strategies import History, MedianAtStepPruner, MedianPruner, Pruner, Trial
from .app import new_table, out, print_message
from .load import experiment_in
from .options import parse_options

__all__ = ["resume_run", "run_nnictl", "start_run", "view_run"]

PRUNERS: Mapping[str, type[Pruner]] = {
    "median": MedianAtStepPruner,  # run notes contain this name, so its rule must not change
    "median-average": MedianPruner,
}  # for backends without native pruners
FRONT = 10  # trials of a Pareto front that are shown


def start_run(
    file: Path,
    name: str | None,
    backend_name: str | None,
    directory: Path | None,
    jobs: int | None,
    settings: Mapping[str, Any],
    texts: Sequence[str],
    source: Path | None,
) -> None:
    """Run the experiment in a file, or continue its run if the directory has one.

    Args:
        file: The experiment's file.
        name: The variable of the experiment; None for the default one.
        backend_name: The backend; None for that of the directory, or `local`.
        directory: The run's directory; None creates one.
        jobs: Number of worker processes; None for the default of `evaluate`.
        settings: Changed settings of the experiment. The name of a pruner refers to the backend's
            pruners if it has any.
        texts: Options of the backend as KEY=VALUE; they override those of the run note.
        source: The history or run that a new directory continues.
    """
    shown = directory or Path("runs") / f"{file.stem}-{backend_name or 'local'}"
    new = RunNote(backend_name or "local", None, {})
    before = read_note(shown) if (shown / RUN_NOTE).exists() else new
    chosen = backend_name or before.backend
    given = parse_options(chosen, texts)
    again = f"nasbridge run {shlex.quote(str(file))} --directory {shlex.quote(str(shown))}"
    check_connections(before, given, shown, again)
    settings, options = dict(settings), {**before.options, **given}
    if "pruner" in settings and "pruner" in options_of(backend(chosen).run):
        options["pruner"] = settings.pop("pruner")
    _check_complete(before, shown, options)
    variable, experiment = experiment_in(file, name)
    origin = Origin(str(file.resolve()), variable, settings)
    if source is not None:
        begun = _changed(experiment, settings)
        continue_experiment(begun, source, chosen, shown.resolve(), options, origin)
    _run(experiment, RunNote(chosen, jobs, options, origin=origin), shown.resolve(), shown)


def resume_run(
    directory: Path,
    file: Path | None,
    jobs: int | None,
    settings: Mapping[str, Any],
    texts: Sequence[str],
) -> None:
    """Continue the run in a directory with its original settings.

    Args:
        directory: The run's directory.
        file: The experiment's file. The one that the run note names is not run, because the
            directory may be a stranger's.
        jobs: Number of worker processes; None keeps it.
        settings: Other changed settings of the experiment.
        texts: Options of the backend as KEY=VALUE; they override those of the run note.

    Raises:
        ExperimentError: The directory holds no run, or the run cannot be resumed from here.
    """
    note = read_note(directory)
    given = parse_options(note.backend, texts)
    options = {**note.options, **given}
    _check_complete(note, directory, options)
    command = f"nasbridge resume {shlex.quote(str(directory))}"
    if file is None:
        raise ExperimentError(_unnamed(note, directory, command))
    command += f" --experiment {shlex.quote(str(file))}"
    check_connections(note, given, directory, command)
    place, file = directory.resolve(), file.resolve()
    with in_folder(note.origin):
        variable, experiment = experiment_in(file, note.origin.variable or None)
        settings = {**note.origin.settings, **settings}
        origin = replace(note.origin, script=str(file), variable=variable, settings=settings)
        jobs = note.jobs if jobs is None else jobs
        _run(experiment, replace(note, jobs=jobs, options=options, origin=origin), place, directory)


def _unnamed(note: RunNote, directory: Path, command: str) -> str:
    script = note.origin.script
    if not script:
        return (
            f"{directory} does not name the file of its experiment: pass it, as in {command} "
            "--experiment FILE"
        )
    return (
        f"{directory} names the file {script!r}, which is not run unless you ask for it: if you "
        f"trust it, {command} --experiment {shlex.quote(script)}"
    )


def view_run(directory: Path, options: Mapping[str, Any]) -> None:
    """Show a run in the web UI of its framework until Ctrl-C.

    Args:
        directory: The directory of a run or of an NNI experiment.
        options: Options of the web UI.

    Raises:
        ExperimentError: The backend has no web UI.
    """
    name = read_note(directory).backend if (directory / RUN_NOTE).exists() else "nni"
    show = getattr(backend(name), "view", None)
    if show is None:
        raise ExperimentError(
            f"{directory} is a run under {name}, whose web UI nasbridge cannot open: write a "
            f"report with nasbridge report {shlex.quote(str(directory))}"
        )
    show(directory, **options)


def run_nnictl(arguments: Sequence[str]) -> None:
    """Run NNI's command line with unchanged arguments."""
    adapter: Any = backend("nni")
    adapter.nnictl(arguments)


def _check_complete(note: RunNote, directory: Path, options: Mapping[str, Any]) -> None:
    missing = [name for name in note.left_out if name not in options]
    if missing:
        raise ExperimentError(
            f"{directory} was started with {', '.join(missing)}= as an object, which the run note "
            f"cannot store: continue by running {note.origin.script or 'your program'} again"
        )


def _run(experiment: Experiment, note: RunNote, directory: Path, shown: Path) -> None:
    """Run an experiment with the settings of a run note; messages name the directory `shown`."""
    experiment = _changed(experiment, note.origin.settings)
    place = shlex.quote(str(shown))
    file = f"--experiment {_shown_path(note.origin.script)}"
    named = "".join(f" --option {option}" for option in connections(note))
    resume = f"  nasbridge resume {place} {file}{named}"
    print_message(f"{note.origin.script} under {note.backend}, in {place}", "dim")
    try:
        history = run_experiment(
            experiment, note.backend, directory, note.jobs, None, note.options, note.origin
        )
    except KeyboardInterrupt:
        if (directory / RUN_NOTE).exists():
            print_message("stopped; interrupted trials will be repeated. Continue with")
            print_message(resume, "bold")
        raise
    try:
        _show(history, experiment)
        _show_running(history, resume)
    finally:  # a report is most useful if all trials failed
        needed = f" {file}" if document_of(experiment.space) is None else ""
        print_message(f"  nasbridge report {place}{needed}{named}", "bold")
    if len(history) == experiment.trials and not history.of_state("running"):
        print_message(f"{resume} --trials {2 * len(history)}", "bold")


def _shown_path(file: str) -> str:
    """Return a path for a command line, relative to the working directory if it is below."""
    path = Path(file)
    below = path.is_relative_to(Path.cwd())
    return shlex.quote(str(path.relative_to(Path.cwd()) if below else path))


def _changed(experiment: Experiment, settings: Mapping[str, Any]) -> Experiment:
    changes = dict(settings)
    if "pruner" in changes:
        name = changes["pruner"]
        if name not in PRUNERS:
            raise ExperimentError(
                f"unknown pruner {name!r}: use {', '.join(PRUNERS)}, or a backend with its own "
                "pruners, such as optuna"
            )
        changes["pruner"] = PRUNERS[name]()
    with warnings.catch_warnings():  # fewer trials than in the file are intended here
        warnings.simplefilter("ignore")
        return replace(experiment, **changes)


def _show(history: History, experiment: Experiment) -> None:
    ended = history.of_state("complete", "pruned", "failed")
    parts = [f"{len(ended)} trials"]
    for state in ("pruned", "failed"):
        number = len(history.of_state(state))
        parts += [f"{number} {state}"] * (number > 0)
    if experiment.trials is not None and len(ended) < experiment.trials:
        parts.append(f"of {experiment.trials} requested" + _why(history, experiment))
    print_message(", ".join(parts))
    if history.failure and history.of_state("complete"):
        print_message(history.failure)
    metrics = [objective.metric for objective in experiment.objectives]
    best = [history.best] if len(metrics) == 1 else _front(history)
    table = new_table("trial", *metrics, "architecture")
    for trial in best[:FRONT]:
        table.add_row(*_row(trial, metrics))
    out.print(table)
    if len(best) > FRONT:
        print_message(f"... and {len(best) - FRONT} more on the Pareto front")


def _why(history: History, experiment: Experiment) -> str:
    """Return why there are fewer trials than requested."""
    if "exhausted" in history.metadata:
        return "; the space is exhausted"
    if history.of_state("running"):
        return "; others are still running"
    return "" if experiment.seconds is None else "; the time limit is reached"


def _show_running(history: History, resume: str) -> None:
    """List trials that run in other processes, and how to reclaim them."""
    running = history.of_state("running")
    for trial in running[:FRONT]:
        process = str(trial.notes.get("process", "another program"))
        host, _, number = process.partition("/")
        where = f"process {number.partition('/')[0]} on {host}" if number else process
        print_message(f"trial {trial.number} is running in {where}")
    if any("process" in trial.notes for trial in running):
        print_message("if these processes have ended, repeat their trials with")
        print_message(f"{resume} --option reclaim=true", "bold")


def _front(history: History) -> list[Trial]:
    """Return the Pareto front, best values of the first objective first."""
    first = history.objectives[0]
    return sorted(history.pareto, key=lambda trial: -first.sign * trial.values[first.metric])


def _row(trial: Trial, metrics: list[str]) -> list[str]:
    choices = trial.architecture.choices.items()
    architecture = ", ".join(f"{name}={label}" for name, label in choices)
    return [str(trial.number), *(f"{trial.values[m]:.6g}" for m in metrics), architecture]
