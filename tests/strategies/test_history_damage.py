"""Damaged, truncated, deleted and strange history files."""

import json
import os
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy
import pytest

from nasbridge import Choice, History, HistoryError, Integer, Space, Trial
from nasbridge.strategies import HistoryFile, Objective, Step
from nasbridge.strategies.history_lines import encoded
from nasbridge.strategies.trial import TrialState

SPACE = Space({"units": Choice([16, 32, 64]), "depth": Integer(1, 9)})
SCORE = (Objective("score"),)


def trial(
    number: int, state: TrialState = "complete", curve: tuple[Step, ...] = (), **values: float
) -> Trial:
    architecture = SPACE.architecture({"units": "32", "depth": number % 9 + 1})
    return Trial(number, architecture, state, values, curve, 0.5, 10.0, 11.0 + number)


def history(*trials: Trial) -> History:
    return History(SPACE, SCORE, trials, seed=7, strategy="RandomSearch()", metadata={"a": 1})


def saved(tmp_path: Path) -> Path:
    original = history(trial(0, score=1.0), trial(1, curve=(Step(1, {"score": 1.0}),), score=2.0))
    original.save(tmp_path / "h.jsonl")
    return tmp_path / "h.jsonl"  # header, start, finish, start, report, finish


@pytest.mark.parametrize("kept", range(1, 60, 7))
def test_a_truncated_last_line_is_dropped(tmp_path: Path, kept: int) -> None:
    path = saved(tmp_path)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-1]) + lines[-1][:kept])
    assert [t.state for t in History.load(path)] == ["complete", "running"]
    with HistoryFile(path, history()) as file:  # continues after the last whole line
        file.finish(trial(1, score=2.0))
    assert [t.state for t in History.load(path)] == ["complete", "complete"]


def replaced(line: int, text: str) -> Callable[[list[str]], list[str]]:
    return lambda lines: [*lines[: line - 1], text, *lines[line:]]


def without_header(lines: list[str]) -> list[str]:
    return lines[1:]


def changed(line: int, **entries: Any) -> Callable[[list[str]], list[str]]:
    """Change entries of an event; None removes them."""

    def change(lines: list[str]) -> list[str]:
        event: Mapping[str, Any] = json.loads(lines[line - 1]) | entries
        left = {name: value for name, value in event.items() if value is not None}
        left.pop("crc", None)
        return replaced(line, encoded(left).decode())(lines)

    return change


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (without_header, "line 1: not a header of a nasbridge history"),
        (replaced(1, "{}"), "line 1: not a header of a nasbridge history"),
        (changed(1, version=99), r"line 1: unsupported format version 99.*reads versions 1 to 2"),
        (changed(1, objectives=None), "line 1: 'objectives' is missing or invalid"),
        (changed(1, seed="x"), "line 1: 'seed' is missing or invalid"),
        (changed(1, skipped=None), "line 1: 'skipped' is missing or invalid"),
        (changed(1, skipped=[0, -1]), "line 1: invalid trial number -1 in 'skipped'"),
        (changed(1, skipped=[7, 8, 7]), "line 1: trial number 7 is twice in 'skipped'"),
        (changed(1, skipped=[0]), "line 2: .*trial 0 is in 'skipped' of line 1"),
        (changed(1, objectives={"score": "up"}), "line 1: .*'up'"),
        (changed(1, objectives={"": "max"}), "line 1: invalid metric ''"),
        (changed(1, space={"format": "else"}), "line 1: .*not a space"),
        (changed(1, fingerprint="else"), "belongs to another space"),
        (replaced(3, "{ not JSON"), "line 3: invalid JSON"),
        (replaced(3, "[1, 2]"), r"line 3: invalid event \[1, 2\]"),
        (replaced(3, "\0\0\0\0"), "line 3: invalid JSON"),
        (replaced(3, "[" * 100_000), "line 3: invalid JSON"),
        (changed(2, choices={"units": "17", "depth": 1}), "line 2: .*'units' cannot be '17'"),
        (changed(2, choices=None), "line 2: 'choices' is missing"),
        (changed(2, number=None), "line 2: 'number' is missing"),
        (changed(3, state="else"), "line 3: .*unknown state 'else'"),
        (
            changed(3, values={"score": "x"}),
            "line 3: invalid value of 'score' 'x': it must",
        ),
        (changed(3, number=5), "line 3: .*trial 5 has not started"),
        (changed(4, number=0), "line 4: .*trial 0 starts after it has finished"),
        (changed(5, event="else"), "line 5: .*unknown event 'else'"),
        (changed(2, number="x"), "line 2: .*invalid trial number 'x'"),
        (changed(2, time="x"), "line 2: invalid time 'x'"),
        (changed(3, notes=5), "line 3: invalid notes 5: it must be a JSON object"),
        (changed(5, step=1.5), "line 5: invalid step 1.5"),
        (changed(5, step=-1), "line 5: invalid step -1"),
        (changed(3, values={"score": True}), "line 3: invalid value of 'score' True"),
        (changed(3, values={"score": 10**400}), "line 3: invalid value of 'score' 10000"),
        (changed(3, values={"else": 1.0}), "line 3: trial 0 is complete, but has no value of 'sc"),
        (changed(2, number=True), "line 2: .*invalid trial number True"),
        (changed(2, number=2**64), "line 2: .*invalid trial number 1844"),
        (changed(2, choices=[1]), r"line 2: invalid choices \[1\]"),
        (changed(5, step="x"), "line 5: invalid step 'x': it must be an int of at least 0"),
    ],
)
def test_damage_is_an_error_that_names_file_and_line(
    tmp_path: Path, damage: Callable[[list[str]], list[str]], message: str
) -> None:
    path = saved(tmp_path)
    path.write_text("".join(f"{line}\n" for line in damage(path.read_text().splitlines())))
    with pytest.raises(HistoryError, match=f"h.jsonl.*{message}"):
        History.load(path)


