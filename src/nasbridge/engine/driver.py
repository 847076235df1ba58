"""The driver runs an experiment against a store of trials.

A store adapts a framework's own storage. The driver writes every event to the store before it
continues, and has no other state to lose, so it may be killed at any moment.
"""

import logging
import math
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol, final

from ..spaces import SearchSpace
from ..strategies import History, Objective, Pruner, SpaceExhausted, Step, Strategy, Trial
from ..strategies.trial import Curve
from .errors import CannotEvaluate
from .evaluation import Evaluate, Outcome, Task, trial_seed
from .executor import Executor, SerialExecutor
from .failures import ConsecutiveFailures, check_any_succeeded
from .pool import Pool
from .signals import uninterrupted

__all__ = [
    "Accepted",
    "Driver",
    "ExperimentSpec",
    "Loop",
    "Observer",
    "Silent",
    "Store",
    "drive",
    "executor_for",
    "pruned_by",
    "warn_no_objective",
]


LOG = logging.getLogger(__name__)
FIX = "fix evaluate or the space, then resume"


class ExperimentSpec(Protocol):
    """An experiment as adapters see it; `nasbridge.Experiment` is one."""

    @property
    def space(self) -> SearchSpace: ...
    @property
    def evaluate(self) -> Evaluate: ...
    @property
    def objectives(self) -> tuple[Objective, ...]: ...
    @property
    def strategy(self) -> Strategy[Any]: ...
    @property
    def trials(self) -> int | None: ...
    @property
    def seconds(self) -> float | None: ...
    @property
    def seed(self) -> int: ...
    @property
    def pruner(self) -> Pruner | None: ...
    @property
    def trial_seconds(self) -> float | None: ...
    @property
    def max_failures(self) -> int: ...
    @property
    def budget(self) -> float | None: ...
    def with_original_strategy(self, strategy: str) -> "ExperimentSpec": ...


class Store(Protocol):
    """A framework's own storage of trials."""

    def history(self) -> History:
        """Return all stored trials."""
        ...

    def begin(self, limit: float) -> Trial | None:
        """Begin the next trial: an interrupted one, or a new one below the limit.

        Args:
            limit: Bound on the numbers of new trials, exclusive.

        Returns:
            The trial, stored as running; None if the limit is reached.

        Raises:
            SpaceExhausted: Nothing new can be proposed.
        """
        ...

    def report(self, trial: Trial, step: Step) -> bool:
        """Store a report; return whether the trial should stop."""
        ...

    def finish(self, trial: Trial) -> None:
        """Store a finished trial."""
        ...


class Observer(Protocol):
    """Receives the events of a run, as a progress bar does."""

    def begun(self, history: History) -> None:
        """The run begins, with the trials stored so far."""
        ...

    def finished(self, trial: Trial) -> None:
        """A trial has ended."""
        ...


@final
class Silent:
    """An observer that does nothing."""

    def begun(self, history: History) -> None: ...

    def finished(self, trial: Trial) -> None: ...


def executor_for(experiment: ExperimentSpec, jobs: int) -> Executor:
    """Return the executor for a number of jobs.

    Args:
        experiment: The experiment.
        jobs: Number of worker processes; 0 evaluates in this process, unless trials have a time
            limit, which needs a worker.
    """
    if jobs == 0 and experiment.trial_seconds is None:
        return SerialExecutor(experiment.evaluate, experiment.objectives)
    return Pool(
        experiment.evaluate,
        experiment.space,
        experiment.objectives,
        max(jobs, 1),
        experiment.trial_seconds,
    )


def drive(
    experiment: ExperimentSpec,
    store: Store,
    executor: Executor,
    directory: Path | None,
    observer: Observer,
    loop: "Loop | None" = None,
    on_accepted: "Accepted | None" = None,
) -> History:
    """Run the experiment until its trials, its seconds or its space are used up.

    Args:
        experiment: The experiment.
        store: Where trials are stored.
        executor: Evaluates the trials.
        directory: Where trials may keep files; None for a temporary directory.
        observer: Receives events.
        loop: A framework's own loop, which begins and ends one trial after the other; None for
            the driver's.
        on_accepted: Called once, when the store has accepted the run: its stored trials have been
            read and belong to this experiment. Trials begin afterwards.

    Returns:
        The whole history, earlier runs included. Its metadata has "exhausted" if the run ended
        because every architecture of the space has been tried.

    Raises:
        TooManyFailures: As many trials in a row failed as the experiment allows, or all trials.
        CannotEvaluate: `evaluate` can evaluate no trial.
    """
    with ExitStack() as stack:
        place = directory or Path(stack.enter_context(TemporaryDirectory(prefix="nasbridge-")))
        stack.callback(executor.close)
        driver = Driver(experiment, store, executor, place, observer, on_accepted)
        driver.run(loop)
    history = store.history()
    check_any_succeeded(history, FIX)
    if driver.exhausted:
        return replace(history, metadata={**history.metadata, "exhausted": True})
    return history


