# pyright: basic
# AutoGluon ships no types that can be relied on.
"""One search in AutoGluon: that of one model, on one level of a stack.

AutoGluon calls a searcher for each trial in the order `begin`, `end`, and never reports that a
search was interrupted. Invariants of `ModelSearch`:

- at most one trial runs, the last that `begin` returned;
- `history.jsonl` in the model's folder has a trial's start before its training, and its end before
  the next proposal; a kill leaves a running trial, which a search that continues proposes again;
- AutoGluon identifies trials by their hyperparameters alone, so results are kept under these.
"""

import json
import math
import shutil
import threading
import time
import traceback
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, final
from weakref import WeakValueDictionary, finalize

from autogluon.common import space as native
from autogluon.core.searcher.exceptions import ExhaustedSearchSpaceError

from ...engine.errors import BackendError
from ...engine.failures import ConsecutiveFailures
from ...engine.history_store import HISTORY_FILE
from ...engine.trial_log import TrialLog
from ...spaces import Architecture, SearchSpace
from ...strategies import (
    History,
    HistoryError,
    HistoryFile,
    Objective,
    Strategy,
    Trial,
    non_dominated,
)
from .space import ArchitectureSpace, bare, from_native, native_values
from .trials import SCORE, LastError, measured

__all__ = ["BEFORE", "ModelSearch", "Settings"]

BEFORE = "history.before.jsonl"  # new name of a file of another search in the same folder
SHARES = 2  # a trial may take this many times its share of the remaining time
EXPECTED_TRIALS = 20  # assumed where `num_trials` is not given
TIME_LIMIT = "ag.max_time_limit"  # AutoGluon's hyperparameter for a model's time limit


class Settings(Protocol):
    """The settings of a searcher."""

    space: SearchSpace | None
    strategy: Strategy[Any]
    objectives: tuple[Objective, ...]
    seed: int
    keep: int | None
    trial_seconds: float | None
    max_failures: int
    before: History | None


