"""What the conformance suite works with: strategies, spaces, evaluations, and the bare loop.

Everything here is at the top level of a module, so that worker processes find it.
"""

import math
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar, final

from ..adapters.registry import backend
from ..engine.capabilities import Capabilities
from ..engine.driver import ExperimentSpec, Silent, pruned_by
from ..engine.evaluation import ActiveTrial, Task, evaluate_task, trial_seed
from ..engine.options import accepted_options, check_options
from ..spaces import (
    Architecture,
    Cell,
    Chain,
    Choice,
    Integer,
    Label,
    Real,
    Repeat,
    SearchSpace,
    Space,
    Zero,
    layer,
)
from ..spaces.hashing import digest
from ..strategies import History, Search, SpaceExhausted, Step, Trial
from .strategies import STRATEGIES, strategy

__all__ = [
    "ANSWERS",
    "BackendHarness",
    "CASES",
    "SPACES",
    "STRATEGIES",
    "WAIT_AT",
    "Waiting",
    "bare_loop",
    "cell",
    "chain",
    "comparable",
    "evaluate",
    "evaluate_curve",
    "evaluate_given",
    "evaluate_never",
    "evaluate_oddly",
    "evaluate_or_die",
    "evaluate_or_fail",
    "evaluate_slowly",
    "evaluate_variously",
    "evaluate_waiting",
    "fate",
    "few",
    "flat",
    "needs",
    "score",
    "strategy",
    "weight",
]

Test = TypeVar("Test", bound=Callable[..., None])
Fact = tuple[int, Mapping[str, object], str, Mapping[str, float]]

WAIT_AT = 7  # the number of the trial in which `evaluate_waiting` waits
PATIENCE = 600  # seconds; longer than any test


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
        "conv1": layer("Conv2D", filters=8, kernel_size=1, padding="same"),
        "conv3": layer("Conv2D", filters=8, kernel_size=3, padding="same"),
        "skip": layer("Identity"),
        "none": Zero(),
    }
    return Chain(Cell(operations, nodes=3), layer("GlobalAveragePooling2D"))


def few() -> Chain:
    """Return a space so small that it can be used up: 14 architectures, some of them twins."""
    operation = Choice({"relu": layer("ReLU"), "skip": layer("Identity")}, name="op")
    return Chain(Repeat(operation, times=Integer(1, 3, name="depth")), layer("Dense", units=2))


SPACES: Mapping[str, Callable[[], SearchSpace]] = {"cell": cell, "chain": chain, "flat": flat}
"""Spaces that every backend searches."""

CASES: tuple[tuple[str, str], ...] = (
    *((name, "chain") for name in STRATEGIES),
    *(
        (name, space)
        for name in ("BayesianOptimization", "RegularizedEvolution")
        for space in ("cell", "flat")
    ),
)
"""Strategies and spaces whose proposals are compared: all strategies, and all spaces."""


# ---------------------------------------------------------------------- evaluations


def weight(name: str, label: Label) -> float:
    """Return a number from 0 to 1 that looks random and is the same everywhere."""
    return int(digest([name, label]), 16) / 16.0**16


def score(architecture: Architecture) -> dict[str, float]:
    """Return the sum of the weights of an architecture's decisions, and their number as size."""
    weights = [weight(name, label) for name, label in architecture.choices.items()]
    return {"score": sum(weights), "size": float(len(weights))}


def fate(architecture: Architecture) -> str:
    """Return the state in which trials end that may fail: about a third of all do."""
    return "failed" if weight("fate", architecture.key) < 1 / 3 else "complete"


def evaluate(architecture: Architecture, trial: ActiveTrial) -> dict[str, float]:
    """Score an architecture."""
    return score(architecture)


def evaluate_curve(architecture: Architecture, trial: ActiveTrial) -> dict[str, float]:
    """Approach the score in three steps, reporting each."""
    metrics = score(architecture)
    for step in (1, 2, 3):
        trial.report(step, score=metrics["score"] * step / 3, size=metrics["size"])
    return metrics


def evaluate_or_fail(architecture: Architecture, trial: ActiveTrial) -> dict[str, float]:
    """Fail for some architectures, always for the same ones."""
    if fate(architecture) == "failed":
        raise MemoryError(f"no memory for {architecture.key}")
    return score(architecture)


