"""What the conformance suite works with: strategies, spaces, evaluations, and the bare loop.

Everything here is at the top level of a module, so that worker processes find it.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from .. import strategies
from ..spaces import (
    Architecture,
    Cell,
    Chain,
    Choice,
    Integer,
    Label,
    Real,
    Repeat,
    Searchable,
    Space,
    Zero,
    layer,
)
from ..spaces._canonical import digest
from ..strategies import Search, SpaceExhausted, Step, Strategy, Trial
from ._drive import Experimental, pruned_by
from ._evaluation import ActiveTrial, Task, evaluate_task, trial_seed

__all__ = [
    "SPACES",
    "STRATEGIES",
    "bare_loop",
    "evaluate",
    "evaluate_curve",
    "evaluate_or_die",
    "evaluate_or_fail",
    "evaluate_slowly",
    "evaluate_waiting",
    "few",
    "strategy",
    "weight",
]

STRATEGIES: Mapping[str, Mapping[str, Any]] = {
    "GridSearch": {"points": 3},
    "RandomSearch": {},
    "RegularizedEvolution": {"population": 8, "sample": 3},
}
"""Every strategy with settings for a few dozen trials: a strategy joins the suite by one line."""

WAIT_AT = 7  # the number of the trial in which `evaluate_waiting` waits
PATIENCE = 600  # seconds; longer than any test


def strategy(name: str) -> Strategy[Any]:
    """Return a strategy of the table."""
    made: Strategy[Any] = getattr(strategies, name)(**STRATEGIES[name])
    return made


# ---------------------------------------------------------------------- spaces


def flat() -> Space:
    """Return plain values of every kind, as users have them who build their model themselves."""
    return Space(
        {
            "width": Choice([16, 32, 64, 128]),
            "kernel": Choice([(3, 3), (5, 5)]),
            "layers": Integer(1, 6),
            "rate": Real(1e-4, 1e-1, log=True),
        }
    )


def chain() -> Chain:
    """Return a chain of a depth to be chosen, with decisions that are active now and then."""
    convolution = layer("Conv2D", filters=8, kernel_size=Choice([1, 3, 5]), padding="same")
    pooling = layer("MaxPooling2D", pool_size=3, strides=1, padding="same")
    operation = Choice({"conv": convolution, "pool": pooling, "skip": layer("Identity")}, name="op")
    return Chain(
        layer("Conv2D", filters=Choice([8, 16, 32], name="width"), kernel_size=3, padding="same"),
        Repeat(operation, times=Integer(1, 3, name="depth")),
        layer("GlobalAveragePooling2D"),
        layer("Dense", units=10),
    )


def cell() -> Chain:
    """Return a network around a cell with many twins."""
    operations = {
        "none": Zero(),
        "skip": layer("Identity"),
        "conv1": layer("Conv2D", filters=8, kernel_size=1, padding="same"),
        "conv3": layer("Conv2D", filters=8, kernel_size=3, padding="same"),
    }
    return Chain(Cell(operations, nodes=3), layer("GlobalAveragePooling2D"))


def few() -> Chain:
    """Return a space so small that it can be used up: 14 architectures, some of them twins."""
    operation = Choice({"relu": layer("ReLU"), "skip": layer("Identity")}, name="op")
    return Chain(Repeat(operation, times=Integer(1, 3, name="depth")), layer("Dense", units=2))


SPACES: Mapping[str, Callable[[], Searchable]] = {"cell": cell, "chain": chain, "flat": flat}
"""Spaces that every backend searches."""


# ---------------------------------------------------------------------- evaluations


def weight(name: str, label: Label) -> float:
    """Return what a decision adds to the score when it is taken so: from 0 to 1, any old how."""
    return int(digest([name, label]), 16) / 16.0**16


def evaluate(architecture: Architecture, trial: ActiveTrial) -> dict[str, float]:
    """Score an architecture by the sum of its decisions' weights; its size is their number."""
    weights = [weight(name, label) for name, label in architecture.choices.items()]
    return {"score": sum(weights), "size": float(len(weights))}


def evaluate_curve(architecture: Architecture, trial: ActiveTrial) -> dict[str, float]:
    """Approach the score in three steps, reporting each."""
    metrics = evaluate(architecture, trial)
    for step in (1, 2, 3):
        trial.report(step, score=metrics["score"] * step / 3, size=metrics["size"])
    return metrics


def evaluate_or_fail(architecture: Architecture, trial: ActiveTrial) -> dict[str, float]:
    """Fail for about a third of all architectures, always for the same ones."""
    if weight("fails", architecture.key) < 1 / 3:
        raise MemoryError(f"no memory for {architecture.key}")
    return evaluate(architecture, trial)


def evaluate_or_die(architecture: Architecture, trial: ActiveTrial) -> dict[str, float]:
    """End the own process for about a third of all architectures, as a lack of memory does."""
    if weight("dies", architecture.key) < 1 / 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return evaluate(architecture, trial)


def evaluate_slowly(architecture: Architecture, trial: ActiveTrial) -> dict[str, float]:
    """Take a moment."""
    time.sleep(0.05)
    return evaluate(architecture, trial)


def evaluate_waiting(architecture: Architecture, trial: ActiveTrial) -> dict[str, float]:
    """In trial `WAIT_AT`, the first time that it runs, wait to be killed."""
    if trial.number == WAIT_AT:
        reached = trial.directory / "reached"
        if not reached.exists():
            reached.touch()
            time.sleep(PATIENCE)
    return evaluate(architecture, trial)


# ---------------------------------------------------------------------- what all must agree with


def bare_loop(experiment: Experimental) -> Iterator[Trial]:
    """Run an experiment with nothing but a `Search`: what every backend must agree with.

    Args:
        experiment: The experiment; the number of its trials must be limited.

    Yields:
        The trials, in order.
    """
    objectives, trials = experiment.objectives, list[Trial]()
    search = Search(experiment.strategy, experiment.space, objectives, experiment.seed)

    def report(number: int, step: Step) -> bool:
        curve.append(step)
        running = Trial(number, architecture, curve=tuple(curve))
        return pruned_by(experiment.pruner, running, trials, objectives)

    with TemporaryDirectory() as place:
        for number in range(experiment.trials or 0):
            try:
                architecture, curve = search.ask(number), list[Step]()
            except SpaceExhausted:
                return
            seed = trial_seed(experiment.seed, number)
            task = Task(number, architecture, seed, Path(place), experiment.budget)
            made = evaluate_task(experiment.evaluate, task, objectives, report)
            trials.append(
                Trial(number, architecture, made.state, made.values, made.curve, notes=made.notes)
            )
            search.tell(trials[-1])
            yield trials[-1]
