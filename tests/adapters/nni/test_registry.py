# pyright: basic
# NNI ships no types that can be relied on.
"""NNI's registry of experiments in the home folder: temporary runs remove their entry only."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from nni.tools.nnictl.config_utils import Experiments

from nasbridge.adapters.nni import registry
from nasbridge.adapters.nni.registry import forget, is_temporary

pytestmark = [pytest.mark.frameworks, pytest.mark.xdist_group("nni_registry")]

RUN = """
import json
from pathlib import Path
from nasbridge import Experiment, Integer, RandomSearch, Space

HOME = Path.home() / "nni-experiments"

def evaluate(architecture, trial):
    known = json.loads((HOME / ".experiment").read_text())
    assert len(known) == 2  # one is of this run
    return {"score": float(architecture["x"])}

space = Space({"x": Integer(1, 99)})
experiment = Experiment(space, evaluate, {"score": "max"}, strategy=RandomSearch(), trials=2)
assert len(experiment.run("nni").of_state("complete")) == 2
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """NNI's folder in a temporary home folder."""
    home = tmp_path / "home" / "nni-experiments"
    home.mkdir(parents=True)
    monkeypatch.setattr(registry, "NNI_HOME_DIR", str(home))
    return home


def add(home: Path, *names: str) -> None:
    """Let NNI itself add experiments."""
    for name in names:
        Experiments(str(home)).add_experiment(name, 1, 2, "local", name, logDir="/somewhere")


def entries(home: Path) -> dict[str, Any]:
    """Read the whole registry, which must be valid JSON."""
    known: dict[str, Any] = json.loads((home / ".experiment").read_text())
    return known


def names(home: Path) -> set[str]:
    return set(entries(home))


def test_only_the_entry_of_the_run_is_removed(home: Path) -> None:
    forget("none")  # there is no registry yet
    assert not list(home.iterdir())
    add(home, "ours", "other")
    before = entries(home)["other"]
    forget("ours")
    forget("none")
    assert entries(home) == {"other": before}
    assert [file.name for file in home.iterdir()] == [".experiment"]  # no lock and no draft


@pytest.mark.parametrize("text", ['{"ours": {"id": "ou', "", '["ours"]', "\udcff"])
def test_a_damaged_registry_is_left_unchanged(home: Path, text: str) -> None:
    registry = home / ".experiment"
    registry.write_bytes(text.encode(errors="surrogateescape"))
    forget("ours")
    assert registry.read_bytes() == text.encode(errors="surrogateescape")


def test_a_lock_is_respected_and_a_stale_one_is_not(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "LOCK_TIMEOUT", 0.5)
    add(home, "ours")
    lock = home / ".experiment.lock.1"  # as a node manager's
    lock.touch()
    forget("ours")
    assert names(home) == {"ours"}
    os.utime(lock, (0, 0))
    forget("ours")
    assert names(home) == set()


def test_folders_below_the_temporary_directory_are_temporary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert is_temporary(tmp_path)
    assert not is_temporary(Path.home() / "runs")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "elsewhere"))
    assert not is_temporary(tmp_path)


def test_a_run_in_a_temporary_directory_leaves_no_entry(tmp_path: Path) -> None:
    """test_view.py shows that a run in another directory keeps its entry."""
    home, run = tmp_path / "home", tmp_path / "run.py"
    add(home / "nni-experiments", "other")
    run.write_text(RUN)
    environment = {**os.environ, "HOME": str(home)}
    subprocess.run([sys.executable, str(run)], check=True, env=environment, timeout=90)
    assert names(home / "nni-experiments") == {"other"}
