"""Kill runs at random moments, over and over: `python -m nasbridge.testing.soak`.

    python -m nasbridge.testing.soak                       # local and optuna, 60 seconds each
    python -m nasbridge.testing.soak keras_tuner --seconds 600 --seed 7

A moment is a function call, drawn at random: during a trial, between ask and tell, before a write
or after it. Each round starts 20 processes on one run and kills them at such moments. After each,
no finished trial may be lost, and the stored trials must be the first of a bare search; in the end
all must. The command prints one line per round, and stops with exit code 1 at the first difference.
The tests kill at each write instead; see `Fault`.
"""

import argparse
import itertools
import multiprocessing
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from .. import Experiment, MedianPruner, NasbridgeError
from ..adapters import backend_names
from .evaluations import evaluate_variously
from .harness import BackendHarness
from .killing import Fault, run_until_call, run_until_fault
from .loop import comparable, reference
from .spaces import chain
from .strategies import strategy

__all__ = ["end_of", "main", "round_of_kills", "stored_trials", "varied_experiment"]

KILLS = 20  # in a round, at most
FEWEST = 3  # kills without which a round shows nothing
CALLS = 350_000  # the largest number of function calls before a kill; Optuna's first trials
LIMIT = 120  # seconds for one process

processes = multiprocessing.get_context("forkserver")


def varied_experiment(trials: int, **settings: Any) -> Experiment:
    """Return an experiment whose trials end in all three states, and report steps.

    Args:
        trials: Number of trials.
        **settings: Other settings of the experiment.
    """
    defaults: dict[str, Any] = {
        "objectives": {"score": "max"},
        "strategy": strategy("RegularizedEvolution"),
        "pruner": MedianPruner(startup=3),
        "seed": 3,
    }
    return Experiment(chain(), evaluate_variously, trials=trials, **defaults | settings)


def end_of(run: Callable[[], object], moment: Fault | int) -> bool:
    """Run in a new process that is killed at some moment.

    Args:
        run: What to run; it must go through pickle.
        moment: A fault, or a number of function calls.

    Returns:
        Whether the process was killed; otherwise it finished before that moment.

    Raises:
        RuntimeError: The process hangs, fails by itself, or leaves processes behind.
    """
    until: Any = run_until_fault if isinstance(moment, Fault) else run_until_call
    process = processes.Process(target=until, args=(run, moment))
    process.start()
    process.join(LIMIT)
    if process.exitcode is None:
        process.kill()
        raise RuntimeError(f"the process still runs after {LIMIT} seconds; killed at {moment}")
    if process.exitcode not in (0, -signal.SIGKILL):
        raise RuntimeError(f"the process failed with exit code {process.exitcode} at {moment}")
    _wait_for_orphans(process.pid or 0)
    return process.exitcode != 0


def _wait_for_orphans(session: int, seconds: float = 20) -> None:
    """Wait until no process of a session runs."""
    deadline = time.monotonic() + seconds
    while left := _running_in(session):
        if time.monotonic() > deadline:
            raise RuntimeError(f"the killed run left processes behind: {left}")
        time.sleep(0.05)


def _running_in(session: int) -> list[int]:
    """Return the processes of a session that are not zombies, from the process table of Linux."""
    found: list[int] = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, owner = stat.read_text().rpartition(")")[2].split()[:4]
        except (OSError, ValueError):  # it has ended
            continue
        if int(owner) == session and state != "Z":
            found.append(int(stat.parent.name))
    return found


def round_of_kills(name: str, moments: random.Random) -> int:
    """Kill, resume and compare one run; return how many processes were killed."""
    harness, experiment = BackendHarness(name), varied_experiment(KILLS)
    kills = finished = 0
    with TemporaryDirectory() as place:
        directory = Path(place) / "run"
        run = partial(harness.run, experiment, directory)
        # Half of the moments are early, since most backends take far fewer calls than Optuna.
        limits = itertools.cycle((CALLS // 10, CALLS))
        for _ in range(KILLS):  # a process that is not killed finishes the run
            kills += end_of(run, moments.randrange(next(limits)))
            finished = stored_trials(harness, directory, experiment, finished)
        if comparable(run()) != comparable(reference(experiment)):
            raise RuntimeError("the resumed run differs from a bare search")
    if kills < FEWEST:
        raise RuntimeError(f"only {kills} kills: the run ends before most of the moments")
    return kills


def stored_trials(
    harness: BackendHarness, directory: Path, experiment: Experiment, finished: int
) -> int:
    """Return how many finished trials a killed run has stored, and check them.

    Args:
        harness: The backend.
        directory: The run's directory.
        experiment: The experiment of the run.
        finished: How many were stored before.

    Raises:
        RuntimeError: Trials are lost, or differ from the first of a bare search.
    """
    try:
        history = harness.load(directory)
    except NasbridgeError:
        if finished == 0:  # it was killed before anything was stored
            return 0
        raise
    stored = history.of_state("complete", "pruned", "failed")
    if len(stored) < finished:
        raise RuntimeError(f"{finished} finished trials were stored, and now {len(stored)}")
    if comparable(stored) != comparable(reference(experiment))[: len(stored)]:
        raise RuntimeError("the stored trials are not the first of a bare search")
    return len(stored)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code.

    Args:
        arguments: The command line without the program; None takes that of this process.
    """
    parser = argparse.ArgumentParser(
        prog="python -m nasbridge.testing.soak", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("backends", nargs="*", default=["local", "optuna"], metavar="BACKEND")
    parser.add_argument("--seconds", type=float, default=60, help="for each backend")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of the moments")
    given = parser.parse_args(arguments)
    if unknown := set(given.backends) - set(backend_names()):
        parser.error(f"no backend {sorted(unknown)[0]!r}: choose from {', '.join(backend_names())}")
    for name in given.backends:
        moments, deadline = random.Random(f"{name} {given.seed}"), time.monotonic() + given.seconds
        for number in itertools.count(1):
            try:
                kills = round_of_kills(name, moments)
            except Exception as error:  # reported with what repeats it
                print(f"{name}, round {number}, --seed {given.seed}: {error}", file=sys.stderr)
                return 1
            print(f"{name}, round {number}: {kills} kills, no difference", flush=True)
            if time.monotonic() > deadline:
                break
    return 0


if __name__ == "__main__":
    os.environ.setdefault("KERAS_BACKEND", "numpy")
    sys.exit(main())
