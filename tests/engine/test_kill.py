"""Killed at random moments, twenty times over, a run ends as if nothing had happened.

A moment is a function call, drawn at random: in a trial, between ask and tell, before a write and
after it. So the tests need no clock, and the speed of the machine does not matter.
"""

import multiprocessing
import os
import random
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from nasbridge import Experiment, History, MedianPruner, NasbridgeError
from nasbridge.adapters.keras_tuner import NASTuner, load
from nasbridge.testing import harness as material
from nasbridge.testing.harness import BackendHarness, bare_loop, comparable, strategy
from nasbridge.testing.killing import run_until

processes = multiprocessing.get_context("forkserver")

# Moments in a run: opening the storage and about four trials.
SPANS = {"keras_tuner": 60_000, "local": 12_000, "optuna": 350_000}


def experiment(trials: int, **settings: Any) -> Experiment:
    """Trials end in all three ways, and report on their way."""
    standard: dict[str, Any] = {
        "objectives": {"score": "max"},
        "strategy": strategy("RegularizedEvolution"),
        "pruner": MedianPruner(startup=3),
        "seed": 3,
    }
    return Experiment(
        material.chain(), material.evaluate_variously, trials=trials, **standard | settings
    )


def run_and_kill(run: Callable[[], object], calls: int) -> int:
    """Let a process run until its fatal call; return its exit code."""
    process = processes.Process(target=run_until, args=(run, calls))
    process.start()
    process.join(120)
    code = process.exitcode
    if code is None:
        process.kill()
        pytest.fail("the process hangs")
    assert code in (0, -signal.SIGKILL), f"it failed by itself, exit code {code}"
    wait_for_an_end(process.pid or 0)
    return code


def left_behind(session: int) -> list[psutil.Process]:
    """The processes of a session that still run."""
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        with suppress(OSError, psutil.Error):
            if os.getsid(process.pid) == session and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def wait_for_an_end(session: int, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while left_behind(session):
        assert time.monotonic() < deadline, f"orphans: {left_behind(session)}"
        time.sleep(0.05)


def so_far(harness: BackendHarness, directory: Path) -> History | None:
    try:
        return harness.load(directory)
    except NasbridgeError:  # it was killed before anything was stored
        return None


@pytest.mark.parametrize(
    ("backend", "trials"), [("keras_tuner", 16), ("local", 40), ("optuna", 16)]
)
def test_killed_at_twenty_moments(backend: str, trials: int, tmp_path: Path) -> None:
    harness, searched = BackendHarness(backend), experiment(trials)
    expected = comparable(bare_loop(searched))
    run, moments = partial(harness.run, searched, tmp_path / "run"), random.Random(backend)
    finished = killed = 0
    for _ in range(20):
        killed += run_and_kill(run, moments.randrange(SPANS[backend])) != 0
        history = so_far(harness, tmp_path / "run")
        if history is not None:
            known = history.of_state("complete", "pruned", "failed")
            assert len(known) >= finished  # nothing is lost
            assert comparable(known) == expected[: len(known)]
            finished = len(known)
    assert killed >= 10
    assert comparable(harness.run(searched, tmp_path / "run")) == expected
    assert comparable(harness.load(tmp_path / "run")) == expected


class Scored(NASTuner):
    """Scores architectures instead of training them; some fail."""

    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> Any:
        model: Any = self.hypermodel
        architecture = model.architecture(trial.hyperparameters)
        if material.fate(architecture) == "failed":
            raise MemoryError(f"no memory for {architecture.key}")
        return material.score(architecture)


def search_by_their_door(directory: Path) -> None:
    tuner = Scored(
        material.chain(),
        {"score": "max"},
        16,
        strategy=strategy("RegularizedEvolution"),
        seed=3,
        input_shape=(8, 8, 1),
        directory=directory,
        project_name="killed",
    )
    tuner.search(verbose=0)


def test_killed_at_ten_moments_by_the_door_of_keras_tuner(tmp_path: Path) -> None:
    searched = Experiment(
        material.chain(),
        material.evaluate_or_fail,
        {"score": "max"},
        strategy("RegularizedEvolution"),
        16,
        seed=3,
    )
    expected = [fact[:3] for fact in comparable(bare_loop(searched))]
    run, moments = partial(search_by_their_door, tmp_path), random.Random("their door")
    killed = 0
    for _ in range(10):
        killed += run_and_kill(run, moments.randrange(SPANS["keras_tuner"])) != 0
    assert killed >= 5
    search_by_their_door(tmp_path)
    assert [fact[:3] for fact in comparable(load(tmp_path / "killed"))] == expected


@pytest.mark.parametrize("pruner", ["hyperband", "successive-halving"])
@pytest.mark.parametrize("several", [False, True], ids=["one", "several"])
def test_killed_under_a_pruner_of_optuna(several: bool, pruner: str, tmp_path: Path) -> None:
    objectives = {"score": "max", "size": "min"} if several else {"score": "max"}
    searched = experiment(16, objectives=objectives, pruner=None)
    harness = BackendHarness("optuna", {"pruner": pruner})
    expected = comparable(harness.run(searched))
    run, moments = partial(harness.run, searched, tmp_path / "run"), random.Random(pruner)
    killed = sum(run_and_kill(run, moments.randrange(SPANS["optuna"])) != 0 for _ in range(5))
    assert killed >= 3
    assert comparable(harness.run(searched, tmp_path / "run")) == expected
    assert any(fact[2] == "pruned" for fact in expected)


@pytest.mark.parametrize(
    ("backend", "trials"), [("keras_tuner", 16), ("local", 24), ("optuna", 16)]
)
def test_killed_with_two_workers(backend: str, trials: int, tmp_path: Path) -> None:
    """Which trials run at one time is a matter of luck; that all are there is not."""
    harness, searched = BackendHarness(backend), experiment(trials)
    run, moments = partial(harness.run, searched, tmp_path / "run", 2), random.Random(backend)
    for _ in range(5):
        run_and_kill(run, moments.randrange(2 * SPANS[backend]))
    history = harness.run(searched, tmp_path / "run", 2)
    assert sorted(trial.number for trial in history) == list(range(trials))
    assert len({trial.architecture.canonical for trial in history}) == trials
    for trial in history:
        fate = material.fate(trial.architecture)
        assert trial.state == fate or (trial.state, fate) == ("pruned", "complete")
        if trial.state == "complete":
            assert dict(trial.values) == material.score(trial.architecture)
    assert comparable(harness.load(tmp_path / "run")) == comparable(history)
