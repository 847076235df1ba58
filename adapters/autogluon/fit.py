# pyright: basic
# AutoGluon ships no types that can be relied on.
"""A search in one line of `TabularPredictor.fit`, and in two passes."""

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
SEARCH_SHARE = 0.5  # of the time limit, for the first pass
SEARCH = "search"  # folder of the first pass, in that of the predictor
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
"""Arguments of `fit` that override a preset: each model is trained once, in this process."""
BAGGED = {
    "num_stack_levels": 0,
    "dynamic_stacking": False,  # it repeats everything in a Ray worker
}
"""Arguments of the second pass that the user can override."""


def nas_hyperparameters(
    space: SearchSpace | None = None,
    trials: int = 20,
    *,
    strategy: Strategy[Any] | None = None,
    seed: int = 0,
    objectives: Mapping[str, str] | Sequence[Objective] | None = None,
    keep: int | None = 10,
    trial_seconds: float | None = None,
    history: History | None = None,
    model: type[AbstractModel] = KerasModel,
    **settings: Any,
) -> dict[type[AbstractModel], dict[str, Any]]:
    """Return hyperparameters with which `TabularPredictor.fit` searches the networks of a space.

    Trials join the leaderboard and the ensemble. In a stack only the first level is searched.

    Args:
        space: The space; `library.tabular()` if None.
        trials: Maximum number of trials; the time limit of `fit` may end the search earlier.
        strategy: The search method; `default_strategy(trials)` if None.
        seed: Fixes every proposal.
        objectives: See `NASSearcher`.
        keep: Number of trials that join the predictor, the best ones; None for all.
        trial_seconds: Time limit of one trial; see `NASSearcher`.
        history: Earlier trials, which this search continues.
        model: The model class. For others than `KerasModel`, decisions are hyperparameters.
        **settings: Fixed hyperparameters of the model, as `epochs=50`. Entries of `ag_args` and
            `ag_args_ensemble` override those that are set here.

    Returns:
        A value for `hyperparameters=` of `fit`, alone or merged with other models.

    Raises:
        UnknownLayer: Keras does not know a layer of the space, or a setting of it.

    Example:
        `TabularPredictor("y").fit(table, hyperparameters={**nas_hyperparameters(), "GBM": {}})`
    """
    space = library.tabular() if space is None else space
    searcher = NASSearcher(
        space,
        strategy=default_strategy(trials) if strategy is None else strategy,
        seed=seed,
        objectives=objectives,
        keep=keep,
        trial_seconds=trial_seconds,
        history=history,
    )
    ag_args = _without_tuning({"valid_stacker": False, **settings.pop("ag_args", {})})
    bags = {"fold_fitting_strategy": "sequential_local", **settings.pop("ag_args_ensemble", {})}
    tuning = {"scheduler": "local", "searcher": searcher, "num_trials": trials}
    return {
        model: {
            **_open_hyperparameters(model, space),
            **settings,
            "ag_args": {**ag_args, "hyperparameter_tune_kwargs": tuning},
            "ag_args_ensemble": bags,
        }
    }


def _open_hyperparameters(model: type[AbstractModel], space: SearchSpace) -> dict[str, Any]:
    if not issubclass(model, KerasModel):
        return dict(to_native(space))
    keras_part().check_layers(space)  # load Keras now, not within the first trial's time limit
    return {"architecture": ArchitectureSpace(space)}


def _without_tuning(ag_args: dict[str, Any]) -> dict[str, Any]:
    if "hyperparameter_tune_kwargs" in ag_args:
        raise BackendError(
            "ag_args has hyperparameter_tune_kwargs, which nas_hyperparameters sets: leave them "
            "out, or pass the model's hyperparameters and a NASSearcher to fit yourself"
        )
    return ag_args


