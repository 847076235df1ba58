# pyright: basic
# AutoGluon ships no types that can be relied on.
"""One search in AutoGluon: that of one model, on one level of a stack."""

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

from ...engine.errors import BackendError, TooManyFailures
from ...engine.history_store import HISTORY_FILE
from ...spaces import Architecture, SearchSpace
from ...strategies import (
    History,
    HistoryError,
    HistoryFile,
    Objective,
    Search,
    Strategy,
    Trial,
    non_dominated,
)
from .space import ArchitectureSpace, bare, from_native, native_values
from .trials import SCORE, LastError, measured

__all__ = ["BEFORE", "ModelSearch", "Settings"]

BEFORE = "history.before.jsonl"  # where a file of another search in the same folder goes
SHARES = 2  # of the time that is left: what one trial may take
EXPECTED = 20  # trials still to come, as one reckons where nobody has said how many
TIME_LIMIT = "ag.max_time_limit"  # the name of a model's own time limit among hyperparameters


class Settings(Protocol):
    """What a search needs to know of its searcher."""

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
        scheduler: AutoGluon's scheduler, which is about to begin.
    """

    def __init__(self, settings: Settings, scheduler: Any) -> None:
        self._settings, self._scheduler = settings, scheduler
        given = scheduler.metadata["search_space"]
        self._open = {k: v for k, v in given.items() if isinstance(v, native.Space)}
        self._key = _key_of(self._open)
        searched: Any = self._open if self._key is None else self._open[self._key]
        space = settings.space or from_native(searched)
        asked = scheduler.train_fn_kwargs["init_params"]
        self.name = str(asked["name"])
        self._place = Path(asked["path"], self.name)
        self._search = Search(settings.strategy, space, settings.objectives, settings.seed)
        self._settled = History(
            space,
            settings.objectives,
            seed=settings.seed,
            strategy=repr(settings.strategy),
            metadata={"backend": "autogluon", "model": self.name},
        )
        before = settings.before or ()  # a trial that was interrupted is proposed again
        self._trials = [trial for trial in before if trial.state != "running"]
        self._search.replay(self._trials)
        self._next = max((trial.number for trial in self._trials), default=-1) + 1
        self._running: Trial | None = None
        self._folders: dict[int, Path] = {}  # by our trials
        self._failures, self._began = 0, time.time()
        self._heard, self._thread = LastError(), threading.current_thread()
        finalize(self, self._heard.stop)  # the logger would keep it, if Ctrl-C ends the search
        self.results: dict[str, tuple[dict[str, Any], float]] = {}  # by hyperparameters
        self._numbers: dict[str, int] = {}  # the same
        self._dropped: set[int] = set()
        self._file = self._opened()

    def _opened(self) -> HistoryFile:
        file = self._place / HISTORY_FILE
        # Nothing tells a searcher of a Ctrl-C. Who begins a search here, has left the one before.
        before = _OPEN.get(file.resolve())
        if before is not None and before._over():
            before._leave()
        there = self._there(file)
        if there is None:
            file.replace(file.with_name(BEFORE))
        made = HistoryFile(file, self._settled)
        for trial in self._trials:
            if trial.number not in (there or ()):
                made.start(trial)
                made.finish(trial)
        _OPEN[file.resolve()] = self
        return made

    def _over(self) -> bool:
        """Tell whether its scheduler cannot be running: that blocks the thread that it is in."""
        return self._thread is threading.current_thread() or not self._thread.is_alive()

    def _leave(self) -> None:
        self._heard.stop()
        self._file.close()

    def _there(self, file: Path) -> set[int] | None:
        """Return which of the trials before this search a file has; None if it is of another."""
        if not file.exists():
            return set()
        with suppress(HistoryError):
            there = History.load(file, self._settled.space)
            ended = [trial for trial in there if trial.state != "running"]
            known = {(trial.number, trial.architecture) for trial in self._trials}
            if ended and known.issuperset((trial.number, trial.architecture) for trial in ended):
                return {trial.number for trial in ended}
        return None

    @property
    def history(self) -> History:
        """All trials."""
        running = () if self._running is None else (self._running,)
        return replace(self._settled, trials=(*self._trials, *running))

    # ------------------------------------------------------------------ trials

    def begin(self) -> dict[str, Any]:
        """Begin the next trial, and return its hyperparameters.

        Raises:
            SpaceExhausted: Nothing new can be proposed.
            ExhaustedSearchSpaceError: The time is up; AutoGluon knows no other way to end a search.
            TooManyFailures: As many trials in a row failed as the searcher allows.
        """
        if self._late():
            raise ExhaustedSearchSpaceError
        self._check_failures()
        architecture = self._search.ask(self._next)
        self._running = Trial(self._next, architecture, started=time.time())
        self._next += 1
        self._file.start(self._running)
        self._heard.listen()
        return {**self._values(architecture), **self._time_limit()}

    def _late(self) -> bool:
        """Tell whether AutoGluon refuses trials: it does so a while before it stops asking."""
        asked = self._scheduler.train_fn_kwargs
        limit = asked.get("time_limit")
        return limit is not None and time.time() - asked["time_start"] >= limit

    def _values(self, architecture: Architecture) -> dict[str, Any]:
        if self._key is None:
            return native_values(architecture, self._open)
        return {self._key: bare(architecture)}

    def _time_limit(self) -> dict[str, float]:
        """Bound what one trial may take: AutoGluon would grant it all the time that is left."""
        asked = self._scheduler.train_fn_kwargs
        own = asked["init_params"].get("hyperparameters", {}).get("ag_args_fit", {})
        limits = [self._settings.trial_seconds]
        if self._scheduler.time_out is not None and "max_time_limit" not in own:
            left = self._scheduler.time_out - (time.time() - self._began)
            trials = EXPECTED
            if asked["hpo_executor"].hyperparameter_tune_kwargs.get("num_trials") is not None:
                trials = max(self._scheduler.num_trials - len(self._numbers), SHARES)
            limits.append(max(left, 0.0) * SHARES / trials)
        known = [limit for limit in limits if limit is not None]
        folds = max(asked.get("fit_kwargs", {}).get("k_fold") or 1, 1)
        return {TIME_LIMIT: min(known) / folds} if known else {}

    def end(
        self, config: Mapping[str, Any], reward: float, number: int | None, seconds: float | None
    ) -> None:
        """Take note of how the running trial has ended.

        One without a score, nor an error, when the time is up, says nothing of its architecture: it
        stays as if it had been interrupted, so that a search that goes on repeats it.

        Args:
            config: All hyperparameters, as AutoGluon gives them back.
            reward: Its score; minus infinity or NaN if it failed.
            number: AutoGluon's number of it, counted from 0; None if it has none.
            seconds: How long it took.
        """
        self._heard.stop()
        assert self._running is not None
        folder = None if number is None else self._place / f"T{number + 1}"
        if folder and not self._heard.error and not math.isfinite(reward) and self._late():
            shutil.rmtree(folder, ignore_errors=True)
            return
        trial = replace(self._running, seconds=seconds, finished=time.time())
        self._running = None
        trial = self._judged(trial, reward, folder)
        key = self._identity(config)
        self._numbers[key] = trial.number
        if trial.state == "complete":
            assert folder is not None
            self._folders[trial.number] = folder
            self.results[key] = (dict(config), reward)
        self._failures = self._failures + 1 if trial.state == "failed" else 0
        self._trials.append(trial)
        self._search.tell(trial)
        self._file.finish(trial)

    def _judged(self, trial: Trial, reward: float, folder: Path | None) -> Trial:
        """Say whether a trial is complete, and with which values."""
        # A model that was trained and could not be saved has a score, and an error beside it.
        if self._heard.error or not math.isfinite(reward) or folder is None:
            return _failed(trial, self._heard.error, folder)
        values = {SCORE: reward}
        model = self._scheduler.train_fn_kwargs["model_cls"]
        if len(self._settings.objectives) > 1 or getattr(model, "is_light", False):
            try:
                values |= measured(model.load(path=str(folder), verbose=False))
            except Exception as error:
                return _failed(trial, error, folder)
        missing = [o.metric for o in self._settings.objectives if o.metric not in values]
        if missing:
            unknown = BackendError(f"{missing} are not known of this kind of model")
            return _failed(trial, unknown, folder)
        return replace(trial, state="complete", values=values)

    def _check_failures(self) -> None:
        if self._failures >= self._settings.max_failures:
            last = self._trials[-1]
            raise TooManyFailures(
                f"the last {self._failures} trials failed, trial {last.number} with "
                f"{last.notes.get('error')}; mend the space or the model, or raise max_failures"
            )

    # ------------------------------------------------------------------ what came out

    def _identity(self, config: Mapping[str, Any]) -> str:
        chosen = {name: config[name] for name in self._open}
        if self._key is not None:
            return str(chosen[self._key].key)
        return json.dumps(chosen, sort_keys=True, default=repr)

    def reward(self, config: Mapping[str, Any]) -> float | None:
        """Return the score of a trial that stays; None for any other one."""
        key = self._identity(config)
        if key not in self.results or self._numbers[key] in self._dropped:
            return None
        return self.results[key][1]

    @property
    def best(self) -> tuple[float, dict[str, Any]]:
        """The best score, and the hyperparameters that it belongs to."""
        if not self.results:
            return -math.inf, {}
        config, reward = max(self.results.values(), key=lambda result: result[1])
        return reward, config

    def close(self) -> None:
        """End the search: of its models only as many stay as shall be kept."""
        self._leave()
        if self._settings.keep is not None:
            for trial in self._ranked()[self._settings.keep :]:
                self._dropped.add(trial.number)
                shutil.rmtree(self._folders[trial.number], ignore_errors=True)

    def _ranked(self) -> list[Trial]:
        """List the trials that have a model here, the best first."""
        here = [trial for trial in self._trials if trial.number in self._folders]
        scores = [trial.scores(self._settings.objectives) or () for trial in here]
        front = set(non_dominated(scores)) if here else set()
        order = sorted(range(len(here)), key=lambda k: (k not in front, -here[k].values[SCORE], k))
        return [here[k] for k in order]


_OPEN: WeakValueDictionary[Path, ModelSearch] = WeakValueDictionary()  # by their files


def _failed(trial: Trial, error: BaseException | None, folder: Path | None) -> Trial:
    """Return a trial as failed; what there is of its model is removed."""
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)
    notes = {"error": "AutoGluonError: the trial has no score; AutoGluon's log says why"}
    if error is not None:
        notes = {
            "error": f"{type(error).__name__}: {error}",
            "traceback": "".join(traceback.format_exception(error)),
        }
    return replace(trial, state="failed", notes=notes)


def _key_of(open_: Mapping[str, native.Space]) -> str | None:
    """Return under which name a whole space is searched; None where AutoGluon's own kinds are."""
    whole = [name for name, given in open_.items() if isinstance(given, ArchitectureSpace)]
    if whole and len(open_) > 1:
        others = sorted({*open_} - {whole[0]})
        raise BackendError(
            f"beside the space {whole[0]!r} the hyperparameters {others} are "
            'open: put all into one space, as Space({"network": ..., "learning_rate": Real(...)})'
        )
    return whole[0] if whole else None
