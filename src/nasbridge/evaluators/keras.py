# pyright: basic
"""`KerasEvaluator`: trains the network of an architecture."""

import gc
import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, final

from ..engine import ActiveTrial, CannotEvaluate, ExperimentError, Task
from ..spaces import Architecture, BuildError, InputShape, MissingExtra, SearchSpace
from ..strategies import Objective
from .callbacks import arguments_of
from .copies import check_configuration, fresh_copy
from .data import Data, check_data, check_part, example_shape, fit_arguments, load, open_part
from .monitor import Mode, monitored

if TYPE_CHECKING:
    from .keras_training import BestEpoch

__all__ = ["KerasEvaluator"]


@final
@dataclass(frozen=True)
class KerasEvaluator:
    """Trains the architecture's `keras.Model` and returns the metrics of its best epoch.

    Each epoch is reported, so that pruners can stop the trial. The best epoch is that of the best
    finite value of `monitor`; its weights are restored. Works under every Keras backend. What is
    wrong for every architecture, as data that cannot be read, ends a search at its first trial.

    Args:
        data: Training and validation data, `(training, validation)`; or a function without
            arguments that returns them, called in each worker. Each of the two is what `model.fit`
            takes: `(x, y)` or `(x, y, sample_weight)` with examples along the first axis, where
            each may be a dict or list of arrays; a `tf.data.Dataset`, a `PyDataset` or a PyTorch
            `DataLoader`; or a function without arguments that makes one of these, or a generator,
            for each training. A dataset that shuffles belongs in such a function, which is called
            after the trial's seed is set. What cannot be pickled needs a function, or `jobs=0`.
        epochs: Number of epochs, at least 1; a trial's `budget` overrides it.
        batch_size: Examples in a batch of arrays, at least 1; datasets have their own.
        optimizer: As in `model.compile`; or a function from the architecture to an optimizer,
            which may read decisions such as the learning rate.
        loss: As in `model.compile`.
        metrics: As in `model.compile`. Keras objects (optimizers, losses, metrics) are copied from
            their configuration for each training.
        monitor: The metric that selects the best epoch; None takes the first objective of the
            experiment that is a validation metric.
        mode: Whether the monitor should rise ("max") or fall ("min"); None takes the direction
            of the objective of this name, or else what Keras knows of the metric.
        callbacks: A function that returns more callbacks of Keras, called for each training. It
            receives the number of epochs, as for a schedule of the learning rate; or, if it takes
            three arguments, the number of epochs, the trial and the architecture, as for logs in
            `trial.directory`.
        patience: Epochs without improvement after which training ends, at least 1; None trains to
            the end.
        part: Which network, where a `Space` of a mapping has several.
        save: Keep the trained model as `model.keras` in the trial's directory.
        jobs: Worker processes of an experiment without `jobs=`. None takes 1, which keeps memory
            flat, because workers are replaced now and then; or 0, this process, for a
            `tf.data.Dataset`, which cannot be sent to a worker.
        input_shape: Shape of one example, or a dict of shapes for several inputs; None for that of
            the training data.
        shuffle: As in `model.fit`: whether arrays, and the batches of a `PyDataset`, are shuffled
            before each epoch.
        class_weight: As in `model.fit`: the weight of each class in the loss, by its number.
        steps_per_epoch: As in `model.fit`: batches of training data in an epoch; required for
            generators and infinite datasets.
        validation_steps: As in `model.fit`: likewise for validation data.
        weighted_metrics: As in `model.compile`.
        loss_weights: As in `model.compile`.
        jit_compile: As in `model.compile`.
        steps_per_execution: As in `model.compile`.

    Returns from a call:
        The metrics of the best epoch, as `val_loss`; `parameters`, `flops`, and `epochs` trained.

    Raises:
        ExperimentError: A setting is invalid, or no metric selects the best epoch.
        CannotEvaluate: In a call, no architecture can be trained: the data cannot be made, their
            shape is unknown, Keras rejects a setting, or the monitor is not among the metrics.

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

    data: tuple[Data, Data] | Callable[[], tuple[Data, Data]] = field(repr=False)
    epochs: int = 10
    batch_size: int = 64
    optimizer: Any = "adam"
    loss: Any = "sparse_categorical_crossentropy"
    metrics: Sequence[Any] = ("accuracy",)
    monitor: str | None = None
    mode: Mode | None = None
    callbacks: Callable[..., Sequence[Any]] | None = None
    patience: int | None = None
    part: str | None = None
    save: bool = False
    jobs: int | None = None
    input_shape: InputShape | None = None
    shuffle: bool = True
    class_weight: Mapping[int, float] | None = None
    steps_per_epoch: int | None = None
    validation_steps: int | None = None
    weighted_metrics: Sequence[Any] | None = None
    loss_weights: Any = None
    jit_compile: bool | Literal["auto"] = "auto"
    steps_per_execution: int = 1
    _loaded: list[tuple[Data, Data]] = field(
        default_factory=list[tuple[Data, Data]], init=False, repr=False, compare=False
    )
    _checked: list[SearchSpace] = field(
        default_factory=list[SearchSpace], init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        for name in (
            *("epochs", "batch_size", "patience"),
            *("steps_per_epoch", "validation_steps", "steps_per_execution"),
        ):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ExperimentError(f"{name}={value}: give at least 1")
        if self.callbacks is not None:
            arguments_of(self.callbacks)
        if self.mode not in ("max", "min", None):
            raise ExperimentError(f"mode={self.mode!r}: give 'max', 'min' or None")
        for name in ("metrics", "weighted_metrics"):
            value = getattr(self, name)
            if isinstance(value, str):
                raise ExperimentError(f"{name}={value!r}: give a list, as [{value!r}]")
        for thing in (self.optimizer, self.loss, self.metrics, self.weighted_metrics):
            check_configuration(thing)
        if not callable(self.data):
            check_data(self.data)
        if self.jobs is None:
            object.__setattr__(self, "jobs", 0 if self._has_dataset else 1)

    def __getstate__(self) -> Mapping[str, Any]:
        if self._has_dataset:
            raise ExperimentError(
                "a tf.data.Dataset cannot be sent to a worker process: give a function that "
                "makes the data, as KerasEvaluator(make_data), or run with jobs=0"
            )
        return {**self.__dict__, "_loaded": [], "_checked": []}

    @property
    def _has_dataset(self) -> bool:
        """Whether data are a dataset of TensorFlow, and no function that makes one."""
        return not callable(self.data) and any(hasattr(part, "element_spec") for part in self.data)

    def check_experiment(self, space: SearchSpace, objectives: Sequence[Objective]) -> None:
        """Raise an error, before the first trial, for what is wrong for every architecture.

        Layers and settings are checked here if Keras is imported, or else in the first worker.

        Args:
            space: The space.
            objectives: The objectives of the experiment.

        Raises:
            ExperimentError: No metric selects the best epoch, or Keras does not know a setting.
            UnknownLayer: Keras does not know a layer of the space, or a setting of it.
        """
        monitored(self.monitor, self.mode, objectives)
        if "keras" in sys.modules:
            self._check_names(space)

    def __call__(self, architecture: Architecture, trial: ActiveTrial) -> dict[str, float]:
        """Train one architecture; see the class."""
        keras = _keras()
        from .keras_training import Reporting, seed_all

        policy = keras.config.dtype_policy()
        try:
            with _ending_the_search():
                self._check_names(architecture.space)
                best = self._best_epoch(trial.objectives)
                seed_all(trial.seed)
                opened = self._opened(*self._data())
                _check_inputs(opened.shape, architecture.graph(self.part).input_names)
            cost = architecture.cost(opened.shape, self.part)
            size = {"parameters": float(cost.parameters), "flops": float(cost.flops)}
            callbacks = [best, Reporting(trial, size)]
            epochs = self.epochs if trial.budget is None else max(round(trial.budget), 1)
            model, trained = self._fit(architecture, opened, epochs, trial, callbacks)
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
        train: Data = None,
        validation: Data = None,
        epochs: int | None = None,
        seed: int = 0,
        directory: Path | str = "trained",
    ) -> Any:
        """Train an architecture from scratch, for example after a search.

        Args:
            architecture: What to train.
            train: Training data of any form that `data=` may have; the evaluator's own if None.
            validation: Selects the best epoch by `monitor`, whose weights are restored; None keeps
                the weights of the last epoch.
            epochs: Number of epochs; the evaluator's own if None.
            seed: Seed of weights and batches.
            directory: The `trial.directory` of callbacks, made when they ask for it.

        Returns:
            The trained `keras.Model`.

        Raises:
            ExperimentError: There are validation data, but no `monitor`.
        """
        _keras()
        from .keras_training import seed_all

        best = None
        if validation is not None:
            check_part(validation, "validation")
            best = self._best_epoch(())
        if train is not None:
            check_part(train, "training")
        seed_all(seed)
        opened = self._opened(self._data()[0] if train is None else train, validation)
        trial = ActiveTrial(
            Task(0, architecture, seed, Path(directory)), lambda number, step: False
        )
        callbacks = [] if best is None else [best]
        model, _ = self._fit(architecture, opened, epochs or self.epochs, trial, callbacks)
        if best is not None:
            best.restore()
        return model

    def _best_epoch(self, objectives: Sequence[Objective]) -> "BestEpoch":
        """Return the callback that selects the best epoch under these objectives."""
        from .keras_training import BestEpoch

        return BestEpoch(*monitored(self.monitor, self.mode, objectives), self.patience)

    def _check_names(self, space: Any) -> None:
        """Check, once for each space, the names that Keras must know."""
        from ..spaces.keras import check_layers
        from .keras_training import check_names

        if not any(space is known for known in self._checked):
            check_names(optimizer=self.optimizer, loss=self.loss, metric=self.metrics)
            check_layers(space, self.part)
            self._checked.append(space)

    def _data(self) -> tuple[Data, Data]:
        if not self._loaded:
            self._loaded.append(load(self.data))
        return self._loaded[0]

    def _opened(self, train: Data, validation: Data) -> "_Opened":
        """Return the data of one training, with the shape of an example."""
        made = open_part(train, "training", self.steps_per_epoch, "steps_per_epoch")
        if validation is not None:
            steps = self.validation_steps
            validation = open_part(validation, "validation", steps, "validation_steps")
        if self.input_shape is not None:
            shape = self.input_shape
            shape = shape if isinstance(shape, Mapping) else tuple(shape)
            return _Opened(made, validation, shape, None)
        made, shape, name = example_shape(made)
        return _Opened(made, validation, shape, name)

    def _fit(
        self,
        architecture: Architecture,
        opened: "_Opened",
        epochs: int,
        trial: ActiveTrial,
        callbacks: Sequence[Any],
    ) -> tuple[Any, int]:
        """Train; return the model and the number of epochs."""
        from ..spaces.keras import build
        from .keras_training import seed_all

        seed_all(trial.seed)
        name, graph = f"architecture_{architecture.key}", architecture.graph(self.part)
        model = build(graph, opened.shape, name, opened.input_name)
        self._compile(model, architecture)
        users = self._callbacks(epochs, trial, architecture)
        fitted = model.fit(
            **fit_arguments(opened.train, self.batch_size, self.shuffle),
            epochs=epochs,
            validation_data=opened.validation,
            callbacks=[*users, *callbacks],  # theirs first: they may add metrics, exchange weights
            class_weight=None if self.class_weight is None else dict(self.class_weight),
            steps_per_epoch=self.steps_per_epoch,
            validation_steps=self.validation_steps,
            verbose=0,
        )
        return model, len(fitted.epoch)

    def _compile(self, model: Any, architecture: Architecture) -> None:
        is_fixed = not callable(self.optimizer)
        optimizer = fresh_copy(self.optimizer) if is_fixed else self.optimizer(architecture)
        try:
            model.compile(
                optimizer=optimizer,
                loss=fresh_copy(self.loss),
                loss_weights=self.loss_weights,
                metrics=fresh_copy(self.metrics),
                weighted_metrics=fresh_copy(self.weighted_metrics),
                jit_compile=self.jit_compile,
                steps_per_execution=self.steps_per_execution,
            )
        except Exception as error:
            if not is_fixed:
                raise
            raise CannotEvaluate(
                f"model.compile rejects the settings of KerasEvaluator ({type(error).__name__}: "
                f"{error}): fix optimizer, loss, metrics or what goes with them"
            ) from error

    def _callbacks(
        self, epochs: int, trial: ActiveTrial, architecture: Architecture
    ) -> Sequence[Any]:
        if self.callbacks is None:
            return []
        given = (epochs, trial, architecture)
        return self.callbacks(*given[: arguments_of(self.callbacks)])


def _check_inputs(shape: InputShape, names: Sequence[str]) -> None:
    """Check that the inputs of the data are those of the network."""
    if isinstance(shape, Mapping) and shape.keys() != set(names):
        wanted = f"the inputs {', '.join(names)}" if names else "one input"
        raise BuildError(
            f"the data have the inputs {', '.join(shape)}, and the network has {wanted}: give the "
            "data and the space's Network the same names"
        )


class _Opened(NamedTuple):
    """Data of one training.

    Attributes:
        train: Training data, as `model.fit` takes them.
        validation: Validation data; None without.
        shape: Shape of one example, or of each input.
        input_name: The key of the inputs, if they are a dict.
    """

    train: Any
    validation: Any
    shape: InputShape
    input_name: str | None


@contextmanager
def _ending_the_search() -> Generator[None]:
    """Turn errors of the settings or data into such that end the search."""
    try:
        yield
    except CannotEvaluate:
        raise
    except (ExperimentError, BuildError) as error:
        raise CannotEvaluate(str(error)) from error


def _keras() -> Any:
    try:
        import keras
    except ImportError as error:
        raise MissingExtra("keras", "tensorflow", "KerasEvaluator") from error
    return keras
