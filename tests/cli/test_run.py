"""`run` and `resume`."""

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from nasbridge import History
from nasbridge.runs import load_run

Run = Callable[..., subprocess.CompletedProcess[str]]
Outcomes = Callable[..., list[tuple[Any, ...]]]
Edit = Callable[[str, str], None]


@pytest.mark.parametrize("backend", ["local", "optuna"])
def test_run_then_resume_is_one_run(
    folder: Path, nasbridge: Run, outcomes: Outcomes, backend: str
) -> None:
    first = nasbridge("run", "toy.py", "--backend", backend, "--trials", 10)
    directory = f"runs/toy-{backend}"
    assert f"in {directory}" in first.stderr
    resume = f"nasbridge resume {directory} --experiment toy.py --trials 20"
    assert f"nasbridge report {directory}\n  {resume}" in first.stderr
    assert len(outcomes(directory)) == 10
    nasbridge("resume", directory, "--experiment", "toy.py", "--trials", 24)
    nasbridge("run", "toy.py", "--backend", "local", "--directory", "whole")
    assert outcomes(directory) == outcomes("whole")
    assert len(outcomes("whole")) == 24
    assert {t.state for t in load_run(folder / "whole")} == {"complete", "failed"}


def test_the_best_trial_is_shown(folder: Path, nasbridge: Run) -> None:
    done = nasbridge("run", "toy.py", "--directory", "d")
    best = load_run(folder / "d").best
    header, row = done.stdout.rstrip().split("\n")
    assert header.split() == ["trial", "loss", "architecture"]
    number, loss, architecture = row.split(maxsplit=2)
    assert (int(number), float(loss)) == (best.number, best.values["loss"])
    choices = best.architecture.choices
    assert architecture.split(", ") == [f"{name}={label}" for name, label in choices.items()]
    failed = len(load_run(folder / "d").of_state("failed"))
    assert f"24 trials, {failed} failed" in done.stderr


def test_several_objectives_give_a_front(folder: Path, nasbridge: Run, edit: Edit) -> None:
    edit('{"loss": "min"}', '{"loss": "min", "size": "max"}')
    done = nasbridge("run", "toy.py", "--directory", "d")
    front = load_run(folder / "d").pareto
    header, *rows = (line.split()[:3] for line in done.stdout.rstrip().split("\n"))
    assert header == ["trial", "loss", "size"]
    losses = [float(loss) for _, loss, _ in rows]
    assert losses == sorted(losses)
    assert {int(number) for number, *_ in rows} <= {trial.number for trial in front}
    assert len(rows) == min(len(front), 10)


def test_settings_are_remembered(folder: Path, nasbridge: Run) -> None:
    settings = ("--trials", 6, "--seed", 8, "--pruner", "median", "--jobs", 1)
    nasbridge("run", "toy.py", "--directory", "d", *settings)
    nasbridge("resume", "d", "--experiment", "toy.py", "--trials", 14)
    note = json.loads((folder / "d" / "run.json").read_text())
    assert note["jobs"] == 1
    assert note["origin"]["settings"] == {"trials": 14, "seed": 8, "pruner": "median"}
    history = load_run(folder / "d")
    assert (len(history), history.seed) == (14, 8)
    assert history.of_state("pruned")


def test_resume_works_from_anywhere(
    folder: Path, nasbridge: Run, edit: Edit, refused: Callable[..., str]
) -> None:
    edit("space = Space", "Path('data').read_text()\nspace = Space")
    (folder / "data").touch()
    (folder / "elsewhere").mkdir()
    options = (
        "--option",
        "storage=sqlite:///nas.db",
        "--option",
        "study_name=mine",
    )  # relative to the folder, like the data
    nasbridge("run", "toy.py", "--backend", "optuna", *options, "--directory", "d", "--trials", 3)
    again = ("resume", "../d", "--experiment", "../toy.py", *options[:2])
    nasbridge(*again, "--trials", 5, cwd=folder / "elsewhere")
    assert not list((folder / "elsewhere").iterdir())
    more = ("run", "toy.py", "--directory", "d", "--trials", 6)  # d records the rest
    for command in (("resume", "d", "--experiment", "toy.py"), more, ("export", "d", "h.jsonl")):
        error = refused(*command)
        assert "storage=sqlite:///nas.db, which is not opened unless you ask for it" in error
        assert "--option storage=sqlite:///nas.db" in error
    nasbridge(*more, *options[:2])
    nasbridge("export", "d", "history.jsonl", *options[:2])
    assert len(History.load(folder / "history.jsonl")) == 6


