"""Studies as a whole: made, recognised, read as a History and written from one."""

import warnings
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import optuna
from optuna.exceptions import DuplicatedStudyError, ExperimentalWarning
from optuna.pruners import BasePruner, NopPruner
from optuna.samplers import RandomSampler
from optuna.storages import BaseStorage
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial

from ...engine.driver import ExperimentSpec
from ...engine.errors import BackendError
from ...spaces import NasbridgeError, SearchSpace, SpaceError, from_json
from ...strategies import History, Objective, Trial
from ...strategies.history import in_order
from .sampler import NASSampler
from .space import from_native, to_native
from .storage import name_of, patiently
from .trials import SURPLUS, VOID, Numbering, RowReader, objectives_of, row_of, rows_of

__all__ = ["fill_study", "history_of", "study_of"]

EXPERIMENT = "nasbridge:experiment"  # user attribute of the study
Source = str | BaseStorage | None

_WAYS = {"max": StudyDirection.MAXIMIZE, "min": StudyDirection.MINIMIZE}


def study_of(
    experiment: ExperimentSpec, storage: Source, study_name: str, pruner: BasePruner | None
) -> Study:
    """Make the study of an experiment, or continue it.

    Args:
        experiment: The experiment.
        storage: Any storage of Optuna, or its URL; None for memory.
        study_name: The study's name.
        pruner: Any pruner of Optuna, or None.

    Raises:
        BackendError: The study is of another experiment, or cannot be opened.
    """
    study = _opened(storage, study_name, experiment.objectives, pruner)
    before = study.user_attrs.get(EXPERIMENT)
    if before is not None:
        experiment = experiment.with_original_strategy(before["strategy"])
    study.sampler = NASSampler(experiment.space, experiment.strategy, experiment.seed)
    settings = History(
        experiment.space,
        experiment.objectives,
        seed=experiment.seed,
        strategy=repr(experiment.strategy),
    )
    if before is None:
        _check_directions(study, settings)
        _claim(study, settings)
        return study
    for name, value in _identity(settings).items():
        if before[name] != value:
            raise BackendError(
                f"the study {study_name!r} is of another experiment: its {name} is "
                f"{before[name]!r}, not {value!r}; continue it with the same settings, or use "
                "another study_name or directory"
            )
    return study


def _opened(
    storage: Source,
    study_name: str,
    objectives: Sequence[Objective],
    pruner: BasePruner | None = None,
    new: bool = False,
) -> Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        return patiently(
            lambda: optuna.create_study(
                storage=storage,
                study_name=study_name,
                directions=[_WAYS[o.direction] for o in objectives],
                sampler=RandomSampler(0),  # whoever opens it has one of its own
                pruner=NopPruner() if pruner is None else pruner,
                load_if_exists=not new,
            )
        )
    except DuplicatedStudyError as error:
        raise BackendError(
            f"there is a study {study_name!r} in {name_of(storage)} already: use another "
            "study_name, storage or directory"
        ) from error
    except Exception as error:  # each storage has errors of its own
        raise BackendError(
            f"the study {study_name!r} cannot be opened in {name_of(storage)} "
            f"({type(error).__name__}: {error}): is the storage right?"
        ) from error


def _identity(settings: History) -> dict[str, Any]:
    """Return what must not change while a study goes on."""
    return {
        "fingerprint": settings.space.fingerprint,
        "objectives": {o.metric: o.direction for o in settings.objectives},
        "strategy": settings.strategy,
        "seed": settings.seed,
    }


def _check_directions(study: Study, settings: History) -> None:
    """See that a study that a user has made optimizes what the experiment does."""
    theirs = [o.direction for o in objectives_of(study)]
    ours = [o.direction for o in settings.objectives]
    if theirs != ours:
        raise BackendError(
            f"the study {study.study_name!r} has the directions {theirs}, and the objectives of "
            f"the experiment are {settings.objectives}: change them, or use another study_name"
        )


def _claim(study: Study, settings: History) -> None:
    """Note in a new study what it is of."""
    with warnings.catch_warnings():  # Optuna calls the names experimental
        warnings.simplefilter("ignore", ExperimentalWarning)
        study.set_metric_names([o.metric for o in settings.objectives])
    space = _document(settings.space)
    study.set_user_attr(EXPERIMENT, {**_identity(settings), "space": space})


def _document(space: SearchSpace) -> str | None:
    try:
        return space.to_json()
    except SpaceError:  # it holds functions or classes
        return None


def history_of(study: Study, space: SearchSpace | None) -> History:
    """Read a study; one of a user's own, too.

    Args:
        study: The study.
        space: Its space, where its own description is not enough.

    Raises:
        BackendError: No space is known for it.
    """
    noted: dict[str, Any] = study.user_attrs.get(EXPERIMENT, {})
    objectives = objectives_of(study)
    space = space or _space_of(study, noted)
    numbering, reader = Numbering(), RowReader(space, objectives)
    trials: dict[int, Trial] = {}
    skipped: list[int] = []  # numbers of trials that failed before sampling
    for row in rows_of(study):
        number = numbering.number(row)
        trial = reader.trial(row, number)
        if trial is not None:
            trials[number] = trial
        elif row.state.is_finished() and VOID not in row.user_attrs:
            skipped.append(number)
    reader.warn()
    return History(
        space,
        objectives,
        in_order(trials.values()),
        noted.get("seed", 0),
        noted.get("strategy", ""),
        {"backend": "optuna", "study": study.study_name},
        tuple(skipped),
    )


def _space_of(study: Study, noted: dict[str, Any]) -> SearchSpace:
    document = noted.get("space", "")
    try:
        if document is None:
            raise SpaceError("it holds functions or classes, which a study cannot carry")
        return from_json(document) if document else from_native(study)
    except NasbridgeError as error:
        raise BackendError(
            f"the space of the study {study.study_name!r} is not known ({error}): give it, as "
            "load(location, space=space)"
        ) from error


def fill_study(history: History, storage: Source, study_name: str) -> None:
    """Write a history into a new study, as if it had run there.

    Args:
        history: The history.
        storage: Any storage of Optuna, or its URL.
        study_name: The study's name.

    Raises:
        BackendError: There is such a study already, or it cannot be made.
    """
    study = _opened(storage, study_name, history.objectives, new=True)
    _claim(study, history)
    distributions = to_native(history.space)
    ended = datetime.fromtimestamp(0)
    rows: dict[int, FrozenTrial] = {}
    for trial in history:  # rows are told in the order in which they ended
        told = datetime.fromtimestamp(trial.finished) if trial.finished else ended
        ended = max(told, ended + timedelta(microseconds=1))
        rows[trial.number] = row_of(trial, history.objectives, distributions, ended)
    lost = create_trial(state=TrialState.FAIL, user_attrs={VOID: SURPLUS})
    failed = create_trial(state=TrialState.FAIL)
    rows = dict.fromkeys(history.skipped, failed) | rows
    for number in range(max(rows, default=-1) + 1):  # the position of a row is its number
        study.add_trial(rows.get(number, lost))
