"""`Experiment`: a search that runs under any backend."""

import logging
import math
import warnings
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass
from numbers import Integral, Real
from pathlib import Path
from typing import Any, cast

from .engine import ExperimentError, Observer
from .engine.evaluation import Evaluate
from .moving import continue_experiment
from .runs import run_experiment
from .spaces import SearchSpace
from .strategies import (
    History,
    Objective,
    Pruner,
    Strategy,
    default_strategy,
    objectives_from,
)
from .strategies.default import is_default, with_original_strategy
from .strategies.equivalents import WithEquivalents

__all__ = ["Experiment", "default_strategy"]

LOG = logging.getLogger("nasbridge")

_NUMBERS: tuple[tuple[str, type, float, bool], ...] = (
    ("trials", Integral, 1, True),
    ("seconds", Real, 0, True),
    ("seed", Integral, -math.inf, False),
    ("trial_seconds", Real, 0, True),
    ("max_failures", Integral, 1, False),
    ("budget", Real, 0, True),
)
"""Name, type, minimum, and whether None is allowed."""


def _is_number(value: object, kind: type, minimum: float) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool) and cast(float, value) >= minimum


@dataclass(frozen=True, init=False)
class Experiment:
    """A search that runs under any backend, with the same proposals under each.

    Args:
        space: The space of architectures.
        evaluate: A function that receives an architecture and a trial, and returns a dict of
            metrics. `trial.report(epoch, val_accuracy=...)` reports intermediate metrics, and lets
            a pruner stop the trial.
        objectives: Metrics with "max" or "min"; with several, the search is for the Pareto front.
        strategy: The search method; None for `default_strategy(trials)`. A run keeps the default
            strategy that it was started with when `trials` is raised.
        trials: Number of trials, at least 1; an interrupted trial counts once. None for no limit.
        seconds: No trial starts after this many seconds of a run; None for no limit.
        seed: Determines every proposal, and the seed of every training.
        pruner: Stops trials early. Some backends also accept native pruners as an option.
        trial_seconds: Time limit of a trial; a trial that exceeds it is stopped and fails. Trials
            are then evaluated in worker processes.
        max_failures: This many failed trials in a row end the search, at least 1.
        budget: Fidelity of the trials, as a number of epochs: `trial.budget`.
        allow_equivalent: Whether to evaluate architectures that build the same network as an
            earlier one. Their values may differ where they are measured on hardware. The strategy
            then becomes `WithEquivalents(strategy)`.

    Raises:
        ExperimentError: A setting is invalid.
        StrategyError: The objectives are invalid.

    Example:
        >>> from nasbridge import Experiment, Integer, Space
        >>> def evaluate(architecture, trial):
        ...     return {"loss": (architecture["layers"] - 3) ** 2}
        >>> experiment = Experiment(
        ...     Space({"layers": Integer(1, 5)}), evaluate, objectives={"loss": "min"}, trials=5
        ... )
        >>> experiment.run().best.architecture["layers"]
        3
    """

    space: SearchSpace
    evaluate: Evaluate
    objectives: tuple[Objective, ...]
    strategy: Strategy[Any]
    trials: int | None
    seconds: float | None
    seed: int
    pruner: Pruner | None
    trial_seconds: float | None
    max_failures: int
    budget: float | None

    def __init__(
        self,
        space: SearchSpace,
        evaluate: Evaluate,
        objectives: Mapping[str, str],
        strategy: Strategy[Any] | None = None,
        trials: int | None = 50,
        seconds: float | None = None,
        seed: int = 0,
        pruner: Pruner | None = None,
        trial_seconds: float | None = None,
        max_failures: int = 10,
        budget: float | None = None,
        allow_equivalent: bool = False,
    ) -> None:
        settings: dict[str, object] = {
            "space": space,
            "evaluate": evaluate,
            "objectives": objectives_from(objectives),
            "strategy": strategy,
            "trials": trials,
            "seconds": seconds,
            "seed": seed,
            "pruner": pruner,
            "trial_seconds": trial_seconds,
            "max_failures": max_failures,
            "budget": budget,
        }
        for name, value in settings.items():
            object.__setattr__(self, name, value)
        self._check_numbers()
        if strategy is None:
            object.__setattr__(self, "strategy", default_strategy(trials, allow_equivalent))
        self._check()
        if allow_equivalent and not self.strategy.allow_equivalent:
            object.__setattr__(self, "strategy", WithEquivalents(self.strategy))
        population = getattr(self.strategy, "population", 0)
        if not self._is_default() and trials is not None and trials <= population:
            warnings.warn(
                f"all {trials} trials belong to the first, random population of {population}: make "
                "the population smaller, or omit strategy= to use the default",
                stacklevel=2,
            )

    def _check_numbers(self) -> None:
        for name, kind, minimum, optional in _NUMBERS:
            value: object = getattr(self, name)
            if not (_is_number(value, kind, minimum) or (value is None and optional)):
                wanted = "an int" if kind is Integral else "a number"
                bound = "" if minimum == -math.inf else f" of at least {minimum:g}"
                raise ExperimentError(
                    f"{name}={value!r}: give {wanted}{bound}" + ", or None" * optional
                )
        if self.trials is None and self.seconds is None:
            raise ExperimentError("trials and seconds are both None: limit one of them")
        object.__setattr__(self, "seed", int(self.seed))  # NumPy integers can overflow

    def _check(self) -> None:
        if not isinstance(self.space, SearchSpace):
            raise ExperimentError(
                f"space={self.space!r} is not a space: give a Space, a Chain or another node"
            )
        if not callable(self.evaluate):
            raise ExperimentError(
                f"evaluate={self.evaluate!r} is not callable: give a function that takes an "
                "architecture and a trial, and returns a dict of metrics"
            )
        if not isinstance(self.strategy, Strategy):
            raise ExperimentError(
                f"strategy={self.strategy!r} is not a strategy: give an instance, such "
                "as RandomSearch(), with its parentheses"
            )
        if self.pruner is not None and not hasattr(self.pruner, "should_stop"):
            raise ExperimentError(
                f"pruner={self.pruner!r} is not a pruner of nasbridge: give one, such as "
                "MedianPruner(), or pass a native pruner to run(..., pruner=...)"
            )

    def _is_default(self) -> bool:
        return is_default(self.strategy)

    def with_original_strategy(self, strategy: str) -> "Experiment":
        """Return the experiment with the default strategy that its run was started with.

        The default strategy depends on the number of trials, which may have been raised since. An
        experiment with an explicit strategy is returned unchanged.

        Args:
            strategy: The text form of the run's strategy.
        """
        begun = with_original_strategy(self.strategy, strategy)
        if begun is self.strategy:
            return self
        experiment = copy(self)
        object.__setattr__(experiment, "strategy", begun)
        return experiment

    def run(
        self,
        backend: str = "local",
        directory: str | Path | None = None,
        jobs: int | None = None,
        observer: Observer | None = None,
        continue_from: History | str | Path | None = None,
        **options: Any,
    ) -> History:
        """Run the experiment; an interrupted run continues.

        Args:
            backend: The framework that runs the trials, such as "optuna".
            directory: The run's directory; None keeps everything in memory.
            jobs: Number of worker processes; 0 evaluates in this process. None uses the default
                of `evaluate` (one worker for a `KerasEvaluator`) or else 0.
            observer: Receives events; None shows a progress bar in a terminal.
            continue_from: Earlier trials of the experiment, stored in a new directory first: a
                history, its file, or the directory of a run under any backend.
            **options: Options of the backend, such as `storage=` for Optuna; see its `run`.

        Returns:
            The whole history, including earlier runs.

        Raises:
            MissingExtra: The framework is not installed.
            BackendError: The backend is unknown, or does not support a setting.
            Unsupported: The backend has no such option.
            ExperimentError: `continue_from` belongs to another experiment.
            TooManyFailures: `max_failures` trials in a row failed, or all trials.
            CannotEvaluate: `evaluate` can evaluate no trial, as without its data.
        """
        place = None if directory is None else Path(directory)
        if continue_from is not None:
            begun = Path(continue_from) if isinstance(continue_from, str) else continue_from
            continue_experiment(self, begun, backend, place, options)
        history = run_experiment(self, backend, place, jobs, observer, options)
        if history.failure and not history.of_state("complete"):
            LOG.warning("no trial is complete: %s", history.failure)
        return history