@dataclass
class Driver:
    """One run of an experiment.

    Attributes:
        experiment: The experiment.
        store: Where trials are stored.
        executor: Evaluates the trials.
        directory: Where trials may keep files.
        observer: Receives events.
        on_accepted: See `drive`.
        running: The running trials, by number.
        exhausted: Whether every architecture of the space has been tried.
        deadline: No trial begins after this time of `time.monotonic`.
    """

    experiment: ExperimentSpec
    store: Store
    executor: Executor
    directory: Path
    observer: Observer
    on_accepted: "Accepted | None" = None
    running: dict[int, Trial] = field(default_factory=dict[int, Trial])
    exhausted: bool = False
    deadline: float = math.inf

    def __post_init__(self) -> None:
        self._failures = ConsecutiveFailures(
            self.experiment.max_failures,
            f"{FIX}, or raise max_failures",
        )

    def run(self, loop: "Loop | None" = None) -> None:
        """Run until no trial begins, in the given loop or in the driver's own."""
        with uninterrupted():
            history = self.store.history()
        if self.on_accepted is not None:
            self.on_accepted()
        self.observer.begun(history)
        seconds = self.experiment.seconds
        self.deadline = math.inf if seconds is None else time.monotonic() + seconds
        if loop is not None:
            loop(self)
            return
        while True:
            while len(self.running) < self.executor.slots and self.begin():
                pass
            if not self.running:
                return
            self.end()

    def begin(self) -> bool:
        """Begin a trial; return whether there was one to begin."""
        if self.exhausted or time.monotonic() >= self.deadline:
            return False
        limit = self.experiment.trials
        try:
            with uninterrupted():
                trial = self.store.begin(math.inf if limit is None else limit)
        except SpaceExhausted as error:
            self.exhausted = True
            LOG.info("the search ends: %s", error)
            return False
        if trial is None:
            return False
        self.running[trial.number] = trial
        seed = trial_seed(self.experiment.seed, trial.number)
        place = self.directory / "trials" / f"{trial.number:05d}"
        self.executor.submit(
            Task(trial.number, trial.architecture, seed, place, self.experiment.budget)
        )
        return True

    def _report(self, number: int, step: Step) -> bool:
        trial = self.running[number]
        known = trial.curve if isinstance(trial.curve, Curve) else Curve(trial.curve)
        trial = self.running[number] = replace(trial, curve=known.extended(step))
        with uninterrupted():
            return self.store.report(trial, step)

    def end(self) -> Trial:
        """Wait until a trial has ended, and store it.

        Raises:
            TooManyFailures: As many trials in a row failed as the experiment allows.
            CannotEvaluate: `evaluate` can evaluate no trial; the trial stays interrupted.
        """
        outcome = self.executor.wait(self._report)
        if outcome.ends_search:
            raise CannotEvaluate(outcome.ends_search)
        trial = self._ended(outcome)
        self._failures.check()
        return trial

    def _ended(self, outcome: Outcome) -> Trial:
        running = self.running.pop(outcome.number)
        trial = replace(
            running,
            curve=tuple(running.curve),
            state=outcome.state,
            values=outcome.values,
            seconds=outcome.seconds,
            finished=time.time(),
            notes=outcome.notes,
        )
        with uninterrupted():
            self.store.finish(trial)
        self.observer.finished(trial)
        self._failures.record(trial)
        return trial


Loop = Callable[[Driver], None]
"""Calls `begin` and `end` in turn until no trial begins."""

Accepted = Callable[[], None]
"""Called when the store has accepted a run; `Experiment.run` writes the run note then."""


def pruned_by(
    pruner: Pruner | None, trial: Trial, others: Sequence[Trial], objectives: Sequence[Objective]
) -> bool:
    """Return whether a pruner of nasbridge stops a trial; False without one."""
    if pruner is None:
        return False
    if trial.curve:
        warn_no_objective(trial.curve[-1].metrics, objectives, "report one of them")
    return pruner.should_stop(trial, others, objectives)


def warn_no_objective(
    metrics: Mapping[str, float], objectives: Sequence[Objective], fix: str
) -> None:
    """Warn of a report without any objective, on which no pruner can act.

    Args:
        metrics: The report.
        objectives: The objectives.
        fix: What the user can do.
    """
    wanted = [objective.metric for objective in objectives]
    if not any(metric in metrics for metric in wanted):
        warnings.warn(
            f"trials report {', '.join(map(repr, metrics)) or 'nothing'} instead of the objective "
            f"{' or '.join(map(repr, wanted))}, so no pruner can stop them: {fix}",
            stacklevel=2,
        )
