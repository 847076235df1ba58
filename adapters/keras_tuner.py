# pyright: basic
# Keras Tuner ships no types.
"""The backend `keras_tuner`: oracles, directories and results stay Keras Tuner's own.

Two doors: `run` drives a whole experiment, and `NASTuner`, or `NASOracle` in any tuner, works in a
user's own search. Both give the same proposals. The files of the trials are the only truth.
"""

import json
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import keras_tuner

from ..spaces import Searchable
from ..strategies import History, RandomSearch
from ..strategies._lock import try_lock
from ._drive import Experimental, Observer, Silent, drive, runner_for
from ._errors import BackendError
from ._keras_tuner_notes import NOTE, read_json, write_json
from ._keras_tuner_oracle import NASOracle
from ._keras_tuner_project import check_same, describe, history_in
from ._keras_tuner_space import from_native, suggest, to_native
from ._keras_tuner_store import ProjectStore, fill
from ._keras_tuner_tuner import NASTuner, Reporter, history_of_oracle
from ._place import lock_in
from ._support import No, Support

__all__ = [
    "SUPPORT",
    "NASOracle",
    "NASTuner",
    "Reporter",
    "from_native",
    "load",
    "run",
    "store_history",
    "suggest",
    "to_native",
]

SUPPORT = Support(
    storage="a project directory of Keras Tuner",
    hook="NASTuner, NASOracle, Reporter, suggest",
    pruning="nasbridge.MedianPruner",
    sharing=No(
        "the project's files have one writer", "use jobs=, or NASTuner with a chief and workers"
    ),
    options=("project_name",),
)

PROJECT = "nasbridge"  # where no name is given


def run(
    experiment: Experimental,
    directory: Path | None = None,
    jobs: int = 0,
    observer: Observer | None = None,
    project_name: str = PROJECT,
    **options: Any,
) -> History:
    """Run a whole experiment as a project of Keras Tuner; one that was interrupted goes on.

    Any tuner of Keras Tuner with a `NASOracle` of the same space opens the project afterwards.

    Args:
        experiment: What to run.
        directory: Where the project and the trials' files are; None keeps nothing.
        jobs: Number of worker processes; 0 evaluates in this process.
        observer: Is told what happens.
        project_name: The project's name, as for a tuner.
        **options: None.

    Returns:
        The whole history.

    Raises:
        BackendError: The project belongs to another experiment, or is in use.
        Unsupported: An option is unknown.
    """
    SUPPORT.refuse("keras_tuner", options)
    runner = runner_for(experiment, jobs)
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
        experiment = experiment.as_begun(before.get("strategy", ""))
        now = describe(
            experiment.space, experiment.objectives, experiment.strategy, experiment.seed
        )
        check_same(before, now, str(place / project_name))
        oracle = _oracle(experiment, experiment.strategy, place, project_name)
        oracle.pruner = experiment.pruner
        oracle.reload()
        return drive(
            experiment, ProjectStore(experiment, oracle), runner, directory, observer or Silent()
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


def load(
    location: Path | str | keras_tuner.Oracle | keras_tuner.Tuner,
    space: Searchable | None = None,
    project_name: str = PROJECT,
    objectives: Mapping[str, str] | None = None,
) -> History:
    """Read a finished or half-finished project, one of Keras Tuner's own tuners included.

    Args:
        location: The directory of a run, a project's directory, a tuner, or an oracle.
        space: The space, where the project's own description is not enough.
        project_name: The project's name, where the location does not say.
        objectives: As `{"val_accuracy": "max"}`, where the project does not say.

    Raises:
        BackendError: There is no such project, or its space or objectives are not known.
    """
    if isinstance(location, keras_tuner.Tuner):
        return load(cast(keras_tuner.Oracle, location.oracle), space, objectives=objectives)
    if isinstance(location, NASOracle):
        return history_of_oracle(location, space)
    if isinstance(location, keras_tuner.Oracle):
        location = str(location._project_dir)
    return history_in(_project(Path(location), project_name), space, objectives)


def _project(location: Path, project_name: str) -> Path:
    """Return the project that a directory is, or holds."""
    if (location / "oracle.json").exists() or any(location.glob("trial_*")):
        return location
    note = location / "run.json"
    if note.exists():
        try:
            project_name = json.loads(note.read_text())["options"].get("project_name", project_name)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BackendError(f"{note} is damaged ({error!r}): remove it") from error
    return location / project_name


def store_history(
    history: History, directory: Path, project_name: str = PROJECT, **options: Any
) -> None:
    """Make a project of a history, so that `run` goes on with it as if it had always been here.

    Running trials become interrupted ones, which are repeated.

    Args:
        history: The history, of any backend.
        directory: The new run's directory.
        project_name: The project's name.
        **options: None.

    Raises:
        BackendError: There is such a project already, or it cannot be made.
        Unsupported: An option is unknown.
    """
    SUPPORT.refuse("keras_tuner", options)
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
