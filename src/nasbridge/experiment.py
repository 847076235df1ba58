"""The experiment: what is searched, how, and for how long; it runs under any backend."""

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
"""Name, kind, least value, and whether None is allowed."""


def _is_number(value: object, kind: type, least: float) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool) and cast(float, value) >= least


@dataclass(frozen=True, init=False)
class Experiment:
    """A search that runs under any backend and gives the same proposals under each.

    Args:
        space: What is searched.
        evaluate: Takes an architecture and a trial, returns a dict of metrics; reports on the
            way with `trial.report(epoch, val_accuracy=...)`, which may stop it.
        objectives: Metrics with "max" or "min"; several make a Pareto front.
        strategy: How it is searched; see `default_strategy` for what None means. A run that was
            begun goes on with the strategy that it has, also when `trials` is raised.
        trials: How many trials there are, interrupted ones counted once; None for no end.
        seconds: No trial begins when a run has lasted this long; None for no limit.
        seed: Fixes every proposal, and the seed of every training.
        pruner: Stops trials early; backends with pruners of their own take theirs, too.
        trial_seconds: A trial that lasts longer is ended and has failed; needs worker processes,
            which are then used.
        max_failures: As many failed trials in a row end the search, at least 1.
        budget: Fidelity that trials are given as `trial.budget`, as epochs.

    Raises:
        ExperimentError: A setting has no meaning.
        StrategyError: The objectives are not such.

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
            object.__setattr__(self, "strategy", default_strategy(trials))
        self._check()
        population = getattr(self.strategy, "population", 0)
        if not self._is_default() and trials is not None and trials <= population:
            warnings.warn(
                f"all {trials} trials go into the first, random population of {population}: make "
                "the population smaller, or give no strategy and let nasbridge choose it",
                stacklevel=2,
            )

    def _check_numbers(self) -> None:
        for name, kind, least, optional in _NUMBERS:
            value: object = getattr(self, name)
            if not (_is_number(value, kind, least) or (value is None and optional)):
                wanted = "an int" if kind is Integral else "a number"
                bound = "" if least == -math.inf else f" of at least {least:g}"
                raise ExperimentError(
                    f"{name}={value!r}: give {wanted}{bound}" + ", or None" * optional
                )
        if self.trials is None and self.seconds is None:
            raise ExperimentError("trials and seconds are both None: limit one of them")
        object.__setattr__(self, "seed", int(self.seed))  # numpy's ints have an end

    def _check(self) -> None:
        if not isinstance(self.space, SearchSpace):
            raise ExperimentError(
                f"space={self.space!r} is no space: give Space, Chain or the like"
            )
        if not callable(self.evaluate):
            raise ExperimentError(
                f"evaluate={self.evaluate!r} cannot be called: give a function that takes an "
                "architecture and a trial and returns a dict of metrics"
            )
        if not isinstance(self.strategy, Strategy):
            raise ExperimentError(
                f"strategy={self.strategy!r} is no strategy: give one of nasbridge.strategies, "
                "as RandomSearch() (with its brackets)"
            )
        if self.pruner is not None and not hasattr(self.pruner, "should_stop"):
            raise ExperimentError(
                f"pruner={self.pruner!r} is no pruner of nasbridge: give MedianPruner() or the "
                "like; a pruner of the backend's own goes to run(..., pruner=...)"
            )

    def _is_default(self) -> bool:
        return is_default(self.strategy)

    def with_original_strategy(self, strategy: str) -> "Experiment":
        """Return the experiment as a run of it was begun, if it names no strategy itself.

        The default strategy depends on the number of trials, which may be raised afterwards.

        Args:
            strategy: The strategy of that run, as text.
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
        """Run the experiment; one that was interrupted goes on where it was.

        Args:
            backend: The framework that runs the trials, as "optuna".
            directory: Where everything is stored; None keeps all in memory.
            jobs: Number of worker processes; 0 evaluates in this process. None leaves it to
                `evaluate` (a `KerasEvaluator` wants one worker), or else means 0.
            observer: Is told what happens; None shows a progress bar in a terminal.
            continue_from: What has been found of the experiment elsewhere, with which a new
                directory begins: a history, its file, or a run's directory under any backend.
            **options: What the backend takes beside these, as `storage=` for Optuna.

        Returns:
            The whole history, earlier runs included.

        Raises:
            MissingExtra: The framework is not installed.
            BackendError: The backend is unknown, or cannot do what is asked.
            ExperimentError: What is to be continued is of another experiment.
            TooManyFailures: `max_failures` trials in a row failed.
        """
        place = None if directory is None else Path(directory)
        if continue_from is not None:
            begun = Path(continue_from) if isinstance(continue_from, str) else continue_from
            continue_experiment(self, begun, backend, place, options)
        history = run_experiment(self, backend, place, jobs, observer, options)
        if history.failure and not history.of_state("complete"):
            LOG.warning("no trial is complete: %s", history.failure)
        return history
