# pyright: basic
# Ray's types are of little use from outside.
"""Ray Tune as an executor: it places trials on nodes, and repeats those whose worker was lost.

Ray's loop takes trials from a search algorithm and decisions from a scheduler. Here the driver has
the trials and decides, so `RayExecutor.wait` steps Ray's `TuneController` event by event:

- `_Queue` is the search algorithm: it holds the trials that the driver has submitted;
- `_Decisions` is the scheduler: it passes the workers' messages to the driver;
- `_Clock` is a callback: it records when trials start, and that they start again.
"""

import time
import warnings
from collections import Counter, deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, final

import ray
from ray.exceptions import RayActorError
from ray.tune import Callback
from ray.tune.execution.tune_controller import TuneController
from ray.tune.experiment import Trial as RayTrial
from ray.tune.logger import JsonLoggerCallback
from ray.tune.registry import register_trainable
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import SearchAlgorithm

from ...engine.driver import ExperimentSpec
from ...engine.errors import ExperimentError
from ...engine.evaluation import Outcome, Report, Task
from ...strategies import Step, Trial
from .reporting import SchedulerAdapter
from .resources import require
from .store import RayStore
from .trials import Trials, note_failure
from .worker import NAME, message_in

__all__ = ["RayExecutor"]

MAX_FREE_LOSSES = 3  # workers lost before a trial has begun; further ones count as its failures
PENDING_TIMEOUT = 3.0  # seconds that all trials wait before the cluster's nodes are checked


@final
class _Queue(SearchAlgorithm):
    """Holds the trials that the driver has submitted until Ray takes them."""

    def __init__(self) -> None:
        self.waiting: deque[RayTrial] = deque()

    def next_trial(self) -> RayTrial | None:
        return self.waiting.popleft() if self.waiting else None

    def is_finished(self) -> bool:
        return False  # the driver may always submit another one

    def has_checkpoint(self, dirpath: str) -> bool:
        return False

    def save_to_dir(self, dirpath: str, **kwargs: Any) -> None: ...


@final
class _Clock(Callback):
    """Records since when trials run, and lets the store discard reports of lost attempts."""

    def __init__(self, store: RayStore) -> None:
        self._store = store
        self.began: dict[str, float] = {}
        self.attempts: dict[str, int] = {}

    def on_trial_start(self, iteration: int, trials: Any, trial: RayTrial, **info: Any) -> None:
        name = trial.trial_id
        if self.attempts.get(name, 0):
            self._store.restart(int(name))
        self.attempts[name] = self.attempts.get(name, 0) + 1
        self.began[name] = time.monotonic()

    def on_trial_recover(self, iteration: int, trials: Any, trial: RayTrial, **info: Any) -> None:
        self.began.pop(trial.trial_id, None)
        metadata = trial.run_metadata  # the next attempt does not fail with this attempt's error
        metadata.error_filename = metadata.pickled_error_filename = None


@final
class _Controller(TuneController):
    """Does not count the loss of a worker as a failure of a trial that had not begun on it.

    When a node is lost between two trials, Ray counts the loss twice for the second one, and marks
    it as failed whatever `retries` is.
    """

    def __init__(self, clock: _Clock, **settings: Any) -> None:
        super().__init__(**settings)
        self._clock = clock
        self._free: Counter[str] = Counter()  # uncounted losses, by trial

    def __getstate__(self) -> dict[str, Any]:
        added = {"_clock", "_free"}  # Ray saves the other attributes
        return {name: value for name, value in super().__getstate__().items() if name not in added}

    def _process_trial_failure(self, trial: RayTrial, exception: Any) -> None:
        name = trial.trial_id
        is_lost = isinstance(exception, RayActorError) and name not in self._clock.began
        if not is_lost or self._free[name] >= MAX_FREE_LOSSES:
            super()._process_trial_failure(trial, exception)
        elif trial in self._trial_to_actor:  # otherwise Ray reports the same loss a second time
            self._free[name] += 1
            self._resetting_trials.discard(trial)
            self._set_trial_status(trial, RayTrial.PENDING)


