"""The worker pool: a worker that is killed, hangs or cannot be reached costs one trial at most."""

import multiprocessing
import os
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import psutil
import pytest

from nasbridge import ExperimentError, Integer, Space
from nasbridge.engine import ActiveTrial, Evaluate, Outcome, Task
from nasbridge.engine.modules import load_module
from nasbridge.engine.pool import Pool
from nasbridge.strategies import Objective, Step

SPACE = Space({"a": Integer(0, 999)})
SCORE = (Objective("score"),)

FUNCTIONS = '''
"""Functions for workers, in a file that only this test knows."""

import os, signal, sys, threading, time, multiprocessing

def plain(architecture, trial):
    return {"score": architecture["a"], "pid": os.getpid()}

def reporting(architecture, trial):
    for step in range(5):
        trial.report(step, score=step)
    return {"score": 9.0}

def given(architecture, trial):
    (trial.directory / "file").write_text("there")
    return {"score": trial.seed, "budget": trial.budget, "number": trial.number}

def hanging(architecture, trial):
    time.sleep(600 if architecture["a"] == 1 else 0)
    return {"score": 1.0}

def dying(architecture, trial):
    if architecture["a"] == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    if architecture["a"] == 2:
        os._exit(7)
    if architecture["a"] == 3:
        sys.exit("it gives up")
    return {"score": 1.0}

def dying_afterwards(architecture, trial):
    if architecture["a"] == 1:
        threading.Timer(0.1, os._exit, [9]).start()
    return {"score": 1.0}

def work(pipe):
    pipe.send(4.0)

def with_workers(architecture, trial):
    receiver, sender = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=work, args=(sender,))
    process.start()
    process.join()
    return {"score": receiver.recv()}

def threads(architecture, trial):
    return {"score": float(os.environ["OMP_NUM_THREADS"])}

def quiet(architecture, trial):
    return {"score": float(os.environ["TF_CPP_MIN_LOG_LEVEL"])}
'''


@pytest.fixture
def functions(tmp_path: Path) -> Any:
    """A module that workers can load only from its file."""
    file = tmp_path / "functions_of_a_test.py"
    file.write_text(FUNCTIONS)
    before = list(sys.path)
    yield load_module("functions_of_a_test", file)
    sys.path[:] = before
    del sys.modules["functions_of_a_test"]


@pytest.fixture
def pools() -> Iterator[Callable[..., Pool]]:
    made: list[Pool] = []

    def make(evaluate: Evaluate, jobs: int = 1, **settings: Any) -> Pool:
        made.append(Pool(evaluate, SPACE, SCORE, jobs, **settings))
        return made[-1]

    yield make
    for pool in made:
        pool.close()
    assert not multiprocessing.active_children()


Pools = Callable[..., Pool]


def task(number: int, place: Path = Path("nowhere")) -> Task:
    return Task(number, SPACE.architecture({"a": number}), 7 * number, place / str(number), 2.5)


def never(number: int, step: Step) -> bool:
    return False


def outcomes(pool: Pool, *numbers: int) -> dict[int, Outcome]:
    """Return the outcomes by number, with one task per slot at a time."""
    ended: dict[int, Outcome] = {}
    waiting, running = list(numbers), 0
    while waiting or running:
        while waiting and running < pool.slots:
            pool.submit(task(waiting.pop(0)))
            running += 1
        outcome = pool.wait(never)
        ended[outcome.number] = outcome
        running -= 1
    return ended


def test_one_worker_evaluates_all_tasks(functions: Any, pools: Pools) -> None:
    ended = outcomes(pools(functions.plain), *range(5))
    assert {n: o.values["score"] for n, o in ended.items()} == {n: float(n) for n in range(5)}
    assert len({o.values["pid"] for o in ended.values()}) == 1
    assert os.getpid() not in {o.values["pid"] for o in ended.values()}


def test_two_workers_share_the_tasks(functions: Any, pools: Pools) -> None:
    ended = outcomes(pools(functions.plain, jobs=2), *range(12))
    assert sorted(ended) == list(range(12))
    assert len({o.values["pid"] for o in ended.values()}) == 2


def test_a_worker_is_replaced_after_some_tasks(functions: Any, pools: Pools) -> None:
    ended = outcomes(pools(functions.plain, recycle=2), *range(5))
    assert [len({ended[k].values["pid"] for k in pair}) for pair in ((0, 1), (2, 3), (1, 2))] == [
        1,
        1,
        2,
    ]
    alive = [pid for o in ended.values() if psutil.pid_exists(pid := int(o.values["pid"]))]
    assert len(set(alive)) <= 1


def test_reports_reach_the_caller_which_can_prune(functions: Any, pools: Pools) -> None:
    pool, seen = pools(functions.reporting), list[tuple[int, int]]()

    def stop(number: int, step: Step) -> bool:
        seen.append((number, step.step))
        return step.step == 2

    pool.submit(task(4))
    outcome = pool.wait(stop)
    assert seen == [(4, 0), (4, 1), (4, 2)]
    assert (outcome.state, dict(outcome.values)) == ("pruned", {"score": 2.0})
    assert [step.step for step in outcome.curve] == [0, 1, 2]


