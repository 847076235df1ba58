# pyright: basic
"""The web UI stays up until Ctrl-C, also where the process was started with SIGINT ignored."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nasbridge import BackendError, Experiment, Integer, RandomSearch, Space, TooManyFailures
from nasbridge.adapters import nni
from nasbridge.engine import ActiveTrial
from nasbridge.spaces import Architecture


@pytest.fixture(params=[signal.default_int_handler, signal.SIG_IGN], ids=["default", "ignored"])
def at_start(request: pytest.FixtureRequest) -> Iterator[Any]:
    """The handling of SIGINT at the start: a background job of a shell ignores it."""
    before = signal.signal(signal.SIGINT, request.param)
    yield request.param
    signal.signal(signal.SIGINT, before)


def press_ctrl_c(manager: Any) -> None:
    """Send SIGINT when the wait for Ctrl-C checks the manager."""
    manager.check = lambda: os.kill(os.getpid(), signal.SIGINT)


def evaluate(architecture: Architecture, trial: ActiveTrial) -> dict[str, float]:
    return {"score": float(architecture["slope"])}


def evaluate_badly(architecture: Architecture, trial: ActiveTrial) -> dict[str, float]:
    raise ValueError("no network")


def experiment(evaluate: Any) -> Experiment:
    space = Space({"slope": Integer(1, 40)})
    return Experiment(space, evaluate, {"score": "max"}, RandomSearch(), trials=3, max_failures=1)


def test_the_web_ui_stays_after_a_run(
    fake: Any, at_start: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.prepare = press_ctrl_c
    history = nni.run(experiment(evaluate), tmp_path, keep=True)
    assert len(history.of_state("complete")) == 3
    printed = capsys.readouterr().err
    assert printed.index("3 trials, the best has {'score': ") < printed.index("until Ctrl-C")
    assert signal.getsignal(signal.SIGINT) is at_start  # restored


def test_the_web_ui_stays_after_a_run_with_several_objectives(
    fake: Any, at_start: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def evaluate_two(architecture: Architecture, trial: ActiveTrial) -> dict[str, float]:
        return {"score": float(architecture["slope"]), "cost": float(architecture["slope"])}

    fake.prepare = press_ctrl_c
    goals = {"score": "max", "cost": "min"}
    space = experiment(evaluate).space
    several = Experiment(space, evaluate_two, goals, RandomSearch(), trials=3)
    history = nni.run(several, tmp_path, keep=True)
    assert len(history.pareto) == 3
    assert "3 trials, 3 on the Pareto front" in capsys.readouterr().err


def test_the_web_ui_stays_after_an_error(
    fake: Any, at_start: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.prepare = press_ctrl_c
    with pytest.raises(TooManyFailures, match="no network"):
        nni.run(experiment(evaluate_badly), tmp_path, keep=True)
    assert fake.latest.ended == {0: "FAILED"}
    printed = capsys.readouterr().err
    assert printed.index("TooManyFailures: ") < printed.index("until Ctrl-C")
    assert signal.getsignal(signal.SIGINT) is at_start


def test_the_web_ui_does_not_stay_when_nni_has_ended(fake: Any, tmp_path: Path) -> None:
    def end(manager: Any) -> None:
        manager.error = BackendError("NNI's node manager has ended")

    fake.prepare = end
    with pytest.raises(BackendError, match="has ended"):
        nni.run(experiment(evaluate), tmp_path, keep=True)
