"""An Optuna study as the store of an experiment's trials, shared by any number of processes.

The study is the only truth. A trial's writes, in this order (U: user attribute, S: system
attribute, see `attributes`), and what a kill after each of them leaves:

| step    | writes                               | a kill leaves                             |
|---------|--------------------------------------|-------------------------------------------|
| make    | a running row with S owner; a repeat | a running row whose owner is dead; it is  |
|         | with U number and S fixed_params too | voided, and its trial is proposed again   |
| or take | an enqueued row: state running       | a running row without owner, like those   |
|         |                                      | of a user's own code: it is left alone    |
|         | S owner                              | as for "make"                             |
| propose | S choices                            | as for "make", but the repeat has the     |
|         |                                      | same architecture                         |
| suggest | the parameters, one by one           | as for "propose"                          |
| report  | S step, or Optuna's own value; and   | as for "propose"; the repeat reports from |
|         | a companion trial, see `reporting`   | its first step, the companion is ended    |
| finish  | S result                             | as for "propose"; the result is ignored   |
|         | U for the dashboard                  | as for "propose"                          |
|         | S sequence                           | as for "propose"                          |
|         | state and values                     | the finished trial                        |
| void    | U void                               | a running row that does not count; the    |
|         |                                      | next process that reclaims ends it        |
|         | state failed                         | a void row                                |

The whole study is read before a trial's proposal and, in storages that other processes may share,
once after it, see `NASSampler`. A repeat and a collision with another process cost one read more.
"""

import json
import math
import time
import warnings
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, cast, final

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.pruners import BasePruner
from optuna.storages import BaseStorage
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState, create_trial

from ...engine.driver import ExperimentSpec, pruned_by
from ...engine.locks import lock_in
from ...engine.owners import is_alive, is_here, owner_id
from ...engine.run import OpenStore
from ...spaces import InvalidArchitecture, Label
from ...strategies import History, SpaceExhausted, Step, Trial
from ...strategies.lock import share_lock, try_lock
from .attributes import (
    CHOICES,
    FIXED,
    INTERRUPTED,
    NUMBER,
    OWNER,
    REFUSED,
    RESULT,
    SURPLUS,
    VOID,
    Numbering,
    id_of,
    owner_of,
    rows_of,
    set_internal,
    storage_of,
)
from .history import open_study, read_history
from .reporting import Reporter, pruner_named
from .sampler import NASSampler
from .storage import STUDY_NAME, default_storage, open_storage
from .suggesting import suggest
from .trials import NATIVE_STATES, result_of, user_attributes_of

__all__ = ["StudyStore", "open_store"]


@contextmanager
def open_store(
    experiment: ExperimentSpec,
    directory: Path | None,
    storage: str | BaseStorage | None = None,
    study_name: str = STUDY_NAME,
    pruner: BasePruner | str | None = None,
    reclaim: bool = False,
) -> Generator[OpenStore]:
    """Open the study of a run; see `run_managed`, and `run` for the arguments.

    In its directory, the first process holds the lock until it has voided what was interrupted;
    then all processes share it.
    """
    if isinstance(pruner, str):
        pruner = pruner_named(pruner)
    with ExitStack() as stack:
        lock = None if directory is None else stack.enter_context(lock_in(directory))
        is_first = lock is not None and try_lock(lock)
        if lock is not None and not is_first:
            share_lock(lock)
        opened = stack.enter_context(open_storage(default_storage(storage, directory)))
        study = open_study(experiment, opened, study_name, pruner)
        store = StudyStore(experiment, study, is_first and storage is None, reclaim)
        stack.callback(store.close)
        if lock is not None:
            share_lock(lock)
        yield OpenStore(store)


