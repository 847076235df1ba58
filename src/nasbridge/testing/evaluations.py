"""Evaluation functions of the conformance suite: deterministic, and without any training.

They are at module top level, so that worker processes can import them.
"""

import math
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

from ..engine import ActiveTrial, CannotEvaluate
from ..spaces import Architecture, Label
from ..spaces.hashing import digest

__all__ = [
    "INVALID_RESULTS",
    "WAIT_AT",
    "Waiting",
    "evaluate",
    "evaluate_curve",
    "evaluate_given",
    "evaluate_invalid",
    "evaluate_never",
    "evaluate_or_die",
    "evaluate_or_fail",
    "evaluate_slowly",
    "evaluate_variously",
    "evaluate_waiting",
    "evaluate_without_data",
    "fate",
    "score",
    "weight",
]

WAIT_AT = 7  # the number of the trial in which `evaluate_waiting` waits
WAIT_SECONDS = 600  # longer than any test


def weight(name: str, label: Label) -> float:
    """Return a pseudo-random number from 0 to 1 that depends on nothing but the arguments.

    Args:
        name: The name of a decision.
        label: The chosen label or number.
    """
    return int(digest([name, label]), 16) / 16.0**16


def score(architecture: Architecture) -> dict[str, float]:
    """Return the expected metrics of an architecture.

    Returns:
        "score", the sum of the weights of all choices, and "size", their number.

    Example:
        >>> from nasbridge import testing
        >>> architecture = testing.few().architecture({"depth": 1, "op.0": "relu"})
        >>> testing.score(architecture)["size"]
        2.0
    """
    weights = [weight(name, label) for name, label in architecture.choices.items()]
    return {"score": sum(weights), "size": float(len(weights))}


def fate(architecture: Architecture) -> str:
    """Return "failed" for a third of all architectures, and "complete" for the others."""
    return "failed" if weight("fate", architecture.key) < 1 / 3 else "complete"


def evaluate(architecture: Architecture, trial: ActiveTrial) -> dict[str, float]:
    """Return the score."""
    return score(architecture)


def evaluate_curve(architecture: Architecture, trial: ActiveTrial) -> dict[str, float]:
    """Report a third, two thirds and all of the score in steps 1 to 3, then return it."""
    metrics = score(architecture)
    for step in (1, 2, 3):
        trial.report(step, score=metrics["score"] * step / 3, size=metrics["size"])
    return metrics


def evaluate_or_fail(architecture: Architecture, trial: ActiveTrial) -> dict[str, float]:
    """Raise `MemoryError` where the fate is "failed"."""
    if fate(architecture) == "failed":
        raise MemoryError(f"no memory for {architecture.key}")
    return score(architecture)


def evaluate_variously(architecture: Architecture, trial: ActiveTrial) -> dict[str, float]:
    """Raise `MemoryError` where the fate is "failed", and report three steps elsewhere."""
    evaluate_or_fail(architecture, trial)
    return evaluate_curve(architecture, trial)


def evaluate_without_data(architecture: Architecture, trial: ActiveTrial) -> dict[str, float]:
    """Raise `CannotEvaluate`."""
    raise CannotEvaluate("there are no data")


def evaluate_or_die(architecture: Architecture, trial: ActiveTrial) -> dict[str, float]:
    """Kill this process where the fate is "failed", as the kernel does without memory."""
    if fate(architecture) == "failed":
        os.kill(os.getpid(), signal.SIGKILL)
    return score(architecture)


def evaluate_never(architecture: Architecture, trial: ActiveTrial) -> dict[str, float]:
    """Raise `RuntimeError`."""
    raise RuntimeError("always")


def evaluate_slowly(architecture: Architecture, trial: ActiveTrial) -> dict[str, float]:
    """Return the score after 0.05 seconds."""
    time.sleep(0.05)
    return score(architecture)


@final
@dataclass(frozen=True)
class Waiting:
    """An evaluation that blocks in one trial until it is killed; a repetition does not block.

    The file `reached` in the trial's directory marks that it blocks; see `kill_in_a_trial`.

    Attributes:
        at: Number of the trial in which it blocks.
        then: The evaluation of all other trials, and of the repetition.
    """

    at: int
    then: Callable[[Architecture, ActiveTrial], dict[str, float]] = evaluate

    def __call__(self, architecture: Architecture, trial: ActiveTrial) -> dict[str, float]:
        """Evaluate, or block."""
        if trial.number == self.at:
            reached = trial.directory / "reached"
            if not reached.exists():
                reached.write_text(str(os.getpid()))
                time.sleep(WAIT_SECONDS)
        return self.then(architecture, trial)


evaluate_waiting = Waiting(WAIT_AT)


def evaluate_given(architecture: Architecture, trial: ActiveTrial) -> dict[str, float]:
    """Return the seed, the budget and the number of the trial as metrics."""
    assert trial.budget is not None
    return {"score": trial.seed / 2**32, "budget": trial.budget, "number": float(trial.number)}


INVALID_RESULTS: tuple[Any, ...] = (
    None,
    math.nan,
    "good",
    {},
    {"score": "good"},
    {"score": math.inf},
    {"value": 1.0},
)
"""Return values that make a trial fail where "score" is the objective."""


def evaluate_invalid(architecture: Architecture, trial: ActiveTrial) -> Any:
    """Return the invalid results one after the other, then scores."""
    if trial.number < len(INVALID_RESULTS):
        return INVALID_RESULTS[trial.number]
    return score(architecture)