@final
class ModelSearch:
    """The trials that one scheduler of AutoGluon runs.

    Args:
        settings: The searcher.
        scheduler: AutoGluon's scheduler, before its first trial.
    """

    def __init__(self, settings: Settings, scheduler: Any) -> None:
        self._settings, self._scheduler = settings, scheduler
        given = scheduler.metadata["search_space"]
        self._open = {k: v for k, v in given.items() if isinstance(v, native.Space)}
        self._key = _key_of(self._open)
        searched: Any = self._open if self._key is None else self._open[self._key]
        space = settings.space or from_native(searched)
        model = scheduler.train_fn_kwargs["init_params"]
        self.name = str(model["name"])
        self._folder = Path(model["path"], self.name)
        self._log = TrialLog(settings.strategy, space, settings.objectives, settings.seed)
        if settings.before is not None:  # a trial that was running is proposed again
            self._log.skip(settings.before.skipped)
            for trial in settings.before.of_state("complete", "pruned", "failed"):
                choices = dict(trial.architecture.choices)  # decisions may be in another order
                self._log.finish(replace(trial, architecture=space.architecture(choices)))
        self._running: Trial | None = None
        self._folders: dict[int, Path] = {}  # of trained models, by trial
        self._failures = ConsecutiveFailures(
            settings.max_failures, "fix the space or the model, or raise max_failures"
        )
        self._began = time.monotonic()
        self._last_error, self._thread = LastError(), threading.current_thread()
        finalize(self, self._last_error.stop)  # after Ctrl-C the logger would keep the handler
        self.results: dict[str, tuple[dict[str, Any], float]] = {}  # by hyperparameters
        self._numbers: dict[str, int] = {}  # of trials, by hyperparameters
        self._dropped: set[int] = set()
        self._file = self._opened()

    def _opened(self) -> HistoryFile:
        path = self._folder / HISTORY_FILE
        # A search that Ctrl-C interrupted still has its file open.
        before = _OPEN.get(path.resolve())
        if before is not None and before._is_over():
            before._leave()
        stored = self._stored(path)
        if stored is None:
            path.replace(path.with_name(BEFORE))
        file = HistoryFile(path, replace(self.history, trials=()))
        for trial in self._log.finished.values():
            if trial.number not in (stored or ()):
                file.start(trial)
                file.finish(trial)
        _OPEN[path.resolve()] = self
        return file

    def _is_over(self) -> bool:
        """Return whether its scheduler has ended: a scheduler blocks its thread while it runs."""
        return self._thread is threading.current_thread() or not self._thread.is_alive()

    def _leave(self) -> None:
        self._last_error.stop()
        self._file.close()

    def _stored(self, path: Path) -> set[int] | None:
        """Return the trials of this search that a file has; None if it is of another search."""
        if not path.exists():
            return set()
        with suppress(HistoryError):
            stored = History.load(path, self._log.space)
            ended = [trial for trial in stored if trial.state != "running"]
            known = {(n, trial.architecture) for n, trial in self._log.finished.items()}
            if ended and known.issuperset((trial.number, trial.architecture) for trial in ended):
                return {trial.number for trial in ended}
        return None

    @property
    def history(self) -> History:
        """All trials."""
        return self._log.history({"backend": "autogluon", "model": self.name})

    def begin(self) -> dict[str, Any]:
        """Begin the next trial, and return its hyperparameters.

        Raises:
            SpaceExhausted: Nothing new can be proposed.
            ExhaustedSearchSpaceError: The time is up; AutoGluon has no other way to end a search.
            TooManyFailures: As many trials in a row failed as the searcher allows.
        """
        if self._is_late():
            raise ExhaustedSearchSpaceError
        self._failures.check()
        self._running = self._log.begin()
        self._file.start(self._running)
        self._last_error.listen()
        return {**self._values(self._running.architecture), **self._time_limit()}

    def _is_late(self) -> bool:
        """Return whether AutoGluon refuses trials; it still requests them for a while."""
        given = self._scheduler.train_fn_kwargs
        limit = given.get("time_limit")
        return limit is not None and time.time() - given["time_start"] >= limit

    def _values(self, architecture: Architecture) -> dict[str, Any]:
        if self._key is None:
            return native_values(architecture, self._open)
        return {self._key: bare(architecture)}

    def _time_limit(self) -> dict[str, float]:
        """Return a time limit for one trial: AutoGluon would give it all the remaining time."""
        given = self._scheduler.train_fn_kwargs
        own = given["init_params"].get("hyperparameters", {}).get("ag_args_fit", {})
        limits = [self._settings.trial_seconds]
        if self._scheduler.time_out is not None and "max_time_limit" not in own:
            left = self._scheduler.time_out - (time.monotonic() - self._began)
            trials = EXPECTED_TRIALS
            if given["hpo_executor"].hyperparameter_tune_kwargs.get("num_trials") is not None:
                trials = max(self._scheduler.num_trials - len(self._numbers), SHARES)
            limits.append(max(left, 0.0) * SHARES / trials)
        known = [limit for limit in limits if limit is not None]
        folds = max(given.get("fit_kwargs", {}).get("k_fold") or 1, 1)
        return {TIME_LIMIT: min(known) / folds} if known else {}

    def end(
        self, config: Mapping[str, Any], reward: float, number: int | None, seconds: float | None
    ) -> None:
        """Record how the running trial ended.

        A trial without a score and without an error, when the time is up, stays running: it is
        interrupted, and a search that continues repeats it.

        Args:
            config: All hyperparameters, as AutoGluon returns them.
            reward: Its score; minus infinity or NaN if it failed.
            number: AutoGluon's number of it, counted from 0; None if it has none.
            seconds: Its duration.
        """
        self._last_error.stop()
        assert self._running is not None
        folder = None if number is None else self._folder / f"T{number + 1}"
        error = self._last_error.error
        if folder and not error and not math.isfinite(reward) and self._is_late():
            shutil.rmtree(folder, ignore_errors=True)
            return
        trial = replace(self._running, seconds=seconds, finished=time.time())
        self._running = None
        trial = self._judged(trial, reward, folder)
        key = self._key_in(config)
        self._numbers[key] = trial.number
        if trial.state == "complete":
            assert folder is not None
            self._folders[trial.number] = folder
            self.results[key] = (dict(config), reward)
        self._failures.record(trial)
        self._log.finish(trial)
        self._file.finish(trial)

    def _judged(self, trial: Trial, reward: float, folder: Path | None) -> Trial:
        """Return the trial with its final state and values."""
        # A model that was trained but could not be saved has both a score and an error.
        if self._last_error.error or not math.isfinite(reward) or folder is None:
            return _failed(trial, self._last_error.error, folder)
        values = {SCORE: reward}
        model = self._scheduler.train_fn_kwargs["model_cls"]
        if len(self._settings.objectives) > 1 or getattr(model, "is_light", False):
            try:
                values |= measured(model.load(path=str(folder), verbose=False))
            except Exception as error:
                return _failed(trial, error, folder)
        missing = [o.metric for o in self._settings.objectives if o.metric not in values]
        if missing:
            unknown = BackendError(f"this kind of model has no {missing}: use other objectives")
            return _failed(trial, unknown, folder)
        return replace(trial, state="complete", values=values)

    def _key_in(self, config: Mapping[str, Any]) -> str:
        chosen = {name: config[name] for name in self._open}
        if self._key is not None:
            return str(chosen[self._key].key)
        return json.dumps(chosen, sort_keys=True, default=repr)

    def reward(self, config: Mapping[str, Any]) -> float | None:
        """Return the score of a trial whose model is kept; None for any other trial."""
        key = self._key_in(config)
        if key not in self.results or self._numbers[key] in self._dropped:
            return None
        return self.results[key][1]

    @property
    def best(self) -> tuple[float, dict[str, Any]]:
        """The best score and its hyperparameters."""
        if not self.results:
            return -math.inf, {}
        config, reward = max(self.results.values(), key=lambda result: result[1])
        return reward, config

    def close(self) -> None:
        """End the search, and delete the models beyond `keep`."""
        self._leave()
        if self._settings.keep is not None:
            for trial in self._ranked()[self._settings.keep :]:
                self._dropped.add(trial.number)
                shutil.rmtree(self._folders[trial.number], ignore_errors=True)

    def _ranked(self) -> list[Trial]:
        """Return the trials that have a model, the best first."""
        here = [trial for n, trial in self._log.finished.items() if n in self._folders]
        scores = [trial.scores(self._settings.objectives) or () for trial in here]
        front = set(non_dominated(scores)) if here else set()
        order = sorted(range(len(here)), key=lambda k: (k not in front, -here[k].values[SCORE], k))
        return [here[k] for k in order]


_OPEN: WeakValueDictionary[Path, ModelSearch] = WeakValueDictionary()  # by file


def _failed(trial: Trial, error: BaseException | None, folder: Path | None) -> Trial:
    """Return the trial as failed, and remove the files of its model."""
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)
    notes = {"error": "AutoGluonError: the trial has no score; see AutoGluon's log"}
    if error is not None:
        notes = {
            "error": f"{type(error).__name__}: {error}",
            "traceback": "".join(traceback.format_exception(error)),
        }
    return replace(trial, state="failed", notes=notes)


def _key_of(open_: Mapping[str, native.Space]) -> str | None:
    """Return the name of an `ArchitectureSpace`; None if the open values are AutoGluon's own."""
    whole = [name for name, given in open_.items() if isinstance(given, ArchitectureSpace)]
    if whole and len(open_) > 1:
        others = sorted({*open_} - {whole[0]})
        raise BackendError(
            f"beside the space {whole[0]!r} the hyperparameters {others} are open: move them "
            'into that space, as Space({"network": ..., "learning_rate": Real(...)})'
        )
    return whole[0] if whole else None
