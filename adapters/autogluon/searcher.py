# pyright: basic
# AutoGluon ships no types that can be relied on.
"""`NASSearcher`: our strategies as a searcher of AutoGluon."""

from collections.abc import Mapping, Sequence
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
from .trials import METRICS, SCORE

__all__ = ["NASSearcher"]


@final
class NASSearcher(LocalSearcher):
    """Lets a strategy of nasbridge propose the hyperparameters of a model in AutoGluon.

    It goes where AutoGluon takes a searcher, as `hyperparameter_tune_kwargs={"scheduler": "local",
    "searcher": NASSearcher(...), "num_trials": 20}`. Each model that is searched, and each level of
    a stack, has a search of its own, with the same first proposals; its trials are in
    `history.jsonl` in the model's folder, too. Failed trials are told as such, never as a number.

    Args:
        space: What is searched. None takes it from the model's hyperparameters, be they one
            `ArchitectureSpace` or any of AutoGluon's own.
        strategy: The search method; that of `default_strategy` if None.
        objectives: As `{"score_val": "max", "pred_time_val": "min"}`, by the names that the
            leaderboard has; also "disk_usage", and "parameters" of a `KerasModel`. None takes the
            validation score alone, which is better the higher it is.
        seed: Fixes every proposal.
        keep: How many trials are kept, the best ones, or those of the Pareto front first; the
            models of the others are deleted when the search ends. None keeps all.
        trial_seconds: Time limit of one trial. AutoGluon itself grants each the whole time that is
            left; here it is at most twice its share of that.
        max_failures: As many failed trials in a row end the search.
        history: Trials of a search before this one, which goes on from there.

    Raises:
        BackendError: An objective is unknown, or a number has no meaning.

    Example:
        >>> from nasbridge import RandomSearch, Repeat, Choice, layer
        >>> from nasbridge.adapters.autogluon import NASSearcher
        >>> searcher = NASSearcher(Repeat(layer("Dense", units=Choice([8, 16])), 2), RandomSearch())
        >>> searcher.strategy
        RandomSearch()
    """

    def __init__(
        self,
        space: SearchSpace | None = None,
        strategy: Strategy[Any] | None = None,
        objectives: Mapping[str, str] | Sequence[Objective] | None = None,
        seed: int = 0,
        *,
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
                    f"AutoGluon measures no {objective.metric!r}: take some of {list(METRICS)} as "
                    "objectives"
                )
            if objective == Objective(SCORE, "min"):
                raise BackendError(
                    f"{SCORE!r} is better the higher it is, whatever the metric, as everywhere in "
                    f'AutoGluon: give {{"{SCORE}": "max"}}'
                )
        for name, least in (("keep", 1), ("trial_seconds", 0), ("max_failures", 1)):
            value = getattr(self, name)
            if value is not None and not value >= least:
                raise BackendError(f"{name}={value!r}: give at least {least}")

    def __deepcopy__(self, memo: object) -> "NASSearcher":
        return self  # AutoGluon copies it more than once, and tells a copy what happened

    def __reduce__(self) -> Any:
        """Go to another process as a new searcher: a Ray worker's trials are its own."""
        settings: dict[str, Any] = {
            "objectives": self.objectives,
            "seed": self.seed,
            "keep": self.keep,
            "trial_seconds": self.trial_seconds,
            "max_failures": self.max_failures,
        }
        space = None if self.space is None else self.space.unconstrained()
        return _remade, (space, self.strategy, settings)

    # ------------------------------------------------------------------ what came out

    @property
    def history(self) -> History:
        """The trials of the latest search."""
        if not self.searches:
            raise BackendError("nothing has been searched yet: fit a predictor first")
        return self.searches[-1].history

    @property
    def histories(self) -> dict[str, History]:
        """The trials of all searches, by the names of their models."""
        return {search.name: search.history for search in self.searches}

    # ------------------------------------------------------------------ what AutoGluon asks

    def configure_scheduler(self, scheduler: Any) -> None:
        """Begin a search; AutoGluon has a scheduler for each model and level."""
        self._reward_attribute = scheduler._reward_attr
        self.searches.append(ModelSearch(self, scheduler))

    def get_config(self, **kwargs: Any) -> dict[str, Any]:
        """Propose the hyperparameters of the next trial."""
        try:
            return self.searches[-1].begin()
        except SpaceExhausted as error:
            raise ExhaustedSearchSpaceError from error

    def update(self, config: dict[str, Any], **kwargs: Any) -> None:
        """Take note of a trial that has ended; a failed one has a reward of minus infinity."""
        reward = float(kwargs[self._reward_attribute])
        number = int(kwargs["trial"])
        self.searches[-1].end(config, reward, number, kwargs.get("time_since_start"))

    def evaluation_failed(self, config: dict[str, Any], **kwargs: Any) -> None:
        """Take note of a trial that failed before it could say so."""
        self.searches[-1].end(config, float("-inf"), None, None)

    def get_reward(self, config: dict[str, Any]) -> float | None:
        """Return a trial's score; None for one that does not join the predictor."""
        return self.searches[-1].reward(config)

    def get_best_reward(self) -> float:
        """Return the best score so far."""
        return self.searches[-1].best[0]

    def get_best_config(self) -> dict[str, Any]:
        """Return the hyperparameters with the best score; the search is over when this is asked."""
        self.searches[-1].close()
        return self.searches[-1].best[1]

    def get_results(self, sort: bool = True) -> list[tuple[dict[str, Any], float]]:
        """Return hyperparameters and score of each trial that has one."""
        results = list(self.searches[-1].results.values())
        return sorted(results, key=lambda result: -result[1]) if sort else results


def _remade(
    space: SearchSpace | None, strategy: Strategy[Any], settings: Mapping[str, Any]
) -> NASSearcher:
    return NASSearcher(space, strategy, **settings)
