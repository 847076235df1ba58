# pyright: basic
# AutoKeras, Keras and Keras Tuner ship no types.
"""`NASTuner`: a tuner of AutoKeras with the strategies of nasbridge."""

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
from ...spaces import SearchSpace
from ...strategies import History, Pruner, Strategy
from ..keras_tuner.extend import DrivenTuner, ObjectiveLike
from .oracle import BlockOracle, blocks_of
from .space import unwrapped, unwrapped_space

__all__ = ["NASTuner"]


class _AllTrialsEnded(Exception):
    """Ends the search of a worker."""


class _TrialHistory(keras.callbacks.History):
    """The epochs of a trial, with its network, which is loaded on first use.

    Args:
        load: Loads the network.
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

    Give the class to an AutoModel or a task, as `autokeras.AutoModel(inputs, outputs,
    tuner=NASTuner, strategy=RandomSearch())`; they pass the further arguments to it. The tuner
    searches every `NASBlock`, and other hyperparameters of AutoKeras that `others` declares as
    open; all others keep the value in `others`, or AutoKeras' default. Without a block and without
    an open hyperparameter, as in an `ImageClassifier`, it searches everything that AutoKeras
    declares.

    Pipelines, early stopping after ten epochs without progress, and export are those of AutoKeras.
    No model is built before the first trial, each training has its own seed, and trials keep whole
    learning curves. "parameters" and "flops" of a network may be objectives.

    Args:
        hypermodel: AutoKeras' graph, from an AutoModel.
        objective: As for every tuner; several may also be a dict from names to "max" or "min".
        max_trials: Number of trials; an interrupted one counts once. None for no limit.
        strategy: The search method; None for the default strategy.
        seed: Determines every proposal, and the seed of every training; None for 0.
        pruner: Stops trials early, as `MedianPruner()`.
        others: Other hyperparameters by their names in AutoKeras, as `{"learning_rate":
            Real(1e-4, 1e-2, log=True), "optimizer": "adam"}`.
        max_seconds: Seconds from the begin of a search after which no trial begins; None for no
            limit.
        refit: Whether the best network is trained again at the end, as AutoKeras does: also on
            validation data that were split off. It then predicts and is exported.
            Otherwise the network of the search does, whose score is known.
        oracle: Further settings of the oracle, as `{"max_consecutive_failed_trials": 3}`.
        **kwargs: As for every tuner: `directory`, `project_name`, `overwrite`, `max_model_size`.

    Attributes:
        space: The space that is searched; None until AutoKeras has declared it.
        strategy: The search method.
        seed: The seed of the search.
        history: All trials as a history of nasbridge.

    Raises:
        BackendError: The project belongs to another search.

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
        objective: ObjectiveLike = "val_loss",
        max_trials: int | None = 10,
        *,
        strategy: Strategy[Any] | None = None,
        seed: int | None = None,
        pruner: Pruner | None = None,
        others: Mapping[str, Any] | None = None,
        max_seconds: float | None = None,
        refit: bool = False,
        oracle: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        self._refit = refit
        self._is_first_build = False
        nas_oracle = BlockOracle(
            blocks_of(hypermodel),
            others or {},
            objective=objective,
            max_trials=max_trials,
            strategy=strategy,
            seed=seed or 0,
            pruner=pruner,
            max_seconds=max_seconds,
            **(oracle or {}),
        )
        super().__init__(nas_oracle, hypermodel, **kwargs)

    @property
    def space(self) -> SearchSpace | None:
        """The space that is searched; None until AutoKeras has declared it.

        If one block is all that is searched, it is the space of the block; otherwise it is a joint
        space, whose decisions are called "<block>/<decision>".
        """
        space = super().space
        return None if space is None else unwrapped_space(space)

    @property
    def history(self) -> History:
        """All trials as a history of nasbridge, with architectures of `space`."""
        return unwrapped(super().history)

    def search(self, *fit_args: Any, **fit_kwargs: Any) -> Any:
        """Search; an AutoModel calls this method.

        The search of a worker ends with its trials; only the chief provides the best network.

        Returns:
            The `History` of the last training if `refit` is set, otherwise of the best trial; None
            in a worker.
        """
        self._is_first_build = not self._finished
        if not self._finished and not self._is_worker():
            Path(self.best_model_path).unlink(missing_ok=True)  # of an earlier search
        try:
            history = super().search(*fit_args, **fit_kwargs)
            return self._best_trial_history(**fit_kwargs) if history is None else history
        except _AllTrialsEnded:
            self._finished = True
            return None
        finally:
            self._is_first_build = False

    def _best_trial_history(
        self, x: Any, epochs: int | None = None, verbose: Any = 1, batch_size: int = 32, **_: Any
    ) -> Any:
        """Return the epochs of the best trial, with the mean over its executions.

        Args:
            x: As for `search`.
            epochs: Number of epochs; AutoKeras replaces None by 1000.
            verbose: As for `search`.
            batch_size: As for `search`.
            **_: The other arguments of `search`.
        """
        if self._is_worker():
            return None
        best = int(self.oracle.get_best_trials(1)[0].trial_id)
        (curve,) = (trial.curve for trial in self.history if trial.number == best)
        epochs_of_best = _TrialHistory(self.get_best_model)
        steps = math.ceil(len(keras.tree.flatten(x)[0]) / batch_size)
        epochs_of_best.set_params({"verbose": verbose, "epochs": epochs or 1000, "steps": steps})
        epochs_of_best.on_train_begin()
        for step in curve:
            epochs_of_best.epoch.append(step.step)
            for name, value in step.metrics.items():
                epochs_of_best.history.setdefault(name, []).append(value)
        return epochs_of_best

    def on_search_end(self) -> None:
        super().on_search_end()
        if self._is_worker():
            raise _AllTrialsEnded  # AutoKeras would now call the chief, which may have ended

    def _try_build(self, hp: Any) -> Any:
        if self._is_first_build:  # it would only find the hyperparameters, which are known
            self._is_first_build = False
            return None
        return super()._try_build(hp)

    def get_best_model(self) -> Any:
        """Return the best network of the search, or the refitted one."""
        if self._refit and Path(self.best_model_path).exists():
            return keras.models.load_model(self.best_model_path, autokeras.CUSTOM_OBJECTS)
        if not self.oracle.get_best_trials(1):
            raise BackendError(
                "no trial has been completed, so there is no best network: see the errors in "
                "tuner.results_summary(), or raise max_trials"
            )
        return super().get_best_model()

    def final_fit(self, **kwargs: Any) -> Any:
        """Train the best network again, if `refit` is set."""
        if not self.oracle.get_best_trials(1):
            self.get_best_model()  # raises an error
        best = self.oracle.get_best_trials(1)[0]
        if self._refit:
            keras.utils.set_random_seed(trial_seed(self.seed, int(best.trial_id)))
            return super().final_fit(**kwargs)
        return load_pipeline(self._pipeline_path(best.trial_id)), self.get_best_model(), None
