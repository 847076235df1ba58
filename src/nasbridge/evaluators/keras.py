# pyright: basic
"""`KerasEvaluator`: trains the network of an architecture."""

import gc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, final

from ..engine import ActiveTrial, ExperimentError
from ..spaces import Architecture, BuildError, MissingExtra
from ..strategies import Objective
from .copies import check_configuration, fresh_copy

if TYPE_CHECKING:
    from .keras_training import BestEpoch

__all__ = ["KerasEvaluator"]

Arrays = tuple[Any, Any]
"""Inputs and targets, as numpy arrays."""


@final
@dataclass(frozen=True)
class KerasEvaluator:
    """Trains the architecture's `keras.Model` and returns the metrics of its best epoch.

    Each epoch is reported, so that pruners can stop the trial. The best epoch is that of the best
    finite value of `monitor`; its weights are restored. Works under every Keras backend.

    Args:
        data: Training and validation data, `((x, y), (x_val, y_val))`, with examples along the
            first axis; or a function without arguments that returns it, called in each worker.
        epochs: Number of epochs, at least 1; a trial's `budget` overrides it.
        batch_size: Examples in a batch, at least 1.
        optimizer: As in `model.compile`; or a function from the architecture to an optimizer,
            which may read decisions such as the learning rate.
        loss: As in `model.compile`.
        metrics: As in `model.compile`. Keras objects (optimizers, losses, metrics) are copied from
            their configuration for each training.
        monitor: The metric that selects the best epoch; None takes the first objective of the
            experiment that is a validation metric.
        mode: Whether the monitor should rise ("max") or fall ("min"); None takes the direction
            of the objective of this name, or else what Keras knows of the metric.
        callbacks: A function from the number of epochs to more callbacks of Keras, as a schedule
            of the learning rate; called for each training.
        patience: Epochs without improvement after which training ends, at least 1; None trains to
            the end.
        part: Which network, where a `Space` of a mapping has several.
        save: Keep the trained model as `model.keras` in the trial's directory.
        jobs: Worker processes of an experiment without `jobs=`; 1 keeps memory flat, because
            workers are replaced now and then.

    Returns from a call:
        The metrics of the best epoch, as `val_loss`; `parameters`, `flops`, and `epochs` trained.

    Raises:
        ExperimentError: A setting is invalid, or no metric selects the best epoch.

    Example:
        >>> import numpy
        >>> from nasbridge import Chain, Experiment, Integer, KerasEvaluator, layer
        >>> x, y = numpy.eye(3, dtype="float32"), numpy.arange(3)
        >>> space = Chain(
        ...     layer("Dense", units=Integer(4, 9), activation="relu"),
        ...     layer("Dense", units=3, activation="softmax"),
        ... )
        >>> evaluate = KerasEvaluator(((x, y), (x, y)), epochs=2, jobs=0)
        >>> experiment = Experiment(space, evaluate, objectives={"val_accuracy": "max"}, trials=2)
        >>> best = experiment.run().best
        >>> model = evaluate.train(best.architecture)
        >>> model.count_params() == best.values["parameters"]
        True
    """

    data: tuple[Arrays, Arrays] | Callable[[], tuple[Arrays, Arrays]]
    epochs: int = 10
    batch_size: int = 64
    optimizer: Any = "adam"
    loss: Any = "sparse_categorical_crossentropy"
    metrics: Sequence[Any] = ("accuracy",)
    monitor: str | None = None
    mode: Literal["max", "min"] | None = None
    callbacks: Callable[[int], Sequence[Any]] | None = None
    patience: int | None = None
    part: str | None = None
    save: bool = False
    jobs: int = 1
    _loaded: list[tuple[Arrays, Arrays]] = field(
        default_factory=list[tuple[Arrays, Arrays]], init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "patience"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ExperimentError(f"{name}={value}: give at least 1")
        if self.mode not in ("max", "min", None):
            raise ExperimentError(f"mode={self.mode!r}: give 'max', 'min' or None")
        if isinstance(self.metrics, str):
            raise ExperimentError(f"metrics={self.metrics!r}: give a list, as [{self.metrics!r}]")
        for thing in (self.optimizer, self.loss, *self.metrics):
            check_configuration(thing)
        if not callable(self.data):
            _check_data(self.data)

    def __getstate__(self) -> Mapping[str, Any]:
        return {**self.__dict__, "_loaded": []}

    def __call__(self, architecture: Architecture, trial: ActiveTrial) -> dict[str, float]:
        """Train one architecture; see the class."""
        keras = _keras()
        from .keras_training import Reporting

        best = self._best_epoch(trial.objectives)
        train, validation = self._data()
        epochs = self.epochs if trial.budget is None else max(round(trial.budget), 1)
        cost = architecture.cost(_input_shape(train), self.part)
        size = {"parameters": float(cost.parameters), "flops": float(cost.flops)}
        policy = keras.config.dtype_policy()
        try:
            callbacks = [best, Reporting(trial, size)]
            model, trained = self._fit(
                architecture, train, validation, epochs, trial.seed, callbacks
            )
            best.restore()
            if self.save:
                model.save(trial.directory / "model.keras")
            return {**best.metrics, **size, "epochs": float(trained)}
        finally:
            keras.backend.clear_session(free_memory=False)
            keras.config.set_dtype_policy(policy)  # clear_session resets it
            gc.collect()

    def train(
        self,
        architecture: Architecture,
        train: Arrays | None = None,
        validation: Arrays | None = None,
        epochs: int | None = None,
        seed: int = 0,
    ) -> Any:
        """Train an architecture from scratch, for example after a search.

        Args:
            architecture: What to train.
            train: Inputs and targets; the evaluator's training data if None.
            validation: Selects the best epoch by `monitor`, whose weights are restored; None keeps
                the weights of the last epoch.
            epochs: Number of epochs; the evaluator's own if None.
            seed: Seed of weights and batches.

        Returns:
            The trained `keras.Model`.

        Raises:
            ExperimentError: There are validation data, but no `monitor`.
        """
        _keras()
        best = None if validation is None else self._best_epoch(())
        train = self._data()[0] if train is None else train
        callbacks = [] if best is None else [best]
        epochs = epochs or self.epochs
        model, _ = self._fit(architecture, train, validation, epochs, seed, callbacks)
        if best is not None:
            best.restore()
        return model

    def _data(self) -> tuple[Arrays, Arrays]:
        if not self._loaded:
            data = self.data() if callable(self.data) else self.data
            _check_data(data)
            self._loaded.append(data)
        return self._loaded[0]

    def _best_epoch(self, objectives: Sequence[Objective]) -> "BestEpoch":
        """Return the callback that selects the best epoch under these objectives."""
        from .keras_training import BestEpoch

        directions: dict[str, Literal["max", "min"]] = {
            objective.metric: objective.direction for objective in objectives
        }
        validated = [metric for metric in directions if metric.startswith("val_")]
        if self.monitor is None and not validated:
            reason = f"no objective of {list(directions)} is a validation metric"
            raise ExperimentError(
                f"no metric selects the best epoch{f': {reason}' * bool(directions)}; pass "
                "KerasEvaluator(..., monitor='val_accuracy') or another metric"
            )
        monitor = self.monitor or validated[0]
        if validated and monitor not in validated and self.mode is None:
            raise ExperimentError(
                f"monitor={monitor!r} would select the best epoch, but {validated[0]!r} is the "
                "objective: omit monitor, or pass mode='max' or mode='min' with it to confirm"
            )
        direction = directions.get(monitor)
        if direction and self.mode and direction != self.mode:
            raise ExperimentError(
                f"mode={self.mode!r}, but the objective {monitor!r} has the direction "
                f"{direction!r}: omit mode"
            )
        return BestEpoch(monitor, self.mode or direction, self.patience)

    def _fit(
        self,
        architecture: Architecture,
        train: Arrays,
        validation: Arrays | None,
        epochs: int,
        seed: int,
        callbacks: Sequence[Any],
    ) -> tuple[Any, int]:
        """Train; return the model and the number of epochs."""
        _keras().utils.set_random_seed(seed)
        model = architecture.build(_input_shape(train), self.part)
        custom = callable(self.optimizer)
        model.compile(
            optimizer=self.optimizer(architecture) if custom else fresh_copy(self.optimizer),
            loss=fresh_copy(self.loss),
            metrics=[fresh_copy(metric) for metric in self.metrics],
        )
        users = [] if self.callbacks is None else self.callbacks(epochs)
        fitted = model.fit(
            *train,
            batch_size=self.batch_size,
            epochs=epochs,
            validation_data=validation,
            callbacks=[
                *users,
                *callbacks,
            ],  # theirs first: they may add metrics or exchange weights
            verbose=0,
        )
        return model, len(fitted.epoch)


def _keras() -> Any:
    try:
        import keras
    except ImportError as error:
        raise MissingExtra("keras", "tensorflow", "KerasEvaluator") from error
    return keras


def _check_data(data: object) -> None:
    match data:
        case ((_, _), (_, _)):
            pairs: Any = data
        case _:
            raise ExperimentError(
                "data is not ((x, y), (x_val, y_val)): give training and validation data, "
                "each as inputs and targets"
            )
    for inputs, targets in pairs:
        if len(inputs) != len(targets):
            raise ExperimentError(
                f"the data have {len(inputs)} inputs and {len(targets)} targets: give one target "
                "for each input"
            )


def _input_shape(train: Arrays) -> tuple[int, ...]:
    shape = tuple(int(size) for size in train[0].shape[1:])
    if not shape:
        raise BuildError(
            "the inputs have one axis only: give one row for each example, as x.reshape(-1, 1)"
        )
    return shape
