"""Running a benchmark: every contender on every table with every seed, each once."""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass

from .contender import Task
from .records import Budget, Key, Record, Records
from .specs import Spec
from .table import Table

__all__ = ["Failure", "Match", "play", "run", "schedule"]

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True, slots=True)
class Match:
    """A contender, a table, and a seed.

    Attributes:
        table: The table's name.
        spec: The contender.
        seed: The seed.
        budget: When it ends.
    """

    table: str
    spec: Spec
    seed: int
    budget: Budget

    @property
    def key(self) -> Key:
        """What is run once."""
        budget = self.budget
        return Key(self.table, budget.protocol, budget.limit, self.spec.label, self.seed)


@dataclass(frozen=True, slots=True)
class Failure:
    """A match that could not be played.

    Attributes:
        match: Which.
        error: Why.
    """

    match: Match
    error: str


def schedule(
    tables: Sequence[Table],
    specs: Sequence[Spec],
    seeds: Sequence[int],
    budgets: Mapping[str, Budget],
) -> list[Match]:
    """List all matches: with seed s every contender gets the same s.

    Seeds come first, so that whatever has been played can be compared in pairs.

    Args:
        tables: The tables.
        specs: The contenders.
        seeds: The seeds.
        budgets: By the names of tables.
    """
    return [
        Match(table.name, spec, seed, budgets[table.name])
        for seed in seeds
        for table in tables
        for spec in specs
        if not spec.obstacle(len(table.objectives))
    ]


def play(table: Table, match: Match) -> Record:
    """Let a contender search a table.

    Within a budget of seconds, an evaluation that would end later does not count.

    Args:
        table: The table.
        match: Who, with which seed, for how long.
    """
    budget = match.budget
    task = Task(table.space, table.objectives, match.seed, budget.evaluations)
    contender = match.spec.start(task)
    rows: list[int] = []
    seconds: list[float] = []
    left = budget.limit
    while left > 0 and len(rows) < 10 * len(table):  # who repeats what costs nothing ends, too
        began = time.process_time()
        choices = contender.ask()
        asked = time.process_time() - began
        if choices is None:
            break
        row = table.row(choices)
        left -= float(table.columns[table.cost][row]) if table.cost else 1
        if left < 0:
            break
        values = table.values(row)
        began = time.process_time()
        contender.tell(values)
        rows.append(row)
        seconds.append(asked + time.process_time() - began)
    return Record(*match.key, rows=tuple(rows), seconds=tuple(seconds))


def run(
    tables: Sequence[Table],
    matches: Sequence[Match],
    records: Records,
    jobs: int,
    done: Callable[[], None] = lambda: None,
) -> list[Failure]:
    """Play the matches that have no record yet, and write each record at once.

    Args:
        tables: The tables.
        matches: What is to be played.
        records: Where results are, and go.
        jobs: Number of processes; 0 plays in this one.
        done: Called after each match.

    Returns:
        What could not be played; it will be tried again next time.
    """
    failures: list[Failure] = []
    left = [match for match in matches if match.key not in records]
    by_name = {table.name: table for table in tables}
    for outcome in _parallel(by_name, left, jobs) if jobs else _here(by_name, left):
        if isinstance(outcome, Failure):
            failures.append(outcome)
        else:
            records.add(outcome)
        done()
    return failures


# ---------------------------------------------------------------------- processes

_tables: dict[str, Table] = {}  # of a worker


def _here(tables: Mapping[str, Table], matches: Sequence[Match]) -> Iterator[Record | Failure]:
    return (_attempt(tables[match.table], match) for match in matches)


def _attempt(table: Table, match: Match) -> Record | Failure:
    try:
        return play(table, match)
    except Exception as error:  # a peer may raise anything, and the others shall go on
        return Failure(match, f"{type(error).__name__}: {error}")


def _parallel(
    tables: Mapping[str, Table], matches: Sequence[Match], jobs: int
) -> Iterator[Record | Failure]:
    with _workers(tables, jobs) as pool:
        futures: list[Future[Record | Failure]] = [pool.submit(_in_worker, m) for m in matches]
        for future in as_completed(futures):
            yield future.result()


@contextmanager
def _workers(tables: Mapping[str, Table], jobs: int) -> Generator[ProcessPoolExecutor]:
    """Start fresh processes with one thread each; when the work is interrupted, end them."""
    for name in THREADS:  # the workers inherit it; here numpy has its threads already
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
        pool.shutdown()  # waits for what is ending, so that nothing is left behind
        raise
    pool.shutdown()


def _begin(tables: Mapping[str, Table]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal reaches everyone
    _tables.update(tables)


def _in_worker(match: Match) -> Record | Failure:
    return _attempt(_tables[match.table], match)
