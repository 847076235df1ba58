"""Fixtures that run commands in a folder with an experiment that needs no framework."""

import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nasbridge.runs import load_run

EXPERIMENT = """
import os, time
from pathlib import Path
from nasbridge import Choice, Experiment, Integer, RandomSearch, RegularizedEvolution, Space

def evaluate(architecture, trial):
    with Path("evaluated").open("a") as log:
        log.write(f"{trial.number}\\n")
    time.sleep(float(os.environ.get("PACE", 0)))
    width = architecture["width"]
    loss = abs(width - 37) + (architecture["delay"] if architecture["kind"] == "slow" else 5)
    for epoch in range(3):
        trial.report(epoch, loss=loss + 2 - epoch)
    if width % 7 == 3:
        raise ValueError("unlucky")
    return {"loss": loss, "size": 100 - width}

space = Space({
    "width": Integer(1, 60),
    "kind": Choice({"slow": "slow", "[quick]": "quick"}),
    "delay": Integer(0, 9),
})
experiment = Experiment(
    space, evaluate, {"loss": "min"}, RegularizedEvolution(6, 3), trials=24, seed=3
)
"""

Done = subprocess.CompletedProcess[str]
Process = subprocess.Popen[str]


def environment(**more: str) -> dict[str, str]:
    """Return the environment of a command whose output is captured."""
    inherited = {k: v for k, v in os.environ.items() if k not in {"FORCE_COLOR", "COLUMNS"}}
    return {
        **inherited,
        "KERAS_BACKEND": "numpy",
        **more,
    }  # nothing is trained, and numpy loads fastest


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "nasbridge", *map(str, arguments)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working directory with an experiment, toy.py."""
    (tmp_path / "toy.py").write_text(EXPERIMENT)
    return tmp_path


@pytest.fixture
def edit(folder: Path) -> Callable[[str, str], None]:
    """Replaces a text in toy.py."""

    def replace(old: str, new: str) -> None:
        text = (folder / "toy.py").read_text()
        assert old in text
        (folder / "toy.py").write_text(text.replace(old, new, 1))

    return replace


def main(arguments: list[str], folder: Path, variables: dict[str, str], *files: Path) -> None:
    """Run `python -m nasbridge` in a folder, and write its output to two files."""
    os.chdir(folder)
    for stream, file in zip((sys.stdout, sys.stderr), files, strict=True):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT), stream.fileno())
    os.environ.clear()
    os.environ.update(variables)
    sys.argv = ["nasbridge", *arguments]
    sys.path.insert(0, str(folder))
    runpy.run_module("nasbridge", run_name="__main__", alter_sys=True)


@pytest.fixture
def nasbridge(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Done]:
    """Runs a command in a fork of a process that has loaded Optuna; checks its exit code."""

    def run(*arguments: object, code: int = 0, cwd: Path = folder) -> Done:
        place = tmp_path_factory.mktemp("printed")
        files, words = (place / "stdout", place / "stderr"), [str(word) for word in arguments]
        for file in files:
            file.touch()
        fork = multiprocessing.get_context("forkserver").Process
        process = fork(target=main, args=(words, cwd, environment(), *files))
        process.start()
        try:
            process.join(300)
        finally:
            process.kill()  # a command that hangs must not outlive its test
            process.join()
        done = Done(words, process.exitcode or 0, *(file.read_text() for file in files))
        assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
        assert ("Traceback" in done.stderr) == ("--traceback" in arguments)
        return done

    return run


@pytest.fixture
def alone(folder: Path) -> Callable[..., Done]:
    """Runs a command as users do, in a new process."""

    def run(*arguments: object) -> Done:
        done = subprocess.run(
            command(*arguments),
            cwd=folder,
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, (done.returncode, done.stdout, done.stderr)
        return done

    return run


@pytest.fixture
def refused(nasbridge: Callable[..., Done]) -> Callable[..., str]:
    """Runs a command that must fail, and returns its error on one line."""

    def run(*arguments: object) -> str:
        done = nasbridge(*arguments, code=1)
        assert not done.stdout
        return " ".join(done.stderr[done.stderr.index("error: ") :].split())

    return run


@pytest.fixture
def outcomes(folder: Path) -> Callable[..., list[tuple[Any, ...]]]:
    """Reads the part of a run's history that does not depend on time and place."""

    def read(directory: str, **options: str) -> list[tuple[Any, ...]]:
        return [
            (t.number, t.state, dict(t.architecture.choices), dict(t.values), t.curve)
            for t in load_run(folder / directory, options=options)
        ]

    return read


@pytest.fixture
def start(folder: Path) -> Callable[..., Process]:
    """Starts a slow run, as a terminal does, and waits until some trials have begun."""

    def begin(*arguments: object, trials: int) -> Process:
        log = folder / "evaluated"
        log.unlink(missing_ok=True)
        process = subprocess.Popen(
            command(*arguments),
            cwd=folder,
            env=environment(PACE="0.15"),
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        await_that(process, lambda: log.exists() and len(log.read_text().split()) >= trials)
        return process

    return begin


@pytest.fixture
def stop(start: Callable[..., Process]) -> Callable[..., str]:
    """Starts a slow run and presses Ctrl-C after some trials; returns standard error."""

    def run(*arguments: object, trials: int) -> str:
        process = start(*arguments, trials=trials)
        os.killpg(process.pid, signal.SIGINT)
        _, stderr = process.communicate(timeout=60)
        # The second one if Python is executing a string; shells show 130 for both.
        assert process.returncode in {130, -signal.SIGINT}, stderr
        assert "Traceback" not in stderr
        return stderr

    return run


def await_that(process: Process, condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.02)
