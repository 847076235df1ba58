# pyright: basic
# Keras Tuner ships no types.
"""A project of Keras Tuner as the store of an experiment's trials."""

import math
from collections.abc import Mapping
from typing import Any, final

from keras_tuner.engine.trial import Trial as Row
from keras_tuner.engine.trial import TrialStatus

from ...engine.driver import ExperimentSpec
from ...strategies import History, SpaceExhausted, Step, Trial
from .history import history_of
from .oracle import NASOracle
from .space import native_values
from .trials import SKIPPED, Noted, trial_of

__all__ = ["ProjectStore", "fill"]


@final
class ProjectStore:
    """A project as the driver sees it.

    Args:
        experiment: The experiment.
        oracle: Its oracle, with everything read that is there.
    """

    def __init__(self, experiment: ExperimentSpec, oracle: NASOracle) -> None:
        self._experiment = experiment
        self._oracle = oracle
        self._rows: dict[int, Row] = {}

    def history(self) -> History:
        rows = [Noted(row, self._oracle.notes[key]) for key, row in self._oracle.trials.items()]
        experiment = self._experiment
        noted = {"seed": experiment.seed, "strategy": repr(experiment.strategy)}
        return history_of(rows, experiment.space, experiment.objectives, noted)

    def begin(self, limit: float) -> Trial | None:
        oracle = self._oracle
        oracle.max_trials = None if limit == math.inf else int(limit)
        workers = (f"tuner{k}" for k in range(len(oracle.ongoing_trials) + 1))
        row = oracle.create_trial(next(w for w in workers if w not in oracle.ongoing_trials))
        if row.status != TrialStatus.RUNNING:
            if oracle.is_exhausted:
                raise SpaceExhausted("the space has no more")
            return None
        trial = trial_of(Noted(row, oracle.notes[row.trial_id]), self._experiment.space)
        assert trial is not None, f"{row.hyperparameters.values} was proposed and is no member"
        self._rows[trial.number] = row
        return trial

    def report(self, trial: Trial, step: Step) -> bool:
        row = self._rows[trial.number]
        told = self._oracle.update_trial(row.trial_id, step.metrics, step.step)
        return told.status == TrialStatus.STOPPED

    def finish(self, trial: Trial) -> None:
        row = self._rows.pop(trial.number)
        finish(self._oracle, row, trial)
        self._oracle.end_trial(row)


def finish(oracle: NASOracle, row: Row, trial: Trial) -> None:
    """Note on a trial of Keras Tuner how one of ours has ended."""
    note = oracle.notes[row.trial_id]
    note |= {"values": dict(trial.values), "seconds": trial.seconds, "notes": dict(trial.notes)}
    if trial.state == "failed":
        row.status = TrialStatus.FAILED
        row.message = str(trial.notes.get("traceback") or trial.notes.get("error"))
        return
    row.status = TrialStatus.COMPLETED
    last = trial.curve[-1].step if trial.curve else -1
    if trial.state == "pruned":
        note["pruned"] = last
        return
    row.best_step = last + 1
    for metric, value in trial.values.items():  # for the eyes of Keras Tuner
        row.metrics.update(metric, value, step=last + 1)


def fill(oracle: NASOracle, history: History) -> None:
    """Write a history into an empty project, as if it had run there.

    Args:
        oracle: An oracle of the history's space and objectives.
        history: The history.
    """
    known: Mapping[int, Trial] = {trial.number: trial for trial in history}
    for number in range(max([*known, *history.skipped], default=-1) + 1):
        row = Row(oracle.hyperparameters.copy(), str(number))
        if number not in known:
            row.status = TrialStatus.FAILED
            row.message = "skipped: it failed before it had an architecture"
            note: dict[str, Any] = {"state": SKIPPED, "ended": -1}
        else:
            trial = known[number]
            row.hyperparameters.values = dict(
                native_values(history.space, trial.architecture.choices)
            )
            note = {"started": trial.started, "steps": [step.step for step in trial.curve]}
            for step in trial.curve:
                for metric, value in step.metrics.items():
                    row.metrics.update(metric, value, step=step.step)
        oracle.trials[row.trial_id], oracle.notes[row.trial_id] = row, note
        oracle.start_order.append(row.trial_id)
    for trial in history:
        row = oracle.trials[str(trial.number)]
        if trial.state != "running":
            oracle.notes[row.trial_id]["finished"] = trial.finished
            finish(oracle, row, trial)
            oracle.ongoing_trials["history"] = row  # only what a worker has can end
            oracle.end_trial(row)
    for row in oracle.trials.values():
        oracle._written(row)
