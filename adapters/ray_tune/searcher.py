# pyright: basic
# Ray's types are of little use from outside.
"""`NASSearcher`: our strategies in a `tune.Tuner` of a user's own."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast, final

from ray.air.constants import TRAINING_ITERATION
from ray.tune.search import Searcher

from ...engine.errors import BackendError
from ...spaces import Architecture, SearchSpace
from ...strategies import (
    History,
    Objective,
    Search,
    SpaceExhausted,
    Step,
    Strategy,
    Trial,
    default_strategy,
    objectives_from,
)
from .history import load, moved
from .reports import Reports, is_of
from .space import ARCHITECTURE, architecture_from, config_from, from_native, is_open

__all__ = ["NASSearcher"]


STATE = frozenset(
    ("_search", "_ids", "_again", "_taken", "_skipped", "_next", "_running", "_finished", "_native")
)


@final
class NASSearcher(Searcher):
    """Lets a strategy of nasbridge propose what a `tune.Tuner` tries.

    Trials are given the architecture below `arch` in their config, which
    `architecture_from(config, space)` reads, beside the constants of your `param_space`. Without a
    space, what is open in the `param_space` is searched, and trials get it as they always did.

    Trials that a scheduler has stopped are told as pruned, with what they reported last; those that
    fail as failed. What is saved is the history, as JSON Lines: `Tuner.restore` goes on as if the
    driver had not been killed.

    Args:
        space: What is searched; None for what is open in the `param_space`.
        strategy: The search method; that of `default_strategy` if None.
        metric: The metric, or several.
        mode: "max" or "min", or one for each metric.
        objectives: Instead of both: metrics with "max" or "min", as {"accuracy": "max"}.
        seed: Fixes every proposal.
        flat: Whether decisions stand in the config by their own names, and not below `arch`.
        max_t: How many reports make a whole trial; needed to tell whole trials from stopped ones
            where the scheduler's `max_t` ends both, and for trainables that are classes. A function
            that ends by itself has ended as a whole.
        time_attr: What `max_t` counts, if not reports: that of the scheduler, as a metric "epoch".
        stop: The dict that the `RunConfig` has as `stop`, without a `param_space`; with one, Ray
            passes it on. A trial that it ends has ended as a whole.
        history: Trials of a search before this one, under any backend, which goes on from there: a
            history, its file, or a run's directory. Trials that were running are proposed anew.

    Raises:
        BackendError: Metric and mode do not fit together, or the history is of another space or
            of other objectives.
        StrategyError: The objectives are not such, or do not suit the strategy.

    Example:
        >>> from nasbridge import Choice, RandomSearch, Space
        >>> from nasbridge.adapters.ray_tune import NASSearcher
        >>> space = Space({"units": Choice([16, 32])})
        >>> searcher = NASSearcher(space, RandomSearch(), metric="loss", mode="min")
        >>> searcher.suggest("first")["arch"]["units"] in (16, 32)
        True
    """

    def __init__(
        self,
        space: SearchSpace | None = None,
        strategy: Strategy[Any] | None = None,
        metric: str | Sequence[str] | None = None,
        mode: str | Sequence[str] | None = None,
        *,
        objectives: Mapping[str, str] | Sequence[Objective] | None = None,
        seed: int = 0,
        flat: bool = False,
        max_t: float | None = None,
        time_attr: str = TRAINING_ITERATION,
        stop: Mapping[str, float] | None = None,
        history: History | Path | str | None = None,
    ) -> None:
        self._space, self._seed, self._flat = space, seed, flat
        self._whole = {} if max_t is None else {time_attr: max_t}
        self._stop: Mapping[str, float] = dict(stop or {})
        self._strategy = default_strategy(None) if strategy is None else strategy
        self._native: Mapping[str, Any] | None = None
        self._objectives: tuple[Objective, ...] = ()
        if objectives is not None:
            self._objectives = objectives_from(objectives)
        elif metric is not None or mode is not None:
            self._objectives = _objectives(metric, mode)
        self._before = (
            history if history is None or isinstance(history, History) else (load(history, space))
        )
        if self._before is not None:
            self._objectives = self._objectives or self._before.objectives
        names = [o.metric for o in self._objectives]
        modes = [o.direction for o in self._objectives]
        if len(names) == 1:
            super().__init__(names[0], modes[0])
        else:
            super().__init__(cast(Any, names or None), cast(Any, modes or None))
        self._reset()
        if space is not None and self._objectives:
            self._known()

    def _reset(self) -> None:
        self._search: Search | None = None
        self._ids: dict[str, int] = {}  # numbers of running trials, by Ray's ids
        self._again: dict[str, Reports] = {}  # failed trials that Ray has begun anew, by its ids
        self._taken: set[int] = set()  # numbers
        self._skipped: tuple[int, ...] = ()  # numbers of trials that failed before sampling
        self._next = 0  # no number below is free
        self._running: dict[int, Reports] = {}
        self._finished: list[Trial] = []

    def __getstate__(self) -> dict[str, Any]:
        """Keep the settings alone: Ray pickles its searchers, and the state is in the history."""
        return {name: value for name, value in vars(self).items() if name not in STATE}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _native=None)
        self._reset()

    # ------------------------------------------------------------------ what Ray asks

    def set_search_properties(
        self, metric: str | None, mode: str | None, config: dict[str, Any], **spec: Any
    ) -> bool:
        """Take what the Tuner says; Ray calls this only if there is a `param_space`."""
        if not self._objectives and metric is not None:
            self._objectives = _objectives(metric, mode)
            self._metric, self._mode = metric, mode
        self._check_same(metric, mode)
        stop = spec.get("stop")
        if not self._stop and isinstance(stop, Mapping):
            self._stop = dict(stop)
        if is_open(config):
            if self._space is not None and self._native is None:
                still = ", ".join(repr(d.name) for d in from_native(config).decisions)
                raise BackendError(
                    f"param_space leaves {still} open, and NASSearcher has a space of its own: put "
                    "them into that space, give them a fixed value, or leave the space out"
                )
            self._native, self._space = config, from_native(config)
        return True

    def suggest(self, trial_id: str) -> dict[str, Any] | str:
        """Propose what a new trial tries; "FINISHED" when the space is used up."""
        search, number = self._known(), self._free_number()
        try:
            architecture = search.ask(number)
        except SpaceExhausted:
            return Searcher.FINISHED
        self._ids[trial_id] = number
        self._taken.add(number)
        notes = {"trial_id": trial_id}
        trial = Trial(number, architecture, started=time.time(), notes=notes)
        self._running[number] = Reports(trial)
        return self._config(architecture)

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Take note of a report; the last one comes by `on_trial_complete`."""
        reports = self._reports(trial_id, result)
        if reports is not None:
            reports.note(result)

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Take note of a trial's end."""
        reports = self._reports(trial_id, result or {})
        if reports is None:
            return
        goals = {**self._stop, **self._whole}
        trial = reports.ended(result, error, self._objectives, goals)
        if trial_id in self._ids:
            del self._running[self._ids.pop(trial_id)]
            self._finished.append(trial)
            self._known().tell(trial)
        else:
            del self._again[trial_id]
            self._finished = [known for known in self._finished if known.number != trial.number]
            self._finished.append(trial)
            self._fold()

    def add_evaluated_point(
        self,
        parameters: dict[str, Any],
        value: float,
        error: bool = False,
        pruned: bool = False,
        intermediate_values: list[float] | None = None,
    ) -> None:
        """Take note of what was tried elsewhere; without a finite value it has failed.

        Raises:
            BackendError: There are several objectives, and this takes the value of one.
        """
        search, number = self._known(), self._free_number()
        if len(self._objectives) != 1:
            names = ", ".join(repr(o.metric) for o in self._objectives)
            raise BackendError(
                f"add_evaluated_point takes the value of one metric, and the objectives are {names}"
                ": give finished trials with all of them as NASSearcher(..., history=...)"
            )
        metric = self._objectives[0].metric
        steps = enumerate(intermediate_values or (), start=1)
        has_failed = error or not math.isfinite(value)
        said = "failed elsewhere" if error else f"{metric} is {value}, and no finite number"
        trial = Trial(
            number,
            architecture_from(parameters, search.problem.space),
            "failed" if has_failed else "pruned" if pruned else "complete",
            {} if has_failed else {metric: float(value)},
            tuple(Step(step, {metric: float(v)}) for step, v in steps),
            notes={"error": said} if has_failed else {},
        )
        self._taken.add(number)
        self._finished.append(trial)
        search.tell(trial)

    # ------------------------------------------------------------------ saving

    @property
    def history(self) -> History:
        """The trials so far."""
        search = self._known()
        return History(
            search.problem.space,
            self._objectives,
            (*self._finished, *(self._running[number].trial for number in sorted(self._running))),
            self._seed,
            repr(self._strategy),
            {"backend": "ray_tune", "running": dict(self._ids)},
            self._skipped,
        )

    def save(self, checkpoint_path: str) -> None:
        """Write the history, as Ray asks now and then."""
        Path(checkpoint_path).unlink(missing_ok=True)
        self.history.save(checkpoint_path)

    def restore(self, checkpoint_path: str) -> None:
        """Go on with a history that was saved.

        Raises:
            BackendError: It is of another search.
            HistoryError: It is damaged, or of another space.
        """
        saved = History.load(checkpoint_path, self._space)
        self._objectives = self._objectives or saved.objectives
        ours = (self._objectives, repr(self._strategy), self._seed)
        if (saved.objectives, saved.strategy, saved.seed) != ours:
            raise BackendError(
                f"{checkpoint_path} is of a search with {saved.objectives}, {saved.strategy} and "
                f"seed={saved.seed}, and this one has {ours}: restore it with the same settings"
            )
        self._space = saved.space if self._space is None else self._space
        self._reset()
        self._ids = {name: int(number) for name, number in saved.metadata["running"].items()}
        self._finished = list(saved.of_state("complete", "pruned", "failed"))
        self._running = {t.number: Reports.restored(t) for t in saved.of_state("running")}
        self._take(saved)
        self._fold()

    # ------------------------------------------------------------------ trials

    def _known(self) -> Search:
        if self._search is None:
            if not self._objectives:
                raise BackendError(
                    "NASSearcher does not know what to optimize, for Ray tells a searcher only "
                    "together with a param_space: say NASSearcher(..., metric=..., mode=...)"
                )
            before = self._before
            if self._space is None and before is not None:
                self._space = before.space
            if self._space is None:
                raise BackendError(
                    "NASSearcher has no space: give it one, or a param_space with tune.choice and "
                    "such to the Tuner, and to Tuner.restore"
                )
            if before is not None:
                self._finished = list(moved(before, self._space, self._objectives))
                self._take(replace(before, trials=tuple(self._finished)))
            return self._fold()
        return self._search

    def _fold(self) -> Search:
        """Let a new search take note of all trials."""
        assert self._space is not None
        self._search = Search(self._strategy, self._space, self._objectives, self._seed)
        running = (self._running[number].trial for number in sorted(self._running))
        self._search.replay((*self._finished, *running))
        return self._search

    def _take(self, history: History) -> None:
        """Let no new trial have the number of one in a history."""
        self._skipped = history.skipped
        self._taken = {*history.skipped, *(trial.number for trial in history)}

    def _free_number(self) -> int:
        while self._next in self._taken:
            self._next += 1
        return self._next

    def _config(self, architecture: Architecture) -> dict[str, Any]:
        if self._native is not None:
            return config_from(architecture, self._native)
        values = {name: _plain(architecture, name) for name in architecture.choices}
        return values if self._flat else {ARCHITECTURE: values}

    def _reports(self, trial_id: str, result: Mapping[str, Any]) -> Reports | None:
        """Return the reports of a running trial, or of a failed one that has begun anew.

        `Tuner.restore` lets failed trials begin anew by the old id with `resume_errored`, and by a
        new one with `restart_errored`, of which only the config in its reports says what it is.
        The old end stands until there is a new one: a `ConcurrencyLimiter` never tells us of that.
        """
        if trial_id in self._ids:
            return self._running[self._ids[trial_id]]
        if trial_id not in self._again:
            for trial in self._finished if result else ():
                is_it = trial.state == "failed" and (
                    trial.notes.get("trial_id") == trial_id
                    or is_of(result, self._config(trial.architecture))
                )
                if is_it:
                    notes = {"trial_id": trial_id}
                    now = time.time()
                    anew = Trial(trial.number, trial.architecture, started=now, notes=notes)
                    self._again[trial_id] = Reports(replace(anew, curve=trial.curve))
        return self._again.get(trial_id)

    def _check_same(self, metric: str | None, mode: str | None) -> None:
        """Raise if the `TuneConfig` names something that is no objective of ours."""
        ours = {o.metric: o.direction for o in self._objectives}
        fits = any(metric in (None, name) and mode in (None, ours[name]) for name in ours)
        if ours and not fits:
            raise BackendError(
                f"TuneConfig(metric={metric!r}, mode={mode!r}) and NASSearcher, with {ours}, "
                "contradict each other: leave metric and mode out of one of them, or give the same"
            )


def _plain(architecture: Architecture, name: str) -> Any:
    """Return what stands in a config: a plain value as it is, anything else by its label."""
    value = architecture[name]
    plain = isinstance(value, bool | int | float | str)
    return value if plain else architecture.choices[name]


def _objectives(metric: Any, mode: Any) -> tuple[Objective, ...]:
    metrics = [metric] if isinstance(metric, str) else list(metric or ())
    modes = [mode] * len(metrics) if isinstance(mode, str) else list(mode or ())
    if not metrics or len(metrics) != len(modes):
        raise BackendError(
            f"metric={metric!r} and mode={mode!r} do not fit together: give both, as "
            'metric="accuracy", mode="max", or as many modes as metrics'
        )
    return objectives_from(dict(zip(metrics, modes, strict=True)))
