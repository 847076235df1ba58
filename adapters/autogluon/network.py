# pyright: basic
# Keras ships no types.
"""Building and training the network of an architecture for tables."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, final

import keras
import numpy
from numpy.typing import NDArray

from ...engine.errors import BackendError
from ...spaces import Architecture, Graph, Operation, Vertex
from ...spaces.keras import build, check_layers
from .table import TableEncoder, TargetEncoder

__all__ = ["Training", "check_layers", "network", "outputs", "train"]

Array = NDArray[Any]
CLOCK_STEPS = 20  # steps between two checks of the time
LATE = 1.2  # ratio of elapsed time to finished epochs above which the clock sets the schedule
CHUNK = 8192  # rows of one prediction


def network(
    architecture: Architecture, table: TableEncoder, target: TargetEncoder, embedding: int
) -> Any:
    """Build the model of an architecture: inputs, embeddings of categories, network, head.

    Args:
        architecture: An architecture with a network. Its last dense layer gets the units and the
            activation that the target needs; without one, a dense layer is added.
        table: The encoder of tables.
        target: The encoder of the target.
        embedding: Width of the embedding of each category.

    Returns:
        A `keras.Model` with new weights.
    """
    inputs: dict[str, Any] = {}
    parts: list[Any] = []
    if table.width:
        inputs["numbers"] = keras.Input((table.width,), name="numbers")
        parts.append(inputs["numbers"])
    if table.embedded:
        inputs["codes"] = keras.Input((table.embedded,), dtype="int32", name="codes")
        # small beside the numbers of size 1, so rare categories have little effect
        start: Any = keras.initializers.RandomNormal(stddev=0.1)
        embedded = keras.layers.Embedding(table.vocabulary, embedding, start)(inputs["codes"])
        parts.append(keras.layers.Flatten()(embedded))
    joined = parts[0] if len(parts) == 1 else keras.layers.Concatenate()(parts)
    graph = with_head(architecture.graph(), target.units, target.activation)
    body = build(graph, (int(joined.shape[-1]),))
    return keras.Model(inputs, body(joined))


def with_head(graph: Graph, units: int, activation: str) -> Graph:
    """Return a graph that ends in a dense layer with these units and this activation."""
    if not graph.is_plain:
        raise BackendError(
            "the space has named inputs or outputs, but AutoGluon passes one table and expects one "
            "prediction: use a space with one input and one output"
        )
    vertices, last = list(graph.vertices), graph.output
    while vertices[last].operation.name in ("Activation", "Softmax"):
        (last,) = vertices[last].inputs  # the head has its own activation
    wanted = {"units": units, "activation": activation}
    found = vertices[last].operation
    if found.name == "Dense":
        vertices[last] = replace(
            vertices[last], operation=replace(found, config={**found.config, **wanted})
        )
        return Graph(tuple(vertices), last)
    vertices.append(Vertex(Operation("Dense", wanted), (graph.output,), "head"))
    return Graph(tuple(vertices), len(vertices) - 1)


def outputs(model: Any, inputs: Mapping[str, Array]) -> Array:
    """Return a model's outputs for arrays; unlike `predict`, this leaves no memory behind."""
    rows = len(next(iter(inputs.values())))
    chunks: list[Any] = [
        model({name: part[k : k + CHUNK] for name, part in inputs.items()}, training=False)
        for k in range(0, rows, CHUNK)
    ]
    made: list[Any] = [keras.ops.convert_to_numpy(chunk) for chunk in chunks]
    return numpy.concatenate(made)


@dataclass(frozen=True)
class Training:
    """Settings of a training.

    Attributes:
        epochs: Maximum number of epochs.
        patience: Epochs without a better score after which training stops.
        batch_size: Examples of one step.
        optimizer: A name of Keras.
        learning_rate: Initial learning rate. It falls to a tenth along a cosine, over the epochs,
            or over the time where that is shorter.
        weight_decay: Weight decay of the optimizer; 0 for none.
        deadline: Training stops at this time of `time.monotonic`.
        horizon: Epochs of the cosine; 0 for the maximum number.
    """

    epochs: int
    patience: int
    batch_size: int
    optimizer: str
    learning_rate: float
    weight_decay: float
    deadline: float = math.inf
    horizon: float = 0.0


