# pyright: basic
# Keras and Keras Tuner ship no types.
"""What a training reports to the oracle: every epoch, for the pruner, and a result for the score.

All reports go through `Oracle.update_trial`, the only way from a worker to its chief.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any, cast, final

import keras
import keras_tuner
from keras_tuner.engine.trial import Trial as Row
from keras_tuner.src.engine import tuner_utils
from keras_tuner.src.engine.objective import MultiObjective

from .objectives import objectives_in
from .protocol import EpochEnds, TrialBegins, encode, is_stop
from .results import numbers_in, result_of, with_sum

__all__ = [
    "CompletedFit",
    "EpochReporter",
    "ReportEpochs",
    "has_own_fit",
    "has_own_run",
    "run_and_report",
]


@final
class EpochReporter:
    """Reports the epochs of one execution to the oracle.

    A second training in the same execution continues the count of epochs.

    Args:
        tuner: The tuner.
        trial: The trial.
    """

    def __init__(self, tuner: Any, trial: Row) -> None:
        self._tuner, self._trial = tuner, trial
        self._before, self._last = 0, -1

    def should_stop(self, epoch: int, logs: Mapping[str, Any]) -> bool:
        """Report an epoch, and return whether the training should end."""
        if self._before + epoch <= self._last:
            self._before = self._last + 1 - epoch
        self._last = self._before + epoch
        oracle = self._tuner.oracle
        message = EpochEnds(numbers_in(logs, objectives_in(oracle)), self._last)
        return is_stop(oracle.update_trial(self._trial.trial_id, *encode(message)))


@final
class ReportEpochs(keras.callbacks.Callback):
    """Reports every epoch to the `NASOracle` of a tuner, whose pruner may end the training.

    For tuners other than `NASTuner`, which reports without it. Trials then keep whole learning
    curves; their scores are the same as without it. It also works where a chief and workers share
    a search.

    Args:
        tuner: The tuner.

    Example:
        >>> import keras, keras_tuner, numpy, tempfile
        >>> from nasbridge import MedianPruner
        >>> from nasbridge.adapters.keras_tuner import NASOracle, ReportEpochs
        >>> def build_model(hp):
        ...     model = keras.Sequential([keras.layers.Dense(hp.Int("units", 1, 9))])
        ...     model.compile("adam", "mse")
        ...     return model
        >>> x = numpy.ones((4, 2), "float32")
        >>> oracle = NASOracle("loss", 2, pruner=MedianPruner())
        >>> folder = tempfile.mkdtemp()
        >>> tuner = keras_tuner.Tuner(oracle=oracle, hypermodel=build_model, directory=folder)
        >>> tuner.search(x, x[:, :1], epochs=2, callbacks=[ReportEpochs(tuner)], verbose=0)
        >>> [len(trial.curve) for trial in oracle.history]
        [2, 2]
    """

    def __init__(self, tuner: keras_tuner.Tuner) -> None:
        super().__init__()
        self._tuner: Any = tuner
        self._epochs: EpochReporter | None = None
        # Keras Tuner ignores the result of a trial whose epochs have reported the objective.
        self._tuner._run_and_update_trial = partial(run_and_report, tuner)

    def __deepcopy__(self, memo: object) -> "ReportEpochs":
        return ReportEpochs(self._tuner)  # Keras Tuner copies callbacks for each training

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        if self._epochs is None:  # a second training in the same execution continues the count
            # The oracle returns the trial that the worker has.
            trial = self._tuner.oracle.create_trial(self._tuner.tuner_id)
            self._epochs = EpochReporter(self._tuner, trial)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        assert self._epochs is not None
        if self._epochs.should_stop(epoch, logs or {}):
            cast(Any, self.model).stop_training = True


def has_own_fit(hypermodel: Any) -> bool:
    """Return whether a hypermodel overrides `fit`."""
    return type(hypermodel).fit is not keras_tuner.HyperModel.fit


def has_own_run(tuner: Any) -> bool:
    """Return whether a tuner overrides `run_trial`, outside Keras Tuner and AutoKeras."""
    defined = next(kind for kind in type(tuner).__mro__ if "run_trial" in vars(kind))
    return defined.__module__.split(".")[0] not in ("keras_tuner", "autokeras")


@final
class CompletedFit(keras_tuner.HyperModel):
    """Completes what a user's `fit` returns: the sum of several objectives, and a model's sizes.

    Args:
        hypermodel: The hypermodel, which overrides `fit`.
        objective: The objective of the oracle.
        sizes: Measures a trained model.
    """

    def __init__(self, hypermodel: Any, objective: Any, sizes: Any) -> None:
        super().__init__()
        self._hypermodel, self._objective, self._sizes = hypermodel, objective, sizes

    def build(self, hp: Any) -> Any:
        return self._hypermodel.build(hp)

    def fit(self, hp: Any, model: Any, *args: Any, **kwargs: Any) -> Any:
        results = self._hypermodel.fit(hp, model, *args, **kwargs)
        if isinstance(results, int | float) and not isinstance(self._objective, MultiObjective):
            results = {self._objective.name: results}
        if isinstance(results, dict):
            results = {**self._sizes(model), **results}
        return with_sum(results, self._objective)


def run_and_report(tuner: Any, trial: Row, *fit_args: Any, **fit_kwargs: Any) -> None:
    """Run a trial of a tuner, and report its result to the `NASOracle`, as Keras Tuner does.

    Args:
        tuner: The tuner.
        trial: The trial.
        *fit_args: As for `search`.
        **fit_kwargs: As for `search`.
    """
    oracle = tuner.oracle
    oracle.update_trial(trial.trial_id, *encode(TrialBegins()))
    results = tuner.run_trial(trial, *fit_args, **fit_kwargs)
    if results is None and _has_reported(oracle, trial):
        return  # by `update_trial`, as old tuners do
    results = with_sum(results, oracle.objective)
    tuner_utils.validate_trial_results(results, oracle.objective, "Tuner.run_trial()")
    every = fit_kwargs.get("validation_freq", 1)
    result = result_of(results, oracle.objective, objectives_in(oracle), every)
    oracle.update_trial(trial.trial_id, *encode(result))


def _has_reported(oracle: Any, trial: Row) -> bool:
    metrics = oracle.get_trial(trial.trial_id).metrics
    return all(metrics.exists(name) for name in objectives_in(oracle))
