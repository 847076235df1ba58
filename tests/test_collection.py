# pyright: basic
"""The settings of pytest in pyproject.toml hide no broken module."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

CONFIGURATION = Path(__file__).resolve().parent.parent / "pyproject.toml"


@pytest.mark.parametrize("name", ["test_broken.py", "broken.py"])
def test_a_module_that_cannot_be_imported_is_an_error(name: str, tmp_path: Path) -> None:
    """In tests, and in the library, where it would hide the examples."""
    source = "import missing_library\n\n\ndef test_it() -> None:\n    assert False\n"
    (tmp_path / name).write_text(source)
    arguments = ["-c", str(CONFIGURATION), "--rootdir", str(tmp_path), "-p", "no:cacheprovider"]
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", *arguments, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == pytest.ExitCode.INTERRUPTED, ran.stdout
    assert "No module named 'missing_library'" in ran.stdout


@pytest.mark.xdist_group("collection")
def test_workers_receive_the_groups_of_tests(request: pytest.FixtureRequest) -> None:
    """Without groups, each worker would start Ray, and timings would disturb each other."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        assert request.node.nodeid.endswith("@collection")


@pytest.mark.parametrize("file", ["tests/conftest.py", "Makefile"])
def test_named_test_files_exist(file: str) -> None:
    """A stale name would silently stop a test from being started first, or left out of quick."""
    root = CONFIGURATION.parent
    named = set(re.findall(r"tests/[\w/]+\.py", (root / file).read_text("utf-8")))
    assert named
    assert not [name for name in sorted(named) if not (root / name).is_file()]
