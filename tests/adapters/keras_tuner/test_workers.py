# pyright: basic
"""A chief and workers of Keras Tuner: a worker is killed in its trial, or the chief is."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from keras_tuner.engine.trial import Trial as Row
from keras_tuner.engine.trial import TrialStatus

from nasbridge import Experiment, History, RandomSearch
from nasbridge import testing as material
from nasbridge.adapters.keras_tuner import NASOracle, NASTuner, load
from nasbridge.testing import bare_loop

TRIALS = 12
HELD = (5, 6)  # the trials that wait while there is a file "hold"
SECONDS = 240  # until processes that hang are ended


class Scoring(NASTuner):
    """Scores architectures instead of training them."""

    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> Any:
        with (Path(self.directory) / "began").open("a") as began:
            began.write(f"{int(trial.trial_id)} {self.tuner_id}\n")
        self.wait(int(trial.trial_id))
        model: Any = self.hypermodel
        return material.score(model.architecture(trial.hyperparameters))

    def wait(self, number: int) -> None:
        """Wait within trials, as long as there is a file for it."""
        while number in HELD and (Path(self.directory) / "hold").exists():
            time.sleep(0.02)


class Mortal(Scoring):
    """A worker called "mortal" kills itself in its second trial."""

    def wait(self, number: int) -> None:
        file = Path(self.directory) / "began"
        while "mortal" not in file.read_text():  # the other one is still being started
            time.sleep(0.02)
        if self.tuner_id == "mortal" and file.read_text().count("mortal") == 2:
            os.kill(os.getpid(), signal.SIGKILL)


def made(kind: type[Scoring], directory: str | Path) -> Scoring:
    return kind(
        material.chain(),
        RandomSearch(),
        {"score": "max"},
        TRIALS,
        seed=3,
        input_shape=(8, 8, 1),
        oracle={"patience": 5},
        directory=directory,
    )


def search(directory: str, kind: str) -> None:
    """What every process runs; its environment says which one it is."""
    made({"Scoring": Scoring, "Mortal": Mortal}[kind], directory).search()


CODE = "import runpy, sys; runpy.run_path(sys.argv[1])['search'](*sys.argv[2:])"
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(tmp_path: Path) -> Any:
    """Starts a process of one and the same search."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    processes: list[subprocess.Popen[str]] = []

    def started(name: str, tuner: type[Scoring] = Scoring) -> subprocess.Popen[str]:
        environment = {
            **os.environ,
            "KERASTUNER_TUNER_ID": name,
            "KERASTUNER_ORACLE_IP": "127.0.0.1",
            "KERASTUNER_ORACLE_PORT": str(port),
            "KERAS_BACKEND": "numpy",  # nothing is trained, and this one is there soonest
        }
        process = subprocess.Popen(
            [sys.executable, "-c", CODE, __file__, str(tmp_path), tuner.__name__],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        return process

    yield started
    for process in processes:
        process.kill()
        process.communicate()


def begun(directory: Path) -> list[tuple[int, str]]:
    """Return which trials have begun, and at which worker, in this order."""
    file = directory / "began"
    lines = file.read_text().splitlines() if file.exists() else []
    return [(int(number), worker) for number, worker in map(str.split, lines)]


def wait_until(reached: Callable[[], bool]) -> None:
    limit = time.monotonic() + SECONDS
    while not reached():
        assert time.monotonic() < limit, "the processes hang"
        time.sleep(0.05)


def assert_ended(processes: list[subprocess.Popen[str]], codes: list[int]) -> None:
    errors = [process.communicate(timeout=SECONDS)[1] for process in processes]
    assert [process.returncode for process in processes] == codes, errors


def assert_complete(history: History) -> None:
    """All is there, once, as a search that nobody has disturbed has it."""
    assert sorted(trial.number for trial in history) == list(range(TRIALS))
    experiment = Experiment(
        material.chain(), material.evaluate, {"score": "max"}, RandomSearch(), TRIALS, seed=3
    )
    expected = {trial.number: trial for trial in bare_loop(experiment)}
    for trial in history:
        assert trial.state == "complete"
        assert trial.architecture.choices == expected[trial.number].architecture.choices
        assert trial.values["score"] == pytest.approx(expected[trial.number].values["score"])


@pytest.mark.frameworks
def test_a_killed_worker_costs_nothing(tmp_path: Path, start: Start) -> None:
    processes = [start(name, Mortal) for name in ("chief", "lasting", "mortal")]
    assert_ended(processes, [0, 0, -signal.SIGKILL])
    began = begun(tmp_path)
    times = Counter(number for number, _ in began)
    killed = [number for number, worker in began if worker == "mortal"][1]
    assert times.pop(killed) == 2
    assert set(times.values()) == {1}
    assert_complete(load(tmp_path / "untitled_project"))


@pytest.mark.frameworks
def test_a_killed_chief_and_a_killed_worker_cost_nothing(tmp_path: Path, start: Start) -> None:
    """A worker that lives on finishes its trial under the new chief; a dead one's is repeated."""
    (tmp_path / "hold").touch()
    chief, *workers = [start(name) for name in ("chief", "first", "second")]
    wait_until(lambda: {number for number, _ in begun(tmp_path)} >= {*HELD})
    lasting, mortal = workers if dict(begun(tmp_path))[HELD[0]] == "first" else workers[::-1]
    for process in (chief, mortal):
        process.kill()
    assert_ended([chief, mortal], [-signal.SIGKILL] * 2)
    before = load(tmp_path / "untitled_project")
    assert {trial.number for trial in before.of_state("running")} == {*HELD}
    again, third = start("chief"), start("third")
    wait_until(lambda: begun(tmp_path)[-1][1] == "third")
    (tmp_path / "hold").unlink()
    assert_ended([again, third, lasting], [0] * 3)
    began = Counter(number for number, _ in begun(tmp_path))
    assert began.pop(HELD[1]) == 2
    assert set(began.values()) == {1}
    history = load(tmp_path / "untitled_project")
    assert_complete(history)
    ended = {trial.number: trial for trial in history}
    assert all(ended[trial.number] == trial for trial in before.of_state("complete"))
    order = json.loads((tmp_path / "untitled_project" / "oracle.json").read_text())["end_order"]
    assert sorted(map(int, order)) == list(range(TRIALS))


@pytest.fixture
def chief(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes this process the one of a chief."""
    monkeypatch.setenv("KERASTUNER_TUNER_ID", "chief")
    monkeypatch.setenv("KERASTUNER_ORACLE_IP", "127.0.0.1")
    monkeypatch.setenv("KERASTUNER_ORACLE_PORT", "0")


@pytest.mark.usefixtures("chief")
def test_an_end_that_comes_too_late_is_none_of_the_trial_s_repetition(tmp_path: Path) -> None:
    oracle = NASOracle(RandomSearch(), {"score": "max"}, 1, space=material.chain())
    oracle._set_project_dir(tmp_path, "project")
    slow = Row.from_proto(oracle.create_trial("slow").to_proto())
    oracle._last_word["slow"] -= 601
    assert oracle.create_trial("other").trial_id == slow.trial_id
    slow.status = TrialStatus.COMPLETED
    oracle.end_trial(slow)
    assert oracle.trials[slow.trial_id].status == TrialStatus.RUNNING
    oracle.update_trial(slow.trial_id, {"score": 3.0})
    oracle.end_trial(slow)
    assert oracle.trials[slow.trial_id].status == TrialStatus.COMPLETED
    assert oracle.trials[slow.trial_id].score == 3.0


def test_a_chief_goes_on_with_what_one_process_has_begun(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    alone = made(Scoring, tmp_path)
    alone.search(verbose=0)
    request.getfixturevalue("chief")
    assert made(Scoring, tmp_path).history.trials == alone.history.trials
