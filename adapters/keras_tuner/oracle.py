# pyright: basic
# Keras Tuner ships no types.
"""`NASOracle`: a strategy of nasbridge as an oracle of Keras Tuner."""

import math
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import keras_tuner
from keras_tuner import HyperParameters
from keras_tuner.engine.trial import Trial as Row
from keras_tuner.engine.trial import TrialStatus
from keras_tuner.src.distribute.utils import is_chief_oracle

from ...engine.failures import ConsecutiveFailures
from ...engine.identity import ExperimentIdentity
from ...spaces import SearchSpace
from ...strategies import History, Pruner, Strategy, default_strategy, objectives_from
from ...strategies.default import with_original_strategy
from .files import ProjectFiles, check_stored, read_description
from .history import history_of
from .objectives import ObjectiveLike, native_objective, objectives_in
from .proposals import Proposals
from .protocol import EpochEnds, TrialBegins, TrialResult, decode, stop
from .scores import add_notes, ended_row, rank_by, record_end_state, record_result, score
from .space import from_native, remove_inactive, to_native
from .trials import Note, Record, curve_of, forget_reports, read_project, record_start, take_over
from .values import FixedSpace, GrowingSpace
from .workers import Workers, exclusive

__all__ = ["NASOracle"]

POLL_SECONDS = 0.05  # until an idle worker asks again
FIX = "fix the model or the space, then resume, or raise max_consecutive_failed_trials"


