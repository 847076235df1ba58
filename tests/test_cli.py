"""The command line, as its users meet it: in processes of their own."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from io import StringIO
from pathlib import Path
from typing import Any

import psutil
import pytest
from rich.console import Console

from nasbridge import (
    Experiment,
    ExperimentError,
    History,
    Integer,
    RandomSearch,
    Space,
    Trial,
)
from nasbridge._progress import ProgressBar
from nasbridge._runs import load_run, read_note

BACKENDS = ["local", "optuna"]

# The second where Python was in the middle of exec("..."): shells show 130 for both.
INTERRUPTED = {130, -signal.SIGINT}

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

COMMANDS = ["run", "resume", "report", "export", "import", "space", "backends"]
OPTIONS = {
    "": ["traceback", "version"],
    "run": ["backend", "directory", "trials", "seconds", "seed", "jobs", "storage", "study-name"],
    "space": ["sample", "draw", "json", "name"],
}


def environment(**more: str) -> dict[str, str]:
    """The environment of a command: in a pipe, whatever the tests run in."""
    ours = {k: v for k, v in os.environ.items() if k not in {"FORCE_COLOR", "COLUMNS"}}
    return {**ours, **more}


def nasbridge(*arguments: object, cwd: Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run a command and check its exit code."""
    command = [sys.executable, "-m", "nasbridge", *map(str, arguments)]
    done = subprocess.run(
        command, cwd=cwd, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    assert ("Traceback" in done.stderr) == ("--traceback" in arguments)
    return done


def told(history: History) -> list[tuple[Any, ...]]:
    """All of a history that must not depend on when and where it was made."""
    return [
        (t.number, t.state, dict(t.architecture.choices), dict(t.values), t.curve)
        for t in history.trials
    ]


def said(error: subprocess.CompletedProcess[str]) -> str:
    """What an error says, on one line."""
    assert error.stderr.startswith("error: ") or "\nerror: " in error.stderr
    return " ".join(error.stderr[error.stderr.index("error: ") :].split())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working directory with an experiment."""
    (tmp_path / "toy.py").write_text(EXPERIMENT)
    return tmp_path


# ---------------------------------------------------------------------- run and resume


@pytest.mark.parametrize("backend", BACKENDS)
def test_run_then_resume_is_one_run(folder: Path, backend: str) -> None:
    first = nasbridge("run", "toy.py", "--backend", backend, "--trials", 10, cwd=folder)
    directory = Path("runs") / f"toy-{backend}"
    assert f"in {directory}" in first.stderr
    assert f"nasbridge resume {directory} --trials 20" in first.stderr
    assert len(load_run(folder / directory)) == 10
    nasbridge("resume", directory, "--trials", 24, cwd=folder)
    whole = nasbridge("run", "toy.py", "--backend", backend, "--directory", "whole", cwd=folder)
    history = load_run(folder / "whole")
    assert told(load_run(folder / directory)) == told(history)
    assert len(history) == 24
    assert {t.state for t in history} == {"complete", "failed"}

    header, best = whole.stdout.rstrip().split("\n")
    assert header.split() == ["trial", "loss", "architecture"]
    number, loss, architecture = best.split(maxsplit=2)
    assert (int(number), float(loss)) == (history.best.number, history.best.values["loss"])
    choices = history.best.architecture.choices
    assert architecture.split(", ") == [f"{name}={label}" for name, label in choices.items()]
    assert "failed" in whole.stderr


def test_both_backends_propose_the_same(folder: Path) -> None:
    for backend in BACKENDS:
        nasbridge(
            "run", "toy.py", "--backend", backend, "--directory", backend, "--trials", 8, cwd=folder
        )
    assert told(load_run(folder / "local")) == told(load_run(folder / "optuna"))


def test_settings_are_remembered(folder: Path) -> None:
    nasbridge(
        *("run", "toy.py", "--directory", "d", "--trials", 6, "--seed", 8, "--pruner", "median"),
        *("--jobs", 1),
        cwd=folder,
    )
    nasbridge("resume", "d", "--trials", 14, cwd=folder)
    note = json.loads((folder / "d" / "run.json").read_text())
    assert note["jobs"] == 1
    assert note["origin"]["settings"] == {"trials": 14, "seed": 8, "pruner": "median"}
    history = load_run(folder / "d")
    assert (len(history), history.seed) == (14, 8)
    assert history.of_state("pruned")


def test_resume_works_from_anywhere(folder: Path) -> None:
    text = EXPERIMENT.replace("space = Space", "Path('data').read_text()\nspace = Space")
    (folder / "toy.py").write_text(text)
    (folder / "data").touch()
    (folder / "elsewhere").mkdir()
    url = "sqlite:///nas.db"  # relative, as the data are
    nasbridge(
        *("run", "toy.py", "--backend", "optuna", "--storage", url, "--study-name", "mine"),
        *("--directory", "d", "--trials", 3),
        cwd=folder,
    )
    nasbridge("resume", "../d", "--trials", 5, cwd=folder / "elsewhere")
    assert not list((folder / "elsewhere").iterdir())
    nasbridge("run", "toy.py", "--directory", "d", "--trials", 6, cwd=folder)  # d knows the rest
    nasbridge("export", "d", "history.jsonl", cwd=folder)
    assert len(History.load(folder / "history.jsonl")) == 6


@pytest.mark.parametrize("pruner", ["median", "successive-halving", "hyperband"])
def test_optunas_pruners_stop_trials(folder: Path, pruner: str) -> None:
    nasbridge(
        *("run", "toy.py", "--backend", "optuna", "--pruner", pruner, "--directory", "d"),
        cwd=folder,
    )
    history = load_run(folder / "d")
    assert len(history) == 24
    assert history.of_state("pruned")


def test_several_objectives_give_a_front(folder: Path) -> None:
    text = EXPERIMENT.replace('{"loss": "min"}', '{"loss": "min", "size": "max"}')
    (folder / "toy.py").write_text(text)
    done = nasbridge("run", "toy.py", "--directory", "d", cwd=folder)
    front = load_run(folder / "d").pareto
    shown = [line.split()[:3] for line in done.stdout.rstrip().split("\n")]
    assert shown[0] == ["trial", "loss", "size"]
    losses = [float(loss) for _, loss, _ in shown[1:]]
    assert losses == sorted(losses)
    assert {int(number) for number, *_ in shown[1:]} <= {trial.number for trial in front}
    assert len(losses) == min(len(front), 10)


def test_a_used_up_space_is_told(folder: Path) -> None:
    (folder / "toy.py").write_text(EXPERIMENT.replace("Integer(1, 60)", "Integer(4, 5)"))
    done = nasbridge("run", "toy.py", "--trials", 99, "--directory", "d", cwd=folder)
    assert "40 trials, of 99 wanted; the space has no more" in done.stderr
    assert "resume" not in done.stderr


def test_workers_find_what_evaluate_holds(folder: Path) -> None:
    (folder / "held.py").write_text(
        EXPERIMENT
        + "from nasbridge import KerasEvaluator\nfrom functools import partial\n"
        + "experiment = Experiment(space, partial(evaluate), {'loss': 'min'}, trials=11)\n"
    )
    nasbridge("run", "held.py", "--jobs", 2, "--directory", "d", cwd=folder)
    assert len(load_run(folder / "d").of_state("complete", "failed")) == 11
    assert all("unlucky" in t.notes["error"] for t in load_run(folder / "d").of_state("failed"))


def test_a_file_may_bear_the_name_of_a_library(folder: Path) -> None:
    (folder / "optuna.py").write_text(EXPERIMENT)
    nasbridge(
        *("run", "optuna.py", "--backend", "local", "--directory", "d", "--jobs", 2),
        *("--trials", 4),
        cwd=folder,
    )
    assert len(load_run(folder / "d")) == 4


def test_progress_is_shown_in_a_terminal_only(folder: Path) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "nasbridge", "run", "toy.py", "--trials", "8"]
    process = subprocess.Popen(
        command, cwd=folder, env=environment(TERM="xterm", PACE="0.1"), stderr=theirs
    )
    os.close(theirs)
    shown = b""
    with suppress(OSError):  # what reading a terminal that has been closed raises
        while part := os.read(ours, 4096):
            shown += part
    os.close(ours)
    assert process.wait() == 0
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown.decode())
    best = load_run(folder / "runs" / "toy-local").best.values["loss"]
    assert f"8/8, best loss {best:.4g}" in text
    assert re.search(r"about \d+ s left", text)

    piped = nasbridge("run", "toy.py", "--trials", 8, "--directory", "d", cwd=folder)
    assert "left" not in piped.stderr
    assert "\x1b" not in piped.stderr + piped.stdout


def test_the_bar_says_what_matters() -> None:
    space = Space({"x": Integer(0, 99)})
    objectives = {"loss": "min", "size": "min"}
    experiment = Experiment(space, lambda x, _: {}, {"loss": "min"}, RandomSearch(), trials=10)
    several = Experiment(space, lambda x, _: {}, objectives, RandomSearch(), None, seconds=7200)
    trials = [
        Trial(k, space.architecture({"x": k}), state, {"loss": loss, "size": -loss})
        for k, (state, loss) in enumerate(
            [("complete", 2.0), ("failed", 0.0), ("complete", 1.5), ("pruned", 0.5)]
        )
    ]
    bar, other = ProgressBar(experiment), ProgressBar(several)
    for each in (bar, other):
        each.begun(History(space, experiment.objectives, tuple(trials[:2])))
        for trial in trials[2:]:
            each.finished(trial)
    assert re.search(r"4/10, best loss 1.5, about 0 s left, 1 pruned, 1 failed, 0 s", drawn(bar))
    assert "4 trials, Pareto front of 2, about 2 h 0 min left, 1 pruned" in drawn(other)
    assert all(len(line) <= 40 for line in drawn(bar, 40).split("\n"))


def drawn(bar: ProgressBar, width: int = 100) -> str:
    console = Console(width=width, file=StringIO())
    with console.capture() as capture:
        console.print(bar)
    return capture.get()


# ---------------------------------------------------------------------- stopping


def begun(folder: Path, arguments: tuple[object, ...], trials: int) -> subprocess.Popen[str]:
    """Start a slow run, as a terminal does, and wait until some trials have begun."""
    (folder / "evaluated").unlink(missing_ok=True)
    process = subprocess.Popen(
        [sys.executable, "-m", "nasbridge", *map(str, arguments)],
        cwd=folder,
        env=environment(PACE="0.15"),
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    wait_for(lambda: len(lines(folder / "evaluated")) >= trials, process)
    return process


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.02)


def lines(file: Path) -> list[str]:
    return file.read_text().split() if file.exists() else []


@pytest.mark.parametrize("jobs", [0, 1])
@pytest.mark.parametrize("backend", BACKENDS)
def test_ctrl_c_loses_nothing(folder: Path, backend: str, jobs: int) -> None:
    options = ("--backend", backend, "--trials", 12)
    nasbridge("run", "toy.py", *options, "--directory", "whole", cwd=folder)
    process = begun(folder, ("run", "toy.py", *options, "--directory", "d", "--jobs", jobs), 5)
    workers = psutil.Process(process.pid).children(recursive=True)
    assert bool(workers) == bool(jobs)
    os.killpg(process.pid, signal.SIGINT)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode in INTERRUPTED
    assert "nasbridge resume d" in stderr
    assert "Traceback" not in stderr
    assert not psutil.wait_procs(workers, timeout=10)[1]
    before = load_run(folder / "d")
    assert 4 <= len(before.of_state("complete", "failed")) < 12
    assert len(before.of_state("running")) == 1

    nasbridge("resume", "d", cwd=folder)
    assert told(load_run(folder / "d")) == told(load_run(folder / "whole"))
    evaluated = lines(folder / "evaluated")
    assert len(evaluated) - len(set(evaluated)) == 1  # the interrupted one


@pytest.mark.parametrize("backend", BACKENDS)
def test_ctrl_c_with_two_workers_loses_nothing(folder: Path, backend: str) -> None:
    text = EXPERIMENT.replace("RegularizedEvolution(6, 3)", "RandomSearch()")
    (folder / "toy.py").write_text(text)  # what it proposes does not depend on what ended first
    options = ("--backend", backend, "--trials", 12, "--jobs", 2)
    nasbridge("run", "toy.py", *options, "--directory", "whole", cwd=folder)
    process = begun(folder, ("run", "toy.py", *options, "--directory", "d"), 5)
    workers = psutil.Process(process.pid).children(recursive=True)
    os.killpg(process.pid, signal.SIGINT)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode in INTERRUPTED
    assert "Traceback" not in stderr
    assert not psutil.wait_procs(workers, timeout=10)[1]
    nasbridge("resume", "d", cwd=folder)
    resumed, whole = (sorted(told(load_run(folder / d))) for d in ("d", "whole"))
    assert resumed == whole


def test_sigterm_ends_a_run_in_good_order_too(folder: Path) -> None:
    process = begun(folder, ("run", "toy.py", "--directory", "d"), 3)
    process.terminate()
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 143
    assert "nasbridge resume d" in stderr
    nasbridge("resume", "d", "--trials", 5, cwd=folder)
    assert [t.number for t in load_run(folder / "d")] == [0, 1, 2, 3, 4]


def test_a_second_ctrl_c_ends_at_once(folder: Path) -> None:
    stubborn = """
    try:
        time.sleep(60)
    except KeyboardInterrupt:
        Path("stubborn").touch()
        time.sleep(60)
    width"""
    (folder / "toy.py").write_text(EXPERIMENT.replace("\n    width", stubborn, 1))
    process = begun(folder, ("run", "toy.py", "--directory", "d"), 1)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    wait_for((folder / "stubborn").exists, process)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=10)
    assert process.returncode == -signal.SIGINT
    assert [t.state for t in load_run(folder / "d")] == ["running"]


# ---------------------------------------------------------------------- export, import, report


@pytest.mark.parametrize(("here", "there"), [("local", "optuna"), ("optuna", "local")])
def test_a_run_moves_and_goes_on_identically(folder: Path, here: str, there: str) -> None:
    nasbridge("run", "toy.py", "--backend", there, "--directory", "whole", cwd=folder)
    process = begun(folder, ("run", "toy.py", "--backend", here, "--directory", "one"), 9)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    nasbridge("export", "one", "moved.jsonl", cwd=folder)
    done = nasbridge("import", "moved.jsonl", "two", "--backend", there, cwd=folder)
    assert "nasbridge resume two" in done.stderr
    moved = load_run(folder / "two")
    assert told(moved) == told(load_run(folder / "one"))
    assert len(moved.of_state("running")) == 1
    assert moved.facts["backend"] == there
    nasbridge("resume", "two", cwd=folder)
    assert told(load_run(folder / "two")) == told(load_run(folder / "whole"))


def test_a_history_without_space_asks_for_the_experiment(folder: Path) -> None:
    text = EXPERIMENT.replace(
        "experiment =", "space = space.where(lambda a: a['width'] != 7)\nexperiment ="
    )
    (folder / "toy.py").write_text(text)
    nasbridge("run", "toy.py", "--backend", "optuna", "--directory", "d", "--trials", 4, cwd=folder)
    nasbridge("export", "d", "moved.jsonl", cwd=folder)  # the directory knows the file
    done = nasbridge("import", "moved.jsonl", "e", "--backend", "local", cwd=folder, code=1)
    assert "--experiment" in said(done)
    assert not (folder / "e").exists()
    nasbridge(
        "import", "moved.jsonl", "e", "--backend", "local", "--experiment", "toy.py", cwd=folder
    )
    nasbridge("resume", "e", "--trials", 6, cwd=folder)
    done = nasbridge("run", "toy.py", "--directory", "e", "--trials", 7, cwd=folder)
    assert "7 trials" in done.stderr


def test_import_needs_a_new_directory_and_all_trials(folder: Path) -> None:
    nasbridge("run", "toy.py", "--directory", "d", "--trials", 4, cwd=folder)
    nasbridge("export", "d", "h.jsonl", cwd=folder)
    done = nasbridge("import", "h.jsonl", "d", "--backend", "optuna", cwd=folder, code=1)
    assert "d holds a run already" in said(done)
    done = nasbridge("export", "d", "h.jsonl", cwd=folder, code=1)
    assert "h.jsonl exists" in said(done)
    text = (folder / "h.jsonl").read_text().splitlines(keepends=True)
    kept = [line for line in text if not re.search('"number":1,', line)]
    (folder / "gap.jsonl").write_text("".join(kept))
    done = nasbridge("import", "gap.jsonl", "e", "--backend", "local", cwd=folder, code=1)
    assert "none with the number 1" in said(done)


def test_report_is_written_beside_the_history(folder: Path) -> None:
    nasbridge("run", "toy.py", "--directory", "d", "--trials", 5, cwd=folder)
    nasbridge("report", "d", cwd=folder)
    assert "<html" in (folder / "d" / "report.html").read_text("utf-8")
    nasbridge("report", "d/history.jsonl", "--output", "page.html", cwd=folder)
    assert "<html" in (folder / "page.html").read_text("utf-8")
    done = nasbridge("report", "nothing", cwd=folder, code=1)
    assert "nothing cannot be read" in said(done)


# ---------------------------------------------------------------------- space and backends


def test_space_shows_decisions_numbers_and_samples(folder: Path) -> None:
    text = EXPERIMENT.replace("Integer(1, 60)", "Integer(1, 4)").replace(
        '"delay": Integer(0, 9)',
        '"body": Choice({"deep": Choice(["a", "b"]), "flat": "flat"})',
    )
    (folder / "toy.py").write_text(text)
    done = nasbridge("space", "toy.py", "--sample", 3, cwd=folder)
    assert re.search(r"^width +an integer from 1 to 4 +always", done.stdout, re.MULTILINE)
    assert re.search(r"^body\.deep +one of 'a', 'b' +body in \('deep'\)", done.stdout, re.MULTILINE)
    assert "4 decisions, 24 architectures\n24 of these differ" in done.stdout
    assert done.stdout.count("Architecture(") == 3
    again = nasbridge("space", "toy.py", "--sample", 3, "--seed", 1, cwd=folder).stdout
    assert again != done.stdout


def test_space_knows_twins_constraints_and_json(folder: Path) -> None:
    (folder / "nets.py").write_text(
        "from nasbridge import Chain, Choice, layer\n"
        "def op(name):\n"
        "    dense = layer('Dense', units=8)\n"
        "    return Choice({'dense': dense, 'skip': layer('Identity')}, name=name)\n"
        "space = Chain(op('one'), op('two'))\n"
        "few = space.limit((8,), parameters=100)\n"
    )
    done = nasbridge("space", "nets.py", "--draw", "net.svg", cwd=folder)
    assert "2 decisions, 4 architectures\n3 of these differ" in done.stdout
    assert "<svg" in (folder / "net.svg").read_text()
    few = nasbridge("space", "nets.py", "--name", "few", cwd=folder)
    assert "3 of them meet the constraints\n2 of these differ" in few.stdout
    written = nasbridge("space", "nets.py", "--name", "few", "--json", cwd=folder).stdout
    (folder / "few.json").write_text(written)
    assert nasbridge("space", "few.json", cwd=folder).stdout == few.stdout


def test_backends_say_what_they_can_do_or_how_they_are_installed(folder: Path) -> None:
    done = nasbridge("backends", cwd=folder).stdout
    assert re.search(r"^optuna +where trials are stored +a study", done, re.MULTILINE)
    assert "no: the history file has one writer" in done
    missing = without_optuna("backends", cwd=folder)
    assert re.search(r"^optuna +not installed +pip install", missing.stdout, re.MULTILINE)
    assert "'nasbridge[optuna]'" in missing.stdout
    assert "history.jsonl" in missing.stdout


def without_optuna(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a command as if Optuna were not installed."""
    code = (
        "import sys; sys.modules['optuna'] = None; from nasbridge.cli import app; app(sys.argv[1:])"
    )
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=cwd,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )


