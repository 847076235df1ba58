"""An Optuna study as the store of an experiment's trials, for one or several processes.

Whatever is known is in the study. A row that was interrupted is void and repeated by a later row
that carries the number of its trial. Rows say which process they belong to, so that the trials of
a killed one are repeated by those that live on, or by the next.
"""

import json
import time
import warnings
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, cast, final

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState, create_trial

from ...engine.driver import ExperimentSpec, pruned_by
from ...engine.processes import identity, is_alive, is_here
from ...spaces import InvalidArchitecture, Label
from ...strategies import History, SpaceExhausted, Step, Trial
from .history import history_of
from .reporting import Reporter
from .sampler import NASSampler
from .space import suggest
from .trials import (
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
    note,
    owner_of,
    result_of,
    rows_of,
    shown_of,
    storage_of,
)

__all__ = ["StudyStore"]

_STATES = {
    "complete": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "failed": TrialState.FAIL,
}


@final
class StudyStore:
    """A study as the driver sees it.

    Args:
        experiment: The experiment.
        study: Its study, with our sampler.
        alone: Whether no other process can be working on the study.
        reclaim: Whether no process of another host is.
    """

    def __init__(
        self, experiment: ExperimentSpec, study: Study, alone: bool, reclaim: bool = False
    ) -> None:
        self._experiment = experiment
        self._study = study
        self._sampler = cast(NASSampler, study.sampler)
        self._running: dict[int, tuple[optuna.Trial, Reporter]] = {}
        self._lost = self._reclaim(alone, reclaim)

    def history(self) -> History:
        return history_of(self._study, self._experiment.space)

    # ------------------------------------------------------------------ one trial after the other

    def begin(self, limit: float) -> Trial | None:
        while True:
            trial = self._next(limit)
            if trial is None:
                return None
            self._sampler.sync(self._study)
            number = self._sampler.number_of(trial.number)
            if number >= limit or self._is_repeated_twice(trial, number):
                self._void(_id(trial), SURPLUS)
                continue
            try:
                architecture = suggest(trial, self._experiment.space)
            except SpaceExhausted:
                self._void(_id(trial), SURPLUS)
                raise
            except InvalidArchitecture as error:
                self._refuse(trial, number, error)
                continue
            self._running[number] = trial, Reporter(trial)
            return Trial(number, architecture, started=time.time())

    def _refuse(self, trial: optuna.Trial, number: int, error: InvalidArchitecture) -> None:
        """End a row in which nonsense was enqueued; a trial of its number comes next."""
        warnings.warn(f"trial {number} is not evaluated as it was enqueued: {error}", stacklevel=2)
        trial.set_user_attr("error", str(error))
        self._void(_id(trial), REFUSED)
        self._lost[number] = {}

    def _next(self, limit: float) -> optuna.Trial | None:
        """Take what was interrupted first, then what a user has enqueued, then a new row."""
        self._sampler.sync(self._study)
        if not (self._sampler.is_any_waiting or self._sampler.next_number < limit):
            self._lost |= self._reclaim()  # perhaps another process was killed meanwhile
        lost = min(self._lost, default=None)
        if lost is not None and lost < limit:
            return self._make({NUMBER: lost}, {FIXED: self._lost.pop(lost)})
        if self._sampler.is_any_waiting:
            trial = self._study.ask()
            note(self._study, _id(trial), OWNER, identity())
            return trial
        return self._make() if self._sampler.next_number < limit else None

    def _make(
        self, user: Mapping[str, Any] | None = None, system: Mapping[str, Any] | None = None
    ) -> optuna.Trial:
        """Make a row that says from its first moment whose it is."""
        template = create_trial(
            state=TrialState.RUNNING,
            user_attrs=dict(user or {}),
            system_attrs={OWNER: json.dumps(identity()), **(system or {})},
        )
        study_id = self._study._study_id  # pyright: ignore[reportPrivateUsage]
        row = storage_of(self._study).create_new_trial(study_id, template)
        return optuna.Trial(self._study, row)

    def report(self, trial: Trial, step: Step) -> bool:
        reporter = self._running[trial.number][1]
        reporter.report(step.step, **step.metrics)
        others = list(self._sampler.trials.values())
        return reporter.should_prune() or pruned_by(
            self._experiment.pruner, trial, others, self._experiment.objectives
        )

    def finish(self, trial: Trial) -> None:
        theirs, reporter = self._running.pop(trial.number)
        with suppress(UpdateFinishedTrialError):  # SQLite may give one waiting row to two processes
            note(self._study, _id(theirs), RESULT, result_of(trial))
            for name, value in shown_of(trial, self._experiment.objectives).items():
                theirs.set_user_attr(name, value)
            state = _STATES[trial.state]
            reporter.close(state)
            values = None
            if state == TrialState.COMPLETE:
                values = [trial.values[o.metric] for o in self._experiment.objectives]
            self._study.tell(theirs, values, state)

    def close(self) -> None:
        """Give up what is running, as after Ctrl-C; the next run repeats it."""
        for trial, reporter in self._running.values():
            reporter.close(TrialState.FAIL)
            self._void(_id(trial), INTERRUPTED)
        self._running.clear()

    # ------------------------------------------------------------------ interrupted trials

    def _is_repeated_twice(self, trial: optuna.Trial, number: int) -> bool:
        """Tell whether an earlier row repeats the same; two processes may see that it has to be."""
        return NUMBER in trial.user_attrs and any(
            row.user_attrs.get(NUMBER) == number and VOID not in row.user_attrs
            for row in rows_of(self._study)[: trial.number]
        )

    def _reclaim(
        self, alone: bool = False, reclaim: bool = False
    ) -> dict[int, Mapping[str, Label]]:
        """Void what was interrupted; return what has to be repeated, as choices by number."""
        for row in rows_of(self._study):
            if row.state == TrialState.RUNNING and (alone or _is_abandoned(row, reclaim)):
                self._void(_id(row), row.user_attrs.get(VOID, INTERRUPTED))
        numbering = Numbering()
        rows = [(numbering.number(row), row) for row in rows_of(self._study)]
        covered = {number for number, row in rows if VOID not in row.user_attrs}
        lost: dict[int, Mapping[str, Label]] = {}
        for number, row in rows:
            if number not in covered:
                lost[number] = _choices(row) or lost.get(number, {})
        return lost

    def _void(self, row: int, why: str) -> None:
        storage = storage_of(self._study)
        with suppress(UpdateFinishedTrialError):  # another process was quicker
            storage.set_trial_user_attr(row, VOID, why)
            storage.set_trial_state_values(row, TrialState.FAIL)


def _id(row: optuna.Trial | FrozenTrial) -> int:
    return row._trial_id  # pyright: ignore[reportPrivateUsage]


def _choices(row: FrozenTrial) -> Mapping[str, Label]:
    """Return what an interrupted row had been given; other void ones ask anew."""
    given: str = row.system_attrs.get(CHOICES, "{}")
    return json.loads(given) if row.user_attrs[VOID] == INTERRUPTED else {}


def _is_abandoned(row: FrozenTrial, reclaim: bool) -> bool:
    """Tell whether the process of a running row is gone; rows without owner are a user's own."""
    owner = owner_of(row)
    return owner is not None and (not is_alive(owner) or (reclaim and not is_here(owner)))
