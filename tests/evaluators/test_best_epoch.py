# pyright: basic
"""The best epoch of a training, and early stopping (Keras)."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy
import pytest

from nasbridge import ExperimentError, KerasEvaluator
from nasbridge.evaluators.keras_training import BestEpoch
from nasbridge.strategies import objectives_from

DATA = (numpy.eye(3, dtype="float32"), numpy.arange(3))

Script = Mapping[str, Sequence[float]]
"""Metrics of each epoch, by name."""


def best_epoch(objectives: Mapping[str, str], **settings: Any) -> BestEpoch:
    return KerasEvaluator((DATA, DATA), **settings)._best_epoch(objectives_from(objectives))


NAMES = ["accuracy", "mae", "mse", "kl_divergence", "RootMeanSquaredError", "AUC"]


@pytest.fixture(scope="module")
def model() -> Any:
    """A fitted model with many metrics."""
    x, y = DATA
    model: Any = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(3, "softmax")])
    model.compile("sgd", "categorical_crossentropy", metrics=[*NAMES, own_metric])
    model.fit(x, numpy.eye(3)[y], verbose=0)
    return model


def own_metric(targets: Any, predictions: Any) -> Any:
    return keras.ops.mean(keras.ops.abs(targets - predictions))


def epochs_of(model: Any, best: BestEpoch, script: Script) -> Sequence[Mapping[str, float]]:
    """Pass the script to the callback until it stops; return the metrics that it received."""
    best.set_model(model)
    model.stop_training = False
    received: list[Mapping[str, float]] = []
    for epoch, metrics in enumerate(zip(*script.values(), strict=True)):
        if not model.stop_training:
            model.set_weights([numpy.full_like(w, epoch) for w in model.get_weights()])
            received.append(dict(zip(script, metrics, strict=True)))
            best.on_epoch_end(epoch, received[-1])
    best.restore()
    return received


def best_of(model: Any, monitor: str, script: Sequence[float], mode: Any = None) -> int:
    """Return the epoch whose weights are restored, which must be that of the metrics."""
    best = BestEpoch(monitor, mode, patience=None)
    epochs_of(model, best, {monitor: script, "number": range(len(script))})
    assert {w.ravel()[0] for w in model.get_weights()} == {best.metrics["number"]}
    return int(best.metrics["number"])


FALLING = ["loss", "mae", "mse", "kl_divergence", "RootMeanSquaredError"]
RISING = ["accuracy", "AUC"]


@pytest.mark.parametrize("name", [*FALLING, *RISING])
@pytest.mark.parametrize(
    ("script", "lowest", "highest"),
    [
        ([0.5, 0.2, 0.9, 0.4], 1, 2),
        ([0.2, 0.9, 0.9, 0.2], 0, 1),  # the first of equal epochs
        ([math.nan, 0.5, 0.2, 0.9], 2, 3),
        ([math.nan, 0.5], 1, 1),
        ([0.5, math.nan, 0.5], 0, 0),
        ([math.inf, 0.5, 0.6], 1, 2),
        ([-math.inf, 0.5, 0.6], 1, 2),
        ([0.5, math.inf, -math.inf], 0, 0),
        ([math.nan, math.inf, math.nan], 0, 0),
    ],
)
def test_the_best_epoch_is_the_lowest_or_the_highest_finite_one(
    model: Any, name: str, script: Sequence[float], lowest: int, highest: int
) -> None:
    assert best_of(model, f"val_{name}", script) == (lowest if name in FALLING else highest)
    assert best_of(model, f"val_{name}", script, "min") == lowest
    assert best_of(model, f"val_{name}", script, "max") == highest


def test_a_metric_of_unknown_direction_is_rejected(model: Any) -> None:
    with pytest.raises(ExperimentError, match="'val_own_metric' should rise or fall is not known"):
        best_of(model, "val_own_metric", [1])
    assert best_of(model, "val_own_metric", [1, 0, 2], "min") == 1


SCRIPT: Script = {
    "val_accuracy": [0.9, 0.9, 0.5],
    "val_loss": [0.3, 0.2, 0.4],
    "val_own": [1, 2, 3],
}


@pytest.mark.parametrize(
    ("settings", "objectives", "best"),
    [
        ({}, {"val_accuracy": "max"}, 1),
        ({}, {"val_loss": "min"}, 2),  # all epochs up to here are equally accurate
        ({}, {"parameters": "min", "val_loss": "min", "val_accuracy": "max"}, 2),
        ({}, {"val_own": "max"}, 3),  # Keras does not know the direction; the objective gives it
        ({}, {"val_own": "min"}, 1),
        ({"monitor": "val_accuracy"}, {"val_loss": "min", "val_accuracy": "max"}, 1),
        ({"monitor": "val_loss"}, {"parameters": "min"}, 2),
        ({"monitor": "val_accuracy", "mode": "max"}, {"val_loss": "min"}, 1),
        ({"monitor": "val_accuracy", "mode": "min"}, {"val_loss": "min"}, 3),
    ],
)
def test_the_objective_is_the_default_monitor(
    model: Any, settings: Any, objectives: Any, best: int
) -> None:
    callback = best_epoch(objectives, **settings)
    epochs_of(model, callback, SCRIPT)
    assert callback.metrics["val_own"] == best


@pytest.mark.parametrize(
    ("settings", "objectives", "message"),
    [
        ({}, {"parameters": "min"}, r"no objective of \['parameters'\] .* monitor='val_acc"),
        (
            {"monitor": "val_accuracy"},
            {"val_loss": "min"},
            "but 'val_loss' is the objective: omit",
        ),
        (
            {"mode": "min"},
            {"val_accuracy": "max"},
            "mode='min', but the objective 'val_accuracy' has .* 'max'",
        ),
        ({}, {"val_f1": "max"}, r"'val_f1' is not among the metrics \['val_acc.*: give KerasEv"),
        ({"monitor": "val_own"}, {"flops": "min"}, "'val_own' should rise or fall is not known"),
    ],
)
def test_an_ambiguous_monitor_is_rejected(
    model: Any, settings: Any, objectives: Any, message: str
) -> None:
    with pytest.raises(ExperimentError, match=message):
        epochs_of(model, best_epoch(objectives, **settings), SCRIPT)


@pytest.mark.parametrize(
    ("script", "patience", "epochs"),
    [
        ([0.5, 0.6, 0.6, 0.5, 0.9, 0.9], 2, 4),
        ([0.5, 0.6, 0.6, 0.5, 0.9, 0.9], 3, 6),
        ([0.5, 0.6, 0.7, 0.8, 0.7, 0.9], 1, 5),
        ([math.nan, 0.6, 0.7, 0.7, 0.7, 0.9], 2, 5),
        ([0.5, 0.4, 0.3, 0.2, 0.1, 0.0], None, 6),
    ],
)
def test_patience_ends_a_training_that_does_not_improve(
    model: Any, script: Sequence[float], patience: int | None, epochs: int
) -> None:
    best = best_epoch({"val_accuracy": "max"}, patience=patience)
    assert len(epochs_of(model, best, {"val_accuracy": script})) == epochs
    assert best.metrics["val_accuracy"] == numpy.nanmax(script[:epochs])
