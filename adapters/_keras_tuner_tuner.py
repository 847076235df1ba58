# pyright: basic
# Keras and Keras Tuner ship no types.
"""`NASTuner`: a tuner of Keras Tuner with our strategies."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras_tuner
from keras_tuner.engine.trial import Trial as Row

from ..spaces import Searchable
from ..strategies import Pruner, Strategy
from ._errors import BackendError
from ._keras_tuner_driven import DrivenTuner
from ._keras_tuner_model import SpaceModel, shape_in
from ._keras_tuner_oracle import NASOracle
from ._keras_tuner_project import Goal

__all__ = ["NASTuner"]


class NASTuner(DrivenTuner):
    """A tuner of Keras Tuner whose proposals come from a strategy of nasbridge.

    In all other respects it is a `keras_tuner.Tuner`: `search` takes what `model.fit` does. No
    model is built before the first trial; every training has a seed of its own; trials keep whole
    learning curves, and stop early with a pruner. Beside the metrics of training, "parameters" and
    "flops" of a network may be objectives.

    Args:
        hypermodel: A space of networks; or a model-building function, whose hyperparameters are
            searched as far as they are known: its first trial has their default values.
        strategy: The search method; that of `default_strategy` if None.
        objective: As for every tuner; several may also be a dict of names to "max" or "min".
        max_trials: How many trials there are, interrupted ones counted once; None for no end.
        seed: Fixes every proposal, and the seed of every training.
        pruner: Stops trials early, as `MedianPruner()`.
        max_seconds: No trial begins when a `search` has lasted this long; None for no limit.
        input_shape: Shape of one example of a space's networks; None takes that of `search`'s x.
        part: Which network, where a `Space` of a mapping has several.
        optimizer: As in `model.compile`, for the networks of a space; or a function from the
            architecture to an optimizer. None takes that of a model that `around` was given
            compiled, with all else that it was compiled with; or else "adam".
        loss: As in `model.compile`; None takes the model's likewise, or else
            "sparse_categorical_crossentropy".
        metrics: As in `model.compile`; None takes the model's likewise, or else accuracy.
        oracle: Settings of `NASOracle` beside these, as `{"patience": 60}`.
        **kwargs: As for every tuner: `directory`, `project_name`, `overwrite`,
            `executions_per_trial`, `max_model_size` and so on.

    Raises:
        BackendError: The project is of another search.

    Example:
        >>> import numpy, tempfile
        >>> from nasbridge import Chain, Integer, RandomSearch, layer
        >>> from nasbridge.adapters.keras_tuner import NASTuner
        >>> x, y = numpy.eye(3, dtype="float32"), numpy.arange(3)
        >>> space = Chain(layer("Dense", units=Integer(4, 9)), layer("Softmax"))
        >>> folder = tempfile.mkdtemp()
        >>> tuner = NASTuner(space, RandomSearch(), "val_accuracy", 2, directory=folder)
        >>> tuner.search(x, y, validation_data=(x, y), epochs=1, verbose=0)
        >>> len(tuner.history)
        2
    """

    def __init__(
        self,
        hypermodel: Searchable | keras_tuner.HyperModel | Callable[..., Any],
        strategy: Strategy[Any] | None = None,
        objective: Goal = None,
        max_trials: int | None = 10,
        *,
        seed: int = 0,
        pruner: Pruner | None = None,
        max_seconds: float | None = None,
        input_shape: tuple[int, ...] | None = None,
        part: str | None = None,
        optimizer: Any = None,
        loss: Any = None,
        metrics: Sequence[Any] | None = None,
        oracle: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        space = hypermodel if isinstance(hypermodel, Searchable) else None
        if space is not None:
            compiling = {"optimizer": optimizer, "loss": loss, "metrics": metrics}
            hypermodel = SpaceModel(space, input_shape, part, compiling)
        made = NASOracle(
            strategy,
            objective,
            max_trials,
            space=space,
            seed=seed,
            pruner=pruner,
            max_seconds=max_seconds,
            **(oracle or {}),
        )
        super().__init__(made, hypermodel, **kwargs)

    def search(self, *fit_args: Any, **fit_kwargs: Any) -> None:
        """Search; takes what `model.fit` takes."""
        model = self.hypermodel
        if isinstance(model, SpaceModel) and model.input_shape is None:
            model.input_shape = shape_in(fit_args, fit_kwargs)
            if model.input_shape is None:
                raise BackendError(
                    "the shape of one example cannot be told from what search was given: name "
                    "it, as NASTuner(..., input_shape=(28, 28, 1))"
                )
        super().search(*fit_args, **fit_kwargs)

    def sizes(self, trial: Row) -> Mapping[str, float]:
        if isinstance(self.hypermodel, SpaceModel):
            return self.hypermodel.measured(trial.hyperparameters)
        return {}
