"""A pool of worker processes: several trials at a time, flat memory, time limits.

Each worker evaluates trials one after the other. It is replaced after a number of them, which frees
what a deep-learning library leaves behind in a process (about 7 MB a network in TensorFlow). A
worker that crashes or hangs fails its trial, never the search.
"""

import math
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any, cast, final

from ..spaces import Architecture, Label, SearchSpace
from ..strategies import Objective, Step
from .errors import ExperimentError
from .evaluation import Evaluate, Outcome, Report, Task, evaluate_task
from .modules import is_importable, load_module, loaded_modules

__all__ = ["Pool"]

RECYCLE = 20  # trials until a worker is replaced
POLL_SECONDS = 0.5  # between two checks of the time limits
CALLER_DIED = 3  # exit code of a worker whose caller has ended


@dataclass(frozen=True)
class _Order:
    """A task without its space, as it is sent to a worker."""

    number: int
    choices: Mapping[str, Label]
    seed: int
    directory: Path
    budget: float | None


@dataclass
class _Worker:
    process: SpawnProcess
    pipe: Connection
    task: Task | None = None
    ready: bool = False
    began: float = math.inf  # start of its task, after loading libraries
    done: int = 0


@final
class Pool:
    """Evaluates up to `jobs` tasks at a time in worker processes.

    Args:
        evaluate: The user's function; workers import it from its module.
        space: The space, for its architectures.
        objectives: Metrics that `evaluate` must return.
        jobs: Number of workers, at least 1.
        seconds: Time limit of one trial, in seconds; None for none.
        recycle: Trials until a worker is replaced, at least 1.

    Attributes:
        is_cancelled: Returns, by number, whether to kill a task, which has then failed.

    Raises:
        ExperimentError: `evaluate` cannot be sent to another process.
    """

    def __init__(
        self,
        evaluate: Evaluate,
        space: SearchSpace,
        objectives: Sequence[Objective],
        jobs: int,
        seconds: float | None = None,
        recycle: int = RECYCLE,
    ) -> None:
        self._modules = _modules_of(evaluate)
        self._payload = _pickled(evaluate, space, tuple(objectives))
        self._jobs, self._seconds, self._recycle = jobs, seconds, recycle
        self._workers: list[_Worker] = []
        self.is_cancelled: Callable[[int], bool] = lambda number: False

    @property
    def slots(self) -> int:
        return self._jobs

    def submit(self, task: Task) -> None:
        worker = self._idle() or self._start()
        worker.task = task
        worker.began = time.monotonic() if worker.ready else math.inf
        order = _Order(
            task.number, dict(task.architecture.choices), task.seed, task.directory, task.budget
        )
        with suppress(OSError):  # the worker has died, which `wait` reports
            worker.pipe.send(order)

    def wait(self, report: Report) -> Outcome:
        while True:
            busy = {worker.pipe: worker for worker in self._workers if worker.task is not None}
            for pipe in wait(list(busy), timeout=POLL_SECONDS):
                outcome = self._hear(busy[pipe], report)  # type: ignore[index]
                if outcome is not None:
                    return outcome
            for worker in busy.values():
                outcome = self._cancelled(worker) or self._late(worker)
                if outcome is not None:
                    return outcome

    def close(self) -> None:
        for worker in list(self._workers):
            self._remove(worker, kill=worker.task is not None)

    def _idle(self) -> _Worker | None:
        for worker in [worker for worker in self._workers if worker.task is None]:
            if worker.process.is_alive():
                return worker
            self._remove(worker)  # it died after its trial
        return None

    def _start(self) -> _Worker:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(
            target=_work, args=(theirs, self._modules, self._payload), daemon=True
        )
        with _environment(self._jobs), _without_interrupts():
            process.start()
        theirs.close()
        worker = _Worker(process, ours)
        self._workers.append(worker)
        return worker

    def _remove(self, worker: _Worker, kill: bool = False) -> None:
        if kill:
            worker.process.kill()
        worker.pipe.close()  # an idle worker ends when its pipe does
        worker.process.join(timeout=10)
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()
        self._workers.remove(worker)

    def _hear(self, worker: _Worker, report: Report) -> Outcome | None:
        try:
            message: Step | Outcome | str | None = worker.pipe.recv()
        except (EOFError, OSError):
            return self._died(worker)
        if message is None:  # the worker is ready
            worker.ready, worker.began = True, time.monotonic()
            return None
        if isinstance(message, str):
            raise ExperimentError(message)
        if isinstance(message, Outcome):
            worker.task, worker.done = None, worker.done + 1
            if worker.done >= self._recycle:
                self._remove(worker)
            return message
        if worker.task is not None:
            stop = report(worker.task.number, message)
            try:
                worker.pipe.send(stop)
            except OSError:
                return self._died(worker)
        return None

    def _cancelled(self, worker: _Worker) -> Outcome | None:
        if worker.task is None or not self.is_cancelled(worker.task.number):
            return None
        return self._lost(worker, "ProcessError: the trial was stopped from outside")

    def _late(self, worker: _Worker) -> Outcome | None:
        spent = time.monotonic() - worker.began
        if self._seconds is None or worker.task is None or spent < self._seconds:
            return None
        return self._lost(
            worker,
            f"TimeoutError: the trial took longer than trial_seconds={self._seconds:g} and was "
            "stopped; raise the limit, or make the space smaller",
        )

    def _died(self, worker: _Worker) -> Outcome:
        worker.process.join(timeout=10)
        code = worker.process.exitcode
        how = f"signal {signal.Signals(-code).name}" if code and code < 0 else f"exit code {code}"
        if not worker.ready:
            self._remove(worker, kill=True)
            raise ExperimentError(
                f"a worker process ended with {how} before its first trial; see its output above. "
                "Workers import the program: is `run(...)` in it guarded by "
                '`if __name__ == "__main__":`?'
            )
        hint = "; the memory was probably used up" if code == -signal.SIGKILL else ""
        return self._lost(worker, f"ProcessError: the worker process ended with {how}{hint}")

    def _lost(self, worker: _Worker, error: str) -> Outcome:
        task = worker.task
        self._remove(worker, kill=True)
        if task is None:
            raise ExperimentError(error)
        seconds = max(time.monotonic() - worker.began, 0.0)
        return Outcome(task.number, "failed", seconds=seconds, notes={"error": error})


