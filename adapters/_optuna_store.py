"""An Optuna study as the store of an experiment's trials, for one or several processes.

Whatever is known is in the study. A row that was interrupted is void and repeated by a later row
that carries the number of its trial. Rows say which process they belong to, so that the trials of
a killed one are repeated by those that live on, or by the next.
"""

import json
import time
from contextlib import suppress
from typing import Any, cast, final

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState, create_trial

from ..strategies import History, SpaceExhausted, Step, Trial
from ._drive import Experimental, pruned_by
from ._optuna_reporter import Reporter, companion_of
from ._optuna_rows import (
    CHOICES,
    INTERRUPTED,
    NUMBER,
    OWNER,
    RESULT,
    SURPLUS,
    VOID,
    Numbering,
    note,
    result_of,
    rows_of,
    shown_of,
    storage_of,
)
from ._optuna_sampler import NASSampler
from ._optuna_space import suggest
from ._optuna_study import history_of
from ._process import identity, is_alive

__all__ = ["StudyStore"]

PATIENCE = 10  # seconds until a repeated row that nobody owns counts as abandoned
TICK = 0.2  # seconds between two looks at such a row


@final
class StudyStore:
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
        limit = experiment.trials
        self._reclaim(float("inf") if limit is None else limit, alone)
        if alone and len(experiment.objectives) > 1:
            companion = companion_of(study)
            for row in companion.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
                companion.tell(row.number, state=TrialState.FAIL)

    def history(self) -> History:
        return history_of(self._study, self._experiment.space)

    # ------------------------------------------------------------------ one trial after the other

    def begin(self, limit: float) -> Trial | None:
        while self._is_anything_left(limit):
            trial = self._ask()
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
            self._running[number] = trial, Reporter(trial)
            return Trial(number, architecture, started=time.time())
        return None

    def report(self, trial: Trial, step: Step) -> bool:
        reporter = self._running[trial.number][1]
        reporter.report(step.step, **step.metrics)
        others = list(self._sampler.trials.values())
        return reporter.should_prune() or pruned_by(
            self._experiment.pruner, trial, others, self._experiment.objectives
        )

    def finish(self, trial: Trial) -> None:
        theirs, reporter = self._running.pop(trial.number)
        note(self._study, _id(theirs), RESULT, result_of(trial))
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

    def close(self) -> None:
        """Give up what is running, as after Ctrl-C; the next run repeats it."""
        for trial, reporter in self._running.values():
            reporter.close(TrialState.FAIL)
            self._void(_id(trial), INTERRUPTED)
        self._running.clear()

    def _ask(self) -> optuna.Trial:
        """Take a waiting row, or make one that says from its first moment whose it is."""
        if self._sampler.is_any_waiting:
            trial = self._study.ask()
            note(self._study, _id(trial), OWNER, identity())
            return trial
        owner: dict[str, Any] = {OWNER: json.dumps(identity())}
        template = create_trial(state=TrialState.RUNNING, system_attrs=owner)
        study_id = self._study._study_id  # pyright: ignore[reportPrivateUsage]
        return optuna.Trial(
            self._study, storage_of(self._study).create_new_trial(study_id, template)
        )

    # ------------------------------------------------------------------ interrupted trials

    def _is_anything_left(self, limit: float) -> bool:
        """Tell whether a trial can be begun; the interrupted ones of others count, too."""
        if self._is_there_a_row(limit):
            return True
        while True:
            self._reclaim(limit, alone=False)
            if self._is_there_a_row(limit):
                return True
            if self._running or not any(map(_is_orphan, rows_of(self._study))):
                return False
            time.sleep(TICK)

    def _is_there_a_row(self, limit: float) -> bool:
        self._sampler.sync(self._study)
        return self._sampler.next_number < limit or self._sampler.is_any_waiting

    def _is_repeated_twice(self, trial: optuna.Trial, number: int) -> bool:
        """Tell whether an earlier row repeats the same: two processes saw that it had to be."""
        rows = rows_of(self._study)
        return NUMBER in trial.user_attrs and any(
            row.user_attrs.get(NUMBER) == number and VOID not in row.user_attrs
            for row in rows[: trial.number]
        )

    def _reclaim(self, limit: float, alone: bool) -> None:
        """Void what was interrupted, and let it be repeated; may itself be interrupted."""
        for row in rows_of(self._study):
            if row.state == TrialState.RUNNING and (alone or _is_abandoned(row)):
                self._void(_id(row), row.user_attrs.get(VOID, INTERRUPTED))
        numbering = Numbering()
        rows = [(numbering.number(row), row) for row in rows_of(self._study)]
        covered = {number for number, row in rows if VOID not in row.user_attrs}
        for number, row in rows:
            if number < limit and number not in covered:
                covered.add(number)
                again = row.user_attrs[VOID] == INTERRUPTED
                choices = json.loads(cast(str, row.system_attrs.get(CHOICES, "{}")))
                self._study.enqueue_trial(choices if again else {}, user_attrs={NUMBER: number})

    def _void(self, row: int, why: str) -> None:
        storage = storage_of(self._study)
        with suppress(UpdateFinishedTrialError):  # another process was quicker
            storage.set_trial_user_attr(row, VOID, why)
            storage.set_trial_state_values(row, TrialState.FAIL)


def _id(row: optuna.Trial | FrozenTrial) -> int:
    return row._trial_id  # pyright: ignore[reportPrivateUsage]


def _is_orphan(row: FrozenTrial) -> bool:
    """Tell whether a row was taken by a process that has not yet said so, and may never do."""
    return (
        row.state == TrialState.RUNNING
        and NUMBER in row.user_attrs
        and OWNER not in row.system_attrs
    )


def _is_abandoned(row: FrozenTrial) -> bool:
    """Tell whether the process of a running row is gone; rows without owner are a user's own."""
    if _is_orphan(row):
        started = row.datetime_start
        return started is not None and time.time() - started.timestamp() > PATIENCE
    owner = row.system_attrs.get(OWNER)
    return owner is not None and not is_alive(json.loads(cast(str, owner)))