@final
class _Decisions(FIFOScheduler):
    """Passes messages of workers to the driver, and its decisions back."""

    def __init__(self, scheduler: SchedulerAdapter | None) -> None:
        super().__init__()
        self._scheduler = scheduler
        self.report: Report = lambda number, step: False
        self.outcomes: dict[str, Outcome] = {}
        self.lost: list[RayTrial] = []

    def on_trial_result(self, controller: Any, trial: RayTrial, result: dict[str, Any]) -> str:
        message = message_in(result)
        if message is None or trial.trial_id in self.outcomes:
            return TrialScheduler.CONTINUE
        if message.broken:
            raise _Broken(message.broken)
        if message.outcome is not None:
            self.outcomes[trial.trial_id] = message.outcome
            trial.max_failures = 0  # it has ended, and must not be repeated
        elif message.step is not None and self._is_bad(trial, message.step, result):
            # The trial ends at its next report, so `evaluate` can clean up. Ray would kill it.
            worker: Any = trial.temporary_state.ray_actor
            worker.execute.remote(_stop_at_report)
        return TrialScheduler.CONTINUE

    def _is_bad(self, trial: RayTrial, step: Step, result: dict[str, Any]) -> bool:
        is_bad = self._scheduler is not None and self._scheduler.is_bad(trial, step, result)
        return self.report(int(trial.trial_id), step) or is_bad

    def on_trial_error(self, controller: Any, trial: RayTrial) -> None:
        self.lost.append(trial)


class _Broken(BaseException):
    """Passes Ray's error handlers, which catch `Exception`."""


def _stop_at_report(worker: Any) -> None:
    worker.stop_at_report()


