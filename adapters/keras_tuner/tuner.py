# pyright: basic
# Keras and Keras Tuner ship no types.
"""`NASTuner`: a tuner of Keras Tuner with our strategies."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras_tuner
from keras_tuner.engine.trial import Trial as Row

from ...engine.errors import BackendError
from ...spaces import SearchSpace
from ...strategies import Pruner, Strategy
from .driven import DrivenTuner
from .history import Goal
from .model import SpaceModel, shape_in
from .oracle import NASOracle

__all__ = ["NASTuner"]

# What every tuner of Keras Tuner hands on to its oracle, beside what `NASTuner` names.
ORACLE_SETTINGS = (
    "hyperparameters",
    "tune_new_entries",
    "allow_new_entries",
    "max_retries_per_trial",
    "max_consecutive_failed_trials",
)


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
        input_shape: Shape of one example of a space's networks; None takes that of `search`'s x, or
            of the search before in this project.
        part: Which network, where a `Space` of a mapping has several.
        optimizer: As in `model.compile`. For the networks of a space it may be a function from the
            architecture to an optimizer, and None takes that of a model that `around` was given
            compiled, with all else that it was compiled with, or else "adam". A function's models
            have it in place of their own, as in every tuner; None leaves them as they are.
        loss: Likewise; or else "sparse_categorical_crossentropy".
        metrics: Likewise; or else accuracy.
        oracle: Settings of `NASOracle` beside these, as `{"patience": 60}`.
        **kwargs: As for every tuner: `directory`, `project_name`, `overwrite`,
            `executions_per_trial`, `max_model_size`, `hyperparameters`, `tune_new_entries` and so
            on.

    Raises:
        BackendError: The project is of another search; or what is given is for the networks of a
            space, and there is none.

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
        hypermodel: SearchSpace | keras_tuner.HyperModel | Callable[..., Any],
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
        space = hypermodel if isinstance(hypermodel, SearchSpace) else None
        compiling = {"optimizer": optimizer, "loss": loss, "metrics": metrics}
        if space is not None:
            hypermodel = SpaceModel(space, input_shape, part, compiling)
        else:
            _check_no_space(input_shape, part, optimizer)
            kwargs |= compiling
        self._is_shape_given = input_shape is not None
        settings = {name: kwargs.pop(name) for name in ORACLE_SETTINGS if name in kwargs}
        made = NASOracle(
            strategy,
            objective,
            max_trials,
            space=space,
            seed=seed,
            pruner=pruner,
            max_seconds=max_seconds,
            **settings | {**(oracle or {})},
        )
        super().__init__(made, hypermodel, **kwargs)

    def search(self, *fit_args: Any, **fit_kwargs: Any) -> None:
        """Search; takes what `model.fit` takes."""
        model = self.hypermodel
        if isinstance(model, SpaceModel) and not self._is_shape_given:
            model.take_shape(shape_in(fit_args, fit_kwargs))
            if model.input_shape is None:
                raise BackendError(
                    "the shape of one example cannot be told from what search was given: name "
                    "it, as NASTuner(..., input_shape=(28, 28, 1)), every length a number"
                )
        super().search(*fit_args, **fit_kwargs)

    def get_state(self) -> dict[str, Any]:
        """Return what is kept: the shape of the inputs, so that models are built without data."""
        state: dict[str, Any] = super().get_state()
        if isinstance(self.hypermodel, SpaceModel):
            state["input_shape"] = self.hypermodel.input_shape
        return state

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Take what was kept."""
        super().set_state(state)
        kept = state.get("input_shape")
        if kept and isinstance(self.hypermodel, SpaceModel) and not self._is_shape_given:
            self.hypermodel.input_shape = tuple(kept)

    def sizes(self, trial: Row) -> Mapping[str, float]:
        if isinstance(self.hypermodel, SpaceModel):
            return self.hypermodel.measured(trial.hyperparameters)
        return {}


def _check_no_space(input_shape: object, part: object, optimizer: Any) -> None:
    """Refuse what is for the networks of a space, where a function builds the models."""
    given = [f"input_shape={input_shape!r}"] if input_shape is not None else []
    given += [f"part={part!r}"] if part is not None else []
    if callable(optimizer) and not hasattr(optimizer, "from_config"):
        given.append("an optimizer that is a function of the architecture")
    if given:
        raise BackendError(
            f"{' and '.join(given)}: this is for the networks of a space, and here a function or a "
            "HyperModel builds the models: leave it out, or give the space in its place"
        )