class NASOracle(keras_tuner.Oracle):
    """An oracle of Keras Tuner whose hyperparameters a strategy of nasbridge proposes.

    The files of the trials are the source of truth: a search that was killed resumes from them with
    the same proposals, the interrupted trial first. Without a space, the oracle searches the
    hyperparameters known so far, conditional scopes included; hyperparameters that a
    `build_model(hp)` declares later join the space. With several objectives, the search is for
    their Pareto front.

    Args:
        objective: As for every oracle; several may also be a dict from names to "max" or "min".
        max_trials: Number of trials; an interrupted one counts once. None for no limit.
        strategy: The search method; None for the default strategy.
        space: A space, for functions that call `suggest(hp, space)`. Other hyperparameters are
            drawn at random, each from a stream that the seed, the trial and the name determine.
        seed: Determines every proposal, together with the trial's number.
        pruner: Stops trials that report every epoch, as under `NASTuner` or with `ReportEpochs`.
        max_seconds: Seconds from the begin of a `search` after which no trial begins; None for no
            limit.
        max_consecutive_failed_trials: Number of failed trials in a row that ends the search with
            an error; `max_trials` failures in a row also do. None for no limit.
        patience: Seconds without a message from a worker after which a chief gives its trial to
            another worker; more than the longest epoch.
        **kwargs: As for every oracle: `hyperparameters`, `max_retries_per_trial` and so on. With
            `hyperparameters`, tuners build no model before the first trial.

    Attributes:
        strategy: The search method.
        seed: The seed of the search.
        pruner: The pruner.
        notes: The note of each trial, by the trial's id; see `trials.Record`.
        is_exhausted: Whether everything in the space has been proposed.

    Example:
        >>> import keras_tuner
        >>> from nasbridge import RegularizedEvolution
        >>> from nasbridge.adapters.keras_tuner import NASOracle
        >>> hp = keras_tuner.HyperParameters()
        >>> hp.Int("units", 1, 64)
        1
        >>> oracle = NASOracle("val_loss", 10, strategy=RegularizedEvolution(), hyperparameters=hp)
        >>> oracle.populate_space("0")["values"]["units"] in range(1, 65)
        True
    """

    def __init__(
        self,
        objective: ObjectiveLike = None,
        max_trials: int | None = 10,
        *,
        strategy: Strategy[Any] | None = None,
        space: SearchSpace | None = None,
        seed: int = 0,
        pruner: Pruner | None = None,
        max_seconds: float | None = None,
        max_consecutive_failed_trials: int | None = 10,
        patience: float = 600,
        **kwargs: Any,
    ) -> None:
        given = kwargs.get("hyperparameters")
        values = GrowingSpace(given) if space is None else FixedSpace(space, seed)
        self._proposals = Proposals(self, values)
        self._is_declared = space is None and given is not None
        if space is not None:
            others = kwargs.pop("hyperparameters", None)
            kwargs["hyperparameters"] = to_native(space)
            kwargs["hyperparameters"].merge([] if others is None else others, overwrite=False)
        kwargs["max_consecutive_failed_trials"] = None  # counted below
        self._workers, self._files = Workers(patience), ProjectFiles()
        super().__init__(
            objective=native_objective(objective),
            max_trials=max_trials,
            seed=seed or 1,  # Keras Tuner replaces 0 by a random seed
            **kwargs,
        )
        self.ongoing_trials = self._workers.trials
        self.objectives = objectives_from(objectives_in(self))
        self.strategy = default_strategy(max_trials) if strategy is None else strategy
        self.seed, self.pruner = seed, pruner
        self.notes: dict[str, Note] = {}
        self.is_exhausted = False
        self._allowed = max_consecutive_failed_trials
        self._failures = ConsecutiveFailures(self._allowed, FIX)
        self._seconds, self._deadline = max_seconds, math.inf

    def begin(self) -> None:
        """Begin another search: its seconds are counted from its first trial."""
        self._deadline = math.inf

    @property
    def space(self) -> SearchSpace | None:
        """The space that is searched; None until a function has declared hyperparameters."""
        return self._proposals.space

    @property
    def history(self) -> History:
        """All trials as a history of nasbridge."""
        space = self.space or from_native(self.hyperparameters)
        return history_of(self.rows, space, self.objectives, self.seed, repr(self.strategy))

    @property
    def rows(self) -> list[Record]:
        """All trials with their notes, in the order in which they began."""
        if add_notes(self.trials, self.notes, self.objectives):
            self._proposals.reset()  # of trials that were put in by hand
        return [Record(row, self.notes[name]) for name, row in self.trials.items()]

    @property
    def identity(self) -> ExperimentIdentity:
        """What identifies the search; without the space if functions declare it."""
        space = self.space if self._proposals.values.is_fixed else None
        return ExperimentIdentity.from_settings(space, self.objectives, self.strategy, self.seed)

    def describe(self) -> dict[str, Any]:
        """Return what the project's own file holds."""
        return self.identity.to_dict()

    def check_description(self, stored: Mapping[str, Any], where: str) -> None:
        """Raise an error if a project belongs to another search; the strategy may change."""
        before = check_stored(stored, self.identity, where)
        self.strategy = with_original_strategy(self.strategy, before)

    # The part of Keras Tuner's interface that workers call

    def create_trial(self, tuner_id: str) -> Row:
        """Return the next trial of a worker: an interrupted one, or a new one."""
        with exclusive(self):
            row = self._next_trial(tuner_id)
        if row.status == TrialStatus.IDLE:
            time.sleep(POLL_SECONDS)
        return row

    def update_trial(self, trial_id: str, metrics: Mapping[str, float], step: int = 0) -> Row:
        """Record a message of a worker; see `protocol` for the other messages than epochs.

        Args:
            trial_id: The id of the trial.
            metrics: The metrics of an epoch.
            step: The epoch.

        Returns:
            The trial; the status "STOPPED" asks the worker to end the training.
        """
        with exclusive(self):
            row = self.trials[trial_id]
            worker = self._workers.owner(trial_id)
            if worker is None:
                return stop(row)  # it has ended, or was given to another worker
            self._workers.seen(worker)
            match decode(metrics, step):
                case TrialBegins():
                    self._restart(row)
                    self._start(row, worker)
                case TrialResult() as result:
                    record_result(Record(row, self.notes[trial_id]), result, self.objectives)
                case EpochEnds(values, epoch):
                    return self._report(row, values, epoch)
            return row

    def end_trial(self, trial: Row | str = "", *status: str, **named: str) -> None:
        """Record that a trial has ended; a late repetition of the message is ignored."""
        with exclusive(self):
            trial = ended_row(self.trials, trial, *status, **named)
            row = self.trials[trial.trial_id]
            worker = self._workers.owner(trial.trial_id)
            if worker is None:
                return
            if trial is not row:
                if trial.status == TrialStatus.COMPLETED and not curve_of(row):
                    return  # the trial was restarted, and these reports precede the restart
                take_over(row, trial)
            self._workers.seen(worker)
            super().end_trial(row)
            has_ended = row.status in (TrialStatus.COMPLETED, TrialStatus.FAILED)
            if has_ended:
                record = Record(row, self.notes[row.trial_id])
                record_end_state(record, self.objectives)
                self._proposals.finish(record, len(self.end_order) - 1)
            else:  # Keras Tuner retries it
                self._restart(row)
            self._files.write_trial(row, self.notes[row.trial_id])
            if has_ended:
                self._check_failures(row)

    def get_best_trials(self, num_trials: int = 1) -> list[Row]:
        """Return the best trials; pruned ones come last, and failed ones are left out."""
        rows = [record for record in self.rows if record.row.status == TrialStatus.COMPLETED]
        return [record.row for record in sorted(rows, key=rank_by(self.objective))[:num_trials]]

    def update_space(self, hyperparameters: HyperParameters) -> None:
        super().update_space(hyperparameters)
        hyperparameters.inactive_scopes.clear()  # else a model would be built for each of them

    # The part of Keras Tuner's interface that its own methods call

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        if len(self.notes) < len(self.trials):
            self.rows  # noqa: B018  (adds trials that were put in by hand)
        values = self._proposals.propose(int(trial_id))
        if values is None:
            self.is_exhausted = True
            return {"status": TrialStatus.STOPPED}
        return {"status": TrialStatus.RUNNING, "values": values}

    def score_trial(self, trial: Row) -> None:
        score(Record(trial, self.notes[trial.trial_id]), self.objective, self.objectives)

    def save(self) -> None:
        """Do nothing: `oracle.json` is written once for each trial, when the trial begins."""

    def write_summary(self) -> None:
        """Write `oracle.json`, if it is stale."""
        self._files.write_summary(self)

    def reload(self) -> None:
        """Read the trials from their files, and all else from these and from `oracle.json`."""
        project = Path(self._project_dir)
        if (stored := read_description(project)) is not None:
            self.check_description(stored, f"the project {project}")
        self._proposals.reset()
        self.ongoing_trials.clear()  # of a search that was interrupted in this process
        self._retry_queue.clear()
        state = read_project(project, self.tune_new_entries)
        self.hyperparameters.merge(state.hyperparameters, overwrite=False)
        if state.display is not None:
            self._display.set_state(state.display)
        for row, note in state.rows:
            self.trials[row.trial_id], self.notes[row.trial_id] = row, note
            if "ended" not in note:
                row.status = TrialStatus.RUNNING
                self._resume(row)
            elif row.hyperparameters.values:
                self._tried_so_far.add(self._compute_values_hash(row.hyperparameters.values))
        self.start_order, self.end_order = state.start_order, state.end_order
        self._run_times.update(dict.fromkeys(self.end_order, 1))

    @property
    def tuner_ids(self) -> set[str]:
        """The workers that have begun and not ended; a chief waits for them."""
        return self._workers.names

    @tuner_ids.setter
    def tuner_ids(self, names: set[str]) -> None:
        self._workers.names = names

    def _set_project_dir(self, directory: Any, project_name: str) -> None:
        super()._set_project_dir(directory, project_name)
        self._files.open(Path(str(directory)) / project_name, self._is_declared)

    def _save_trial(self, trial: Row) -> None:
        """Do nothing: a trial is written when its note is complete."""

    def _record_values(self, trial: Row) -> None:
        """Record the values that were proposed; Keras Tuner would draw missing ones."""
        remove_inactive(trial.hyperparameters)
        self._tried_so_far.add(self._compute_values_hash(trial.hyperparameters.values))

    def _check_objective_found(self, metrics: Mapping[str, float]) -> None:
        """Reject metrics without an objective; of several objectives, some may follow later."""
        if not any(objective.metric in metrics for objective in self.objectives):
            super()._check_objective_found(metrics)

    def _check_consecutive_failures(self) -> None:
        """Do nothing: Keras Tuner would iterate over all trials whenever one ends."""

    def _next_trial(self, tuner_id: str) -> Row:
        self._workers.seen(tuner_id)
        if not self.tuner_ids and not is_chief_oracle():  # a plain tuner has begun to search
            self.begin()
        if self._seconds is not None and self._deadline == math.inf:
            self._deadline = time.monotonic() + self._seconds
        if tuner_id in self.ongoing_trials:
            return self.ongoing_trials[tuner_id]
        if time.monotonic() >= self._deadline:
            self.tuner_ids.discard(tuner_id)
            self.write_summary()
            return self._no_trial(TrialStatus.STOPPED)
        self._retry_queue.sort(key=int, reverse=True)  # Keras Tuner takes the last one
        self._propose_again()
        row = super().create_trial(tuner_id)
        if row.status == TrialStatus.RUNNING:
            self._proposals.values.watch(row.hyperparameters)
            self._start(row, tuner_id)
            self._files.write_description(self.describe)
            self._files.write_trial(row, self.notes[row.trial_id])
            self.write_summary()
            return row
        if not (is_chief_oracle() and self.ongoing_trials):
            self.write_summary()
            return row
        self.tuner_ids.add(tuner_id)
        released = self._workers.release_timed_out()
        if released is None:  # another worker may still time out
            return self._no_trial(TrialStatus.IDLE)
        self._requeue(released)
        return self._next_trial(tuner_id)

    def _no_trial(self, status: str) -> Row:
        return Row(self.hyperparameters.copy(), trial_id="none", status=status)

    def _start(self, row: Row, worker: str) -> None:
        note = self.notes.setdefault(row.trial_id, {})
        grows = not self._proposals.values.is_fixed
        record_start(note, grows, worker if is_chief_oracle() else None)

    def _restart(self, row: Row) -> None:
        """Forget what a trial has reported."""
        self.notes[row.trial_id] = forget_reports(row)
        self._proposals.restart(int(row.trial_id))

    def _requeue(self, row: Row) -> None:
        self._restart(row)
        self._retry_queue.append(row.trial_id)

    def _resume(self, row: Row) -> None:
        """Repeat a trial that was running when the project was left.

        A chief leaves it to its worker, which may still train it. The worker has the timeout to
        send a message.
        """
        worker = self.notes[row.trial_id].get("worker")
        if worker is None or not is_chief_oracle():
            self._requeue(row)
            return
        self._workers.adopt(worker, row)
        self._display.trial_start.setdefault(row.trial_id, datetime.now())
        self._display.trial_number.setdefault(row.trial_id, int(row.trial_id) + 1)

    def _propose_again(self) -> None:
        """Propose values for the next interrupted trial, if a damaged file has lost them."""
        if not self._retry_queue:
            return
        row = self.trials[self._retry_queue[-1]]
        if not row.hyperparameters.values:
            row.hyperparameters = self.hyperparameters.copy()
            row.hyperparameters.values = self.populate_space(row.trial_id).get("values", {})

    def _report(self, row: Row, metrics: Mapping[str, float], epoch: int) -> Row:
        super().update_trial(row.trial_id, metrics, epoch)
        note = self.notes[row.trial_id]
        note["steps"] = sorted({*note.get("steps", ()), epoch})
        record = Record(row, note)
        if "pruned" not in note and self._proposals.should_stop(record, epoch, self.pruner):
            note["pruned"] = epoch
        self._files.write_report(row, note, is_needed=is_chief_oracle())
        return stop(row) if "pruned" in note else row

    def _check_failures(self, row: Row) -> None:
        """End the search after too many failed trials in a row, or if all trials have failed."""
        failures = self._failures
        failures.record(Record(row, self.notes[row.trial_id]))
        failures.limit = self._allowed and min(self._allowed, self.max_trials or self._allowed)
        error = failures.error
        if error is None:
            return
        failures.reset()  # another search counts from the start
        self.write_summary()
        if not is_chief_oracle():
            raise error
        print(error)  # an error here would reach the worker, and never the chief
        self._deadline = 0.0