def train(
    model: Any,
    inputs: Mapping[str, Array],
    target: Array,
    loss: str,
    weights: Array | None,
    score: Callable[[Any], float] | None,
    how: Training,
) -> tuple[int, float]:
    """Train a model, and restore the weights of its best epoch.

    Args:
        model: The model.
        inputs: Arrays by name, of shape (rows, width).
        target: The target, with the same number of rows.
        loss: A name of Keras.
        weights: Weights of the rows, or None.
        score: Scores the model after each epoch, higher is better; None keeps the last epoch.
        how: All other settings.

    Returns:
        The best epoch, counted from 1, and the horizon with which a training of that many epochs
        has the same learning rates.

    Raises:
        FloatingPointError: The training diverged.
    """
    optimizer: Any = keras.optimizers.get(how.optimizer)
    optimizer.learning_rate = how.learning_rate
    if how.weight_decay:
        optimizer = type(optimizer).from_config(
            {**optimizer.get_config(), "weight_decay": how.weight_decay}
        )
    # under TensorFlow, XLA compiles small networks longer than they run
    compiled = "auto" if keras.backend.backend() == "jax" else False
    model.compile(optimizer, loss, jit_compile=compiled)
    watch = _Watch(score, how)
    model.fit(
        dict(inputs),
        target,
        sample_weight=weights,
        batch_size=how.batch_size,
        epochs=how.epochs,
        callbacks=[watch],
        verbose=0,
    )
    return watch.restore()


@final
class _Watch(keras.callbacks.Callback):
    """Scores each epoch, keeps the weights of the best one, and stops training in time."""

    def __init__(self, score: Callable[[Any], float] | None, how: Training) -> None:
        super().__init__()
        self._score, self._how = score, how
        self._horizon = self._kept = how.horizon or float(how.epochs)
        self._began, self._begun = time.monotonic(), 0
        self._by_clock = math.inf  # horizon where the time is shorter than the epochs
        self._best, self._epoch, self._weights = -math.inf, 0, list[Any]()

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        self._begun, self._by_clock = epoch, math.inf
        self._slow_down(epoch / self._horizon)

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        now = time.monotonic()
        if now > self._how.deadline:
            self._trained().stop_training = True  # within an epoch, which still counts
        if (batch + 1) % CLOCK_STEPS:
            return
        steps: Any = (self.params or {}).get("steps")  # None if Keras does not know it
        done = (self._begun + (batch + 1) / steps) / self._horizon if steps else 1.0
        spent = (now - self._began) / (self._how.deadline - self._began)
        if spent > LATE * done:  # otherwise results do not depend on the clock
            self._slow_down(spent)
            self._by_clock = (self._begun + 1) / min(spent, 1.0)

    def _slow_down(self, done: float) -> None:
        share = 0.1 + 0.9 * (1 + math.cos(math.pi * min(done, 1.0))) / 2
        self._trained().optimizer.learning_rate = self._how.learning_rate * share

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        model = self._trained()
        if not math.isfinite(float((logs or {}).get("loss", 0.0))):
            model.stop_training = True  # the loss stays NaN
            return
        score = 0.0 if self._score is None else self._score(model)
        if score > self._best or self._score is None:
            self._best, self._epoch, self._weights = score, epoch + 1, model.get_weights()
            self._kept = min(self._by_clock, self._horizon)
        elif epoch + 1 - self._epoch >= self._how.patience:
            model.stop_training = True
        now = time.monotonic()
        duration = (now - self._began) / (epoch + 1)
        if now + duration > self._how.deadline:
            model.stop_training = True

    def restore(self) -> tuple[int, float]:
        if not self._epoch:
            raise FloatingPointError(
                "the training diverged: the loss was NaN or infinite before any epoch was scored; "
                "reduce the learning rate"
            )
        self._trained().set_weights(self._weights)
        return self._epoch, self._kept

    def _trained(self) -> Any:
        return self.model  # under JAX, reading the property writes the weights back
