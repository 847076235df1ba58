# pyright: basic
# Keras Tuner ships no types.
"""Whole experiments as projects of Keras Tuner: run, read, stored; AutoKeras has the same ones."""

import json
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import keras_tuner

from ...engine.driver import Accepted, ExperimentSpec, Observer, Silent, drive, executor_for
from ...engine.errors import BackendError
from ...engine.locks import lock_in
from ...strategies import History, RandomSearch
from ...strategies.lock import try_lock
from .history import check_same, describe
from .oracle import NASOracle
from .store import ProjectStore, fill
from .trials import NOTE, read_json, write_json

__all__ = ["project_at", "run_project", "store_project"]


def run_project(
    experiment: ExperimentSpec,
    directory: Path | None,
    jobs: int,
    observer: Observer | None,
    project_name: str,
    on_accepted: Accepted | None,
) -> History:
    """Run an experiment as a project; one that was interrupted goes on.

    Args:
        experiment: What to run.
        directory: Where the project and the trials' files are; None keeps nothing.
        jobs: Number of worker processes; 0 evaluates in this process.
        observer: Is told what happens.
        project_name: The project's name, as for a tuner.
        on_accepted: Called when the storage has accepted the run, before the first trial.

    Raises:
        BackendError: The project belongs to another experiment, or is in use.
    """
    executor = executor_for(experiment, jobs)
    with ExitStack() as stack:
        if directory is None:
            place = Path(stack.enter_context(TemporaryDirectory(prefix="nasbridge-")))
        else:
            place = directory
            if not try_lock(stack.enter_context(lock_in(directory))):
                raise BackendError(
                    f"another process runs in {directory}: wait for it, or use another directory"
                )
        before = read_json(place / project_name / f"{NOTE}.json")
        experiment = experiment.with_original_strategy(before.get("strategy", ""))
        now = describe(
            experiment.space, experiment.objectives, experiment.strategy, experiment.seed
        )
        check_same(before, now, str(place / project_name))
        oracle = _oracle(experiment, experiment.strategy, place, project_name)
        oracle.pruner = experiment.pruner
        oracle.reload()
        return drive(
            experiment,
            ProjectStore(experiment, oracle),
            executor,
            directory,
            observer or Silent(),
            on_accepted=on_accepted,
        )


def _oracle(settings: Any, strategy: Any, place: Path, project_name: str) -> NASOracle:
    """Return an oracle of an experiment, or of a history, in its project."""
    oracle = NASOracle(
        strategy,
        [keras_tuner.Objective(o.metric, o.direction) for o in settings.objectives],
        None,
        space=settings.space,
        seed=settings.seed,
        max_consecutive_failed_trials=None,  # the driver counts
    )
    oracle.verbose = 0
    oracle._set_project_dir(place, project_name)
    write_json(Path(oracle._project_dir) / "tuner0.json", {})  # so that a tuner finds a project
    return oracle


def project_at(location: Path, project_name: str) -> Path:
    """Return the project that a directory is, or holds.

    Args:
        location: The directory of a run or of a tuner, or a project's directory.
        project_name: The project's name, where the run does not say.

    Raises:
        BackendError: The note that a run has left is damaged.
    """
    if _is_project(location):
        return location
    note = location / "run.json"
    if note.exists():
        try:
            project_name = json.loads(note.read_text())["options"].get("project_name", project_name)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BackendError(f"{note} is damaged ({error!r}): remove it") from error
    others = [place for place in location.glob("*") if _is_project(place)]
    if len(others) == 1 and not (location / project_name).exists():
        return others[0]  # of a tuner: it has the directory, and a name for its project
    return location / project_name


def _is_project(place: Path) -> bool:
    return (place / "oracle.json").exists() or any(place.glob("trial_*"))


def store_project(history: History, directory: Path, project_name: str) -> None:
    """Make a project of a history; running trials become interrupted ones.

    Args:
        history: The history, of any backend.
        directory: The new run's directory.
        project_name: The project's name.

    Raises:
        BackendError: There is such a project already, or it cannot be made.
    """
    with lock_in(directory):
        project = directory / project_name
        if project.exists():
            raise BackendError(
                f"{directory} holds a project {project_name!r} already: use another directory or "
                "project_name"
            )
        described = describe(history.space, history.objectives, history.strategy, history.seed)
        oracle = _oracle(history, RandomSearch(), directory, project_name)
        write_json(project / f"{NOTE}.json", described)
        fill(oracle, history)
