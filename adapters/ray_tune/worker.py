# pyright: basic
# Ray's types are of little use from outside.
"""The trainable in Ray's workers: it evaluates one trial after the other in one process.

Reports are results of Ray, with what only nasbridge needs as JSON text under `KEY`.
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

KEY = "nasbridge"  # of our message in a result of Ray
NAME = "nasbridge"  # of the registered trainable
STOP_TIMEOUT = "60"  # seconds in which a trial must end after it was stopped
RESERVED = frozenset({*AUTO_RESULT_KEYS, DONE, RESULT_DUPLICATE, SHOULD_CHECKPOINT, TRIAL_ID, KEY})


class Message(NamedTuple):
    """A message of a worker: a report, the trial's end, or why it cannot run trials.

    Attributes:
        step: A report.
        outcome: How the trial ended.
        broken: Why the evaluation cannot be loaded; empty if it can.
    """

    step: Step | None = None
    outcome: Outcome | None = None
    broken: str = ""


def shown(metrics: Mapping[str, float]) -> dict[str, float]:
    """Return metrics under names that do not collide with Ray's own, some of which steer it."""
    return {f"{n} (metric)" if n in RESERVED else n: value for n, value in metrics.items()}


def message_in(result: Mapping[str, Any]) -> Message | None:
    """Return the message in a result of Ray; None for a result without one."""
    if KEY not in result:
        return None
    entries = json.loads(result[KEY])
    if "broken" in entries:
        return Message(broken=entries["broken"])
    if "step" in entries:
        return Message(Step(entries["step"], entries["metrics"]))
    return Message(outcome=Outcome(**entries))


@dataclass(frozen=True)
class _Loaded:
    """What a worker needs to evaluate trials."""

    evaluate: Evaluate
    space: SearchSpace
    objectives: Sequence[Objective]
    budget: float | None
    directory: Path


class _Worker(FunctionTrainable):
    """Evaluates trials; `worker_class` sets `payload`."""

    _name = NAME
    payload: Any = None

    def setup(self, config: dict[str, Any]) -> None:
        os.environ["RAY_CHDIR_TO_TRIAL_DIR"] = "0"  # `evaluate` may use relative paths
        os.environ.setdefault("TUNE_FUNCTION_THREAD_TIMEOUT_S", STOP_TIMEOUT)
        self._broken, self._loaded, self._must_stop = "", None, False
        try:
            given = self.payload  # Ray may have replaced the reference by its value
            paths, pickled = given if isinstance(given, tuple) else ray.get(given)
            sys.path += [path for path in paths if path not in sys.path]
            self._loaded = _Loaded(*cloudpickle.loads(pickled))
        except Exception as error:
            self._broken = (
                f"a Ray worker cannot load evaluate ({type(error).__name__}: {error}): install "
                "the modules and libraries that evaluate uses on each node"
            )
        super().setup(config)

    def _trainable_func(self, config: dict[str, Any]) -> None:
        loaded = self._loaded
        if loaded is None:
            tune.report({KEY: json.dumps({"broken": self._broken})})
            return
        self._must_stop = False
        number = config["number"]
        task = Task(
            number,
            Architecture(loaded.space, config["arch"]),
            config["seed"],
            loaded.directory / "trials" / f"{number:05d}",
            loaded.budget,
        )
        made = evaluate_task(loaded.evaluate, task, loaded.objectives, self._report)
        message = {
            "number": number,
            "state": made.state,
            "values": dict(made.values),
            "seconds": made.seconds,
            "notes": dict(made.notes),
            "ends_search": made.ends_search,
        }
        tune.report({**shown(made.values), KEY: json.dumps(message, default=repr)})
        tune.report({RESULT_DUPLICATE: True})  # marks the report before as the last one

    def _report(self, number: int, step: Step) -> bool:
        message = {"step": step.step, "metrics": dict(step.metrics)}
        tune.report({**shown(step.metrics), KEY: json.dumps(message)})  # blocks until Ray has it
        return self._must_stop

    def stop_at_report(self) -> None:
        """Let the trial end at its next report."""
        self._must_stop = True


def worker_class(experiment: ExperimentSpec, directory: Path) -> type[FunctionTrainable]:
    """Return the trainable class of an experiment.

    Functions of installed modules are pickled by name. Functions of the running program, of
    notebooks and of files that nasbridge loaded are pickled by value, as Ray's users expect.

    Args:
        experiment: The experiment.
        directory: The run's directory, which holds the trials' files.

    Raises:
        ExperimentError: `evaluate` cannot be sent to another process.
    """
    parts = (
        experiment.evaluate,
        experiment.space.unconstrained(),  # constraints matter for proposals only
        experiment.objectives,
        experiment.budget,
        directory.absolute(),
    )
    try:
        with _by_value(_own_modules(experiment.evaluate)):
            pickled = cloudpickle.dumps(parts)
    except Exception as error:
        raise ExperimentError(
            f"evaluate={experiment.evaluate!r} cannot be sent to a Ray worker "
            f"({type(error).__name__}: {error}): open files, connections and locks inside of it"
        ) from error
    return type("NasbridgeWorker", (_Worker,), {"payload": ray.put((list(sys.path), pickled))})


def _own_modules(evaluate: Evaluate) -> list[ModuleType]:
    """Return the modules that workers cannot import by name."""
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
