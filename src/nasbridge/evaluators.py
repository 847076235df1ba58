# pyright: basic
"""Ready evaluators: what `evaluate` is in the common cases."""

import gc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, final

from .adapters import ActiveTrial, ExperimentError
from .spaces import Architecture, BuildError, MissingExtra

__all__ = ["KerasEvaluator"]

Arrays = tuple[Any, Any]
"""Inputs and targets, as numpy arrays."""


@final
@dataclass(frozen=True)
class KerasEvaluator:
    """Trains the architecture's `keras.Model` and returns its validation metrics.

    Each epoch is reported, so that pruners can stop the trial. The metrics are those of the best
    epoch by `monitor`, whose weights are restored. Works under every Keras backend.

    Args:
        data: Training and validation data, `((x, y), (x_val, y_val))`, with examples along the
            first axis; or a function without arguments that returns it, called in each worker.
        epochs: Number of epochs; a trial's `budget` overrules it.
        batch_size: Examples in a batch.
        optimizer: An optimizer's name, or a function from the architecture to an optimizer, which
            may read decisions such as the learning rate.
        loss: As in `model.compile`.
        metrics: As in `model.compile`.
        monitor: The metric that tells the best epoch.
        callbacks: A function from the number of epochs to more callbacks of Keras, as a schedule
            of the learning rate; called anew for each training.
        patience: Epochs without improvement after which training ends; None trains to the end.
        part: Which network, where a `Space` of a mapping has several.
        save: Keep the trained model as `model.keras` in the trial's directory.
        jobs: Worker processes that an experiment uses if not told; 1 keeps memory flat, for a
            worker is replaced now and then.

    Returns from a call:
        `val_loss` and the validation metrics, `parameters`, `flops`, and `epochs` trained.

    Example:
        `KerasEvaluator(((x, y), (x_val, y_val)), epochs=5)(architecture, trial)`
    """

    data: tuple[Arrays, Arrays] | Callable[[], tuple[Arrays, Arrays]]
    epochs: int = 10
    batch_size: int = 64
    optimizer: str | Callable[[Architecture], Any] = "adam"
    loss: str = "sparse_categorical_crossentropy"
    metrics: Sequence[str] = ("accuracy",)
    monitor: str = "val_accuracy"
    callbacks: Callable[[int], Sequence[Any]] | None = None
    patience: int | None = None
    part: str | None = None
    save: bool = False
    jobs: int = 1
    _loaded: list[tuple[Arrays, Arrays]] = field(
        default_factory=list[tuple[Arrays, Arrays]], init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise ExperimentError(f"{name}={getattr(self, name)}: give at least 1")
        if not callable(self.data):
            _check_data(self.data)

    def __getstate__(self) -> Mapping[str, Any]:
        return {**self.__dict__, "_loaded": []}

    def __call__(self, architecture: Architecture, trial: ActiveTrial) -> dict[str, float]:
        """Train one architecture; see the class."""
        train, validation = self._data()
        epochs = self.epochs if trial.budget is None else max(round(trial.budget), 1)
        keras = _keras()
        cost = architecture.cost(_input_shape(train), self.part)
        size = {"parameters": float(cost.parameters), "flops": float(cost.flops)}
        try:
            model, best = self._train(
                architecture, train, validation, epochs, trial.seed, [_reporting(trial, size)]
            )
            if self.save:
                model.save(trial.directory / "model.keras")
            return {**best, **size}
        finally:
            keras.backend.clear_session(free_memory=False)
            gc.collect()

    def train(
        self,
        architecture: Architecture,
        train: Arrays | None = None,
        validation: Arrays | None = None,
        epochs: int | None = None,
        seed: int = 0,
    ) -> Any:
        """Train an architecture from scratch, as after a search.

        Args:
            architecture: What to train.
            train: Inputs and targets; the evaluator's training data if None.
            validation: Tells the best epoch; without any, the last epoch's weights are kept.
            epochs: Number of epochs; the evaluator's own if None.
            seed: Seed of weights and batches.

        Returns:
            The trained `keras.Model`.
        """
        train = self._data()[0] if train is None else train
        return self._train(architecture, train, validation, epochs or self.epochs, seed, [])[0]

    # ------------------------------------------------------------------ training

    def _data(self) -> tuple[Arrays, Arrays]:
        if not self._loaded:
            data = self.data() if callable(self.data) else self.data
            _check_data(data)
            self._loaded.append(data)
        return self._loaded[0]

    def _train(
        self,
        architecture: Architecture,
        train: Arrays,
        validation: Arrays | None,
        epochs: int,
        seed: int,
        callbacks: list[Any],
    ) -> tuple[Any, dict[str, float]]:
        keras = _keras()
        keras.utils.set_random_seed(seed)
        model = architecture.build(_input_shape(train), self.part)
        optimizer = self.optimizer(architecture) if callable(self.optimizer) else self.optimizer
        model.compile(optimizer=optimizer, loss=self.loss, metrics=list(self.metrics))
        if self.callbacks is not None:
            callbacks = [*self.callbacks(epochs), *callbacks]
        if validation is not None and self.patience is not None:
            callbacks.append(keras.callbacks.EarlyStopping(self.monitor, patience=self.patience))
        best = _best_epoch(self.monitor)
        fitted = model.fit(
            *train,
            batch_size=self.batch_size,
            epochs=epochs,
            validation_data=validation,
            callbacks=[*([best] if validation is not None else []), *callbacks],
            verbose=0,
        )
        if validation is None:
            return model, {name: float(values[-1]) for name, values in fitted.history.items()}
        return model, {**best.restore(model), "epochs": float(len(fitted.epoch))}


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


def _reporting(trial: ActiveTrial, size: Mapping[str, float]) -> Any:
    """Return a callback that reports every epoch, the network's size included."""
    import keras

    class Reporting(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
            trial.report(epoch + 1, **{**{k: float(v) for k, v in (logs or {}).items()}, **size})

    return Reporting()


def _best_epoch(monitor: str) -> Any:
    """Return a callback that remembers the weights and metrics of the best epoch."""
    import keras

    sign = -1.0 if "loss" in monitor or "error" in monitor else 1.0

    class BestEpoch(keras.callbacks.Callback):
        def __init__(self) -> None:
            super().__init__()
            self.logs: dict[str, float] = {}
            self.weights: list[Any] = []

        def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
            logs = {name: float(value) for name, value in (logs or {}).items()}
            if monitor not in logs:
                raise ExperimentError(
                    f"monitor={monitor!r} is not among the metrics {sorted(logs)}: name one of them"
                )
            if not self.logs or sign * logs[monitor] > sign * self.logs[monitor]:
                model: Any = self.model
                self.logs, self.weights = logs, model.get_weights()

        def restore(self, model: Any) -> dict[str, float]:
            model.set_weights(self.weights)
            return self.logs

    return BestEpoch()