@final
class StudyStore:
    """A study as the driver sees it.

    Args:
        experiment: The experiment.
        study: Its study, with a `NASSampler`.
        alone: Whether no other process can be working on the study.
        reclaim: Whether no process of another host is working on the study.
    """

    def __init__(
        self, experiment: ExperimentSpec, study: Study, alone: bool, reclaim: bool = False
    ) -> None:
        self._experiment = experiment
        self._study = study
        self._log = cast(NASSampler, study.sampler).follow(study)
        self._running: dict[int, tuple[optuna.Trial, Reporter]] = {}
        # trials to be repeated: their architectures, empty if they must be proposed again
        self._lost = self._reclaim(rows_of(study), alone, reclaim)

    def history(self) -> History:
        return read_history(self._study, self._experiment.space)

    def begin(self, limit: float) -> Trial | None:
        while True:
            native = self._next(limit)
            if native is None:
                return None
            number = self._log.start(native.number)
            if number >= limit:
                self._void(id_of(native), SURPLUS)
                continue
            try:
                architecture = suggest(native, self._experiment.space)
            except SpaceExhausted:
                self._void(id_of(native), SURPLUS)
                raise
            except InvalidArchitecture as error:
                self._refuse(native, number, error)
                continue
            self._running[number] = native, Reporter(native)
            return Trial(number, architecture, started=time.time())

    def report(self, trial: Trial, step: Step) -> bool:
        reporter = self._running[trial.number][1]
        reporter.report(step.step, **step.metrics)
        others = list(self._log.trials.finished.values())
        return reporter.should_prune() or pruned_by(
            self._experiment.pruner, trial, others, self._experiment.objectives
        )

    def finish(self, trial: Trial) -> None:
        native, reporter = self._running.pop(trial.number)
        with suppress(UpdateFinishedTrialError):  # SQLite may give one waiting row to two processes
            set_internal(self._study, id_of(native), RESULT, result_of(trial))
            attributes = user_attributes_of(trial, self._experiment.objectives)
            for name, value in attributes.items():
                native.set_user_attr(name, value)
            state = NATIVE_STATES[trial.state]
            reporter.close(state)
            values = None
            if state == TrialState.COMPLETE:
                values = [trial.values[o.metric] for o in self._experiment.objectives]
            self._study.tell(native, values, state)

    def close(self) -> None:
        """Void the rows that are running, as after Ctrl-C; the next run repeats their trials."""
        for native, reporter in self._running.values():
            reporter.close(TrialState.FAIL)
            self._void(id_of(native), INTERRUPTED)
        self._running.clear()

    def _next(self, limit: float) -> optuna.Trial | None:
        """Read the study and start a row: of an interrupted, an enqueued or a new trial."""
        while True:
            rows = self._log.read()
            waiting, is_new = self._log.waiting, self._log.next_number < limit
            if not waiting and not is_new:
                self._lost |= self._reclaim(rows)  # another process may have been killed since
            lost = min(self._lost, default=math.inf)
            if lost < limit:
                native = self._repeat(int(lost))
            elif waiting:
                native = self._take(waiting)
            else:
                return self._make() if is_new else None
            if native is not None:
                return native

    def _repeat(self, number: int) -> optuna.Trial | None:
        """Make a row that repeats a trial; None if another process has made one before."""
        native = self._make({NUMBER: number}, {FIXED: self._lost.pop(number)})
        for row in self._log.read()[: native.number]:
            if row.user_attrs.get(NUMBER) == number and VOID not in row.user_attrs:
                self._void(id_of(native), SURPLUS)
                return None
        return native

    def _take(self, waiting: Sequence[FrozenTrial]) -> optuna.Trial | None:
        """Take an enqueued row; None if other processes have taken all of them."""
        for row in waiting:
            with suppress(UpdateFinishedTrialError):
                if storage_of(self._study).set_trial_state_values(id_of(row), TrialState.RUNNING):
                    set_internal(self._study, id_of(row), OWNER, owner_id())
                    return optuna.Trial(self._study, id_of(row))
        return None

    def _make(
        self, user: Mapping[str, Any] | None = None, system: Mapping[str, Any] | None = None
    ) -> optuna.Trial:
        """Make a row that has its owner from the first moment."""
        template = create_trial(
            state=TrialState.RUNNING,
            user_attrs=dict(user or {}),
            system_attrs={OWNER: json.dumps(owner_id()), **(system or {})},
        )
        study_id = self._study._study_id  # pyright: ignore[reportPrivateUsage]
        row = storage_of(self._study).create_new_trial(study_id, template)
        return optuna.Trial(self._study, row)

    def _refuse(self, native: optuna.Trial, number: int, error: InvalidArchitecture) -> None:
        """Void a row whose enqueued values are invalid; its trial is proposed instead."""
        warnings.warn(f"trial {number} is not evaluated as it was enqueued: {error}", stacklevel=2)
        native.set_user_attr("error", str(error))
        self._void(id_of(native), REFUSED)
        self._lost[number] = {}

    def _reclaim(
        self, rows: Sequence[FrozenTrial], alone: bool = False, reclaim: bool = False
    ) -> dict[int, Mapping[str, Label]]:
        """Void interrupted rows; return the trials to be repeated, as `_lost`."""
        abandoned = [
            row
            for row in rows
            if row.state == TrialState.RUNNING and (alone or _is_abandoned(row, reclaim))
        ]
        for row in abandoned:
            self._void(id_of(row), row.user_attrs.get(VOID, INTERRUPTED))
        numbering = Numbering()
        numbered = [
            (numbering.number(row), row) for row in (rows_of(self._study) if abandoned else rows)
        ]
        covered = {number for number, row in numbered if VOID not in row.user_attrs}
        lost: dict[int, Mapping[str, Label]] = {}
        for number, row in numbered:
            if number not in covered:
                lost[number] = _choices(row) or lost.get(number, {})
        return lost

    def _void(self, row: int, why: str) -> None:
        storage = storage_of(self._study)
        with suppress(UpdateFinishedTrialError):  # another process has finished it
            storage.set_trial_user_attr(row, VOID, why)
            storage.set_trial_state_values(row, TrialState.FAIL)


def _choices(row: FrozenTrial) -> Mapping[str, Label]:
    """Return the architecture of an interrupted row; empty for other void rows."""
    proposed: str = row.system_attrs.get(CHOICES, "{}")
    return json.loads(proposed) if row.user_attrs[VOID] == INTERRUPTED else {}


def _is_abandoned(row: FrozenTrial, reclaim: bool) -> bool:
    """Return whether a running row belongs to a process that has ended."""
    owner = owner_of(row)  # None for rows of a user's own code
    return owner is not None and (not is_alive(owner) or (reclaim and not is_here(owner)))
