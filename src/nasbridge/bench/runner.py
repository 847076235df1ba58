"""Runs a benchmark: every method on every table with every seed, each once."""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass

from .method import Task
from .records import Budget, Key, Record, Records
from .specs import MethodSpec
from .table import Table

__all__ = ["Failure", "Run", "execute", "run_all", "schedule"]

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True, slots=True)
class Run:
    """A run: one method on one table with one seed.

    Attributes:
        table: Name of the table.
        spec: The method.
        seed: The seed.
        budget: The budget.
    """

    table: str
    spec: MethodSpec
    seed: int
    budget: Budget

    @property
    def key(self) -> Key:
        """The identity of the run."""
        budget = self.budget
        return Key(self.table, budget.protocol, budget.limit, self.spec.label, self.seed)


@dataclass(frozen=True, slots=True)
class Failure:
    """A run that failed.

    Attributes:
        run: The run.
        error: The error message.
    """

    run: Run
    error: str


def schedule(
    tables: Sequence[Table],
    specs: Sequence[MethodSpec],
    seeds: Sequence[int],
    budgets: Mapping[str, Budget],
) -> list[Run]:
    """Return all runs; methods that cannot run on a table are left out.

    Runs are sorted by seed first, so that the results of an interrupted benchmark are paired.

    Args:
        tables: The tables.
        specs: The methods.
        seeds: The seeds, the same for all methods.
        budgets: The budget of each table, by name.
    """
    return [
        Run(table.name, spec, seed, budgets[table.name])
        for seed in seeds
        for table in tables
        for spec in specs
        if not spec.obstacle(len(table.objectives))
    ]


def execute(table: Table, run: Run) -> Record:
    """Run a method on a table.

    With a budget in seconds, an evaluation that exceeds the budget is not recorded.

    Args:
        table: The table of the run.
        run: The method, the seed and the budget.
    """
    budget = run.budget
    task = Task(table.space, table.objectives, run.seed, budget.evaluations)
    method = run.spec.start(task)
    rows: list[int] = []
    seconds: list[float] = []
    left = budget.limit
    most = 10 * len(table)  # ends a method that repeats an evaluation without cost
    while left > 0 and len(rows) < most:
        began = time.process_time()
        choices = method.ask()
        asked = time.process_time() - began
        if choices is None:
            break
        row = table.row(choices)
        left -= float(table.columns[table.cost][row]) if table.cost else 1
        if left < 0:
            break
        values = table.values(row)
        began = time.process_time()
        method.tell(values)
        rows.append(row)
        seconds.append(asked + time.process_time() - began)
    return Record(*run.key, rows=tuple(rows), seconds=tuple(seconds))


def run_all(
    tables: Sequence[Table],
    runs: Sequence[Run],
    records: Records,
    jobs: int,
    done: Callable[[], None] = lambda: None,
) -> list[Failure]:
    """Execute all runs without a record, and save each record at once.

    Args:
        tables: The tables.
        runs: The runs.
        records: The records, which are added to.
        jobs: Number of worker processes; 0 executes the runs in this process.
        done: Called after each run.

    Returns:
        The failed runs; they are executed again next time.
    """
    failures: list[Failure] = []
    left = [run for run in runs if run.key not in records]
    by_name = {table.name: table for table in tables}
    for outcome in _parallel(by_name, left, jobs) if jobs else _here(by_name, left):
        if isinstance(outcome, Failure):
            failures.append(outcome)
        else:
            records.add(outcome)
        done()
    return failures


_tables: dict[str, Table] = {}  # the tables of a worker process


def _here(tables: Mapping[str, Table], runs: Sequence[Run]) -> Iterator[Record | Failure]:
    return (_attempt(tables[run.table], run) for run in runs)


def _attempt(table: Table, run: Run) -> Record | Failure:
    try:
        return execute(table, run)
    except Exception as error:  # a library may raise any error; the other runs continue
        return Failure(run, f"{type(error).__name__}: {error}")


def _parallel(
    tables: Mapping[str, Table], runs: Sequence[Run], jobs: int
) -> Iterator[Record | Failure]:
    with _workers(tables, jobs) as pool:
        futures: list[Future[Record | Failure]] = [pool.submit(_in_worker, run) for run in runs]
        for future in as_completed(futures):
            yield future.result()


@contextmanager
def _workers(tables: Mapping[str, Table], jobs: int) -> Generator[ProcessPoolExecutor]:
    """Start single-threaded worker processes; terminate them if the benchmark is interrupted."""
    for name in THREADS:  # inherited by the workers; NumPy here has its threads already
        os.environ.setdefault(name, "1")
    context = multiprocessing.get_context("spawn")
    before = multiprocessing.active_children()
    pool = ProcessPoolExecutor(jobs, context, initializer=_begin, initargs=(dict(tables),))
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for child in multiprocessing.active_children():
            if child not in before:
                child.terminate()
        pool.shutdown()  # wait for the terminated processes
        raise
    pool.shutdown()


def _begin(tables: Mapping[str, Table]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal reaches all processes
    _tables.update(tables)


def _in_worker(run: Run) -> Record | Failure:
    return _attempt(_tables[run.table], run)