@pytest.mark.parametrize("pruner", ["median", "successive-halving", "hyperband"])
def test_optunas_pruners_stop_trials(folder: Path, nasbridge: Run, pruner: str) -> None:
    options = ("--backend", "optuna", "--pruner", pruner)
    nasbridge("run", "toy.py", *options, "--directory", "d")
    history = load_run(folder / "d")
    assert len(history) == 24
    assert history.of_state("pruned")


def test_an_exhausted_space_is_reported(nasbridge: Run, edit: Edit) -> None:
    edit("Integer(1, 60)", "Integer(4, 5)")
    done = nasbridge("run", "toy.py", "--trials", 99, "--directory", "d")
    assert "40 trials, of 99 requested; the space is exhausted" in done.stderr
    assert "resume" not in done.stderr


def test_workers_import_what_evaluate_contains(folder: Path, nasbridge: Run, edit: Edit) -> None:
    edit("space = Space", "from functools import partial\nspace = Space")
    edit("space, evaluate,", "space, partial(evaluate),")  # the module of a partial is functools
    nasbridge("run", "toy.py", "--jobs", 2, "--trials", 11, "--directory", "d")
    history = load_run(folder / "d")
    assert len(history) == 11
    assert all("unlucky" in trial.notes["error"] for trial in history.of_state("failed"))


def test_a_warning_of_the_file_is_shown_once(nasbridge: Run, edit: Edit) -> None:
    """Workers do not repeat it; warnings of `evaluate` are shown."""
    edit("space = Space", "import warnings\nwarnings.warn('from the file')\nspace = Space")
    edit("    width =", "    import warnings\n    warnings.warn('from evaluate')\n    width =")
    shown = nasbridge("run", "toy.py", "--jobs", 2, "--trials", 4, "--directory", "d").stderr
    assert shown.count("UserWarning: from the file") == 1
    assert "UserWarning: from evaluate" in shown


def test_a_file_may_have_the_name_of_a_library(folder: Path, alone: Run) -> None:
    (folder / "toy.py").rename(folder / "optuna.py")
    alone("run", "optuna.py", "--directory", "d", "--jobs", 1, "--trials", 4)
    assert len(load_run(folder / "d")) == 4


def test_progress_is_shown_in_a_terminal_only(folder: Path, nasbridge: Run) -> None:
    terminal, child_end = pty.openpty()
    command = [sys.executable, "-m", "nasbridge", "run", "toy.py", "--trials", "8"]
    environment = {**os.environ, "TERM": "xterm", "PACE": "0.1", "COLUMNS": "100"}
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=child_end
    )
    os.close(child_end)
    shown = b""
    with suppress(OSError):  # raised once the other end is closed
        while part := os.read(terminal, 4096):
            shown += part
    os.close(terminal)
    assert process.wait() == 0
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown.decode())
    best = load_run(folder / "runs" / "toy-local").best.values["loss"]
    assert f"8/8, best loss {best:.4g}" in text
    assert re.search(r"about \d+ s left", text)

    piped = nasbridge("run", "toy.py", "--trials", 8, "--directory", "d")
    assert "left" not in piped.stderr
    assert "\x1b" not in piped.stderr + piped.stdout


def test_trials_of_another_host_are_named_and_reclaimed(
    folder: Path, nasbridge: Run, outcomes: Outcomes, edit: Edit, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit("import os, time", "import os, signal, socket, time")
    edit("def evaluate", "socket.gethostname = lambda: os.environ['POD']\n\ndef evaluate")
    kill = "    if (os.environ['POD'], trial.number) == ('one', 3): os.kill(os.getpid(), 9)\n"
    edit("    width = ", kill + "    width = ")
    options = ("--backend", "optuna", "--option", "storage=sqlite:///s.db", "--trials", 8)
    monkeypatch.setenv("POD", "one")
    nasbridge("run", "toy.py", "--directory", "d", *options, code=-9)
    monkeypatch.setenv("POD", "two")
    again = ("resume", "d", "--experiment", "toy.py", *options[2:4])
    done = nasbridge(*again)
    assert "7 trials, 2 failed, of 8 requested; others are still running\n" in done.stderr
    assert re.search(r"trial 3 is running in process \d+ on one\n", done.stderr)
    resume = "nasbridge resume d --experiment toy.py --option storage=sqlite:///s.db"
    assert f"{resume} --option reclaim=true\n" in done.stderr
    done = nasbridge(*again, "--option", "reclaim=true")
    assert "is running" not in done.stderr
    nasbridge("run", "toy.py", "--directory", "whole", "--trials", 8)
    assert sorted(number for number, *_ in outcomes("d", storage="sqlite:///s.db")) == [
        number for number, *_ in outcomes("whole")
    ]
    assert "reclaim" not in (folder / "d" / "run.json").read_text()
