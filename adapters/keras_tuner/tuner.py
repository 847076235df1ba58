# pyright: basic
# Keras and Keras Tuner ship no types.
"""`NASTuner`: a tuner of Keras Tuner with the strategies of nasbridge."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras_tuner
from keras_tuner.engine.trial import Trial as Row

from ...engine.errors import BackendError
from ...spaces import InputShape, SearchSpace
from ...strategies import Pruner, Strategy
from .driven import DrivenTuner
from .model import SpaceModel, shape_in
from .objectives import ObjectiveLike
from .oracle import NASOracle

__all__ = ["NASTuner"]

# Settings of the oracle that every tuner of Keras Tuner accepts and `NASTuner` does not name.
ORACLE_SETTINGS = (
    "hyperparameters",
    "tune_new_entries",
    "allow_new_entries",
    "max_retries_per_trial",
    "max_consecutive_failed_trials",
)


class NASTuner(DrivenTuner):
    """A tuner of Keras Tuner whose proposals come from a strategy of nasbridge.

    It replaces `keras_tuner.RandomSearch` and the like: `search` takes the arguments of
    `model.fit`. No model is built before the first trial, each training has its own seed, trials
    keep whole learning curves, and a pruner can stop them. Besides the metrics of the training,
    "parameters" and "flops" of a network may be objectives.

    Args:
        hypermodel: A space of networks, a model-building function, or a `HyperModel`. The
            hyperparameters of a function join the space when the function declares them; its first
            trial has their default values.
        objective: As for every tuner; several may also be a dict from names to "max" or "min".
        max_trials: Number of trials; an interrupted one counts once. None for no limit.
        strategy: The search method; None for the default strategy.
        seed: Determines every proposal, and the seed of every training.
        pruner: Stops trials early, as `MedianPruner()`.
        max_seconds: Seconds from the begin of a `search` after which no trial begins; None for no
            limit.
        input_shape: Shape of one example of a space's networks, or shapes by name; None for that
            of the data, or of an earlier search in this project.
        part: The name of the network, if a `Space` of a mapping has several.
        optimizer: As in `model.compile`. For a space of networks, it may also be a function from
            the architecture to an optimizer; None takes the optimizer of the compiled model that
            was given to `variants_of`, or else "adam". For a model-building function, it replaces
            the optimizer of the models, as in every tuner; None keeps it.
        loss: Likewise; the last resort is "sparse_categorical_crossentropy".
        metrics: Likewise; the last resort is the accuracy.
        oracle: Further settings of `NASOracle`, as `{"patience": 60}`.
        **kwargs: As for every tuner: `directory`, `project_name`, `overwrite`,
            `executions_per_trial`, `max_model_size`, `hyperparameters`, `tune_new_entries` and so
            on.

    Attributes:
        space: The space that is searched; None until a function has declared hyperparameters.
        strategy: The search method.
        seed: The seed of the search.
        history: All trials as a history of nasbridge.

    Raises:
        BackendError: The project belongs to another search, or an argument for the networks of a
            space is given without a space.
        UnknownLayer: Keras does not know a layer of the space, or a setting of it.

    Example:
        >>> import numpy, tempfile
        >>> from nasbridge import Chain, Integer, RandomSearch, layer
        >>> from nasbridge.adapters.keras_tuner import NASTuner
        >>> x, y = numpy.eye(3, dtype="float32"), numpy.arange(3)
        >>> space = Chain(layer("Dense", units=Integer(4, 9)), layer("Softmax"))
        >>> folder = tempfile.mkdtemp()
        >>> tuner = NASTuner(space, "val_accuracy", 2, strategy=RandomSearch(), directory=folder)
        >>> tuner.search(x, y, validation_data=(x, y), epochs=1, verbose=0)
        >>> len(tuner.history)
        2
    """

    def __init__(
        self,
        hypermodel: SearchSpace | keras_tuner.HyperModel | Callable[..., Any],
        objective: ObjectiveLike = None,
        max_trials: int | None = 10,
        *,
        strategy: Strategy[Any] | None = None,
        seed: int = 0,
        pruner: Pruner | None = None,
        max_seconds: float | None = None,
        input_shape: InputShape | None = None,
        part: str | None = None,
        optimizer: Any = None,
        loss: Any = None,
        metrics: Sequence[Any] | None = None,
        oracle: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        space = hypermodel if isinstance(hypermodel, SearchSpace) else None
        compiling = {"optimizer": optimizer, "loss": loss, "metrics": metrics}
        if space is not None:
            hypermodel = SpaceModel(space, input_shape, part, compiling)
        else:
            _check_no_space(input_shape, part, optimizer)
            kwargs |= compiling
        self._is_shape_given = input_shape is not None
        settings = {name: kwargs.pop(name) for name in ORACLE_SETTINGS if name in kwargs}
        nas_oracle = NASOracle(
            objective,
            max_trials,
            strategy=strategy,
            space=space,
            seed=seed,
            pruner=pruner,
            max_seconds=max_seconds,
            **settings | {**(oracle or {})},
        )
        super().__init__(nas_oracle, hypermodel, **kwargs)

    def search(self, *fit_args: Any, **fit_kwargs: Any) -> None:
        """Search; takes the arguments of `model.fit`."""
        model = self.hypermodel
        if isinstance(model, SpaceModel) and not self._is_shape_given:
            model.take_shape(shape_in(fit_args, fit_kwargs))
            if model.input_shape is None:
                raise BackendError(
                    "the data of search do not determine the shape of one example: name "
                    "it, as NASTuner(..., input_shape=(28, 28, 1)), every length a number"
                )
        super().search(*fit_args, **fit_kwargs)

    def get_state(self) -> dict[str, Any]:
        """Return the tuner's state: the input shape, so that models can be built without data."""
        state: dict[str, Any] = super().get_state()
        if isinstance(self.hypermodel, SpaceModel):
            state["input_shape"] = self.hypermodel.input_shape
        return state

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Restore the tuner's state."""
        super().set_state(state)
        kept = state.get("input_shape")
        if kept and isinstance(self.hypermodel, SpaceModel) and not self._is_shape_given:
            self.hypermodel.input_shape = _shape_from(kept)

    def sizes(self, trial: Row) -> Mapping[str, float]:
        if isinstance(self.hypermodel, SpaceModel):
            return self.hypermodel.measured(trial.hyperparameters)
        return {}


def _shape_from(kept: Any) -> InputShape:
    """Return a shape, or shapes by name, from JSON."""
    if isinstance(kept, Mapping):
        return {name: tuple(shape) for name, shape in kept.items()}
    return tuple(kept)


def _check_no_space(input_shape: object, part: object, optimizer: Any) -> None:
    """Reject arguments for the networks of a space, if a function builds the models."""
    given = [f"input_shape={input_shape!r}"] if input_shape is not None else []
    given += [f"part={part!r}"] if part is not None else []
    if callable(optimizer) and not hasattr(optimizer, "from_config"):
        given.append("an optimizer that is a function of the architecture")
    if given:
        raise BackendError(
            f"{' and '.join(given)}: this is for the networks of a space, but a function or a "
            "HyperModel builds the models: leave it out, or give a space instead"
        )
