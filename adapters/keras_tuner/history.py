# pyright: basic
# Keras Tuner ships no types.
"""A whole project of Keras Tuner and our `History`: from one to the other."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras_tuner
from keras_tuner.engine.trial import Trial as Row
from keras_tuner.engine.trial import TrialStatus

from ...engine.errors import BackendError
from ...engine.identity import ExperimentIdentity
from ...engine.locks import lock_in
from ...engine.run_note import find_note
from ...spaces import NasbridgeError, SearchSpace, SpaceError, from_json
from ...strategies import History, Objective, Trial, objectives_from
from .files import ProjectFiles, read_identity
from .objectives import native_objective, score_of
from .scores import pruned_message
from .space import from_native, native_values, to_native
from .trials import SKIPPED, ProjectState, Record, read_project, record_end, trial_of

__all__ = [
    "history_in",
    "history_of",
    "project_at",
    "store_project",
]


def project_at(location: Path, project_name: str) -> Path:
    """Return the project that a directory is, or holds.

    Args:
        location: The directory of a run or of a tuner, or a project's directory.
        project_name: The project's name, unless the run has stored another one.

    Raises:
        ExperimentError: The note of the run is damaged.
    """
    if _is_project(location):
        return location
    note = find_note(location)
    if note is not None:
        project_name = note.options.get("project_name", project_name)
    others = [place for place in location.glob("*") if _is_project(place)]
    if len(others) == 1 and not (location / project_name).exists():
        return others[0]  # a tuner's directory, with a project of any name
    return location / project_name


def _is_project(place: Path) -> bool:
    return (place / "oracle.json").exists() or any(place.glob("trial_*"))


def history_in(
    project: Path,
    space: SearchSpace | None = None,
    objectives: Mapping[str, str] | None = None,
) -> History:
    """Read a project, including one of Keras Tuner's own tuners.

    Args:
        project: The directory that holds `oracle.json`.
        space: The space, if the project does not describe it.
        objectives: The objectives, if the project does not store them.

    Raises:
        BackendError: There is no project, or its space or objectives are unknown.
    """
    state = read_project(project)
    rows, identity = state.rows, read_identity(project)
    if not rows and identity is None:
        raise BackendError(
            f"{project} holds no trials of Keras Tuner: give the directory= of a run, or a "
            "tuner's project_dir"
        )
    known = objectives or (identity and identity.objectives)
    if not known:
        raise BackendError(
            f"the objectives of {project} are not known, because Keras Tuner does not store them: "
            'give them, as load(location, objectives={"val_accuracy": "max"})'
        )
    space = space or _space_of(project, identity, state)
    if identity is None:
        return history_of(rows, space, objectives_from(known))
    return history_of(rows, space, objectives_from(known), identity.seed, identity.strategy)


def _space_of(
    project: Path, identity: ExperimentIdentity | None, state: ProjectState
) -> SearchSpace:
    try:
        if identity is not None and identity.space is not None:
            return from_json(identity.space)
        if identity is not None and identity.fingerprint is not None:
            raise SpaceError("it holds functions or classes, which JSON cannot represent")
        return from_native(state.hyperparameters)
    except NasbridgeError as error:
        raise BackendError(
            f"the space of {project} is not known ({error}): give it, as "
            "load(location, space=space)"
        ) from error


def history_of(
    rows: Sequence[Record],
    space: SearchSpace,
    objectives: tuple[Objective, ...],
    seed: int = 0,
    strategy: str = "",
) -> History:
    """Return the history of trials; running ones come last."""
    ended: list[tuple[int, Trial]] = []
    running: list[Trial] = []
    for row in rows:
        trial = trial_of(row, space)
        if trial is not None and trial.state == "running":
            running.append(trial)
        elif trial is not None:
            ended.append((row.note["ended"], trial))
    ended.sort(key=lambda pair: pair[0])
    skipped = tuple(row.number for row in rows if row.note.get("state") == SKIPPED)
    return History(
        space,
        objectives,
        (*(trial for _, trial in ended), *running),
        seed,
        strategy,
        {"backend": "keras_tuner"},
        skipped,
    )


def store_project(history: History, directory: Path, project_name: str) -> None:
    """Write a history as a project that resumes; running trials become interrupted ones.

    Args:
        history: The history, of any backend.
        directory: The directory of the new run.
        project_name: The project's name.

    Raises:
        BackendError: The project exists, or cannot be created.
    """
    with lock_in(directory):
        project = directory / project_name
        if project.exists():
            raise BackendError(
                f"{directory} holds a project {project_name!r} already: use another directory or "
                "project_name"
            )
        oracle: Any = keras_tuner.Oracle(
            native_objective({o.metric: o.direction for o in history.objectives}),
            hyperparameters=to_native(history.space),
        )
        files = ProjectFiles()
        files.open(project, builds_nothing=True)
        files.write_description(ExperimentIdentity.of(history).to_dict)
        for record in _records(history, oracle):
            files.write_trial(*record)
        files.write_summary(oracle)


def _records(history: History, oracle: Any) -> Iterator[Record]:
    """Return the trials of a history as those of Keras Tuner; the oracle records their order."""
    positions = {trial.number: n for n, trial in enumerate(history) if trial.state != "running"}
    known = {trial.number: trial for trial in history}
    ids = [str(number) for number in range(max([*known, *history.skipped], default=-1) + 1)]
    for trial_id in ids:
        trial = known.get(int(trial_id))
        row = Row(oracle.hyperparameters.copy(), trial_id)
        oracle.trials[trial_id] = row
        oracle.start_order.append(trial_id)
        yield _skipped(row) if trial is None else _recorded(row, trial, history, oracle, positions)
    oracle.end_order += [str(number) for number in positions]
    oracle._run_times.update(dict.fromkeys(oracle.end_order, 1))


def _skipped(row: Row) -> Record:
    row.status = TrialStatus.FAILED
    row.message = "skipped: it failed before it had an architecture"
    return Record(row, {"state": SKIPPED, "ended": -1})


def _recorded(
    row: Row, trial: Trial, history: History, oracle: Any, positions: Mapping[int, int]
) -> Record:
    row.hyperparameters.values = dict(native_values(history.space, trial.architecture.choices))
    record = Record(row, {"started": trial.started, "steps": [step.step for step in trial.curve]})
    for step in trial.curve:
        for metric, value in step.metrics.items():
            row.metrics.update(metric, value, step=step.step)
    if trial.state == "running":
        return record
    record_end(record, trial)
    record.note.update(state=trial.state, finished=trial.finished, ended=positions[trial.number])
    if trial.state == "pruned":
        row.message = pruned_message(record.note)
    if row.status == TrialStatus.COMPLETED:
        row.score = score_of(oracle.objective, history.objectives, trial.values)
    oracle._tried_so_far.add(oracle._compute_values_hash(row.hyperparameters.values))
    return record