# ---------------------------------------------------------------------- what goes wrong


def test_a_missing_framework(folder: Path) -> None:
    done = without_optuna("run", "toy.py", "--backend", "optuna", cwd=folder)
    assert done.returncode == 1
    assert "pip install 'nasbridge[optuna]'" in said(done)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("run missing.py", "missing.py is no Python file"),
        ("run notes.txt", "notes.txt is no Python file"),
        ("run broken.py", "broken.py fails while being imported: SyntaxError"),
        ("run failing.py", "failing.py fails while being imported: ZeroDivisionError: division"),
        ("run bare.py", "bare.py holds no Experiment: write experiment = Experiment(...) at its"),
        ("run bare.py", "where it has number (int), helper (function)"),
        ("run two.py", "two.py holds 2 of them, first, second: choose one, as --name first"),
        ("run two.py --name third", "two.py holds no Experiment 'third': it has first, second"),
        ("run running.py", "put that line below if __name__ == '__main__'"),
        ("run toy.py --backend optnua", "no backend 'optnua': take one of local, optuna"),
        ("run toy.py --pruner mean", "no pruner 'mean' by name: take one of median"),
        ("run toy.py --backend optuna --pruner mean", "take one of hyperband, median, successive"),
        ("run toy.py --storage sqlite:///x.db", "backend 'local' has no option 'storage'"),
        ("run toy.py --backend optuna --storage nowhere://x", "cannot be opened in nowhere://x"),
        ("run toy.py --trials 0", "trials=0: give at least 1"),
        ("run toy.py --jobs -1", "jobs=-1: give 0"),
        ("run toy.py --directory notes.txt", "notes.txt"),
        ("resume nothing", "nothing is no directory of a run: it has no run.json"),
        ("export nothing h.jsonl", "nothing is no directory of a run"),
        ("import missing.jsonl d --backend local", "missing.jsonl cannot be read"),
        ("import notes.txt d --backend local", "notes.txt, line 1"),
        ("import missing.jsonl d --backend optnua", "no backend 'optnua'"),
        ("space missing.py", "missing.py is no Python file"),
        ("space bare.py", "bare.py holds no Space"),
        ("space missing.json", "missing.json"),
        ("space wrong.json", "this JSON is no space"),
        ("report notes.txt", "notes.txt, line 1"),
    ],
)
def test_bad_input_is_told_in_a_line(folder: Path, arguments: str, message: str) -> None:
    files = {
        "notes.txt": "dear diary\n",
        "wrong.json": "{}",
        "broken.py": "experiment = (",
        "failing.py": "1 / 0",
        "bare.py": "import os\nfrom pathlib import Path\nnumber = 5\ndef helper(): ...\n",
        "two.py": EXPERIMENT.replace("\nexperiment =", "\nfirst ="),
        "running.py": EXPERIMENT + "experiment.run()\n",
    }
    for name, text in files.items():
        (folder / name).write_text(text)
    with (folder / "two.py").open("a") as file:
        file.write("from dataclasses import replace\nsecond = replace(first, seed=1)\n")
    done = nasbridge(*arguments.split(), cwd=folder, code=1)
    assert message in said(done)
    assert not done.stdout


