"""A whole study: opened for an experiment, read as a History, and written from one."""

import warnings
from collections.abc import Sequence

import optuna
from optuna.exceptions import DuplicatedStudyError, ExperimentalWarning
from optuna.pruners import BasePruner, NopPruner
from optuna.samplers import RandomSampler
from optuna.storages import BaseStorage
from optuna.study import Study, StudyDirection
from optuna.trial import TrialState, create_trial

from ...engine.driver import ExperimentSpec
from ...engine.errors import BackendError
from ...engine.identity import ExperimentIdentity
from ...spaces import NasbridgeError, SearchSpace, SpaceError, from_json
from ...strategies import History, Objective, Trial
from .attributes import SURPLUS, VOID, Numbering, objectives_of, places_of, rows_of
from .sampler import NASSampler
from .space import from_native, to_native
from .storage import describe_error, describe_storage, with_retries
from .trials import RowReader, row_of

__all__ = ["open_study", "read_history", "write_history"]

EXPERIMENT = "nasbridge:experiment"  # user attribute of the study: identity and space
OpenedStorage = str | BaseStorage | None

_DIRECTIONS = {"max": StudyDirection.MAXIMIZE, "min": StudyDirection.MINIMIZE}


def open_study(
    experiment: ExperimentSpec, storage: OpenedStorage, study_name: str, pruner: BasePruner | None
) -> Study:
    """Create or continue the study of an experiment, with a `NASSampler`.

    Args:
        experiment: The experiment.
        storage: An Optuna storage or its URL; None for memory.
        study_name: The study's name.
        pruner: An Optuna pruner, or None.

    Raises:
        BackendError: The study belongs to another experiment, or cannot be opened.
    """
    study = _create_study(storage, study_name, experiment.objectives, pruner)
    stored = _identity_in(study)
    if stored is None:
        _check_directions(study, experiment.objectives)
        _describe(study, experiment)
    else:
        fix = "continue it with the same settings, or use another study_name or directory"
        experiment = stored.resume(experiment, _name(study), fix)
    study.sampler = NASSampler(
        experiment.space, strategy=experiment.strategy, seed=experiment.seed, extra={}
    )
    return study


def _create_study(
    storage: OpenedStorage,
    study_name: str,
    objectives: Sequence[Objective],
    pruner: BasePruner | None = None,
    must_be_new: bool = False,
) -> Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        return with_retries(
            lambda: optuna.create_study(
                storage=storage,
                study_name=study_name,
                directions=[_DIRECTIONS[o.direction] for o in objectives],
                sampler=RandomSampler(0),  # until the caller sets another one
                pruner=NopPruner() if pruner is None else pruner,
                load_if_exists=not must_be_new,
            )
        )
    except DuplicatedStudyError as error:
        raise BackendError(
            f"the study {study_name!r} already exists in {describe_storage(storage)}: use another "
            "study_name, storage or directory"
        ) from error
    except Exception as error:  # each storage has its own errors
        raise BackendError(
            f"the study {study_name!r} cannot be opened in {describe_storage(storage)} "
            f"({describe_error(error)}): check the storage"
        ) from error


def _name(study: Study) -> str:
    return f"the study {study.study_name!r}"


def _check_directions(study: Study, objectives: Sequence[Objective]) -> None:
    """Check that a study made by a user has the directions of the experiment."""
    stored = [o.direction for o in objectives_of(study)]
    if stored != [o.direction for o in objectives]:
        raise BackendError(
            f"{_name(study)} has the directions {stored}, and the objectives of the experiment "
            f"are {objectives}: change them, or use another study_name"
        )


def _describe(study: Study, source: ExperimentSpec | History) -> None:
    """Store in a new study which experiment it belongs to."""
    with warnings.catch_warnings():  # Optuna calls metric names experimental
        warnings.simplefilter("ignore", ExperimentalWarning)
        study.set_metric_names([o.metric for o in source.objectives])
    study.set_user_attr(EXPERIMENT, ExperimentIdentity.of(source).to_dict())


def _identity_in(study: Study) -> ExperimentIdentity | None:
    """Return which experiment a study belongs to; None for a study of a user's own code."""
    document = study.user_attrs.get(EXPERIMENT)
    return None if document is None else ExperimentIdentity.from_dict(document, _name(study))


def read_history(study: Study, space: SearchSpace | None) -> History:
    """Read a study, also one that a user's own code has made.

    Args:
        study: The study.
        space: Its space; None for the one stored with the study.

    Raises:
        BackendError: The study's space is unknown.
    """
    stored = _identity_in(study)
    objectives = objectives_of(study)
    is_inferred = space is None and stored is None
    space = space or _space_of(study, stored)
    numbering, reader = Numbering(), RowReader(space, objectives, is_inferred)
    trials: dict[int, Trial] = {}
    skipped: list[int] = []  # failed before they had an architecture
    rows = rows_of(study)
    places, order = places_of(rows), dict[int, tuple[int, int]]()
    for row in rows:
        number = numbering.number(row)
        trial = reader.trial(row, number)
        if trial is not None:
            trials[number], order[number] = trial, places[row.number]
        elif row.state.is_finished() and VOID not in row.user_attrs:
            skipped.append(number)
    reader.warn()
    return History(
        space,
        objectives,
        tuple(sorted(trials.values(), key=lambda t: (t.state == "running", order[t.number]))),
        0 if stored is None else stored.seed,
        "" if stored is None else stored.strategy,
        {"backend": "optuna", "study": study.study_name},
        tuple(skipped),
    )


def _space_of(study: Study, stored: ExperimentIdentity | None) -> SearchSpace:
    try:
        if stored is None:
            return from_native(study)
        if stored.space is None:
            raise SpaceError("it holds functions or classes, which a study cannot store")
        return from_json(stored.space)
    except NasbridgeError as error:
        raise BackendError(
            f"the space of {_name(study)} is unknown ({error}): pass it, as in "
            "load(location, space=space)"
        ) from error


def write_history(history: History, storage: OpenedStorage, study_name: str) -> None:
    """Write a history into a new study, as if it had run there.

    Args:
        history: The history.
        storage: An Optuna storage or its URL.
        study_name: The study's name.

    Raises:
        BackendError: The study already exists, or cannot be created.
    """
    study = _create_study(storage, study_name, history.objectives, must_be_new=True)
    _describe(study, history)
    distributions = to_native(history.space)
    rows = {
        trial.number: row_of(trial, history.objectives, distributions, place)
        for place, trial in enumerate(history, 1)
    }
    lost = create_trial(state=TrialState.FAIL, user_attrs={VOID: SURPLUS})
    failed = create_trial(state=TrialState.FAIL)
    rows = dict.fromkeys(history.skipped, failed) | rows
    for number in range(max(rows, default=-1) + 1):  # a row's position is its number
        study.add_trial(rows.get(number, lost))
