# pyright: basic
# Ray's types are of little use from outside.
"""What runs in Ray's workers: one trial after the other, in a process that has loaded everything.

A report ends up in Ray's own results, with what only nasbridge knows as a text below `KEY`.
"""

import json
import os
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import ray
import ray.cloudpickle
from ray import tune
from ray.tune.result import AUTO_RESULT_KEYS, DONE, RESULT_DUPLICATE, SHOULD_CHECKPOINT, TRIAL_ID
from ray.tune.trainable.function_trainable import FunctionTrainable

from ...engine.driver import ExperimentSpec
from ...engine.errors import ExperimentError
from ...engine.evaluation import Evaluate, Outcome, Task, evaluate_task
from ...engine.modules import is_importable, loaded_modules
from ...spaces import Architecture, SearchSpace
from ...strategies import Objective, Step

cloudpickle: Any = ray.cloudpickle

__all__ = ["KEY", "NAME", "Message", "message_in", "shown", "worker_class"]

KEY = "nasbridge"  # of what is ours in a result of Ray
NAME = "nasbridge"  # of the trainable, as Ray knows it
THREAD_END = "60"  # seconds that a trial may take to end after it was told to
RESERVED = frozenset({*AUTO_RESULT_KEYS, DONE, RESULT_DUPLICATE, SHOULD_CHECKPOINT, TRIAL_ID, KEY})


class Message(NamedTuple):
    """What a worker says: a step, how the trial ended, or why nothing can run.

    Attributes:
        step: What the trial reports.
        outcome: How it ended.
        broken: Why the evaluation cannot be loaded.
    """

    step: Step | None = None
    outcome: Outcome | None = None
    broken: str = ""


def shown(metrics: Mapping[str, float]) -> dict[str, float]:
    """Return metrics as Ray can show them beside its own, some of which steer it.

    Args:
        metrics: What was reported.
    """
    return {f"{n} (metric)" if n in RESERVED else n: value for n, value in metrics.items()}


def message_in(result: Mapping[str, Any]) -> Message | None:
    """Return what a worker has said in a result of Ray; None if it is none of ours.

    Args:
        result: The result.
    """
    if KEY not in result:
        return None
    said = json.loads(result[KEY])
    if "broken" in said:
        return Message(broken=said["broken"])
    if "step" in said:
        return Message(Step(said["step"], said["metrics"]))
    return Message(outcome=Outcome(**said))


@dataclass(frozen=True)
class _Loaded:
    """What a worker has loaded."""

    evaluate: Evaluate
    space: SearchSpace
    objectives: Sequence[Objective]
    budget: float | None
    directory: Path


class _Worker(FunctionTrainable):
    """Evaluates trials; `sent` is what `worker_class` has given it to load."""

    _name = NAME
    sent: Any = None

    def setup(self, config: dict[str, Any]) -> None:
        os.environ["RAY_CHDIR_TO_TRIAL_DIR"] = "0"  # paths of `evaluate` mean what they say
        os.environ.setdefault("TUNE_FUNCTION_THREAD_TIMEOUT_S", THREAD_END)
        self._broken, self._loaded, self._is_told = "", None, False
        try:
            paths, payload = ray.get(self.sent) if not isinstance(self.sent, tuple) else self.sent
            sys.path += [path for path in paths if path not in sys.path]
            self._loaded = _Loaded(*cloudpickle.loads(payload))
        except Exception as error:
            self._broken = (
                f"a Ray worker cannot load evaluate ({type(error).__name__}: {error}): each node "
                "needs the modules and libraries that evaluate is made of"
            )
        super().setup(config)

    def _trainable_func(self, config: dict[str, Any]) -> None:
        loaded = self._loaded
        if loaded is None:
            tune.report({KEY: json.dumps({"broken": self._broken})})
            return
        self._is_told = False
        number = config["number"]
        task = Task(
            number,
            Architecture(loaded.space, config["arch"]),
            config["seed"],
            loaded.directory / "trials" / f"{number:05d}",
            loaded.budget,
        )
        made = evaluate_task(loaded.evaluate, task, loaded.objectives, self._report)
        said = {
            "number": number,
            "state": made.state,
            "values": dict(made.values),
            "seconds": made.seconds,
            "notes": dict(made.notes),
        }
        tune.report({**shown(made.values), KEY: json.dumps(said, default=repr)})
        tune.report({RESULT_DUPLICATE: True})  # so Ray knows that this was the last

    def _report(self, number: int, step: Step) -> bool:
        said = {"step": step.step, "metrics": dict(step.metrics)}
        tune.report({**shown(step.metrics), KEY: json.dumps(said)})  # waits for Ray's answer
        return self._is_told

    def told_to_stop(self) -> None:
        """Let the trial end at its report."""
        self._is_told = True


def worker_class(experiment: ExperimentSpec, directory: Path) -> type[FunctionTrainable]:
    """Return the class of the workers of an experiment.

    Functions travel as Ray's users expect: those of modules that every node has by name, those of
    the program, of notebooks and of files that nasbridge has loaded by value.

    Args:
        experiment: What to run.
        directory: Where below trials may keep files.

    Raises:
        ExperimentError: `evaluate` cannot be sent to another process.
    """
    parts = (
        experiment.evaluate,
        experiment.space.unconstrained(),  # constraints bound what is proposed
        experiment.objectives,
        experiment.budget,
        directory.absolute(),
    )
    try:
        with _by_value(_own_modules(experiment.evaluate)):
            payload = cloudpickle.dumps(parts)
    except Exception as error:
        raise ExperimentError(
            f"evaluate={experiment.evaluate!r} cannot be sent to a Ray worker "
            f"({type(error).__name__}: {error}): let it open files, connections and locks itself"
        ) from error
    return type("NasbridgeWorker", (_Worker,), {"sent": ray.put((list(sys.path), payload))})


def _own_modules(evaluate: Evaluate) -> list[ModuleType]:
    """Return the modules that workers would not find by name."""
    name = getattr(evaluate, "__module__", None) or type(evaluate).__module__
    file = getattr(sys.modules.get(name), "__file__", None)
    found = set(loaded_modules())
    if file and name != "__main__" and not is_importable(name, file):
        found.add(name)
    return [sys.modules[name] for name in found if name in sys.modules]


@contextmanager
def _by_value(modules: Sequence[ModuleType]) -> Generator[None]:
    for module in modules:
        cloudpickle.register_pickle_by_value(module)
    try:
        yield
    finally:
        for module in modules:
            cloudpickle.unregister_pickle_by_value(module)
