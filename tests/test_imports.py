"""Importing the package, a space or a strategy is fast and loads no framework."""

import os
import subprocess
import sys

import pytest

HEAVY = {
    "autogluon",
    "autokeras",
    "jax",
    "keras",
    "keras_tuner",
    "matplotlib",
    "nni",
    "optuna",
    "pandas",
    "plotly",
    "ray",
    "sklearn",
    "tensorflow",
    "torch",
}
TRIES = 5  # the shortest CPU time counts: it is the least disturbed by other processes

# In one worker, so that they do not disturb each other.
timing = pytest.mark.xdist_group("timing")


def in_fresh_process(*arguments: str) -> str:
    """Return what a new interpreter prints for these arguments."""
    command = [sys.executable, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "module",
    [
        "nasbridge",
        "nasbridge.adapters",
        "nasbridge.bench",
        "nasbridge.spaces",
        "nasbridge.strategies",
    ],
)
def test_import_loads_no_framework(module: str) -> None:
    loaded = in_fresh_process("-c", f"import sys, {module}; print(*sys.modules)").split()
    assert module in loaded
    assert not HEAVY & {name.split(".")[0] for name in loaded}


@timing
def test_import_takes_under_150_ms() -> None:
    code = "import time; t = time.process_time(); import nasbridge; print(time.process_time() - t)"
    assert min(float(in_fresh_process("-c", code)) for _ in range(TRIES)) < 0.15


@timing
def test_help_takes_under_500_ms() -> None:
    def seconds() -> float:
        before = os.times()
        assert "Usage" in in_fresh_process("-m", "nasbridge", "--help")
        after = os.times()
        return after.children_user + after.children_system - sum(before[2:4])

    assert min(seconds() for _ in range(TRIES)) < 0.5