def evaluate_variously(architecture: Architecture, trial: ActiveTrial) -> dict[str, float]:
    """Fail for some architectures, and report for the others."""
    evaluate_or_fail(architecture, trial)
    return evaluate_curve(architecture, trial)


def evaluate_or_die(architecture: Architecture, trial: ActiveTrial) -> dict[str, float]:
    """End the own process for some architectures, as a lack of memory does."""
    if fate(architecture) == "failed":
        os.kill(os.getpid(), signal.SIGKILL)
    return score(architecture)


def evaluate_never(architecture: Architecture, trial: ActiveTrial) -> dict[str, float]:
    """Fail."""
    raise RuntimeError("always")


def evaluate_slowly(architecture: Architecture, trial: ActiveTrial) -> dict[str, float]:
    """Take a moment."""
    time.sleep(0.05)
    return score(architecture)


@final
@dataclass(frozen=True)
class Waiting:
    """An evaluation that waits to be killed in one trial, the first time that this runs.

    Attributes:
        at: The number of the trial.
        then: What is evaluated.
    """

    at: int
    then: Callable[[Architecture, ActiveTrial], dict[str, float]] = evaluate

    def __call__(self, architecture: Architecture, trial: ActiveTrial) -> dict[str, float]:
        """Evaluate, or wait."""
        if trial.number == self.at:
            reached = trial.directory / "reached"
            if not reached.exists():
                reached.write_text(str(os.getpid()))
                time.sleep(PATIENCE)
        return self.then(architecture, trial)


evaluate_waiting = Waiting(WAIT_AT)


def evaluate_given(architecture: Architecture, trial: ActiveTrial) -> dict[str, float]:
    """Return what the trial has been given."""
    assert trial.budget is not None
    return {"score": trial.seed / 2**32, "budget": trial.budget, "number": float(trial.number)}


ANSWERS: tuple[Any, ...] = (
    None,
    math.nan,
    "good",
    {},
    {"score": "good"},
    {"score": math.inf},
    {"value": 1.0},
)
"""What no `evaluate` should return."""


def evaluate_oddly(architecture: Architecture, trial: ActiveTrial) -> Any:
    """Return the answers without meaning, one after the other, then one with."""
    return ANSWERS[trial.number] if trial.number < len(ANSWERS) else score(architecture)


# ---------------------------------------------------------------------- what all must agree with


def bare_loop(experiment: ExperimentSpec) -> Iterator[Trial]:
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


# ---------------------------------------------------------------------- running


@final
@dataclass(frozen=True)
class BackendHarness:
    """A backend as the suite sees it.

    Attributes:
        backend: Its name.
        options: Its own options, for every run.
        trials: How many proposals are compared, at least 20.
        deviations: Names of tests that fail, to the cause in the framework.
    """

    backend: str
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    trials: int = 60
    deviations: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def support(self) -> Capabilities:
        """What the backend says that it can do."""
        return backend(self.backend).CAPABILITIES

    def run(
        self, experiment: ExperimentSpec, directory: Path | None = None, jobs: int = 0
    ) -> History:
        """Run an experiment under the backend."""
        adapter = backend(self.backend)
        check_options(self.backend, adapter.run, self.options)
        return adapter.run(
            experiment, directory=directory, jobs=jobs, observer=Silent(), **self.options
        )

    def load(self, directory: Path, space: SearchSpace | None = None) -> History:
        """Read what a run has stored."""
        return backend(self.backend).load(directory, space)

    def store(self, history: History, directory: Path) -> None:
        """Write a history where a run goes on with it."""
        store_history = backend(self.backend).store_history
        store_history(history, directory, **accepted_options(store_history, self.options))


def comparable(trials: Iterable[Trial]) -> list[Fact]:
    """Return what two runs must agree on: number, choices, state and values of each trial."""
    return [(t.number, dict(t.architecture.choices), t.state, dict(t.values)) for t in trials]


def needs(ability: str) -> Callable[[Test], Test]:
    """Say which field of `Support` a test is about.

    Args:
        ability: The field.
    """

    def mark(test: Test) -> Test:
        vars(test)["ability"] = ability
        return test

    return mark
