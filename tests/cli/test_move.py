"""`export`, `import` and `report`: histories that leave, arrive, and are shown."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nasbridge._runs import load_run

Run = Callable[..., subprocess.CompletedProcess[str]]
Refused = Callable[..., str]
Stop = Callable[..., str]
Told = Callable[[str], list[tuple[Any, ...]]]
Edit = Callable[[str, str], None]


@pytest.mark.parametrize(("here", "there"), [("local", "optuna"), ("optuna", "local")])
def test_a_run_moves_and_goes_on_identically(
    folder: Path, nasbridge: Run, stop: Stop, told: Told, here: str, there: str
) -> None:
    nasbridge("run", "toy.py", "--backend", there, "--directory", "whole")
    stop("run", "toy.py", "--backend", here, "--directory", "one", trials=9)
    nasbridge("export", "one", "moved.jsonl")
    done = nasbridge("import", "moved.jsonl", "two", "--backend", there)
    assert "nasbridge resume two" in done.stderr
    assert told("two") == told("one")
    moved = load_run(folder / "two")
    assert len(moved.of_state("running")) == 1
    assert moved.facts["backend"] == there
    nasbridge("resume", "two")
    assert told("two") == told("whole")


def test_a_history_without_space_asks_for_the_experiment(
    folder: Path, nasbridge: Run, refused: Refused, edit: Edit, told: Told
) -> None:
    edit("experiment =", "space = space.where(lambda a: a['width'] != 7)\nexperiment =")
    nasbridge("run", "toy.py", "--backend", "optuna", "--directory", "d", "--trials", 4)
    nasbridge("export", "d", "moved.jsonl")  # the directory knows the file
    assert "--experiment FILE" in refused("import", "moved.jsonl", "e", "--backend", "local")
    assert not (folder / "e").exists()
    nasbridge("import", "moved.jsonl", "e", "--backend", "local", "--experiment", "toy.py")
    nasbridge("resume", "e", "--trials", 6)
    nasbridge("run", "toy.py", "--directory", "whole", "--trials", 6)
    history = load_run(folder / "whole", None)  # pragma: no cover
    assert history