@pytest.mark.parametrize(
    "arguments",
    ["", "rnu toy.py", "run", "run toy.py --colour", "run toy.py --trials many", "import h d"],
)
def test_wrong_usage_ends_with_2(folder: Path, arguments: str) -> None:
    nasbridge(*arguments.split(), cwd=folder, code=2)


def test_traceback_is_shown_on_demand(folder: Path) -> None:
    done = nasbridge("run", "missing.py", "--traceback", cwd=folder, code=1)
    assert "ExperimentError: missing.py is no Python file" in done.stderr


def test_a_run_belongs_to_its_directory(folder: Path) -> None:
    nasbridge("run", "toy.py", "--directory", "d", "--trials", 3, cwd=folder)
    before = (folder / "d" / "run.json").read_text()
    for arguments, message in {
        ("--backend", "optuna"): "d holds a run under 'local'",
        ("--seed", "9"): "another experiment: its seed is 3, not 9",
    }.items():
        done = nasbridge("run", "toy.py", "--directory", "d", *arguments, cwd=folder, code=1)
        assert message in said(done)
        assert (folder / "d" / "run.json").read_text() == before


def test_resume_says_what_it_misses(folder: Path) -> None:
    nasbridge("run", "toy.py", "--directory", "d", "--trials", 3, cwd=folder)
    (folder / "toy.py").rename(folder / "moved.py")
    done = nasbridge("resume", "d", cwd=folder, code=1)
    assert "toy.py, which holds the experiment of d, is not there any more" in said(done)
    assert "nasbridge run FILE --directory d" in said(done)
    nasbridge("run", "moved.py", "--directory", "d", "--trials", 4, cwd=folder)  # the way out
    nasbridge("resume", "d", "--trials", 5, cwd=folder)


