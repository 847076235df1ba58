"""Passwords are in no text that people share."""

import stat
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from nasbridge import Experiment, History, RandomSearch
from nasbridge.engine.run_note import Origin, note_of, origin_from, read_note, write_note
from nasbridge.engine.secrets import masked
from nasbridge.report import write_report
from nasbridge.testing import chain, evaluate

SECRET = "HUNTER2"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"postgresql://user:{SECRET}@db/nas", "postgresql://user:***@db/nas"),
        (f"mysql+pymysql://u:{SECRET}/@:x@db:1/nas?a=1", "mysql+pymysql://u:***@db:1/nas?a=1"),
        (f"redis://:{SECRET}@db", "redis://:***@db"),
        (f"postgresql://db/nas?user=u&password={SECRET}&b=2", None),
        (f"{{'storage': 'mysql://u:{SECRET}@db/nas'}}", "{'storage': 'mysql://u:***@db/nas'}"),
        (f"postgresql://user:{SECRET}'\"@db/nas", "postgresql://user:***@db/nas"),
        ("sqlite:///study.db", "sqlite:///study.db"),
        ("postgresql://user@db:5432/nas", "postgresql://user@db:5432/nas"),
        ("https://host/a and mail me@host", "https://host/a and mail me@host"),
    ],
)
def test_passwords_are_masked(text: str, shown: str | None) -> None:
    assert SECRET not in masked(text)
    assert shown is None or masked(text) == shown


@pytest.fixture
def history() -> History:
    experiment = Experiment(chain(), evaluate, {"score": "max"}, RandomSearch(), trials=3)
    return experiment.run("local", jobs=0)


def test_the_run_note_is_private_and_the_report_has_no_password(
    history: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"postgresql://user:{SECRET}@db.example/nas"
    monkeypatch.setattr("sys.argv", ["nasbridge", "run", "x.py", "--option", f"storage={url}"])
    note = note_of("optuna", 0, {"storage": url}, Origin())
    (tmp_path / f"run.json.{Path('/proc/self').resolve().name}").touch(0o644)  # of a killed run
    write_note(tmp_path, note)
    assert stat.S_IMODE((tmp_path / "run.json").stat().st_mode) == 0o600
    assert read_note(tmp_path).options["storage"] == url  # resume needs it
    assert SECRET not in str(asdict(read_note(tmp_path).origin))
    write_report(history, tmp_path / "report.html", directory=tmp_path)
    text = (tmp_path / "report.html").read_text("utf-8")
    assert SECRET not in text
    assert "postgresql://user:***@db.example/nas" in text


def test_the_command_of_an_older_note_is_masked(history: History, tmp_path: Path) -> None:
    old: dict[str, Any] = {
        **asdict(Origin()),
        "settings": {},
        "command": ["x", f"mysql://u:{SECRET}@db/nas"],
    }
    assert origin_from(old).command == ["x", "mysql://u:***@db/nas"]
    write_report(replace(history, metadata={"origin": old}), tmp_path / "report.html")
    assert SECRET not in (tmp_path / "report.html").read_text("utf-8")
