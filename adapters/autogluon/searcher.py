# pyright: basic
# AutoGluon ships no types that can be relied on.
"""`NASSearcher`: nasbridge strategies as a searcher of AutoGluon."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, final

from autogluon.core.searcher.exceptions import ExhaustedSearchSpaceError
from autogluon.core.searcher.local_searcher import LocalSearcher

from ...engine.errors import BackendError
from ...spaces import SearchSpace
from ...strategies import (
    History,
    Objective,
    SpaceExhausted,
    Strategy,
    default_strategy,
    objectives_from,
)
from .search import ModelSearch
from .space import bare
from .trials import METRICS, SCORE

__all__ = ["NASSearcher"]


@final
class NASSearcher(LocalSearcher):
    """A searcher that proposes the hyperparameters that a nasbridge strategy proposes.

    Pass it wherever AutoGluon takes a searcher, as `hyperparameter_tune_kwargs={"scheduler":
    "local", "searcher": NASSearcher(...), "num_trials": 20}`. Each searched model, and each level
    of a stack, has its own search with the same first proposals; `history.jsonl` in the model's
    folder holds its trials. A failed trial is recorded as failed, not as a bad score.

    Args:
        space: The space. None takes it from the model's hyperparameters: one `ArchitectureSpace`,
            or any of AutoGluon's own search spaces.
        strategy: The search method; `default_strategy()` if None.
        seed: Fixes every proposal.
        objectives: As `{"score_val": "max", "pred_time_val": "min"}`: columns of the leaderboard,
            "disk_usage", and "parameters" of a `KerasModel`. None is the validation score alone,
            for which higher is better.
        keep: Number of trials that are kept, at least 1: the best ones, those of the Pareto front
            first. The other models are deleted when the search ends. None keeps all.
        trial_seconds: Time limit of one trial. AutoGluon gives each trial all the remaining time;
            here it gets at most twice its share.
        max_failures: This many failed trials in a row end the search, at least 1.
        history: Earlier trials, which this search continues.

    Raises:
        BackendError: An objective is unknown, or a number is out of bounds.

    Example:
        >>> from nasbridge import RandomSearch, Repeat, Choice, layer
        >>> from nasbridge.adapters.autogluon import NASSearcher
        >>> space = Repeat(layer("Dense", units=Choice([8, 16])), 2)
        >>> NASSearcher(space, strategy=RandomSearch(), seed=1).strategy
        RandomSearch()
    """

    def __init__(
        self,
        space: SearchSpace | None = None,
        *,
        strategy: Strategy[Any] | None = None,
        seed: int = 0,
        objectives: Mapping[str, str] | Sequence[Objective] | None = None,
        keep: int | None = None,
        trial_seconds: float | None = None,
        max_failures: int = 10,
        history: History | None = None,
    ) -> None:
        super().__init__(search_space={})
        self.space = space
        self.strategy = default_strategy(None) if strategy is None else strategy
        self.objectives = objectives_from({SCORE: "max"} if objectives is None else objectives)
        self.seed, self.keep, self.trial_seconds = seed, keep, trial_seconds
        self.max_failures, self.before = max_failures, history
        self._check()
        self.searches: list[ModelSearch] = []

    def _check(self) -> None:
        for objective in self.objectives:
            if objective.metric not in METRICS:
                raise BackendError(
                    f"AutoGluon does not measure {objective.metric!r}: choose objectives from "
                    f"{list(METRICS)}"
                )
            if objective == Objective(SCORE, "min"):
                raise BackendError(
                    f"{SCORE!r} is a score, of which AutoGluon always prefers the higher one: "
                    f'give {{"{SCORE}": "max"}}'
                )
        for name, least in (("keep", 1), ("trial_seconds", 0), ("max_failures", 1)):
            value = getattr(self, name)
            if value is not None and not value >= least:
                raise BackendError(f"{name}={value!r}: give at least {least}")

    def __deepcopy__(self, memo: object) -> "NASSearcher":
        return self  # AutoGluon copies it, and calls a copy

    def __reduce__(self) -> Any:
        """Pickle the settings: in another process, as a Ray worker, it begins its own search."""
        settings: dict[str, Any] = {
            "objectives": self.objectives,
            "seed": self.seed,
            "keep": self.keep,
            "trial_seconds": self.trial_seconds,
            "max_failures": self.max_failures,
        }
        if self.before is not None:
            trials = (replace(t, architecture=bare(t.architecture)) for t in self.before)
            open_space = self.before.space.unconstrained()
            settings["history"] = replace(self.before, space=open_space, trials=tuple(trials))
        space = None if self.space is None else self.space.unconstrained()
        return _new_searcher, (space, self.strategy, settings)

    @property
    def history(self) -> History:
        """The trials of the latest search."""
        if not self.searches:
            raise BackendError("the searcher has no trials yet: fit a predictor first")
        return self.searches[-1].history

    @property
    def histories(self) -> dict[str, History]:
        """The trials of all searches, by the name of the model."""
        return {search.name: search.history for search in self.searches}

    def configure_scheduler(self, scheduler: Any) -> None:
        """Begin a search; AutoGluon makes a scheduler for each model and level of a stack."""
        self._reward_attribute = scheduler._reward_attr
        self.searches.append(ModelSearch(self, scheduler))

    def get_config(self, **kwargs: Any) -> dict[str, Any]:
        """Return the hyperparameters of the next trial."""
        try:
            return self.searches[-1].begin()
        except SpaceExhausted as error:
            raise ExhaustedSearchSpaceError from error

    def update(self, config: dict[str, Any], **kwargs: Any) -> None:
        """Receive the end of a trial; a failed one has a reward of minus infinity."""
        reward = float(kwargs[self._reward_attribute])
        number = int(kwargs["trial"])
        self.searches[-1].end(config, reward, number, kwargs.get("time_since_start"))

    def evaluation_failed(self, config: dict[str, Any], **kwargs: Any) -> None:
        """Receive a trial that failed without a report."""
        self.searches[-1].end(config, float("-inf"), None, None)

    def get_reward(self, config: dict[str, Any]) -> float | None:
        """Return a trial's score; None if its model does not join the predictor."""
        return self.searches[-1].reward(config)

    def get_best_reward(self) -> float:
        """Return the best score so far."""
        return self.searches[-1].best[0]

    def get_best_config(self) -> dict[str, Any]:
        """Return the best hyperparameters, and end the search: AutoGluon calls this last."""
        self.searches[-1].close()
        return self.searches[-1].best[1]

    def get_results(self, sort: bool = True) -> list[tuple[dict[str, Any], float]]:
        """Return hyperparameters and score of each complete trial."""
        results = list(self.searches[-1].results.values())
        return sorted(results, key=lambda result: -result[1]) if sort else results


def _new_searcher(
    space: SearchSpace | None, strategy: Strategy[Any], settings: Mapping[str, Any]
) -> NASSearcher:
    return NASSearcher(space, strategy=strategy, **settings)
