"""The backend `optuna`: studies, storages, pruners and the dashboard stay Optuna's own.

Two doors: `run` drives a whole experiment, and `NASSampler` with `suggest` and `Reporter` works in
a user's own `study.optimize`. Both give the same proposals. The study is the only truth, so any
number of processes may share one.
"""

import json
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast, final

import optuna
from optuna.pruners import BasePruner
from optuna.storages import BaseStorage
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from ..spaces import Searchable
from ..strategies import History, SpaceExhausted, Step, Trial
from ..strategies._lock import try_lock
from ._drive import Experimental, Observer, Silent, drive, pruned_by, runner_for
from ._errors import BackendError
from ._optuna_reporter import Reporter, companion_of, pruner_named
from ._optuna_rows import (
    CHOICES,
    NUMBER,
    OWNER,
    RESULT,
    VOID,
    Numbering,
    note,
    result_of,
    rows_of,
    shown_of,
    storage_of,
)
from ._optuna_sampler import NASSampler
from ._optuna_space import from_native, suggest, to_native
from ._optuna_study import fill_study, history_of, study_of
from ._process import identity, is_alive
from ._support import Support

__all__ = [
    "SUPPORT",
    "NASSampler",
    "Reporter",
    "from_native",
    "load",
    "run",
    "store_history",
    "suggest",
    "to_native",
]

SUPPORT = Support(
    storage="a study in any Optuna storage (SQLite by default)",
    hook="NASSampler, suggest, Reporter",
    pruning="Optuna's own pruners, or nasbridge.MedianPruner",
    sharing="any number of processes on one study",
    options=("storage", "study_name", "pruner"),
)

STUDY_NAME = "nasbridge"  # where none is given
DATABASE = "study.db"
PATIENCE = 10  # seconds until a row without owner, in a shared storage, counts as abandoned


def run(
    experiment: Experimental,
    directory: Path | None = None,
    jobs: int = 0,
    observer: Observer | None = None,
    storage: str | BaseStorage | None = None,
    study_name: str = STUDY_NAME,
    pruner: BasePruner | str | None = None,
    **options: Any,
) -> History:
    """Run a whole experiment as an Optuna study; one that was interrupted goes on where it was.

    Args:
        experiment: What to run.
        directory: Where the default storage and the trials' files are.
        jobs: Number of worker processes; 0 evaluates in this process.
        observer: Is told what happens.
        storage: Any storage of Optuna, or its URL; by default SQLite in `directory`, or memory
            without one.
        study_name: The study's name.
        pruner: Any pruner of Optuna, or its name, as "median", "successive-halving" and
            "hyperband"; by default none, or the experiment's own.
        **options: None.

    Returns:
        The whole history.

    Raises:
        BackendError: The study belongs to another experiment, or the pruner has no such name.
        Unsupported: An option is unknown.
    """
    SUPPORT.refuse("optuna", options)
    with ExitStack() as stack:
        alone = directory is not None and storage is None
        if directory is not None:
            directory.mkdir(parents=True, exist_ok=True)
            lock = stack.enter_context((directory / "lock").open("ab"))
            alone = try_lock(lock) and alone
            storage = storage or _database(directory)
        if isinstance(pruner, str):
            pruner = pruner_named(pruner)
        study = study_of(experiment, storage, study_name, pruner)
        store = _Store(experiment, study, alone)
        return drive(
            experiment, store, runner_for(experiment, jobs), directory, observer or Silent()
        )


def load(
    location: Path | str | Study, space: Searchable | None = None, study_name: str = STUDY_NAME
) -> History:
    """Read a finished or half-finished study.

    Args:
        location: A study, a storage's URL, or the directory of a run.
        space: The space, where the study's own description is not enough.
        study_name: The study's name, where the location does not say.

    Raises:
        BackendError: There is no such study, or no space is known for it.
    """
    if isinstance(location, Study):
        return history_of(location, space)
    url = str(location)
    if "://" not in url:
        url, study_name = _noted(Path(location), study_name)
    try:
        study = optuna.load_study(study_name=study_name, storage=url)
    except Exception as error:  # each storage has errors of its own
        raise BackendError(
            f"there is no study {study_name!r} at {url} ({type(error).__name__}: {error}): give "
            "the storage's URL or the run's directory, and study_name= if it has another name"
        ) from error
    return history_of(study, space)


def _noted(directory: Path, study_name: str) -> tuple[str, str]:
    """Return the storage and study that a run's directory speaks of."""
    options: dict[str, Any] = {}
    if (directory / "run.json").exists():
        options = json.loads((directory / "run.json").read_text())["options"]
    storage = options.get("storage") or _database(directory)
    if storage.endswith(DATABASE) and not (directory / DATABASE).exists():
        raise BackendError(f"{directory} holds no study: it has no {DATABASE}")
    return storage, options.get("study_name", study_name)


