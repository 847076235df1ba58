# pyright: basic
# Ray's types are of little use from outside.
"""`NASSearcher`: nasbridge strategies as a search algorithm of Ray Tune."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast, final

from ray.air.constants import TRAINING_ITERATION
from ray.tune.search import Searcher

from ...engine.errors import BackendError
from ...engine.identity import ExperimentIdentity
from ...engine.trial_log import TrialLog
from ...spaces import Architecture, SearchSpace
from ...strategies import (
    History,
    Objective,
    SpaceExhausted,
    Strategy,
    Trial,
    default_strategy,
    objectives_from,
)
from .forms import (
    Form,
    architecture_in,
    config_from,
    form_of,
    form_without_constants,
    is_open,
    is_stored,
)
from .history import latest_state, load, moved
from .native_reports import Reports, is_of
from .points import evaluated, objectives_of, paired
from .space import ARCHITECTURE, architecture_from, from_native, plain_value

__all__ = ["NASSearcher"]

FORM = "param_space"  # key of the form of the param_space in the metadata of a saved history


@final
class NASSearcher(Searcher):
    """A search algorithm for `tune.Tuner` that proposes what a nasbridge strategy proposes.

    The config of each trial holds the architecture under `arch`, which
    `architecture_from(config, space)` reads, beside the constants of your `param_space`. Without
    `space`, the open values of the `param_space` are searched, and the config has its usual form.

    A trial that a scheduler stops is pruned, with the values it reported last; a trial that raises
    has failed. `save` writes the history as JSON Lines, from which `Tuner.restore` continues as if
    the driver had never stopped.

    Args:
        space: The space, or a dict of Ray's domains; None searches the open values of the
            `param_space`.
        metric: The metric, or several.
        mode: "max" or "min", or one for each metric.
        strategy: The search method; `default_strategy()` if None.
        seed: Fixes every proposal.
        objectives: Replaces metric and mode: metrics with "max" or "min", as {"accuracy": "max"}.
        flat: Whether the config has each decision under its own name instead of all under `arch`.
        max_t: Number of reports of a whole trial. It separates whole trials from stopped ones where
            the scheduler's `max_t` ends both, and for class trainables. A function trainable that
            returns has run as a whole.
        time_attr: The unit of `max_t`, if not reports: the scheduler's `time_attr`, as "epoch".
        stop: The `stop` dict of the `RunConfig`; needed only without a `param_space`, with which
            Ray passes it on. A trial that it ends has run as a whole.
        history: Earlier trials, under any backend, which this search continues: a history, its
            file, or a run's directory. Trials that were running are proposed again.
        points_to_evaluate: Configs of the first trials.
        evaluated_rewards: Known values of these configs, which are then not evaluated.

    Raises:
        BackendError: Metric and mode do not match, the history is of another space or of other
            objectives, or a dict of domains has constants.
        InvalidArchitecture: A point is outside the space.
        StrategyError: The objectives are invalid, or the strategy does not support them.

    Example:
        >>> from nasbridge import Choice, RandomSearch, Space
        >>> from nasbridge.adapters.ray_tune import NASSearcher
        >>> space = Space({"units": Choice([16, 32])})
        >>> searcher = NASSearcher(space, metric="loss", mode="min", strategy=RandomSearch())
        >>> searcher.suggest("first")["arch"]["units"] in (16, 32)
        True
    """

    def __init__(
        self,
        space: SearchSpace | Mapping[str, Any] | None = None,
        metric: str | Sequence[str] | None = None,
        mode: str | Sequence[str] | None = None,
        *,
        strategy: Strategy[Any] | None = None,
        seed: int = 0,
        objectives: Mapping[str, str] | Sequence[Objective] | None = None,
        flat: bool = False,
        max_t: float | None = None,
        time_attr: str = TRAINING_ITERATION,
        stop: Mapping[str, float] | None = None,
        history: History | Path | str | None = None,
        points_to_evaluate: Sequence[Mapping[str, Any]] | None = None,
        evaluated_rewards: Sequence[float] | None = None,
    ) -> None:
        self._form: Form | None = None  # of Ray's domains, where these are searched
        if isinstance(space, Mapping):
            self._form, space = form_without_constants(space), from_native(space)
        self.space, self.seed = space, seed
        self.strategy = default_strategy(None) if strategy is None else strategy
        self._flat = flat
        self._whole = {} if max_t is None else {time_attr: max_t}
        self._stop: Mapping[str, float] = dict(stop or {})
        self._points = paired(points_to_evaluate, evaluated_rewards)
        self._objectives: tuple[Objective, ...] = ()
        if objectives is not None:
            self._objectives = objectives_from(objectives)
        elif metric is not None or mode is not None:
            self._objectives = objectives_of(metric, mode)
        self._before = (
            history if history is None or isinstance(history, History) else load(history, space)
        )
        if self._before is not None:
            self._objectives = self._objectives or self._before.objectives
        super().__init__()
        self._name_objectives()
        self._reset()
        if space is not None and self._objectives:
            self._opened()

    def _name_objectives(self) -> None:
        """Set metric and mode, which Ray's wrappers read."""
        names = [o.metric for o in self._objectives]
        modes = [o.direction for o in self._objectives]
        self._metric, self._mode = cast(
            tuple[Any, Any], (names[0], modes[0]) if len(names) == 1 else (names, modes)
        )
        if not names:
            self._metric = self._mode = None

    def _reset(self) -> None:
        self._log: TrialLog | None = None
        self._planned: list[Architecture] = []  # of points that are to be evaluated first
        self._ids: dict[str, int] = {}  # numbers of running trials, by Ray's ids
        self._reports: dict[int, Reports] = {}  # of running trials, by number
        self._restarted: dict[str, Reports] = {}  # failed trials that run again, by Ray's ids

    def __getstate__(self) -> dict[str, Any]:
        trials = None if self._log is None else self.history
        return {**vars(self), "_log": None, "trials": trials}

    def __setstate__(self, state: dict[str, Any]) -> None:
        trials: History | None = state.pop("trials")
        self.__dict__.update(state)
        if trials is not None:
            self._log = self._new_log(trials.space)
            self._log.replay(trials)
        self._reports = {n: replace(r, began=time.monotonic()) for n, r in self._reports.items()}

    def set_search_properties(
        self, metric: str | None, mode: str | None, config: dict[str, Any], **spec: Any
    ) -> bool:
        """Receive the `TuneConfig` and the `param_space`; Ray calls this only if there is one."""
        if not self._objectives and metric is not None:
            self._objectives = objectives_of(metric, mode)
            self._name_objectives()
        self._check_objective(metric, mode)
        stop = spec.get("stop")
        if not self._stop and isinstance(stop, Mapping):
            self._stop = dict(stop)
        if is_open(config):
            self._take(config)
        return True

    def _take(self, native: Mapping[str, Any]) -> None:
        """Search the open values of a `param_space`; it may be given again, as in a restore."""
        space = from_native(native)
        if self.space is not None and self._form is None:
            still = ", ".join(repr(decision.name) for decision in space.decisions)
            raise BackendError(
                f"param_space leaves {still} open, and NASSearcher has its own space: move "
                "them into that space, give them fixed values, or leave out the space"
            )
        if self._log is not None and self._log.space.fingerprint != space.fingerprint:
            raise BackendError(
                f"NASSearcher has begun to search {self._log.space}, and param_space is now "
                f"{space}: give the same param_space, or a new NASSearcher"
            )
        self._form, self.space = form_of(native), space

    def suggest(self, trial_id: str) -> dict[str, Any] | str:
        """Return the config of a new trial; "FINISHED" when the space is exhausted."""
        log, notes = self._opened(), {"trial_id": trial_id}
        try:
            if self._planned:
                point = self._planned.pop(0)
                trial = Trial(log.next_number, point, started=time.time(), notes=notes)
                log.adopt(trial)
            else:
                trial = log.begin(notes)
        except SpaceExhausted:
            return Searcher.FINISHED
        self._ids[trial_id] = trial.number
        self._reports[trial.number] = Reports(trial)
        return self._config(trial.architecture)

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Receive a report; `on_trial_complete` receives the last one."""
        reports = self._reports_of(trial_id, result)
        if reports is None:
            return
        reports.add(result)
        if trial_id in self._ids:
            self._opened().adopt(reports.trial)

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Receive a trial's end."""
        reports = self._reports_of(trial_id, result or {})
        if reports is None:
            return
        goals = {**self._stop, **self._whole}
        trial = reports.ended(result, error, self._objectives, goals)
        if trial_id in self._ids:
            del self._reports[self._ids.pop(trial_id)]
            self._opened().finish(trial)
        else:
            del self._restarted[trial_id]
            self._opened().revise(trial)

    def add_evaluated_point(
        self,
        parameters: dict[str, Any],
        value: float,
        error: bool = False,
        pruned: bool = False,
        intermediate_values: list[float] | None = None,
    ) -> None:
        """Add a trial that ran elsewhere; without a finite value it has failed.

        Raises:
            BackendError: There are several objectives; this method takes the value of one.
        """
        log = self._opened()
        architecture = self._architecture(parameters, log.space)
        how = error, pruned, intermediate_values
        log.finish(evaluated(log.next_number, architecture, self._objectives, value, *how))

    def add_evaluated_trials(self, trials_or_analysis: Any, metric: str) -> None:
        """Add trials that Ray has run; see `add_evaluated_point`.

        Raises:
            BackendError: The metric is not the objective.
        """
        if metric != self.metric:
            raise BackendError(f"metric={metric!r} is not the objective {self.metric!r}: give that")
        super().add_evaluated_trials(trials_or_analysis, metric)

    @property
    def history(self) -> History:
        """The trials so far."""
        return self._opened().history({"backend": "ray_tune", "running": dict(self._ids)})

    def save(self, checkpoint_path: str) -> None:
        """Write the history, as Ray requests from time to time."""
        history = self.history
        if self._form is not None:
            form = self._form if is_stored(self._form) else None
            history = replace(history, metadata={**history.metadata, FORM: form})
        Path(checkpoint_path).unlink(missing_ok=True)
        history.save(checkpoint_path)

    def restore(self, checkpoint_path: str) -> None:
        """Continue from a saved history.

        Raises:
            BackendError: The history is of another search, or of a `param_space` that JSON cannot
                describe and that was not given again.
            HistoryError: The history is damaged, or of another space.
        """
        saved = History.load(checkpoint_path, self.space)
        if self._form is None and FORM in saved.metadata:
            self._form = saved.metadata[FORM]
            if self._form is None:
                raise BackendError(
                    f"{checkpoint_path} is of a param_space with options that JSON cannot "
                    "describe: give Tuner.restore the same param_space"
                )
        self._objectives = self._objectives or saved.objectives
        self._name_objectives()
        self.space = saved.space if self.space is None else self.space
        ExperimentIdentity.of(saved).check(
            ExperimentIdentity.from_settings(
                self.space, self._objectives, self.strategy, self.seed
            ),
            checkpoint_path,
            "restore it with the same settings",
        )
        self._reset()
        self._log = self._new_log(self.space)
        self._log.replay(saved)
        self._ids = {name: int(number) for name, number in saved.metadata["running"].items()}
        self._reports = {t.number: Reports.restored(t) for t in saved.of_state("running")}
        self._plan(self._log)

    def restore_from_dir(self, checkpoint_dir: str) -> None:
        """Continue from the latest history in Ray's experiment directory; see `restore`."""
        self.restore(str(latest_state(Path(checkpoint_dir), self.space)))

    def _opened(self) -> TrialLog:
        """Return the log of this search, opened once its space and objectives are known."""
        if self._log is None:
            if not self._objectives:
                raise BackendError(
                    "NASSearcher has no objectives, and Ray passes those of the TuneConfig only "
                    "together with a param_space: give NASSearcher(..., metric=..., mode=...)"
                )
            before = self._before
            if self.space is None and before is not None:
                self.space = before.space
            if self.space is None:
                raise BackendError(
                    "NASSearcher has no space: give it one, or give the Tuner, and Tuner.restore, "
                    "a param_space with open values such as tune.choice"
                )
            log = self._new_log(self.space)
            if before is not None:
                log.skip(before.skipped)
                log.replay(moved(before, self.space, self._objectives))
            self._plan(log)
            self._log = log
        return self._log

    def _plan(self, log: TrialLog) -> None:
        """Plan the points to evaluate, and add those with known results."""
        known = {trial.architecture for trial in (*log.finished.values(), *log.running.values())}
        self._planned = []
        for config, value in self._points:
            point = self._architecture(config, log.space)
            if point in known:  # the search was restored
                continue
            if value is None:
                self._planned.append(point)
            else:
                log.finish(evaluated(log.next_number, point, self._objectives, value))

    def _new_log(self, space: SearchSpace) -> TrialLog:
        return TrialLog(self.strategy, space, self._objectives, self.seed)

    def _config(self, architecture: Architecture) -> dict[str, Any]:
        if self._form is not None:
            return config_from(architecture, self._form)
        values = {name: plain_value(architecture, name) for name in architecture.choices}
        return values if self._flat else {ARCHITECTURE: values}

    def _architecture(self, config: Mapping[str, Any], space: SearchSpace) -> Architecture:
        """Return the architecture in a config; the inverse of `_config`."""
        if self._form is not None:
            return architecture_in(config, self._form, space)
        return architecture_from(config, space)

    def _reports_of(self, trial_id: str, result: Mapping[str, Any]) -> Reports | None:
        """Return the reports of a running trial, or of a failed one that runs again.

        `Tuner.restore` repeats failed trials: with `resume_errored` under their old ids, with
        `restart_errored` under new ones, where only the config in a report identifies them. The
        first end of a trial stands until its second one: a `ConcurrencyLimiter` never reports it.
        """
        if trial_id in self._ids:
            return self._reports[self._ids[trial_id]]
        if trial_id not in self._restarted:
            for trial in self._opened().finished.values() if result else ():
                is_it = trial.state == "failed" and (
                    trial.notes.get("trial_id") == trial_id
                    or is_of(result, self._config(trial.architecture))
                )
                if is_it:
                    again = Trial(
                        trial.number,
                        trial.architecture,
                        started=time.time(),
                        notes={"trial_id": trial_id},
                    )
                    self._restarted[trial_id] = Reports(replace(again, curve=trial.curve))
        return self._restarted.get(trial_id)

    def _check_objective(self, metric: str | None, mode: str | None) -> None:
        """Raise if the `TuneConfig` names another objective than this searcher."""
        ours = {o.metric: o.direction for o in self._objectives}
        fits = any(metric in (None, name) and mode in (None, ours[name]) for name in ours)
        if ours and not fits:
            raise BackendError(
                f"TuneConfig(metric={metric!r}, mode={mode!r}) contradicts the objectives of "
                f"NASSearcher, {ours}: leave out metric and mode in one of them, or give the same"
            )
