# pyright: basic
# AutoGluon ships no types that can be relied on.
"""A whole search in one line of a `TabularPredictor`, and in two passes."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from autogluon.core.models import AbstractModel

from ..spaces import Searchable, library
from ..strategies import History, HistoryError, Objective, Strategy, Trial, default_strategy
from ._autogluon_model import KerasModel, keras_part
from ._autogluon_models import SCORE
from ._autogluon_search import FILE
from ._autogluon_searcher import NASSearcher
from ._autogluon_space import ArchitectureSpace, bare, to_native
from ._errors import BackendError

__all__ = ["fit_in_two_passes", "nas_hyperparameters"]

WINNERS = 3
SEARCH_SHARE = 0.5  # of the time that there is, for the first pass


def nas_hyperparameters(
    space: Searchable | None = None,
    strategy: Strategy[Any] | None = None,
    trials: int = 20,
    *,
    objectives: Mapping[str, str] | Sequence[Objective] | None = None,
    seed: int = 0,
    keep: int | None = 10,
    trial_seconds: float | None = None,
    history: History | None = None,
    model: type[AbstractModel] = KerasModel,
    **settings: Any,
) -> dict[type[AbstractModel], dict[str, Any]]:
    """Return what makes `TabularPredictor.fit` search the networks of a space.

    Trials join the leaderboard and the ensemble. In a stack only the first level is searched.

    Args:
        space: What is searched; `library.tabular()` if None.
        strategy: The search method; that of `default_strategy` if None.
        trials: The most trials; the time limit of `fit` may end the search before.
        objectives: See `NASSearcher`.
        seed: Fixes every proposal.
        keep: How many trials join the predictor, the best ones; None for all.
        trial_seconds: Time limit of one trial; see `NASSearcher`.
        history: Trials of a search before this one, which goes on from there.
        model: What is searched; other than `KerasModel`, the decisions are its hyperparameters.
        **settings: Fixed hyperparameters of the model, as `epochs=50`.

    Returns:
        For the argument `hyperparameters`, alone or among others.

    Example:
        `TabularPredictor("y").fit(table, hyperparameters={**nas_hyperparameters(), "GBM": {}})`
    """
    space = library.tabular() if space is None else space
    strategy = default_strategy(trials) if strategy is None else strategy
    searcher = NASSearcher(
        space, strategy, objectives, seed, keep=keep, trial_seconds=trial_seconds, history=history
    )
    if issubclass(model, KerasModel):
        keras_part()  # loaded here, it does not cost the first trial its time
        open_: dict[str, Any] = {"architecture": ArchitectureSpace(space)}
    else:
        open_ = dict(to_native(space))
    tuning = {"scheduler": "local", "searcher": searcher, "num_trials": trials}
    return {
        model: {
            **open_,
            **settings,
            "ag_args": {"hyperparameter_tune_kwargs": tuning, "valid_stacker": False},
            "ag_args_ensemble": {"fold_fitting_strategy": "sequential_local"},
        }
    }


def fit_in_two_passes(
    predictor: Any,
    table: Any,
    space: Searchable | None = None,
    strategy: Strategy[Any] | None = None,
    trials: int = 20,
    *,
    winners: int = WINNERS,
    hyperparameters: Mapping[Any, Any] | None = None,
    num_bag_folds: int = 5,
    time_limit: float | None = None,
    objectives: Mapping[str, str] | None = None,
    seed: int = 0,
    settings: Mapping[str, Any] | None = None,
    **fit: Any,
) -> Any:
    """Search without bagging, then fit the best architectures with it: the cheapest good way.

    A search under bagging trains each trial once for each fold; here only the winners are. The
    search is in `history.jsonl` in the predictor's folder, and `load(predictor)` reads it.

    Args:
        predictor: A `TabularPredictor` that has not been fitted.
        table: The training data.
        space: What is searched; `library.tabular()` if None.
        strategy: The search method; that of `default_strategy` if None.
        trials: The most trials.
        winners: How many architectures are fitted in the second pass.
        hyperparameters: Other models of the second pass, as for `fit`.
        num_bag_folds: Folds of the second pass, at least 2; 0 for none.
        time_limit: Seconds for both passes; at most half of it is for the search.
        objectives: See `NASSearcher`; of several, winners come from the Pareto front.
        seed: Fixes every proposal.
        settings: Fixed hyperparameters of `KerasModel`, as `{"epochs": 50}`.
        **fit: What else `fit` takes, for both passes.

    Returns:
        The predictor, fitted.

    Raises:
        BackendError: No trial was complete.
    """
    ours = nas_hyperparameters(
        space, strategy, trials, objectives=objectives, seed=seed, keep=1, **(settings or {})
    )
    began = time.monotonic()
    history = _search(predictor, table, ours, time_limit and time_limit * SEARCH_SHARE, fit)
    best = [bare(trial.architecture) for trial in _best(history, winners)]
    fixed = [{**(settings or {}), "architecture": architecture} for architecture in best]
    predictor.fit(
        table,
        hyperparameters={**(hyperparameters or {}), KerasModel: fixed},
        time_limit=time_limit and max(time_limit - (time.monotonic() - began), 1.0),
        num_bag_folds=num_bag_folds,
        num_stack_levels=0,
        dynamic_stacking=False,  # it would do all of it once more, in a Ray worker
        **fit,
    )
    history.save(Path(predictor.path, FILE))
    return predictor


def _search(
    predictor: Any,
    table: Any,
    ours: Mapping[Any, Any],
    time_limit: float | None,
    fit: Mapping[str, Any],
) -> History:
    """Search in a predictor like the given one, of which nothing but the history remains."""
    with TemporaryDirectory(prefix="nasbridge-") as folder:
        first = type(predictor)(
            label=predictor.label,
            problem_type=predictor.problem_type,
            eval_metric=predictor.eval_metric,
            sample_weight=predictor.sample_weight,
            path=str(Path(folder, "search")),
            verbosity=predictor.verbosity,
        )
        first.fit(
            table,
            hyperparameters=ours,
            time_limit=time_limit,
            fit_weighted_ensemble=False,
            raise_on_no_models_fitted=False,
            **fit,
        )
    history: History = ours[KerasModel]["ag_args"]["hyperparameter_tune_kwargs"]["searcher"].history
    return history


def _best(history: History, number: int) -> list[Trial]:
    """List the best trials, those of the Pareto front before all others."""
    try:
        front = history.pareto
    except HistoryError as error:
        raise BackendError(f"the search has no winner: {error}") from error
    complete = history.of_state("complete")
    return sorted(complete, key=lambda t: (t not in front, -t.values[SCORE]))[:number]
