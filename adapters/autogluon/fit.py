# pyright: basic
# AutoGluon ships no types that can be relied on.
"""A whole search in one line of a `TabularPredictor`, and in two passes."""

import copy
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from autogluon.core.models import AbstractModel

from ...engine.errors import BackendError
from ...engine.history_store import HISTORY_FILE
from ...spaces import SearchSpace, library
from ...strategies import History, HistoryError, Objective, Strategy, default_strategy
from .model import KerasModel, keras_part
from .search import BEFORE
from .searcher import NASSearcher
from .space import ArchitectureSpace, bare, to_native
from .trials import SCORE

__all__ = ["SEARCH", "fit_in_two_passes", "nas_hyperparameters"]

WINNERS = 3
SEARCH_SHARE = 0.5  # of the time that there is, for the first pass
SEARCH = "search"  # the folder of the first pass, in that of the predictor
PLAIN: dict[str, Any] = {
    "auto_stack": False,
    "num_bag_folds": 0,
    "num_bag_sets": 1,
    "num_stack_levels": 0,
    "dynamic_stacking": False,
    "use_bag_holdout": False,
    "save_bag_folds": None,
    "refit_full": False,
    "set_best_to_refit_full": False,
    "keep_only_best": False,
    "save_space": False,
    "fit_weighted_ensemble": False,
    "fit_strategy": "sequential",
    "raise_on_no_models_fitted": False,
}
"""How `fit` trains each model once and in this process, whatever the preset says."""
BAGGED = {
    "num_stack_levels": 0,
    "dynamic_stacking": False,  # it would do all of it once more, in a Ray worker
}
"""What holds for the second pass unless the user says something else."""


def nas_hyperparameters(
    space: SearchSpace | None = None,
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
        **settings: Fixed hyperparameters of the model, as `epochs=50`; what `ag_args` and
            `ag_args_ensemble` say comes before what is said here.

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
    ag_args = _without_tuning({"valid_stacker": False, **settings.pop("ag_args", {})})
    bags = {"fold_fitting_strategy": "sequential_local", **settings.pop("ag_args_ensemble", {})}
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
            "ag_args": {**ag_args, "hyperparameter_tune_kwargs": tuning},
            "ag_args_ensemble": bags,
        }
    }


def _without_tuning(ag_args: dict[str, Any]) -> dict[str, Any]:
    if "hyperparameter_tune_kwargs" in ag_args:
        raise BackendError(
            "ag_args has hyperparameter_tune_kwargs, which are what this function makes: leave "
            "them out, or give the model's hyperparameters and a NASSearcher yourself"
        )
    return ag_args


def fit_in_two_passes(
    predictor: Any,
    table: Any,
    space: SearchSpace | None = None,
    strategy: Strategy[Any] | None = None,
    trials: int = 20,
    *,
    winners: int = WINNERS,
    hyperparameters: Mapping[Any, Any] | None = None,
    num_bag_folds: int = 5,
    time_limit: float | None = None,
    objectives: Mapping[str, str] | None = None,
    seed: int = 0,
    history: History | None = None,
    settings: Mapping[str, Any] | None = None,
    **fit: Any,
) -> Any:
    """Search without bagging, then fit the best architectures with it: the cheapest good way.

    A search under bagging trains each trial once for each fold; here only the winners are. The
    search is in the predictor's folder, and `load(predictor)` reads it, whatever became of it.

    Args:
        predictor: A `TabularPredictor` that has not been fitted.
        table: The training data.
        space: What is searched; `library.tabular()` if None.
        strategy: The search method; that of `default_strategy` if None.
        trials: The most trials; 0 takes the winners of `history` without a search.
        winners: How many architectures are fitted in the second pass.
        hyperparameters: Other models of the second pass, as for `fit`.
        num_bag_folds: Folds of the second pass, at least 2; 0 for none.
        time_limit: Seconds for both passes; at most half of it is for the search.
        objectives: See `NASSearcher`; of several, winners come from the Pareto front.
        seed: Fixes every proposal.
        history: Trials of a search before this one, which goes on from there.
        settings: Fixed hyperparameters of `KerasModel`, as `{"epochs": 50}`.
        **fit: What else `fit` takes, for both passes; what bags, stacks or refits for the second.

    Returns:
        The predictor, fitted.

    Raises:
        BackendError: No trial was complete, the second pass failed, or could only fail.
    """
    if num_bag_folds and fit.get("tuning_data") is not None and not fit.get("use_bag_holdout"):
        raise BackendError(
            "AutoGluon takes tuning_data beside bags with use_bag_holdout=True alone: give that, "
            "or num_bag_folds=0"
        )
    searched_as: dict[str, Any] = {"objectives": objectives, "seed": seed, "history": history}
    ours = nas_hyperparameters(space, strategy, trials, keep=1, **searched_as, **(settings or {}))
    began = time.monotonic()
    searched = _search(predictor, table, ours, time_limit and time_limit * SEARCH_SHARE, fit)
    left = time_limit and max(time_limit - (time.monotonic() - began), 1.0)
    fixed = [{**(settings or {}), "architecture": best} for best in _best(searched, winners)]
    models = {**(hyperparameters or {}), KerasModel: fixed}
    bagged = {"num_bag_folds": num_bag_folds, "time_limit": left}
    _fit_winners(predictor, table, {**BAGGED, **fit, **bagged, "hyperparameters": models})
    return predictor


