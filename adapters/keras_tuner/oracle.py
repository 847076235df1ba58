# pyright: basic
# Keras Tuner ships no types.
"""`NASOracle`: our strategies as an oracle of Keras Tuner."""

import math
import time
from collections.abc import Mapping
from typing import Any, cast

from keras_tuner import HyperParameters
from keras_tuner.engine.trial import Trial as Row
from keras_tuner.engine.trial import TrialStatus
from keras_tuner.src.distribute.utils import is_chief_oracle

from ...engine.driver import pruned_by
from ...engine.errors import TooManyFailures
from ...engine.evaluation import trial_seed
from ...spaces import SearchSpace
from ...strategies import (
    Pruner,
    Search,
    SpaceExhausted,
    Strategy,
    Trial,
    default_strategy,
)
from .history import Goal, native_objective
from .space import draw_others, from_native, native_values, to_native
from .trials import Noted, curve_of, error_in, trial_of, unscored
from .workers import SharedOracle, stopped

__all__ = ["NASOracle"]

NAP = 0.05  # seconds that a worker waits until it asks again


class NASOracle(SharedOracle):
    """Lets a strategy of nasbridge propose the hyperparameters of a Keras Tuner search.

    The files of the trials are the only truth: a search that was killed goes on from them as if
    nothing had happened, the interrupted trial first. Without a space, that of the hyperparameters
    is searched as far as it is known, conditional scopes included; what a `build_model(hp)`
    declares later joins it. With several objectives the search is for their Pareto front.

    Args:
        strategy: The search method; that of `default_strategy` if None.
        objective: As for every oracle; several may also be a dict of names to "max" or "min".
        max_trials: How many trials there are, interrupted ones counted once; None for no end.
        space: A space, for functions that call `suggest(hp, space)`; hyperparameters that are no
            decisions of it are drawn at random, each from a stream of its trial and name.
        seed: Fixes every proposal, together with the trial's number.
        pruner: Stops trials that report every epoch, as under `NASTuner` or with `Reporter`.
        max_seconds: No trial begins when a `search` has lasted this long; None for no limit.
        max_consecutive_failed_trials: As many failed trials in a row, or `max_trials`, end the
            search with an error; None for no limit.
        patience: Seconds without a word from a worker, until a chief takes it for dead and gives
            its trial to another; more than its longest epoch.
        **kwargs: As for every oracle: `hyperparameters`, `max_retries_per_trial` and so on. With
            `hyperparameters` no tuner builds a model to find them.

    Example:
        >>> import keras_tuner
        >>> from nasbridge import RegularizedEvolution
        >>> from nasbridge.adapters.keras_tuner import NASOracle
        >>> hp = keras_tuner.HyperParameters()
        >>> hp.Int("units", 1, 64)
        1
        >>> oracle = NASOracle(RegularizedEvolution(), "val_loss", 10, hyperparameters=hp)
        >>> oracle.populate_space("0")["values"]["units"] in range(1, 65)
        True
    """

    def __init__(
        self,
        strategy: Strategy[Any] | None = None,
        objective: Goal = None,
        max_trials: int | None = 10,
        *,
        space: SearchSpace | None = None,
        seed: int = 0,
        pruner: Pruner | None = None,
        max_seconds: float | None = None,
        max_consecutive_failed_trials: int | None = 10,
        patience: float = 600,
        **kwargs: Any,
    ) -> None:
        if space is not None:
            given = kwargs.pop("hyperparameters", None)
            kwargs["hyperparameters"] = to_native(space)
            kwargs["hyperparameters"].merge([] if given is None else given, overwrite=False)
        super().__init__(
            default_strategy(max_trials) if strategy is None else strategy,
            space,
            seed,
            patience,
            objective=native_objective(objective),
            max_trials=max_trials,
            max_consecutive_failed_trials=None,  # counted here
            **kwargs,
        )
        self.pruner = pruner
        self.is_exhausted = False
        self._known = 0  # hyperparameters that the space is made of
        self._search: Search | None = None
        self._finished: dict[int, Trial] = {}
        self._failures, self._failures_allowed = 0, max_consecutive_failed_trials
        self._seconds, self._deadline = max_seconds, math.inf

    def begin(self) -> None:
        """Begin another search, which has all of its seconds."""
        self._deadline = math.inf

    # ------------------------------------------------------------------ what Keras Tuner asks

    def create_trial(self, tuner_id: str) -> Row:
        """Give a worker its next trial: an interrupted one, or a new one."""
        with self._alone():
            self._heard(tuner_id)
            if not self.tuner_ids and not is_chief_oracle():  # a plain tuner has begun to search
                self.begin()
            if self._seconds is not None and self._deadline == math.inf:
                self._deadline = time.monotonic() + self._seconds
            if tuner_id in self.ongoing_trials:
                return self.ongoing_trials[tuner_id]
            if time.monotonic() >= self._deadline:
                return self._none(tuner_id)
            self._retry_queue.sort(key=int, reverse=True)  # Keras Tuner takes the last
            self._fill_next()
            with self._held():
                row = super().create_trial(tuner_id)
            if row.status == TrialStatus.RUNNING:
                self._started(row, tuner_id)
                self._written(row)
                return row
            if not (is_chief_oracle() and self.ongoing_trials):
                return row
            self.tuner_ids.add(tuner_id)
            if self._take_from_the_dead():
                return self.create_trial(tuner_id)
        time.sleep(NAP)  # another worker may yet be found dead
        return self._none(tuner_id, TrialStatus.IDLE)

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        number = int(trial_id)
        search = self._searching()
        if search is None:  # the first model will tell what there is to search
            return {"status": TrialStatus.RUNNING, "values": self.completed({}, number)}
        try:
            architecture = search.ask(number)
        except SpaceExhausted:
            self.is_exhausted = True
            return {"status": TrialStatus.STOPPED}
        if self._is_fixed:
            values = dict(native_values(cast(SearchSpace, self.space), architecture.choices))
        else:
            values = {name: architecture[name] for name in architecture}
        return {"status": TrialStatus.RUNNING, "values": self.completed(values, number)}

    def completed(self, values: dict[str, Any], number: int) -> dict[str, Any]:
        """Add values of the hyperparameters that are no decisions: Keras Tuner would draw them.

        Args:
            values: Those of the decisions.
            number: The trial's number.
        """
        if self._is_fixed:
            seed = trial_seed(self.nas_seed, number)
            draw_others(self.hyperparameters, values, cast(SearchSpace, self.space), seed)
        return values

    def searched(self) -> HyperParameters:
        """Return the hyperparameters that make the space, where none was given."""
        return self.hyperparameters

    def update_trial(self, trial_id: str, metrics: Mapping[str, float], step: int = 0) -> Row:
        """Take note of what a trial reports; a status of "STOPPED" says that it should end.

        Args:
            trial_id: Which trial.
            metrics: What it reports.
            step: The epoch. A negative one, ~epoch, says that these are the metrics that the trial
                is scored by, and that its best epoch; without any, that it begins, perhaps anew.
        """
        with self._alone():
            row, note = self.trials[trial_id], self.notes[trial_id]
            if (worker := self._owner(trial_id)) is None:
                return stopped(row)  # it has ended, or is repeated: another chief gave it out
            self._heard(worker)
            if step < 0 and metrics:
                self._scored_by(row, metrics, ~step)
                return row
            if step < 0:
                self._restart(row)
                self._started(row, worker)
                return row
            with self._held():
                super().update_trial(trial_id, metrics, step)
            note["steps"] = sorted({*note.get("steps", ()), int(step)})
            if "pruned" not in note and self._is_pruned(row, note, step):
                note["pruned"] = int(step)
            self._save_now_and_then(row)
            return stopped(row) if "pruned" in note else row

    def end_trial(self, trial: Row) -> None:
        """Take note that a trial has ended; once."""
        with self._alone():
            row, note = self.trials[trial.trial_id], self.notes[trial.trial_id]
            if (worker := self._owner(trial.trial_id)) is None:
                return  # as in update_trial
            if trial is not row:
                if trial.status == TrialStatus.COMPLETED and not curve_of(row):
                    return  # it was repeated, and all that it reported came before
                self._take_over(row, trial)
            self._heard(worker)
            with self._held():
                super().end_trial(row)
            if row.status in (TrialStatus.COMPLETED, TrialStatus.FAILED):
                self._settle(row, note)
            else:  # Keras Tuner tries it again
                self._restart(row)
            self._written(row)
            self._check_failures(row)

    def score_trial(self, trial: Row) -> None:
        """Score a trial by its result, or by its best epoch; no number where it has none.

        All metrics are those of the same epoch; of a pruned trial they are the last ones.
        """
        note = self.notes[trial.trial_id]
        names = [objective.metric for objective in self.objectives]
        trial.score = math.nan
        if "values" in note:
            if all(math.isfinite(note["values"].get(name, 0.0)) for name in names):
                trial.score = self._score_of(note["values"])
            else:
                del note["values"]  # it has failed
            return
        told = [
            s
            for s in curve_of(trial)
            if all(math.isfinite(s.metrics.get(n, math.nan)) for n in names)
        ]
        known: dict[str, float] = {}
        for step in told:
            value = self.objective.get_value(step.metrics)
            if math.isnan(trial.score) or self.objective.better_than(value, trial.score):
                trial.score, trial.best_step = value, step.step
                known = dict(step.metrics)
        if "pruned" in note:
            known = {name: value for step in told for name, value in step.metrics.items()}
        if told:
            note["values"] = _plain(known)

    def _score_of(self, values: Mapping[str, float]) -> float:
        if any(objective.metric in values for objective in self.objectives):
            return float(self.objective.get_value(values))
        return -math.inf if self.objective.direction == "max" else math.inf

    def _scored_by(self, row: Row, metrics: Mapping[str, float], best: int) -> None:
        """Take note of a trial's result; of a pruned one the last epoch counts."""
        note = self.notes[row.trial_id]
        note.setdefault("steps", [])
        if "pruned" in note:
            return
        note["values"], row.best_step = _plain(metrics), best
        after = 1 + max(note["steps"], default=-1)
        ways = {objective.metric: objective.direction for objective in self.objectives}
        for name in metrics:  # for the eyes of Keras Tuner
            if not row.metrics.exists(name):
                row.metrics.register(name, ways.get(name))
                row.metrics.update(name, metrics[name], step=after)

    def get_best_trials(self, num_trials: int = 1) -> list[Row]:
        """Return the best trials; pruned ones come last, and failed ones never."""
        done = [row for row in self.trials.values() if row.status == TrialStatus.COMPLETED]
        sign = -1 if self.objective.direction == "max" else 1
        return sorted(done, key=lambda row: (self._was_pruned(row), sign * row.score))[:num_trials]

    def update_space(self, hyperparameters: HyperParameters) -> None:
        before = len(self.hyperparameters.space)
        super().update_space(hyperparameters)
        hyperparameters.inactive_scopes.clear()  # so no further model is built to see into them
        self._is_changed |= len(self.hyperparameters.space) != before

    def reload(self) -> None:
        self._search = None  # it is told anew
        super().reload()

    # ------------------------------------------------------------------ proposing

    def _searching(self) -> Search | None:
        """Return the search, begun anew where hyperparameters have joined the space."""
        known = len(self.hyperparameters.space)
        if self._search is not None and (self._is_fixed or known == self._known):
            return self._search
        if not self._is_fixed:
            searched = self.searched()
            if not searched.space:
                return None
            self.space, self._known = from_native(searched), known
        space = cast(SearchSpace, self.space)
        self._search = Search(self.strategy, space, self.objectives, self.nas_seed)
        self._finished = {}
        ended = sorted(self.notes, key=lambda key: self.notes[key].get("ended", math.inf))
        for key in ended:
            trial = trial_of(Noted(self.trials[key], self.notes[key]), space)
            if trial is None:
                continue
            self._search.replay([trial])
            if trial.state != "running":
                self._finished[trial.number] = trial
        return self._search

    def _fill_next(self) -> None:
        """Propose anew for an interrupted trial of which nothing is known."""
        if self._retry_queue:
            hps = self.trials[self._retry_queue[-1]].hyperparameters
            if not hps.values:
                filled = self.hyperparameters.copy()
                filled.values = self.populate_space(self._retry_queue[-1]).get("values", {})
                self.trials[self._retry_queue[-1]].hyperparameters = filled

    def _is_pruned(self, row: Row, note: Mapping[str, Any], step: int) -> bool:
        search = self._searching()
        if self.pruner is None or search is None:
            return False
        space = cast(SearchSpace, self.space)
        trial = trial_of(Noted(row, {"steps": [s for s in note["steps"] if s <= step]}), space)
        others = list(self._finished.values())
        for other in self.ongoing_trials.values():
            if other is not row:
                running = trial_of(Noted(other, self.notes[other.trial_id]), space)
                others += [] if running is None else [running]
        return trial is not None and pruned_by(self.pruner, trial, others, self.objectives)

    # ------------------------------------------------------------------ ending

    def _settle(self, row: Row, note: dict[str, Any]) -> None:
        """Note how a trial ended, and tell the search."""
        failed = row.status == TrialStatus.FAILED
        note["state"] = "failed" if failed else "pruned" if "pruned" in note else "complete"
        note.setdefault("finished", time.time())
        note.setdefault("seconds", note["finished"] - note.get("started", note["finished"]))
        if failed:
            note.setdefault("notes", error_in(row.message or unscored(row, self.objectives)))
            note.setdefault("values", {})
        elif "pruned" in note:
            row.message = f"PRUNED: stopped early at step {note['pruned']}"
        search = self._searching()  # before the end is noted: it is told below
        note["ended"] = len(self.end_order) - 1
        if search is not None:
            trial = trial_of(Noted(row, note), cast(SearchSpace, self.space))
            if trial is None and int(row.trial_id) in search.running:
                search.drop(int(row.trial_id))
            elif trial is not None:
                search.tell(trial)
                self._finished[trial.number] = trial

    def _take_over(self, row: Row, told: Row) -> None:
        """Take what a worker tells of a trial; values that have been proposed stay as they were.

        On their way numbers are rounded, hyperparameters change places, and inactive ones come in.
        """
        row.status, row.message = told.status, told.message
        theirs, ours = told.hyperparameters, row.hyperparameters
        for hp in theirs.space:
            if not ours._exists(hp.name, hp.conditions):
                ours.merge([hp], overwrite=False)
                if ours.is_active(hp) and hp.name in theirs.values:
                    ours.values[hp.name] = theirs.values[hp.name]

    def _check_failures(self, row: Row) -> None:
        if row.status not in (TrialStatus.COMPLETED, TrialStatus.FAILED):
            return
        self._failures = self._failures + 1 if row.status == TrialStatus.FAILED else 0
        if self._failures_allowed is None:
            return
        if self._failures in (self._failures_allowed, self.max_trials):  # or all that there are
            why = (
                f"the last {self._failures} trials failed, trial {row.trial_id} with "
                f"{self.notes[row.trial_id]['notes']['error']}; mend the model or the space and "
                "resume, or raise max_consecutive_failed_trials"
            )
            self._failures = 0  # whoever goes on has as many again
            if not is_chief_oracle():
                raise TooManyFailures(why)
            print(why)  # an error here would reach the worker, and never the chief
            self._deadline = 0.0

    def _was_pruned(self, row: Row) -> bool:
        return self.notes[row.trial_id].get("state") == "pruned"


def _plain(metrics: Mapping[str, float]) -> dict[str, float]:
    """Return metrics without the sum that Keras Tuner makes of several objectives."""
    return {name: value for name, value in metrics.items() if name != "multi_objective"}