def fit_in_two_passes(
    predictor: Any,
    table: Any,
    space: SearchSpace | None = None,
    trials: int = 20,
    *,
    strategy: Strategy[Any] | None = None,
    seed: int = 0,
    winners: int = WINNERS,
    hyperparameters: Mapping[Any, Any] | None = None,
    num_bag_folds: int = 5,
    time_limit: float | None = None,
    objectives: Mapping[str, str] | None = None,
    history: History | None = None,
    settings: Mapping[str, Any] | None = None,
    **fit: Any,
) -> Any:
    """Search without bagging, then fit the best architectures with bagging.

    Only the winners are trained once for each fold. The predictor's folder holds the search, and
    `load(predictor)` reads it even if a pass fails.

    Args:
        predictor: A `TabularPredictor` that has not been fitted.
        table: The training data.
        space: The space; `library.tabular()` if None.
        trials: Maximum number of trials; 0 takes the winners of `history` without a search.
        strategy: The search method; `default_strategy(trials)` if None.
        seed: Fixes every proposal.
        winners: Number of architectures that the second pass fits, at least 1.
        hyperparameters: Other models of the second pass, as for `fit`.
        num_bag_folds: Folds of the second pass, at least 2; 0 for no bagging.
        time_limit: Seconds for both passes; the search takes at most half of them.
        objectives: See `NASSearcher`; with several, winners come from the Pareto front.
        history: Earlier trials, which this search continues.
        settings: Fixed hyperparameters of `KerasModel`, as `{"epochs": 50}`.
        **fit: Further arguments of `fit` for both passes; those of bagging, stacking and
            refitting apply to the second one only.

    Returns:
        The predictor, fitted.

    Raises:
        BackendError: No trial is complete, the second pass failed, or the arguments contradict
            each other.
    """
    _check_holdout(num_bag_folds, fit)
    given: dict[str, Any] = {"objectives": objectives, "history": history, **(settings or {})}
    ours = nas_hyperparameters(space, trials, strategy=strategy, seed=seed, keep=1, **given)
    began = time.monotonic()
    searched = _search(predictor, table, ours, time_limit and time_limit * SEARCH_SHARE, fit)
    left = time_limit and max(time_limit - (time.monotonic() - began), 1.0)
    fixed = [{**(settings or {}), "architecture": best} for best in _best(searched, winners)]
    models = {**(hyperparameters or {}), KerasModel: fixed}
    bagged = {"num_bag_folds": num_bag_folds, "time_limit": left}
    _fit_winners(predictor, table, {**BAGGED, **fit, **bagged, "hyperparameters": models})
    return predictor


def _check_holdout(num_bag_folds: int, fit: Mapping[str, Any]) -> None:
    if num_bag_folds and fit.get("tuning_data") is not None and not fit.get("use_bag_holdout"):
        raise BackendError(
            "AutoGluon takes tuning_data with bagging only if use_bag_holdout=True: give that, or "
            "num_bag_folds=0"
        )


def _search(
    predictor: Any,
    table: Any,
    ours: Mapping[Any, Any],
    time_limit: float | None,
    fit: Mapping[str, Any],
) -> History:
    """Search in a copy of the predictor, and keep its history only."""
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
        raise BackendError("trials=0 needs history=: give an earlier search, or more trials")
    history = searcher.history if searcher.searches else searcher.before
    assert history is not None
    _keep(history, Path(predictor.path, HISTORY_FILE))
    shutil.rmtree(place, ignore_errors=True)
    return history


def _first(predictor: Any, place: Path, fit: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Return the predictor of the first pass, and its arguments of `fit` for groups.

    A copy keeps all arguments of the constructor: an ignored column may leak the target.
    """
    first = copy.deepcopy(predictor)
    learner = first._learner
    learner.set_contexts(path_context=str(place))
    if learner.groups is None:
        return first, {}
    if fit.get("tuning_data") is not None:
        raise BackendError(
            "the search takes either groups= of the predictor or tuning_data=, not both: leave "
            "one out"
        )
    if learner.weight_evaluation:  # AutoGluon drops the weights of groups held out
        raise BackendError(
            "groups= and weight_evaluation=True of the predictor do not work together in a "
            "search: leave one out"
        )
    # AutoGluon makes a bag fold of each group; the search holds some groups out instead.
    column, learner.groups = learner.groups, None
    learner.ignored_columns = [*learner.ignored_columns, column]
    return first, {"validation_structure": {"group_on": column}}


def _keep(history: History, file: Path) -> None:
    """Save a history before anything else can fail."""
    if file.exists():
        file.replace(file.with_name(BEFORE))
    history.save(file)


def _best(history: History, number: int) -> list[Any]:
    """Return the best architectures, those of the Pareto front first."""
    try:
        front = history.pareto
    except HistoryError as error:
        raise BackendError(f"the search has no winner: {error}") from error
    complete = [trial for trial in history.of_state("complete") if SCORE in trial.values]
    if not complete:
        raise BackendError(
            f"no trial of the history has the metric {SCORE!r} of AutoGluon: search here, with "
            "trials= above 0"
        )
    complete.sort(key=lambda trial: (trial not in front, -trial.values[SCORE]))
    return [bare(trial.architecture) for trial in complete[:number]]


def _fit_winners(predictor: Any, table: Any, fit: Mapping[str, Any]) -> None:
    try:
        predictor.fit(table, **fit)
    except Exception as error:
        raise BackendError(
            f"the second pass failed ({type(error).__name__}: {error}); the search is in "
            f"{Path(predictor.path, HISTORY_FILE)}: fix the cause and call this with a new "
            "predictor, history=load(that file) and trials=0"
        ) from error
