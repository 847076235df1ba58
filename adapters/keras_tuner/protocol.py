# pyright: basic
# Keras Tuner ships no types.
"""Messages between a worker and its chief, encoded in the arguments of `Oracle.update_trial`.

Keras Tuner's gRPC service carries a number `step` and a dict of metrics to the chief, and a trial
back; nothing else passes between them. The kind of a message is therefore encoded in both:

| message | metrics | step |
|---|---|---|
| `TrialBegins` | none | -1 |
| `EpochEnds` | those of the epoch | the epoch, counted from 0 |
| `TrialResult` | those of the best epoch | the complement of the best epoch: -1, -2, ... |

The answer is the trial; its status "STOPPED" asks the worker to end the training.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from keras_tuner.engine.trial import Trial as Row
from keras_tuner.engine.trial import TrialStatus

__all__ = [
    "EpochEnds",
    "Message",
    "TrialBegins",
    "TrialResult",
    "decode",
    "encode",
    "is_stop",
    "stop",
]


@dataclass(frozen=True)
class TrialBegins:
    """A worker begins a trial; reports of an interrupted run are to be dropped."""


@dataclass(frozen=True)
class EpochEnds:
    """An epoch has ended.

    Attributes:
        metrics: The metrics of the epoch.
        epoch: Its number, at least 0.
    """

    metrics: Mapping[str, float]
    epoch: int


@dataclass(frozen=True)
class TrialResult:
    """A trial has a result, which determines its score.

    Attributes:
        metrics: The metrics of the best epoch; at least one.
        best_epoch: Its number, at least 0.
    """

    metrics: Mapping[str, float]
    best_epoch: int


Message: TypeAlias = TrialBegins | EpochEnds | TrialResult


def encode(message: Message) -> tuple[dict[str, float], int]:
    """Return the arguments `metrics` and `step` of `update_trial`.

    Raises:
        ValueError: The message is ambiguous: an epoch below 0, or a result without metrics.
    """
    match message:
        case TrialBegins():
            return {}, -1
        case EpochEnds(metrics, epoch) if epoch >= 0:
            return dict(metrics), epoch
        case TrialResult(metrics, epoch) if epoch >= 0 and metrics:
            return dict(metrics), ~epoch
        case _:
            raise ValueError(f"{message} cannot be sent: give an epoch of at least 0, and metrics")


def decode(metrics: Mapping[str, float], step: int) -> Message:
    """Return the message that the arguments of `update_trial` stand for."""
    if step >= 0:
        return EpochEnds(dict(metrics), int(step))
    return TrialResult(dict(metrics), ~int(step)) if metrics else TrialBegins()


def stop(row: Row) -> Row:
    """Return a copy of a trial that asks its worker to end the training."""
    answer = copy.copy(row)
    answer.status = TrialStatus.STOPPED
    return answer


def is_stop(answer: Row) -> bool:
    """Return whether an answer asks the worker to end the training."""
    return bool(answer.status == TrialStatus.STOPPED)
