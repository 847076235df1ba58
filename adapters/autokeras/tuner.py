# pyright: basic
# AutoKeras, Keras and Keras Tuner ship no types.
"""`NASTuner`: a tuner of AutoKeras with our strategies."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import autokeras
import keras
from autokeras.engine.tuner import AutoTuner
from autokeras.graph import Graph
from autokeras.pipeline import load_pipeline

from ...engine.errors import BackendError
from ...engine.evaluation import trial_seed
from ...strategies import History, Pruner, Strategy
from ..keras_tuner.driven import DrivenTuner
from ..keras_tuner.history import Goal
from ..keras_tuner.trials import curve_of
from .oracle import BlockOracle, blocks_of
from .space import alone

__all__ = ["NASTuner"]


class _AllTrialsEnded(Exception):
    """Ends the search of a worker."""


class _Told(keras.callbacks.History):
    """The epochs of a trial; its network is loaded when it is asked for.

    Args:
        load: Loads it.
    """

    _model: Any

    def __init__(self, load: Callable[[], Any]) -> None:
        super().__init__()
        self._load = load

    @property
    def model(self) -> Any:
        if self._model is None:
            self._model = self._load()
        return self._model


class NASTuner(DrivenTuner, AutoTuner):
    """A tuner of AutoKeras whose proposals come from a strategy of nasbridge.

    Give the class itself to an AutoModel or a task, as `autokeras.AutoModel(inputs, outputs,
    tuner=NASTuner, strategy=RandomSearch())`; they hand what follows on to it. It searches every
    `NASBlock`, and of AutoKeras' other hyperparameters those that `others` names as open: the rest
    keeps the value that is given there, or AutoKeras' default. Where there is neither, as in an
    `ImageClassifier`, everything that AutoKeras declares is searched.

    In all other respects it is AutoKeras' tuner: pipelines, early stopping after ten epochs
    without progress, and export. No model is built before the first trial; every training has a
    seed of its own; trials keep whole learning curves. "parameters" and "flops" of a network may
    be objectives.

    Args:
        hypermodel: AutoKeras' graph; an AutoModel gives it.
        objective: As for every tuner; several may also be a dict of names to "max" or "min".
        max_trials: How many trials there are, interrupted ones counted once; None for no end.
        seed: Fixes every proposal, and the seed of every training; 0 if None.
        strategy: The search method; that of `default_strategy` if None.
        others: Other hyperparameters by their names in AutoKeras, as `{"learning_rate":
            Real(1e-4, 1e-2, log=True), "optimizer": "adam"}`.
        pruner: Stops trials early, as `MedianPruner()`.
        max_seconds: No trial begins when a search has lasted this long; None for no limit.
        refit: Whether the best network is trained anew at the end, on the validation data too
            where they were split off, as AutoKeras does; then this is the one that predicts and is
            exported. If not, it is the one of the search, whose score is known.
        oracle: Settings of the oracle beside these, as `{"max_consecutive_failed_trials": 3}`.
        **kwargs: As for every tuner: `directory`, `project_name`, `overwrite`, `max_model_size`.

    Raises:
        BackendError: The project is of another search.

    Example:
        >>> import autokeras, numpy, tempfile
        >>> from nasbridge import Chain, Integer, RandomSearch, layer
        >>> from nasbridge.adapters.autokeras import NASBlock, NASTuner
        >>> x, y = numpy.eye(4, dtype="float32"), numpy.arange(4.0)
        >>> source = autokeras.Input()
        >>> hidden = NASBlock(Chain(layer("Dense", units=Integer(2, 9))))(source)
        >>> model = autokeras.AutoModel(
        ...     source,
        ...     autokeras.RegressionHead()(hidden),
        ...     tuner=NASTuner,
        ...     strategy=RandomSearch(),
        ...     max_trials=2,
        ...     directory=tempfile.mkdtemp(),
        ... )
        >>> history = model.fit(x, y, validation_data=(x, y), epochs=1, verbose=0)
        >>> len(model.tuner.history)
        2
    """

    _finished: bool

    def __init__(
        self,
        hypermodel: Graph,
        objective: Goal = "val_loss",
        max_trials: int | None = 10,
        seed: int | None = None,
        *,
        strategy: Strategy[Any] | None = None,
        others: Mapping[str, Any] | None = None,
        pruner: Pruner | None = None,
        max_seconds: float | None = None,
        refit: bool = False,
        oracle: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        self._refit = refit
        self._is_looking = False
        made = BlockOracle(
            blocks_of(hypermodel),
            others or {},
            strategy=strategy,
            objective=objective,
            max_trials=max_trials,
            seed=seed or 0,
            pruner=pruner,
            max_seconds=max_seconds,
            **(oracle or {}),
        )
        super().__init__(made, hypermodel, **kwargs)

    @property
    def history(self) -> History:
        """All trials, as nasbridge has them.

        Where one block is all that is searched, they are architectures of its own space;
        otherwise of a joint one, whose decisions are called "<block>/<decision>".
        """
        return alone(super().history)

    # ------------------------------------------------------------------ what differs

    def search(self, *fit_args: Any, **fit_kwargs: Any) -> Any:
        """Search; an AutoModel calls it.

        A worker's search ends with its trials: its chief alone makes the best network of all.

        Returns:
            A `History`: of the last training where `refit` makes one, else of the best trial. None
            in a worker.
        """
        self._is_looking = not self._finished
        if not self._finished and not self._is_worker():
            Path(self.best_model_path).unlink(missing_ok=True)  # of an earlier search
        try:
            told = super().search(*fit_args, **fit_kwargs)
            return self._told_of_the_best(**fit_kwargs) if told is None else told
        except _AllTrialsEnded:
            self._finished = True
            return None
        finally:
            self._is_looking = False

    def _told_of_the_best(
        self, x: Any, epochs: int | None = None, verbose: Any = 1, batch_size: int = 32, **_: Any
    ) -> Any:
        """Return the epochs of the best trial, of several executions the mean.

        Args:
            x: As for `search`, as all else.
            epochs: How many there may be; AutoKeras makes 1000 of None.
            verbose: As for `search`.
            batch_size: As for `search`.
            **_: What else `search` was given.
        """
        if self._is_worker():
            return None
        best = self.oracle.get_best_trials(1)[0]
        told = _Told(self.get_best_model)
        steps = math.ceil(len(keras.tree.flatten(x)[0]) / batch_size)
        told.set_params({"verbose": verbose, "epochs": epochs or 1000, "steps": steps})
        told.on_train_begin()
        for step in curve_of(best, self.nas_oracle.notes[best.trial_id].get("steps")):
            told.epoch.append(step.step)
            for name, value in step.metrics.items():
                told.history.setdefault(name, []).append(value)
        return told

    def on_search_end(self) -> None:
        super().on_search_end()
        if self._is_worker():
            raise _AllTrialsEnded  # what AutoKeras does next asks a chief that may have ended

    def _try_build(self, hp: Any) -> Any:
        if self._is_looking:  # once, to see what there is to search, which is known
            self._is_looking = False
            return None
        return super()._try_build(hp)

    def get_best_model(self) -> Any:
        """Return the best network of the search, or what `refit` made of it."""
        if self._refit and Path(self.best_model_path).exists():
            return keras.models.load_model(self.best_model_path, autokeras.CUSTOM_OBJECTS)
        if not self.oracle.get_best_trials(1):
            raise BackendError(
                "no trial has been completed, so there is no best network: see why in "
                "tuner.results_summary(), or raise max_trials"
            )
        return super().get_best_model()

    def final_fit(self, **kwargs: Any) -> Any:
        """Train the best network anew, if that is wanted."""
        if not self.oracle.get_best_trials(1):
            self.get_best_model()  # says what is wrong
        best = self.oracle.get_best_trials(1)[0]
        if self._refit:
            keras.utils.set_random_seed(trial_seed(self.nas_oracle.nas_seed, int(best.trial_id)))
            return super().final_fit(**kwargs)
        return load_pipeline(self._pipeline_path(best.trial_id)), self.get_best_model(), None
