"""The reference of the conformance suite: a loop around a bare `Search`."""

import pickle
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from ..engine.driver import ExperimentSpec, pruned_by
from ..engine.evaluation import Task, evaluate_task, trial_seed
from ..strategies import Search, SpaceExhausted, Step, Trial

__all__ = ["Comparable", "bare_loop", "comparable", "reference"]

Comparable = tuple[int, Mapping[str, object], str, Mapping[str, float]]
"""Number, choices, state and values of a trial."""


def bare_loop(experiment: ExperimentSpec) -> Iterator[Trial]:
    """Run an experiment one trial at a time, without any backend.

    Args:
        experiment: The experiment; its number of trials must be limited.

    Yields:
        The trials, in order. Every backend must produce the same ones.

    Example:
        >>> from nasbridge import Experiment, RandomSearch, testing
        >>> experiment = Experiment(
        ...     testing.few(), testing.evaluate, {"score": "max"}, RandomSearch(), trials=40
        ... )
        >>> len(list(bare_loop(experiment)))  # few() has 4 architectures that differ
        4
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


_references: dict[bytes, tuple[Trial, ...]] = {}


def reference(experiment: ExperimentSpec) -> tuple[Trial, ...]:
    """Return the trials of `bare_loop`, computed once per process for equal experiments.

    Args:
        experiment: The experiment. It must go through pickle.
    """
    key = pickle.dumps(experiment)
    if key not in _references:
        _references[key] = tuple(bare_loop(experiment))
    return _references[key]


def comparable(trials: Iterable[Trial]) -> list[Comparable]:
    """Return what must be equal in two runs of an experiment.

    Args:
        trials: The trials of a run, or a `History`.

    Returns:
        Number, choices, state and values of each trial; no times, curves or notes.
    """
    return [(t.number, dict(t.architecture.choices), t.state, dict(t.values)) for t in trials]
