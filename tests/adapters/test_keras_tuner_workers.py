# pyright: basic
"""A chief and two workers of Keras Tuner, one of which is killed in a trial."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from nasbridge import Experiment, RandomSearch
from nasbridge.adapters import _conformance as material
from nasbridge.adapters._conformance import bare_loop
from nasbridge.adapters.keras_tuner import NASTuner, load

TRIALS = 12
SECONDS = 240  # until processes that hang are ended


class Scoring(NASTuner):
    """Scores architectures instead of training them."""

    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> Any:
        file = Path(self.directory) / "began"
        with file.open("a") as began:
            began.write(f"{int(trial.trial_id)} {self.tuner_id}\n")
        while "mortal" not in file.read_text():  # the other one is still being started
            time.sleep(0.02)
        if self.tuner_id == "mortal" and file.read_text().count("mortal") == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        model: Any = self.hypermodel
        return material.score(model.architecture(trial.hyperparameters))


def search(directory: str) -> None:
    """What every process runs; its environment says which one it is."""
    tuner = Scoring(
        material.chain(),
        RandomSearch(),
        {"score": "max"},
        TRIALS,
        seed=3,
        input_shape=(8, 8, 1),
        oracle={"patience": 5},
        directory=directory,
    )
    tuner.search(verbose=0)


CODE = "import runpy, sys; runpy.run_path(sys.argv[1])['search'](sys.argv[2])"


def started(name: str, port: int, directory: Path) -> subprocess.Popen[str]:
    environment = {
        **os.environ,
        "KERASTUNER_TUNER_ID": name,
        "KERASTUNER_ORACLE_IP": "127.0.0.1",
        "KERASTUNER_ORACLE_PORT": str(port),
    }
    return subprocess.Popen(
        [sys.executable, "-c", CODE, __file__, str(directory)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.frameworks
def test_a_killed_worker_costs_nothing(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    processes = [started(name, port, tmp_path) for name in ("chief", "lasting", "mortal")]
    try:
        errors = [process.communicate(timeout=SECONDS)[1] for process in processes]
    finally:
        for process in processes:
            process.kill()
    began = [line.split() for line in (tmp_path / "began").read_text().splitlines()]
    codes = [process.returncode for process in processes]
    assert codes == [0, 0, -signal.SIGKILL], errors
    times = Counter(int(number) for number, _ in began)
    killed = [int(number) for number, worker in began if worker == "mortal"][1]
    assert times.pop(killed) == 2
    assert set(times.values()) == {1}
    history = load(tmp_path / "untitled_project")
    assert sorted(trial.number for trial in history) == list(range(TRIALS))
    experiment = Experiment(
        material.chain(), material.evaluate, {"score": "max"}, RandomSearch(), TRIALS, seed=3
    )
    expected = {trial.number: trial for trial in bare_loop(experiment)}
    for trial in history:
        assert trial.state == "complete"
        assert trial.architecture.choices == expected[trial.number].architecture.choices
        assert trial.values["score"] == pytest.approx(expected[trial.number].values["score"])
