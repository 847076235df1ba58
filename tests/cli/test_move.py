"""`export`, `import` and `report`: moving and showing histories."""

import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nasbridge import History
from nasbridge.engine.run_note import Origin, note_of
from nasbridge.runs import load_run

Run = Callable[..., subprocess.CompletedProcess[str]]
Refused = Callable[..., str]
Stop = Callable[..., str]
Outcomes = Callable[[str], list[tuple[Any, ...]]]
Edit = Callable[[str, str], None]


@pytest.mark.parametrize(("here", "there"), [("local", "optuna"), ("optuna", "local")])
def test_a_moved_run_continues_identically(
    folder: Path, nasbridge: Run, stop: Stop, outcomes: Outcomes, here: str, there: str
) -> None:
    nasbridge("run", "toy.py", "--backend", there, "--directory", "whole")
    stop("run", "toy.py", "--backend", here, "--directory", "one", trials=9)
    nasbridge("export", "one", "moved.jsonl")
    done = nasbridge("import", "moved.jsonl", "two", "--backend", there)
    assert "nasbridge resume two --experiment FILE" in done.stderr
    assert outcomes("two") == outcomes("one")
    moved = load_run(folder / "two")
    assert len(moved.of_state("running")) == 1
    assert moved.metadata["backend"] == there
    nasbridge("resume", "two", "--experiment", "toy.py")
    assert outcomes("two") == outcomes("whole")


def test_every_command_works_in_a_new_process(folder: Path, alone: Run) -> None:
    """Other tests fork a process that has already imported much."""
    alone("run", "toy.py", "--directory", "d", "--trials", 4)
    alone("export", "d", "h.jsonl")
    assert "nasbridge" in alone("import", "h.jsonl", "e", "--backend", "optuna").stderr
    alone("resume", "e", "--experiment", "toy.py", "--trials", 5)
    alone("report", "e")
    assert (folder / "e" / "report.html").exists()
    assert len(load_run(folder / "e")) == 5
    for words in (("space", "toy.py"), ("bench", "--help")):
        done = alone(*words)
        assert done.stdout
        assert "Warning" not in done.stderr


def test_a_run_continues_from_another_directory(
    folder: Path, nasbridge: Run, stop: Stop, outcomes: Outcomes, refused: Refused
) -> None:
    nasbridge("run", "toy.py", "--directory", "whole")
    stop("run", "toy.py", "--backend", "keras_tuner", "--directory", "one", trials=9)
    to = ("--backend", "optuna", "--directory", "two", "--continue-from", "one")
    nasbridge("run", "toy.py", *to)
    assert outcomes("two") == outcomes("whole")
    assert load_run(folder / "two").metadata["backend"] == "optuna"
    assert "omit continue_from= to continue" in refused("run", "toy.py", *to)


STRANGERS_NOTE = """{"backend": "local", "jobs": 0, "options": {}, "left_out": [], "origin":
{"script": "stranger/x.py", "variable": "", "settings": {}, "folder": ".", "command": ["x"]}}"""
STRANGERS_HISTORY = """{"format": "nasbridge-history", "version": 1, "space": null, "fingerprint":
"x", "objectives": {"score": "max"}, "strategy": "", "seed": 0, "facts": {}}"""


def test_a_file_that_a_directory_names_is_not_run(
    folder: Path, refused: Callable[..., str]
) -> None:
    place = folder / "stranger"
    place.mkdir()
    (place / "x.py").write_text("open('ran', 'w').close()")
    (place / "run.json").write_text(STRANGERS_NOTE)
    (place / "history.jsonl").write_text(" ".join(STRANGERS_HISTORY.split()) + "\n")
    for words in ("report stranger", "export stranger out.jsonl", "resume stranger"):
        error = refused(*words.split())
        assert "'stranger/x.py', which is not run unless you ask" in error
        assert "--experiment" in error
        assert not (folder / "ran").exists()
        assert not (place / "ran").exists()


def test_a_history_without_space_asks_for_the_experiment(
    folder: Path, nasbridge: Run, refused: Refused, edit: Edit
) -> None:
    edit("experiment =", "space = space.where(lambda a: a['width'] != 7)\nexperiment =")
    nasbridge("run", "toy.py", "--backend", "optuna", "--directory", "d", "--trials", 4)
    assert "toy.py', which is not run unless you ask" in refused("export", "d", "moved.jsonl")
    nasbridge("export", "d", "moved.jsonl", "--experiment", "toy.py")
    assert "--experiment FILE" in refused("import", "moved.jsonl", "e", "--backend", "local")
    assert not (folder / "e").exists()
    nasbridge("import", "moved.jsonl", "e", "--backend", "local", "--experiment", "toy.py")
    moved = nasbridge("resume", "e", "--experiment", "toy.py", "--trials", 12)
    whole = nasbridge("run", "toy.py", "--directory", "whole", "--trials", 12)
    assert moved.stdout == whole.stdout  # the best trial
    nasbridge("report", "moved.jsonl", "--experiment", "toy.py")
    nasbridge("report", "e", "--experiment", "toy.py")


def test_a_history_of_an_unknown_file_can_be_continued(
    folder: Path, nasbridge: Run, refused: Refused
) -> None:
    nasbridge("run", "toy.py", "--directory", "d", "--trials", 4)
    done = nasbridge("import", "d/history.jsonl", "e", "--backend", "optuna")
    assert "nasbridge resume e --experiment FILE" in done.stderr
    assert "does not name the file of its experiment" in refused("resume", "e")
    nasbridge("run", "toy.py", "--directory", "e", "--trials", 6)
    nasbridge("resume", "e", "--experiment", "toy.py", "--trials", 7)
    assert len(load_run(folder / "e")) == 7