def _search(
    predictor: Any,
    table: Any,
    ours: Mapping[Any, Any],
    time_limit: float | None,
    fit: Mapping[str, Any],
) -> History:
    """Search in a predictor like the given one, of which nothing but the history remains."""
    tuning = ours[KerasModel]["ag_args"]["hyperparameter_tune_kwargs"]
    searcher: NASSearcher = tuning["searcher"]
    place = Path(predictor.path, SEARCH)
    if tuning["num_trials"] > 0:
        first, grouped = _first(predictor, place, fit)
        how = {**fit, **PLAIN, **grouped, "hyperparameters": ours, "time_limit": time_limit}
        try:
            first.fit(table, **how)
        finally:
            for search in searcher.searches:
                search.close()
    elif searcher.before is None:
        raise BackendError("trials=0 searches nothing: give the history of a search before")
    history = searcher.history if searcher.searches else searcher.before
    assert history is not None
    _keep(history, Path(predictor.path, HISTORY_FILE))
    shutil.rmtree(place, ignore_errors=True)
    return history


def _first(predictor: Any, place: Path, fit: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Return the predictor of the first pass, and what its `fit` has to know of groups.

    It is a copy, for whatever the constructor was told holds for the search as well: a column
    that is to be ignored may hold the target itself.
    """
    first = copy.deepcopy(predictor)
    learner = first._learner
    learner.set_contexts(path_context=str(place))
    if learner.groups is None:
        return first, {}
    if fit.get("tuning_data") is not None:
        raise BackendError(
            "groups= of the predictor and tuning_data= are both given, of which the search can "
            "have but one: leave tuning_data out, or groups"
        )
    if learner.weight_evaluation:  # AutoGluon loses the weights of rows that it holds out by groups
        raise BackendError(
            "groups= and weight_evaluation=True of the predictor do not go together in a search: "
            "leave one out"
        )
    # AutoGluon would make bags of the groups, one fold each; the search holds some of them out.
    column, learner.groups = learner.groups, None
    learner.ignored_columns = [*learner.ignored_columns, column]
    return first, {"validation_structure": {"group_on": column}}


def _keep(history: History, file: Path) -> None:
    """Write a history before anything else can fail."""
    if file.exists():
        file.replace(file.with_name(BEFORE))
    history.save(file)


def _best(history: History, number: int) -> list[Any]:
    """List the best architectures, those of the Pareto front before all others."""
    try:
        front = history.pareto
    except HistoryError as error:
        raise BackendError(f"the search has no winner: {error}") from error
    complete = [trial for trial in history.of_state("complete") if SCORE in trial.values]
    if not complete:
        raise BackendError(
            f"no trial of the history has a {SCORE!r}, which AutoGluon's trials have: search here, "
            "with trials= above 0"
        )
    complete.sort(key=lambda trial: (trial not in front, -trial.values[SCORE]))
    return [bare(trial.architecture) for trial in complete[:number]]


def _fit_winners(predictor: Any, table: Any, fit: Mapping[str, Any]) -> None:
    try:
        predictor.fit(table, **fit)
    except Exception as error:
        raise BackendError(
            f"the second pass failed ({type(error).__name__}: {error}); the search is whole, in "
            f"{Path(predictor.path, HISTORY_FILE)}: mend the cause and give a new predictor with "
            "history=load(that file) and trials=0"
        ) from error