def test_a_trial_receives_seed_budget_and_directory(
    functions: Any, pools: Pools, tmp_path: Path
) -> None:
    pool = pools(functions.given)
    pool.submit(task(3, tmp_path))
    outcome = pool.wait(never)
    assert outcome.values == {"score": 21.0, "budget": 2.5, "number": 3.0}
    assert (tmp_path / "3" / "file").read_text() == "there"


def test_a_killed_worker_fails_its_trial_with_the_cause(functions: Any, pools: Pools) -> None:
    ended = outcomes(pools(functions.dying), *range(5))
    assert [ended[k].state for k in range(5)] == ["complete", *["failed"] * 3, "complete"]
    errors = [ended[k].notes["error"] for k in (1, 2, 3)]
    assert errors[0] == (
        "ProcessError: the worker process ended with signal SIGKILL; the memory was probably used "
        "up"
    )
    assert errors[1] == "ProcessError: the worker process ended with exit code 7"
    assert errors[2] == "SystemExit: it gives up"


def test_a_worker_killed_between_two_trials_costs_none(functions: Any, pools: Pools) -> None:
    pool = pools(functions.dying_afterwards)
    assert outcomes(pool, 1)[1].state == "complete"
    (worker,) = multiprocessing.active_children()
    worker.join(10)
    assert outcomes(pool, 2)[2].state == "complete"


def test_a_trial_that_hangs_is_ended(functions: Any, pools: Pools) -> None:
    began = time.monotonic()
    ended = outcomes(pools(functions.hanging, jobs=2, seconds=1), 0, 1, 2)
    assert [ended[k].state for k in range(3)] == ["complete", "failed", "complete"]
    assert "TimeoutError: the trial took longer than trial_seconds=1" in ended[1].notes["error"]
    assert 1 <= ended[1].seconds < time.monotonic() - began


def test_importing_libraries_is_not_part_of_a_trial(tmp_path: Path, pools: Pools) -> None:
    file = tmp_path / "slow_to_load.py"
    file.write_text(
        "import multiprocessing, time\n"
        "if multiprocessing.parent_process():\n    time.sleep(2)\n"
        "def evaluate(architecture, trial):\n    return {'score': 1.0}\n"
    )
    slow = cast(Any, load_module("slow_to_load", file))
    assert outcomes(pools(slow.evaluate, seconds=1.5), 0)[0].state == "complete"


def test_evaluate_may_start_processes(functions: Any, pools: Pools) -> None:
    assert outcomes(pools(functions.with_workers), 0)[0].values == {"score": 4.0}


def test_workers_share_the_cores(
    functions: Any, pools: Pools, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    cores = os.cpu_count() or 1
    assert outcomes(pools(functions.threads, jobs=2), 0)[0].values["score"] == max(cores // 2, 1)
    assert "OMP_NUM_THREADS" not in os.environ
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert outcomes(pools(functions.threads, jobs=2), 0)[0].values["score"] == 3


def test_workers_hide_log_lines_unless_the_user_sets_a_level(
    functions: Any, pools: Pools, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    assert outcomes(pools(functions.quiet), 0)[0].values["score"] == 2
    assert "TF_CPP_MIN_LOG_LEVEL" not in os.environ
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")
    assert outcomes(pools(functions.quiet), 0)[0].values["score"] == 0


def test_closing_ends_running_trials(functions: Any, pools: Pools) -> None:
    pool = pools(functions.hanging)
    pool.submit(task(1))
    time.sleep(0.2)
    pool.close()
    assert not multiprocessing.active_children()


def test_a_module_of_a_package_is_imported_as_part_of_it(
    tmp_path: Path, pools: Pools, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file `colorsys.py` beside it does not shadow the standard library in workers."""
    package = tmp_path / "user_package"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "colorsys.py").write_text("raise RuntimeError('the wrong one')")
    (package / "helper.py").write_text("VALUE = 5.0")
    (package / "evaluation.py").write_text(
        textwrap.dedent("""
            from .helper import VALUE

            def evaluate(architecture, trial):
                import colorsys
                return {"score": VALUE}
        """)
    )
    monkeypatch.syspath_prepend(tmp_path)  # pyright: ignore[reportUnknownMemberType]
    evaluation = __import__("user_package.evaluation", fromlist=["evaluate"])
    assert outcomes(pools(evaluation.evaluate), 0)[0].values == {"score": 5.0}


def test_an_unpicklable_function_is_refused_at_once() -> None:
    lock = __import__("threading").Lock()

    def local(architecture: object, trial: ActiveTrial) -> dict[str, float]:
        return {"score": float(lock.locked())}

    with pytest.raises(ExperimentError, match=r"evaluate=.*local.*top level of a module.*jobs=0"):
        Pool(local, SPACE, SCORE, 1)


def test_a_function_that_workers_cannot_import_is_an_error(tmp_path: Path, pools: Pools) -> None:
    file = tmp_path / "only_here.py"
    file.write_text(
        "import multiprocessing\n"
        "if not multiprocessing.parent_process():\n"
        "    def evaluate(architecture, trial):\n        return {'score': 1.0}\n"
    )
    here = cast(Any, load_module("only_here", file))
    pool = pools(here.evaluate)
    pool.submit(task(0))
    with pytest.raises(ExperimentError, match=r"cannot load evaluate \(AttributeError.*jobs=0"):
        pool.wait(never)
