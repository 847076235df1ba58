# pyright: basic
"""The process of a trial ends too early or never connects: NNI and our history agree.

A fake manager takes the place of NNI; test_managed.py shows the same under NNI.
"""

import os
import re
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nasbridge import BackendError, Experiment, Integer, RandomSearch, Space, TooManyFailures
from nasbridge.adapters import nni
from nasbridge.adapters.nni import store, trial_process
from nasbridge.engine import ActiveTrial, Unsupported
from nasbridge.engine.driver import Silent
from nasbridge.engine.signals import interruptible
from nasbridge.spaces import Architecture
from nasbridge.strategies import History
from nasbridge.testing import bare_loop, comparable

SPACE = Space({"slope": Integer(1, 40)})


def experiment(evaluate: Callable[..., Any], trials: int, **settings: Any) -> Experiment:
    return Experiment(
        SPACE, evaluate, {"score": "max"}, RandomSearch(), trials=trials, seed=1, **settings
    )


def run(searched: Experiment, directory: Path, **options: Any) -> History:
    return searched.run("nni", directory, 0, Silent(), **options)


def evaluate(architecture: Architecture, trial: ActiveTrial) -> dict[str, float]:
    return {"score": float(architecture["slope"])}


def test_a_killed_trial_is_pruned_with_its_last_value_or_failed(fake: Any, tmp_path: Path) -> None:
    """Killed between two reports, after the last one, before the first one, crashed, not at all."""

    def evaluate_and_kill(architecture: Architecture, trial: ActiveTrial) -> dict[str, float]:
        slope, number = float(architecture["slope"]), trial.number
        for step in range(0 if number == 2 else 3):
            if (number, step) == (0, 2):
                kill(number)
            trial.report(step, score=slope * (step + 1))
        if number in (1, 2):
            kill(number)
        if number == 3:
            kill(number, "FAILED")
        return {"score": slope * 3}

    def kill(number: int, status: str = "USER_CANCELED") -> None:
        fake.latest.kill(number, status)
        time.sleep(0.2)  # until the relay has noticed

    trials = sorted(run(experiment(evaluate_and_kill, 5), tmp_path), key=lambda t: t.number)
    assert [(trial.state, len(trial.curve)) for trial in trials] == [
        ("pruned", 2),
        ("pruned", 3),
        ("failed", 0),
        ("failed", 3),
        ("complete", 3),
    ]
    for trial, steps in zip(trials[:2], (2, 3), strict=True):
        assert trial.values == {"score": trial.architecture["slope"] * steps}
        assert "killed in the web UI, by nnictl or by a signal" in trial.notes["stopped"]
    assert "(USER_CANCELED)" in trials[2].notes["error"]
    assert "(FAILED)" in trials[3].notes["error"]


def crashing(manager: Any) -> None:
    """Let the processes of trials 2 to 4 end before they connect."""
    manager.crashes = lambda number: 2 <= number <= 4


def silent(manager: Any) -> None:
    manager.is_silent = True


def test_a_process_that_ends_before_it_connects_fails_its_trial(fake: Any, tmp_path: Path) -> None:
    fake.prepare = crashing
    history = run(experiment(evaluate, 7), tmp_path)
    assert {trial.number for trial in history.of_state("failed")} == {2, 3, 4}
    for trial in history.of_state("failed"):
        assert "(FAILED) before the evaluation began" in trial.notes["error"]


def test_processes_that_always_crash_end_the_search(fake: Any, tmp_path: Path) -> None:
    fake.prepare = crashing
    searched = experiment(evaluate, 12, max_failures=2)
    with pytest.raises(TooManyFailures, match=r"trial 3 .*before the evaluation.*trial\.stderr"):
        run(searched, tmp_path)
    assert len(run(searched, tmp_path)) == 12  # a resume continues after them


def test_a_process_that_never_connects_is_an_error(
    fake: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "PROCESS_TIMEOUT", 0.5)
    fake.prepare, searched = silent, experiment(evaluate, 3)
    message = (
        r"not started trial 0 within 0\.5 s.*is RUNNING.*processes.*logs in .*log, then resume"
    )
    with pytest.raises(BackendError, match=message):
        run(searched, tmp_path)
    fake.prepare = lambda manager: None
    assert comparable(run(searched, tmp_path)) == comparable(bare_loop(searched))


def test_ctrl_c_ends_the_wait_for_a_process(fake: Any, tmp_path: Path) -> None:
    def press_ctrl_c(manager: Any) -> None:
        manager.is_silent = True
        manager.check = lambda: os.kill(os.getpid(), signal.SIGINT)

    fake.prepare, searched = press_ctrl_c, experiment(evaluate, 3)
    with interruptible(), pytest.raises(KeyboardInterrupt):
        run(searched, tmp_path)


def test_an_error_of_nni_ends_the_run_and_keeps_a_temporary_directory(
    fake: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def evaluate_and_break(architecture: Architecture, trial: ActiveTrial) -> dict[str, float]:
        fake.latest.is_silent, fake.latest.error = True, BackendError("NNI has stopped")
        return {"score": 1.0}

    searched = experiment(evaluate_and_break, 3)
    with pytest.raises(BackendError, match=r"NNI has stopped; to continue, run with dir") as caught:
        searched.run("nni", None, 0, Silent())
    (kept,) = re.findall(r"directory='(.*?)'", str(caught.value))
    history = run(experiment(evaluate, 3), Path(kept))
    assert len(history.of_state("complete")) == 3


def test_a_temporary_directory_without_nni_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(Unsupported):
        nni.run(experiment(evaluate, 1), port=0)
    assert not list(tmp_path.iterdir())


def test_a_process_does_not_linger_after_the_end_of_its_manager() -> None:
    began = time.monotonic()
    trial_process._linger(os.getppid() + 1)  # pyright: ignore[reportPrivateUsage]
    assert time.monotonic() - began < trial_process.LINGER_SECONDS / 2