def test_no_flipped_bit_changes_a_value(tmp_path: Path) -> None:
    path = saved(tmp_path)
    original, content = History.load(path), path.read_bytes()
    rng = numpy.random.default_rng(0)
    for position in rng.choice(len(content), 300, replace=False):
        damaged = bytearray(content)
        damaged[position] ^= 1 << rng.integers(8)
        path.write_bytes(damaged)
        try:
            loaded = History.load(path)
        except HistoryError:
            continue
        assert position == len(content) - 1  # only the last newline carries no information
        assert loaded.trials == original.trials


def test_files_without_checksums_are_read_and_continued(tmp_path: Path) -> None:
    path = saved(tmp_path)
    original = History.load(path)
    events = [json.loads(line) for line in path.read_text().splitlines()]
    events[0]["version"] = 1
    for event in events:
        del event["crc"]
    path.write_text("".join(f"{json.dumps(event)}\n" for event in events))
    assert History.load(path).trials == original.trials
    with HistoryFile(path, original) as file:
        file.start(trial(7))
    assert b"crc" not in path.read_bytes()
    assert [one.number for one in History.load(path)] == [0, 1, 7]


def test_a_last_line_without_its_newline_counts(tmp_path: Path) -> None:
    path = saved(tmp_path)
    original = History.load(path)
    path.write_bytes(path.read_bytes()[:-1])
    assert History.load(path).trials == original.trials
    with HistoryFile(path, history()) as file:
        file.start(trial(7))
    assert [one.number for one in History.load(path)] == [0, 1, 7]


def test_a_deleted_file_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "run" / "h.jsonl"
    with HistoryFile(path, history()) as file:
        file.start(trial(0))
        shutil.rmtree(path.parent)
        with pytest.raises(HistoryError, match=r"h.jsonl was deleted while it was written"):
            file.finish(trial(0, score=1.0))


@pytest.mark.parametrize("kind", ["pipe", "device", "directory"])
def test_only_regular_files_are_read(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "h.jsonl"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        path.mkdir()
    with pytest.raises(HistoryError, match=r"h.jsonl (is no regular file|cannot be read)"):
        History.load(path)


def test_reports_of_one_trial_cost_linear_time(tmp_path: Path) -> None:
    def once(reports: int) -> float:
        path = tmp_path / f"{reports}.jsonl"
        history(trial(0, "running", tuple(Step(k, {"score": 1.0}) for k in range(reports)))).save(
            path
        )
        began = time.process_time()
        assert len(History.load(path)[0].curve) == reports
        return time.process_time() - began

    once(100)
    assert once(20_000) < 10 * once(5_000)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(HistoryError, match=r"h.jsonl cannot be read \(No such file"):
        History.load(tmp_path / "h.jsonl")
