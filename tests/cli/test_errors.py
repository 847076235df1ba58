"""Errors are one line that names the fix."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from nasbridge import ExperimentError
from nasbridge.engine.run_note import read_note
from nasbridge.runs import load_run

Run = Callable[..., subprocess.CompletedProcess[str]]
Refused = Callable[..., str]
Edit = Callable[[str, str], None]


@pytest.fixture
def wrong(folder: Path) -> None:
    """Adds files with one mistake each beside toy.py."""
    toy = (folder / "toy.py").read_text()
    files = {
        "notes.txt": "dear diary\n",
        "wrong.json": "{}",
        "broken.py": "experiment = (",
        "failing.py": "1 / 0",
        "bare.py": "import os\nfrom pathlib import Path\nnumber = 5\ndef helper(): ...\n",
        "two.py": toy.replace("\nexperiment =", "\nfirst =")
        + "\nsecond = Experiment(space, evaluate, {'loss': 'min'})\n",
        "running.py": f"{toy}experiment.run()\n",
    }
    for name, text in files.items():
        (folder / name).write_text(text)


@pytest.mark.usefixtures("wrong")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("run missing.py", "missing.py does not exist"),
        ("run notes.txt", "notes.txt is not a Python file"),
        ("run broken.py", "broken.py cannot be imported: SyntaxError"),
        ("run failing.py", "failing.py cannot be imported: ZeroDivisionError: division"),
        ("run bare.py", "bare.py holds no Experiment: write experiment = Experiment(...) at its"),
        ("run bare.py", "where it has number (int), helper (function)"),
        ("run two.py", "two.py holds 2 candidates (first, second): choose one, as --name first"),
        ("run two.py --name third", "two.py holds no Experiment 'third': it has first, second"),
        ("run running.py", "put that line below if __name__ == '__main__'"),
        (
            "run toy.py --backend optnua",
            "no backend 'optnua': did you mean 'optuna'",
        ),
        ("run toy.py --pruner mean", "unknown pruner 'mean': use median, median-average"),
        ("run toy.py --backend optuna --pruner mean", "use one of hyperband, median, successive"),
        ("run toy.py --option storage=sqlite:///x.db", "backend 'local' has no option 'storage'"),
        (
            "run toy.py --backend optuna --option storage=nowhere://x",
            "cannot be opened in nowhere://x",
        ),
        ("run toy.py --trials 0", "trials=0: give an int of at least 1"),
        ("run toy.py --jobs -1", "jobs=-1: give 0"),
        ("run toy.py --directory notes.txt", "notes.txt"),
        ("resume nothing", "nothing is not the directory of a run: it has no run.json"),
        ("export nothing h.jsonl", "nothing is not the directory of a run"),
        ("import missing.jsonl d --backend local", "missing.jsonl cannot be read"),
        ("import notes.txt d --backend local", "notes.txt, line 1"),
        ("import missing.jsonl d --backend optnua", "no backend 'optnua'"),
        ("space missing.py", "missing.py does not exist"),
        ("space bare.py", "bare.py holds no Space"),
        ("space missing.json", "missing.json"),
        ("space wrong.json", "this JSON is not a space"),
        ("report notes.txt", "notes.txt, line 1"),
    ],
)
def test_invalid_input_is_reported(refused: Refused, arguments: str, message: str) -> None:
    assert message in refused(*arguments.split())


@pytest.mark.parametrize(
    "arguments",
    ["", "rnu toy.py", "run", "run toy.py --colour", "run toy.py --trials many", "import h d"],
)
def test_wrong_usage(nasbridge: Run, arguments: str) -> None:
    done = nasbridge(*arguments.split(), code=2)
    assert "Usage" in done.stdout + done.stderr


def test_traceback_is_shown_on_demand(nasbridge: Run) -> None:
    done = nasbridge("run", "missing.py", "--traceback", code=1)
    assert "ExperimentError: missing.py does not exist" in done.stderr


def test_too_many_failures_end_a_run(refused: Refused, edit: Edit) -> None:
    edit("if width % 7 == 3:", "if True:")
    error = refused("run", "toy.py", "--directory", "d")
    assert "the last 10 trials failed" in error
    assert "ValueError: unlucky" in error


def test_a_run_in_which_all_trials_failed_is_an_error(refused: Refused, edit: Edit) -> None:
    edit("if width % 7 == 3:", "if True:")
    error = refused("run", "toy.py", "--directory", "d", "--trials", 3)
    assert "all 3 trials failed, with ValueError: unlucky" in error


def test_a_run_belongs_to_its_directory(folder: Path, nasbridge: Run, refused: Refused) -> None:
    nasbridge("run", "toy.py", "--directory", "d", "--trials", 3)
    before = (folder / "d" / "run.json").read_text()
    run = ("run", "toy.py", "--directory", "d")
    assert "d holds a run under 'local'" in refused(*run, "--backend", "optuna")
    assert "another experiment, with seed 3, not 9" in refused(*run, "--seed", 9)
    assert (folder / "d" / "run.json").read_text() == before


def test_resume_asks_for_the_file(folder: Path, nasbridge: Run, refused: Refused) -> None:
    nasbridge("run", "toy.py", "--directory", "d", "--trials", 3)
    error = refused("resume", "d")
    assert "which is not run unless you ask for it" in error
    assert f"nasbridge resume d --experiment {folder / 'toy.py'}" in error
    (folder / "toy.py").rename(folder / "moved.py")
    assert "toy.py" in refused("resume", "d", "--experiment", "toy.py")
    nasbridge("resume", "d", "--experiment", "moved.py", "--trials", 5)
    assert "moved.py" in refused("resume", "d")


def test_a_damaged_run_note_is_reported(folder: Path, nasbridge: Run, refused: Refused) -> None:
    nasbridge("run", "toy.py", "--directory", "d", "--trials", 3)
    note = folder / "d" / "run.json"
    document = json.loads(note.read_text())
    changes: list[dict[str, object]] = [
        {"backend": 5},
        {"options": []},
        {"origin": {}},
        {"origin": 1},
        {"jobs": "many"},
    ]
    for change in changes:
        note.write_text(json.dumps(document | change))
        with pytest.raises(ExperimentError, match=r"run\.json is damaged"):
            read_note(folder / "d")
    note.write_text("{")
    for command in (
        "resume d --experiment toy.py",
        "run toy.py --directory d",
        "export d h.jsonl",
        "report d",
    ):
        assert "run.json is damaged" in refused(*command.split())
    note.unlink()  # fixes it
    nasbridge("run", "toy.py", "--backend", "local", "--directory", "d", "--trials", 4)
    assert len(load_run(folder / "d")) == 4


def test_a_run_with_objects_is_resumed_by_its_program(
    folder: Path, nasbridge: Run, refused: Refused
) -> None:
    with (folder / "toy.py").open("a") as file:
        file.write(
            "import optuna\n"
            "if __name__ == '__main__':\n"
            "    pruner = optuna.pruners.NopPruner()\n"
            "    experiment.run('optuna', directory='d', pruner=pruner)\n"
        )
    subprocess.run([sys.executable, "toy.py"], cwd=folder, check=True, capture_output=True)
    error = refused("resume", "d")
    assert "started with pruner= as an object" in error
    assert re.search(r"running \S+toy.py again", error)
    nasbridge("run", "toy.py", "--directory", "d", "--pruner", "median")  # replaces the object
    note = folder / "d" / "run.json"
    note.write_text(json.dumps(json.loads(note.read_text()) | {"left_out": ["assessor"]}))
    assert "started with assessor= as an object" in refused("resume", "d")
    error = refused("resume", "d", "--option", "assessor=Medianstop")  # a text replaces the object
    assert "backend 'optuna' has no option 'assessor'" in error