def _modules_of(evaluate: Evaluate) -> dict[str, str]:
    """Return the files that workers must load for `evaluate`, by module name.

    The main module is left out: multiprocessing loads it itself.
    """
    name = getattr(evaluate, "__module__", None) or type(evaluate).__module__
    file = getattr(sys.modules.get(name), "__file__", None)
    own = {name: file} if file and name != "__main__" else {}
    return own | loaded_modules()


def _pickled(evaluate: Evaluate, space: SearchSpace, objectives: tuple[Objective, ...]) -> bytes:
    bare = space.unconstrained()  # constraints matter for proposals only
    try:
        return pickle.dumps((evaluate, bare, objectives))
    except Exception as error:
        raise ExperimentError(
            f"evaluate={evaluate!r} cannot be sent to a worker process "
            f"({type(error).__name__}: {error}): define it, and what it holds, at the top level "
            "of a module, or run in this process with jobs=0"
        ) from error


@contextmanager
def _environment(jobs: int) -> Generator[None]:
    """Set environment variables for a new process: its share of the cores, and less output."""
    share = str(max((os.cpu_count() or 1) // jobs, 1))
    names = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "2"}  # errors only
    wanted = {**dict.fromkeys(names, share), **quiet}
    ours = {name: value for name, value in wanted.items() if name not in os.environ}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name in ours:
            del os.environ[name]


@contextmanager
def _without_interrupts() -> Generator[None]:
    """Block SIGINT in a new process from its start: Ctrl-C is for the caller."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # its start would unblock the signal
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _work(pipe: Connection, modules: Mapping[str, str], payload: bytes) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_caller, daemon=True).start()
    this = cast(Any, multiprocessing.current_process())
    this._config["daemon"] = False  # evaluate may start processes, as data loaders do
    try:
        with _already_warned():
            for name, file in modules.items():
                if name not in sys.modules and not is_importable(name, file):
                    load_module(name, file)
            evaluate, space, objectives = pickle.loads(payload)
    except Exception as error:
        pipe.send(
            f"a worker process cannot load evaluate ({type(error).__name__}: {error}): define it, "
            "and what it holds, at the top level of a module, or run in this process with jobs=0"
        )
        return
    pipe.send(None)

    def report(number: int, step: Step) -> bool:
        pipe.send(step)
        return bool(pipe.recv())

    while True:
        try:
            order: _Order = pipe.recv()
        except (EOFError, OSError):
            return
        architecture = Architecture(space, order.choices)
        task = Task(order.number, architecture, order.seed, order.directory, order.budget)
        pipe.send(evaluate_task(evaluate, task, objectives, report))


@contextmanager
def _already_warned() -> Generator[None]:
    """Hide warnings while modules load: the caller has shown them; keep the user's filters."""
    shown, hiding = warnings.showwarning, [True]

    def show(*warning: Any) -> None:
        if not hiding:
            shown(*warning)

    warnings.showwarning = cast(Any, show)
    try:
        yield
    finally:
        hiding.clear()  # a function of the user may still call this one
        if warnings.showwarning is show:
            warnings.showwarning = shown


def _end_with_caller() -> None:
    caller = multiprocessing.parent_process()
    if caller is not None:
        wait([caller.sentinel])
        os._exit(CALLER_DIED)