def test_a_damaged_note_is_told(folder: Path) -> None:
    nasbridge("run", "toy.py", "--directory", "d", "--trials", 3, cwd=folder)
    note = folder / "d" / "run.json"
    document = json.loads(note.read_text())
    for change in (
        {"backend": 5},
        {"options": []},
        {"origin": {}},
        {"jobs": "many"},
        {"origin": 1},
    ):
        note.write_text(json.dumps(document | change))
        with pytest.raises(ExperimentError, match=r"run\.json is damaged"):
            read_note(folder / "d")
    note.write_text("{")
    for command in ("resume d", "run toy.py --directory d", "export d h.jsonl", "report d"):
        done = nasbridge(*command.split(), cwd=folder, code=1)
        assert "run.json is damaged" in said(done)
    note.unlink()  # the way out
    nasbridge("run", "toy.py", "--backend", "local", "--directory", "d", "--trials", 4, cwd=folder)
    assert len(load_run(folder / "d")) == 4


def test_a_run_with_objects_is_resumed_by_its_program(folder: Path) -> None:
    (folder / "toy.py").write_text(
        EXPERIMENT
        + "import optuna\n"
        + "if __name__ == '__main__':\n"
        + "    pruner = optuna.pruners.NopPruner()\n"
        + "    experiment.run('optuna', directory='d', pruner=pruner)\n"
    )
    program = [sys.executable, "toy.py"]
    subprocess.run(program, cwd=folder, env=environment(), check=True)
    done = nasbridge("resume", "d", cwd=folder, code=1)
    assert "begun with pruner= as an object" in said(done)
    assert re.search(r"running \S+toy.py again", said(done))


# ---------------------------------------------------------------------- help


@pytest.mark.parametrize("command", [*COMMANDS, ""])
def test_every_command_explains_itself(folder: Path, command: str) -> None:
    done = nasbridge(*command.split(), "--help", cwd=folder)
    assert "Usage" in done.stdout
    for name in OPTIONS.get(command, []):
        assert f"--{name}" in done.stdout


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from nasbridge.cli import app\n"
        "try: app(['run', '--help'])\n"
        "except SystemExit: print(*sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.splitlines()[-1].split())
    assert "nasbridge.cli" in loaded
    assert not loaded & {"numpy", "optuna", "keras", "nasbridge.spaces", "nasbridge.adapters"}


def test_version(folder: Path) -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", nasbridge("--version", cwd=folder).stdout.strip())
