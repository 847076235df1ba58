# pyright: basic
# Keras Tuner ships no types.
"""Projects of Keras Tuner as a whole: described, recognised, read as a History."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import keras_tuner
from keras_tuner import HyperParameters

from ...engine.errors import BackendError
from ...spaces import NasbridgeError, SearchSpace, SpaceError, from_json
from ...strategies import History, Objective, Strategy, Trial, objectives_from
from .space import from_native
from .trials import NOTE, SKIPPED, Noted, read_json, read_rows, trial_of

__all__ = [
    "Goal",
    "check_same",
    "describe",
    "document_of",
    "history_in",
    "history_of",
    "native_objective",
    "objectives_in",
]


Goal: TypeAlias = str | Any | Sequence[Any] | Mapping[str, str] | None
"""What Keras Tuner takes as objective, or a dict of names to "max" or "min"."""


def native_objective(objective: Goal) -> Any:
    """Return an objective as Keras Tuner takes it; `{"val_accuracy": "max"}` will do as well."""
    if isinstance(objective, Mapping):
        objective = [keras_tuner.Objective(name, way) for name, way in objective.items()]
    if not isinstance(objective, list | tuple):
        return objective
    made: list[Any] = [*objective]
    return made if len(made) > 1 else made[0]


def objectives_in(oracle: keras_tuner.Oracle) -> dict[str, str]:
    """Return the objectives of an oracle, as `{"val_accuracy": "max"}`."""
    goal: Any = oracle.objective
    return {one.name: one.direction for one in getattr(goal, "objectives", [goal])}


def describe(
    space: SearchSpace | None,
    objectives: Sequence[Objective],
    strategy: Strategy[Any] | str,
    seed: int,
) -> dict[str, Any]:
    """Say what a search is of.

    Args:
        space: The space; None where it grows.
        objectives: What is maximised or minimised.
        strategy: The search method.
        seed: Fixes every proposal.
    """
    return {
        "fingerprint": None if space is None else space.fingerprint,
        "objectives": {o.metric: o.direction for o in objectives},
        "strategy": strategy if isinstance(strategy, str) else repr(strategy),
        "seed": seed,
        "space": None if space is None else document_of(space),
    }


def document_of(space: SearchSpace) -> str | None:
    """Return a space as JSON; None if it holds what JSON cannot carry."""
    try:
        return space.to_json()
    except SpaceError:
        return None


def check_same(before: Mapping[str, Any], now: Mapping[str, Any], project: str) -> None:
    """Raise unless a project is of the search that is to go on in it.

    Args:
        before: What it says, empty if nothing.
        now: What must not have changed.
        project: Where it is, for the message.

    Raises:
        BackendError: It is of another one.
    """
    for name, value in now.items():
        if name in before and before[name] != value and name != "space":
            was, is_now = (
                "that of a function" if v is None else repr(v) for v in (before[name], value)
            )
            raise BackendError(
                f"the project {project} is of another search: its {name} is {was}, not {is_now}; "
                "continue it with the same settings, or use another project_name or directory"
            )


def history_in(
    project: Path, space: SearchSpace | None, objectives: Mapping[str, str] | None
) -> History:
    """Read a project; one that Keras Tuner's own tuners have made, too.

    Args:
        project: The directory that holds `oracle.json`.
        space: Its space, where its own description is not enough.
        objectives: Its objectives, where it does not say.

    Raises:
        BackendError: There is no project, or its space or objectives are not known.
    """
    rows = read_rows(project)
    noted = read_json(project / f"{NOTE}.json")
    if not rows and not noted:
        raise BackendError(
            f"{project} holds no trials of Keras Tuner: give the directory= of a run, or a "
            "tuner's project_dir"
        )
    given = objectives or noted.get("objectives")
    if given is None:
        raise BackendError(
            f"the objectives of {project} are not known, for Keras Tuner does not store them: "
            'give them, as load(location, objectives={"val_accuracy": "max"})'
        )
    space = space or _space_of(project, noted, rows)
    return history_of(rows, space, objectives_from(given), noted)


def _space_of(project: Path, noted: Mapping[str, Any], rows: Sequence[Noted]) -> SearchSpace:
    try:
        if noted.get("space"):
            return from_json(noted["space"])
        if noted.get("fingerprint"):
            raise SpaceError("it holds functions or classes, which JSON cannot carry")
        config = read_json(project / "oracle.json").get("hyperparameters")
        if config is not None:
            return from_native(HyperParameters.from_config(dict(config)))
        known = HyperParameters()
        for noted_row in rows:
            known.merge(noted_row.row.hyperparameters, overwrite=False)
        return from_native(known)
    except NasbridgeError as error:
        raise BackendError(
            f"the space of {project} is not known ({error}): give it, as "
            "load(location, space=space)"
        ) from error


def history_of(
    rows: Sequence[Noted],
    space: SearchSpace,
    objectives: tuple[Objective, ...],
    noted: Mapping[str, Any],
) -> History:
    """Make a history of trials; running ones come last."""
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
        noted.get("seed", 0),
        noted.get("strategy", ""),
        {"backend": "keras_tuner"},
        skipped,
    )