@final
class RayExecutor:
    """Evaluates tasks as trials of Ray Tune, up to `slots` at a time.

    Ray starts with the first task.

    Args:
        experiment: The experiment.
        store: Its trials.
        slots: Number of trials that run at a time, at least 1.
        connect: Connects to Ray, and disconnects when the given stack closes.
        trials: Makes Ray's trials; called after connecting.
        worker: Makes the trainable class; called after connecting.
        scheduler: A scheduler of Ray, or None.
        callbacks: Further callbacks of Ray.
    """

    def __init__(
        self,
        experiment: ExperimentSpec,
        store: RayStore,
        slots: int,
        connect: Callable[[ExitStack], None],
        trials: Callable[[], Trials],
        worker: Callable[[], type],
        scheduler: SchedulerAdapter | None,
        callbacks: Sequence[Callback],
    ) -> None:
        self._experiment, self._store, self._slots = experiment, store, slots
        self._connect, self._trials_made, self._worker = connect, trials, worker
        self._callbacks = callbacks
        self._scheduler = scheduler
        self._queue, self._clock, self._decisions = _Queue(), _Clock(store), _Decisions(scheduler)
        self._running: dict[str, RayTrial] = {}
        self._late: set[str] = set()
        self._checked, self._has_room = time.monotonic(), True
        self._stack = ExitStack()
        self._controller: TuneController | None = None

    @property
    def slots(self) -> int:
        return self._slots

    def submit(self, task: Task) -> None:
        controller = self._started()
        made = self._trials.begin(Trial(task.number, task.architecture))
        self._running[made.trial_id] = made
        self._queue.waiting.append(made)
        if self._scheduler is not None:
            self._scheduler.begun(made)
        controller.update_max_pending_trials(self._slots)

    def wait(self, report: Report) -> Outcome:
        self._decisions.report = report
        controller = self._started()
        while True:
            try:
                controller.step()
            except _Broken as error:
                raise ExperimentError(str(error)) from None
            self._end_the_late()
            self._check_room()
            for name, trial in list(self._running.items()):
                outcome = self._outcome(trial)
                if outcome is not None:
                    del self._running[name]
                    return self._noted(trial, outcome, controller)

    def close(self) -> None:
        controller, self._controller = self._controller, None
        try:
            if controller is not None:
                for trial in self._running.values():
                    _kill(trial)
                self._end(controller)
        finally:
            self._stack.close()

    def _end(self, controller: TuneController) -> None:
        try:
            controller.checkpoint(force=True, wait=True)
        except Exception as error:  # of the disk or of a callback; Ray does not distinguish them
            warnings.warn(
                "Ray could not write its experiment state "
                f"({type(error).__name__}: {error}), which may lack the last trials; the history "
                "has them, and the next run in this directory adds them",
                stacklevel=2,
            )
        finally:
            controller.cleanup()

    def _started(self) -> TuneController:
        if self._controller is None:
            self._connect(self._stack)
            register_trainable(NAME, self._worker(), warn=False)
            self._trials = self._trials_made()
            logger = JsonLoggerCallback()
            self._controller = _Controller(
                self._clock,
                search_alg=self._queue,
                scheduler=self._decisions,
                callbacks=[logger, self._clock, *self._callbacks],
                storage=self._trials.storage,
                reuse_actors=True,
            )
            history = self._store.history().of_state("complete", "pruned", "failed")
            for trial, made in self._trials.finished(history, logger):
                self._controller.add_trial(made)
                if self._scheduler is not None:
                    self._scheduler.replay(trial, made)
        return self._controller

    def _end_the_late(self) -> None:
        limit = self._experiment.trial_seconds
        for name, trial in self._running.items():
            spent = time.monotonic() - self._clock.began.get(name, time.monotonic())
            is_running = trial.status == RayTrial.RUNNING and name not in self._decisions.outcomes
            if limit is not None and is_running and spent >= limit and name not in self._late:
                self._late.add(name)
                trial.max_failures = 0
                _kill(trial)

    def _check_room(self) -> None:
        """Raise if all trials wait and no remaining node can run one: they would wait forever."""
        now = time.monotonic()
        if any(trial.status != RayTrial.PENDING for trial in self._running.values()):
            self._checked, self._has_room = now, True
        elif self._has_room and now - self._checked >= PENDING_TIMEOUT:
            self._has_room = require(self._trials.needs)  # warn once
            self._checked = time.monotonic()

    def _outcome(self, trial: RayTrial) -> Outcome | None:
        """Return how a trial ended, if it has."""
        if not trial.is_finished():
            return None
        name = trial.trial_id
        if name in self._decisions.outcomes:
            return self._decisions.outcomes.pop(name)
        seconds = time.monotonic() - self._clock.began.get(name, time.monotonic())
        if name in self._late:
            limit = self._experiment.trial_seconds
            error = (
                f"TimeoutError: the trial took longer than trial_seconds={limit:g} and was "
                "stopped; raise the limit, or make the space smaller"
            )
        else:
            error = (
                "ProcessError: the Ray worker was lost, by SIGKILL for lack of memory, by a crash "
                f"or with its machine; Ray reports: {_cause(trial)}"
            )
        return Outcome(int(name), "failed", seconds=seconds, notes={"error": error})

    def _noted(self, trial: RayTrial, outcome: Outcome, controller: TuneController) -> Outcome:
        """Mark a failure in Ray's view; add to the notes how many workers were lost."""
        if outcome.state == "failed" and trial.status != RayTrial.ERROR:
            note_failure(trial, outcome.notes)
            controller._set_trial_status(trial, RayTrial.ERROR)
            controller._mark_trial_to_checkpoint(trial)
        if self._scheduler is not None:
            self._scheduler.ended(trial)
        lost = self._decisions.lost.count(trial) - (trial.trial_id in self._late)  # killed by us
        if lost > 0:
            return replace(outcome, notes={**outcome.notes, "workers_lost": lost})
        return outcome


def _kill(trial: RayTrial) -> None:
    if trial.temporary_state.ray_actor is not None:
        ray.kill(trial.temporary_state.ray_actor)


def _cause(trial: RayTrial) -> str:
    """Return Ray's error of a trial, in one line."""
    return " ".join(str(trial.get_pickled_error() or trial.get_error() or "").split())