def store_history(
    history: History,
    directory: Path | None = None,
    storage: str | BaseStorage | None = None,
    study_name: str = STUDY_NAME,
    **options: Any,
) -> None:
    """Make a study of a history, so that `run` goes on with it as if it had always been here.

    Running trials become interrupted ones, which are repeated. The pruner of a study with several
    objectives begins anew; all else goes on as it was.

    Args:
        history: The history, of any backend.
        directory: Where the default storage is.
        storage: Any storage of Optuna, or its URL; by default SQLite in `directory`.
        study_name: The new study's name.
        **options: None.

    Raises:
        BackendError: There is such a study already.
        Unsupported: An option is unknown.
    """
    SUPPORT.refuse("optuna", options)
    if directory is not None:
        directory.mkdir(parents=True, exist_ok=True)
        storage = storage or _database(directory)
    fill_study(history, storage, study_name)


def _database(directory: Path) -> str:
    return f"sqlite:///{(directory / DATABASE).resolve()}"


# ---------------------------------------------------------------------- the store


@final
class _Store:
    """A study as the driver sees it.

    Args:
        experiment: The experiment.
        study: Its study, with our sampler.
        alone: Whether no other process can be working on the study.
    """

    def __init__(self, experiment: Experimental, study: Study, alone: bool) -> None:
        self._experiment = experiment
        self._study = study
        self._sampler = cast(NASSampler, study.sampler)
        self._running: dict[int, tuple[optuna.Trial, Reporter]] = {}
        self._reclaim(alone)

    def history(self) -> History:
        return history_of(self._study, self._experiment.space)

    def begin(self, limit: float) -> Trial | None:
        self._sampler.sync(self._study)
        if self._sampler.next_number >= limit and not self._sampler.waiting(self._study):
            return None
        trial = self._study.ask()
        row = trial._trial_id  # pyright: ignore[reportPrivateUsage]
        note(self._study, row, OWNER, identity())
        self._sampler.sync(self._study)
        number = self._sampler.number_of(trial.number)
        if number >= limit and NUMBER not in trial.user_attrs:
            self._void(trial.number, row, "surplus")
            return None
        try:
            architecture = suggest(trial, self._experiment.space)
        except SpaceExhausted:
            self._void(trial.number, row, "surplus")
            raise
        self._running[number] = trial, Reporter(trial)
        return Trial(number, architecture, started=time.time())

    def report(self, trial: Trial, step: Step) -> bool:
        reporter = self._running[trial.number][1]
        reporter.report(step.step, **step.metrics)
        others = list(self._sampler.trials.values())
        return reporter.should_prune() or pruned_by(
            self._experiment.pruner, trial, others, self._experiment.objectives
        )

    def finish(self, trial: Trial) -> None:
        theirs, reporter = self._running.pop(trial.number)
        row = theirs._trial_id  # pyright: ignore[reportPrivateUsage]
        note(self._study, row, RESULT, result_of(trial))
        for name, value in shown_of(trial, self._experiment.objectives).items():
            theirs.set_user_attr(name, value)
        match trial.state:
            case "complete":
                reporter.close()
                values = [trial.values[o.metric] for o in self._experiment.objectives]
                self._study.tell(theirs, values)
            case "pruned":
                reporter.close(TrialState.PRUNED)
                self._study.tell(theirs, state=TrialState.PRUNED)
            case _:
                reporter.close(TrialState.FAIL)
                self._study.tell(theirs, state=TrialState.FAIL)

    # ------------------------------------------------------------------ interrupted trials

    def _reclaim(self, alone: bool) -> None:
        """Make interrupted trials void and let them be repeated; may itself be interrupted."""
        rows = rows_of(self._study)
        for row in rows:
            if row.state == TrialState.RUNNING and (alone or _is_abandoned(row)):
                self._void(row.number, row._trial_id, "interrupted")  # pyright: ignore[reportPrivateUsage]
        if alone and len(self._experiment.objectives) > 1:
            companion = companion_of(self._study)
            for row in companion.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
                companion.tell(row.number, state=TrialState.FAIL)
        self._repeat(rows_of(self._study))

    def _repeat(self, rows: list[FrozenTrial]) -> None:
        numbering = Numbering()
        numbers = [numbering.number(row) for row in rows]
        covered = {n for n, row in zip(numbers, rows, strict=True) if VOID not in row.user_attrs}
        for number, row in zip(numbers, rows, strict=True):
            if number not in covered:
                covered.add(number)
                choices = json.loads(cast(str, row.system_attrs.get(CHOICES, "{}")))
                self._study.enqueue_trial(choices, user_attrs={NUMBER: number})

    def _void(self, number: int, row: int, why: str) -> None:
        storage_of(self._study).set_trial_user_attr(row, VOID, why)
        self._study.tell(number, state=TrialState.FAIL)


def _is_abandoned(row: FrozenTrial) -> bool:
    owner = row.system_attrs.get(OWNER)
    if owner is not None:
        return not is_alive(json.loads(cast(str, owner)))
    started = row.datetime_start
    return started is not None and time.time() - started.timestamp() > PATIENCE
