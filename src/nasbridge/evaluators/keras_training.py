# pyright: basic
"""What a training needs of Keras: seeds, names, and callbacks that report every epoch."""

import math
import sys
from collections.abc import Iterator, Mapping
from typing import Any, final

import keras

from ..engine import ActiveTrial, CannotEvaluate, ExperimentError
from ..spaces.keras import unknown_name
from .monitor import Mode

__all__ = ["BestEpoch", "Reporting", "check_names", "seed_all"]

SHORT_METRICS = ("acc", "accuracy", "ce", "crossentropy")  # their meaning depends on the targets


def seed_all(seed: int) -> None:
    """Seed Keras, Python, NumPy, and PyTorch, whose data loaders work under every Keras backend."""
    keras.utils.set_random_seed(seed)
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.manual_seed(seed)


def check_names(**settings: Any) -> None:
    """Raise an error for a name that Keras does not know.

    Args:
        **settings: Arguments of `model.compile` by kind, such as "loss".

    Raises:
        ExperimentError: There is no such optimizer, loss or metric.
    """
    for kind, value in settings.items():
        for name in _strings(value):
            problem = "" if name in SHORT_METRICS else unknown_name(kind, name)
            if problem:
                raise ExperimentError(f"{name!r} is {problem}")


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list | tuple):
        for part in value.values() if isinstance(value, Mapping) else value:
            yield from _strings(part)


@final
class BestEpoch(keras.callbacks.Callback):
    """Keeps the metrics and weights of the best epoch, and stops a training without progress.

    A value that is not finite is worse than any other; of equal epochs the first is the best.

    Args:
        monitor: The metric that selects the best epoch.
        mode: "max" or "min"; None asks Keras.
        patience: Epochs without improvement after which training stops; None never stops.

    Raises:
        CannotEvaluate: There is no such metric, or Keras does not know its mode.
    """

    def __init__(self, monitor: str, mode: Mode | None, patience: int | None) -> None:
        super().__init__()
        self._monitor, self._mode, self._patience = monitor, mode, patience
        self._epoch, self._value = -1, math.nan
        self._weights: list[Any] = []
        self.metrics: Mapping[str, float] = {}

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        metrics = _numbers(logs)
        if self._monitor not in metrics:
            raise CannotEvaluate(
                f"the objective or monitor {self._monitor!r} is not among the metrics "
                f"{sorted(metrics)}: give KerasEvaluator(..., monitor=...) and objectives= one of "
                "them, or add the metric to metrics="
            )
        self._mode = self._mode or mode_of(self._trained(), self._monitor)
        value = metrics[self._monitor]
        if self._epoch < 0 or self._is_better(value):
            self._epoch, self._value, self.metrics = epoch, value, metrics
            self._weights = self._trained().get_weights()
        elif self._patience is not None and epoch - self._epoch >= self._patience:
            self._trained().stop_training = True

    def restore(self) -> None:
        """Give the model the weights of the best epoch."""
        self._trained().set_weights(self._weights)

    def _is_better(self, value: float) -> bool:
        if not (math.isfinite(value) and math.isfinite(self._value)):
            return math.isfinite(value)
        return value > self._value if self._mode == "max" else value < self._value

    def _trained(self) -> Any:
        return self.model  # under JAX, asking for it writes the weights back


@final
class Reporting(keras.callbacks.Callback):
    """Reports every epoch to a trial, which may end the training.

    Args:
        trial: The trial.
        size: Metrics that are the same in every epoch.
    """

    def __init__(self, trial: ActiveTrial, size: Mapping[str, float]) -> None:
        super().__init__()
        self._trial, self._size = trial, size

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        self._trial.report(epoch + 1, **{**_numbers(logs), **self._size})


def mode_of(model: Any, metric: str) -> Mode:
    """Return whether a metric should rise or fall, as far as Keras knows.

    Args:
        model: The model, after a first epoch.
        metric: The metric's name, with or without "val_".

    Raises:
        CannotEvaluate: Keras does not know it.
    """
    name = metric.removeprefix("val_")
    if name == "loss":
        return "min"
    for group in model.metrics:  # those of `compile` are a group
        for known in getattr(group, "metrics", [group]):
            direction = getattr(known, "_direction", None)
            if known.name == name and direction is not None:
                return "max" if direction == "up" else "min"
    raise CannotEvaluate(
        f"whether monitor={metric!r} should rise or fall is not known: give "
        "KerasEvaluator(..., mode='max') or mode='min'"
    )


def _numbers(logs: Mapping[str, Any] | None) -> dict[str, float]:
    numbers: dict[str, float] = {}
    for name, value in (logs or {}).items():
        try:
            numbers[name] = float(value)
        except (TypeError, ValueError) as error:
            raise CannotEvaluate(
                f"the metric {name!r} is {value!r}: give a metric of one number, as with "
                "average='macro'"
            ) from error
    return numbers