def test_a_history_goes_to_any_storage(folder: Path, nasbridge: Run, refused: Refused) -> None:
    nasbridge("run", "toy.py", "--directory", "d", "--trials", 4)
    nasbridge("export", "d", "h.jsonl")
    options = ("--backend", "optuna", "--option", "storage=sqlite:///shared.db")
    (folder / "other").mkdir()
    nasbridge("import", "../h.jsonl", "e", *options, cwd=folder / "other")
    assert sorted(path.name for path in (folder / "other").iterdir()) == ["e", "shared.db"]
    assert {path.name for path in (folder / "other" / "e").iterdir()} == {"lock", "run.json"}
    nasbridge("resume", "other/e", "--experiment", "toy.py", *options[2:], "--trials", 5)
    options_of_load = {"storage": "sqlite:///shared.db"}
    assert (
        len(load_run(folder / "other" / "e", options=options_of_load)) == 5
    )  # the URL is relative to where it was given
    assert not (folder / "shared.db").exists()
    nasbridge("import", "h.jsonl", "f", *options, "--option", "study_name=first")
    assert "'first'" in refused("import", "h.jsonl", "g", *options, "--option", "study_name=first")
    assert "no option 'storage'" in refused(
        "import", "h.jsonl", "g", "--backend", "local", "--option", "storage=sqlite:///shared.db"
    )


def test_import_needs_a_new_directory_and_all_trials(
    folder: Path, nasbridge: Run, refused: Refused
) -> None:
    nasbridge("run", "toy.py", "--directory", "d", "--trials", 4)
    nasbridge("export", "d", "h.jsonl")
    assert "d already holds a run" in refused("import", "h.jsonl", "d", "--backend", "optuna")
    assert "h.jsonl exists" in refused("export", "d", "h.jsonl")
    lines = (folder / "h.jsonl").read_text().splitlines(keepends=True)
    kept = [line for line in lines if not re.search('"number":1,', line)]
    (folder / "gap.jsonl").write_text("".join(kept))
    for backend in ("local", "optuna"):
        error = refused("import", "gap.jsonl", "e", "--backend", backend)
        assert "3 trials, but trial 1 is missing" in error


def test_a_damaged_origin_is_reported(folder: Path, nasbridge: Run, refused: Refused) -> None:
    nasbridge("run", "toy.py", "--directory", "d", "--trials", 3)
    nasbridge("export", "d", "h.jsonl")
    history = History.load(folder / "h.jsonl")
    origin = {**history.metadata["origin"], "variable": 5}
    replace(history, metadata={**history.metadata, "origin": origin}).save(folder / "i.jsonl")
    assert "'variable' is 5" in refused("import", "i.jsonl", "e", "--backend", "local")
    assert not (folder / "e").exists()


def test_report_is_written_beside_the_history(
    folder: Path, nasbridge: Run, refused: Refused
) -> None:
    nasbridge("run", "toy.py", "--directory", "d", "--trials", 5)
    nasbridge("report", "d")
    assert "<html" in (folder / "d" / "report.html").read_text("utf-8")
    nasbridge("report", "d/history.jsonl", "--output", "page.html")
    assert "<html" in (folder / "page.html").read_text("utf-8")
    assert "nothing cannot be read" in refused("report", "nothing")


STORED = """
import optuna
from optuna.storages import JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
if __name__ == "__main__":
    experiment.run("optuna", directory="d", storage=STORAGE, study_name="mine")
"""


def test_a_storage_object_with_a_url_is_opened_again(
    folder: Path, nasbridge: Run, edit: Edit
) -> None:
    edit("trials=24", "trials=7")
    with (folder / "toy.py").open("a") as file:
        file.write(STORED.replace("STORAGE", "RDBStorage('sqlite:///s.db')"))
    subprocess.run([sys.executable, "toy.py"], cwd=folder, check=True, capture_output=True)
    storage = ("--option", "storage=sqlite:///s.db")
    nasbridge("report", "d", *storage)
    nasbridge("export", "d", "h.jsonl", *storage)
    assert len(History.load(folder / "h.jsonl")) == 7
    nasbridge("resume", "d", "--experiment", "toy.py", "--trials", 9, *storage)
    assert len(load_run(folder / "d", options={"storage": "sqlite:///s.db"})) == 9


def test_the_error_for_a_storage_without_a_url_names_the_call(
    folder: Path, refused: Refused, edit: Edit, nasbridge: Run
) -> None:
    edit("trials=24", "trials=7")
    with (folder / "toy.py").open("a") as file:
        file.write(STORED.replace("STORAGE", "JournalStorage(JournalFileBackend('j.log'))"))
    subprocess.run([sys.executable, "toy.py"], cwd=folder, check=True, capture_output=True)
    error = refused("report", "d")
    assert "in a storage object of the program that ran them" in error
    assert "load_study(study_name='mine', storage=...)" in error
    imports = (
        "import nasbridge.adapters.optuna, optuna\n"
        "from optuna.storages import JournalStorage\n"
        "from optuna.storages.journal import JournalFileBackend\n"
    )
    call = re.search(r"with (nasbridge\S+\(.*?\)\.save\('history.jsonl'\))", error)
    assert call is not None
    storage = "JournalStorage(JournalFileBackend('j.log'))"
    program = imports + call[1].replace("...", storage)
    subprocess.run([sys.executable, "-c", program], cwd=folder, check=True)
    nasbridge("report", "history.jsonl")


def test_a_password_is_not_stored(folder: Path) -> None:
    class Storage:
        url = "mysql://me:secret@host/studies"

    note = note_of("optuna", None, {"storage": Storage()}, Origin())
    assert (note.options, note.left_out) == ({}, ("storage",))
