"""Histories, and their files under crashes and damage."""

import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy
import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nasbridge import Choice, History, HistoryError, Integer, Space, Trial
from nasbridge.strategies import HistoryFile, Objective, Step
from nasbridge.strategies.history import in_order
from nasbridge.strategies.trial import TrialState

SPACE = Space({"units": Choice([16, 32, 64]), "depth": Integer(1, 9)})
SCORE = (Objective("score"),)
BOTH = (Objective("score"), Objective("cost", "min"))


def trial(
    number: int, state: TrialState = "complete", curve: tuple[Step, ...] = (), **values: float
) -> Trial:
    architecture = SPACE.architecture({"units": "32", "depth": number % 9 + 1})
    return Trial(number, architecture, state, values, curve, 0.5, 10.0, 11.0 + number)


def history(*trials: Trial, objectives: tuple[Objective, ...] = SCORE) -> History:
    return History(SPACE, objectives, trials, seed=7, strategy="RandomSearch()", metadata={"a": 1})


def test_the_best_is_the_earliest_of_the_best_complete_ones() -> None:
    original = history(
        trial(0, score=1.0), trial(1, score=3.0), trial(2, score=3.0), trial(3, "pruned", score=9.0)
    )
    assert original.best.number == 1


def test_the_best_of_a_minimized_objective_is_the_smallest() -> None:
    objectives = (Objective("score", "min"),)
    assert history(trial(0, score=2.0), trial(1, score=1.0), objectives=objectives).best.number == 1


def test_the_front_contains_the_non_dominated_trials() -> None:
    original = history(
        trial(0, score=1.0, cost=1.0),
        trial(1, score=3.0, cost=3.0),
        trial(2, score=2.0, cost=3.0),  # dominated by 1
        trial(3, score=1.0, cost=2.0),  # dominated by 0
        trial(4, "failed"),
        trial(5, score=3.0, cost=3.0),  # equals 1: both stay
        objectives=BOTH,
    )
    assert [t.number for t in original.pareto] == [0, 1, 5]
    with pytest.raises(HistoryError, match=r"2 objectives \(score, cost\).*history.pareto"):
        _ = original.best


@pytest.mark.parametrize(
    ("trials", "message"),
    [
        ((), "no trials"),
        ((trial(0, "failed"), trial(1, "failed"), trial(2, "running")), "2 failed, 1 running"),
    ],
)
def test_without_complete_trials_there_is_no_best(trials: tuple[Trial, ...], message: str) -> None:
    with pytest.raises(HistoryError, match=message):
        _ = history(*trials).best


def test_a_history_is_a_sequence() -> None:
    original = history(trial(0, score=1.0), trial(1, "failed"), trial(2, "pruned", score=1.0))
    assert len(original) == 3
    assert original[-1].number == 2
    assert [t.number for t in original[:2]] == [0, 1]
    assert [t.number for t in original.of_state("failed", "pruned")] == [1, 2]


def test_a_data_frame_has_a_row_per_trial() -> None:
    original = history(trial(0, score=1.0), trial(1, "failed"))
    table = original.to_pandas()
    assert isinstance(table, pandas.DataFrame)
    assert list(table["number"]) == [0, 1]
    assert list(table["state"]) == ["complete", "failed"]
    assert table["values.score"][0] == 1.0
    assert math.isnan(table["values.score"][1])
    assert list(table["choices.units"]) == ["32", "32"]


def test_trials_are_ordered_by_end_then_running_ones_by_number() -> None:
    trials = [Trial(n, trial(n).architecture, "complete", finished=f) for n, f in ((0, 3), (1, 2))]
    running = [Trial(n, trial(n).architecture) for n in (5, 4)]
    assert [t.number for t in in_order([*running, *trials])] == [1, 0, 4, 5]


numbers = st.floats(allow_nan=True, allow_infinity=True)
metrics = st.dictionaries(st.text(min_size=1, max_size=5), numbers, max_size=3)
steps = st.lists(st.tuples(st.integers(0, 10**6), metrics), max_size=3, unique_by=lambda s: s[0])
notes = st.dictionaries(
    st.text(max_size=5),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=3),
        max_leaves=5,
    ),
    max_size=3,
)


@st.composite
def histories(draw: st.DrawFn) -> History:
    trials: list[Trial] = []
    for number in range(draw(st.integers(0, 5))):
        choices = {"units": draw(st.sampled_from(["16", "32", "64"])), "depth": number + 1}
        state: TrialState = draw(st.sampled_from(("complete", "pruned", "failed")))
        curve = tuple(Step(step, values) for step, values in draw(steps))
        time = draw(st.floats(0, 2e9))
        architecture = SPACE.architecture(choices)
        values, noted = draw(metrics), draw(notes)
        if state == "complete":
            values |= {"score": draw(numbers)}
        original = Trial(number, architecture, state, values, curve, 1.5, time, time + 1, noted)
        trials.append(original)
    skipped = draw(st.lists(st.integers(5, 99), max_size=3, unique=True))
    return replace(history(*trials), skipped=tuple(skipped))


def alike(value: object) -> object:
    """A value in which NaN equals NaN."""
    return repr(value)


@settings(max_examples=40, deadline=None)
@given(original=histories())
def test_a_history_is_unchanged_after_saving_and_loading(
    original: History, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("history") / "h.jsonl"
    original.save(path)
    loaded = History.load(path)
    assert alike(loaded.trials) == alike(original.trials)
    assert loaded.space == original.space
    assert (loaded.objectives, loaded.seed, loaded.strategy) == (SCORE, 7, "RandomSearch()")
    assert loaded.metadata == {"a": 1}
    assert loaded.skipped == original.skipped


def test_running_trials_keep_their_reports(tmp_path: Path) -> None:
    half = trial(3, "running", (Step(1, {"score": 0.5}), Step(2, {"score": 0.6})))
    half = Trial(3, half.architecture, "running", curve=half.curve, started=10.0)
    history(trial(0, score=1.0), half).save(tmp_path / "h.jsonl")
    assert History.load(tmp_path / "h.jsonl").trials[1] == half


def test_a_repeated_trial_has_its_new_curve_only(tmp_path: Path) -> None:
    path = tmp_path / "h.jsonl"
    with HistoryFile(path, history()) as file:
        file.start(trial(0))
        file.report(0, Step(1, {"score": 0.1}))
        file.start(trial(0))  # after a kill, the next process repeats the trial
        file.report(0, Step(1, {"score": 0.2}))
        file.finish(trial(0, score=0.2))
    (loaded,) = History.load(path)
    assert loaded.curve == (Step(1, {"score": 0.2}),)


def test_a_file_is_not_overwritten(tmp_path: Path) -> None:
    history().save(tmp_path / "h.jsonl")
    with pytest.raises(HistoryError, match=r"h.jsonl exists: remove it"):
        history().save(tmp_path / "h.jsonl")


LOCK = """
import fcntl, sys
file = open(sys.argv[1], "ab")
fcntl.flock(file, fcntl.LOCK_EX)
print("locked", flush=True)
sys.stdin.read()
"""


def test_one_process_writes_at_a_time(tmp_path: Path) -> None:
    """The error states whether it is this process or another one."""
    path = tmp_path / "h.jsonl"
    with (
        HistoryFile(path, history()),
        pytest.raises(HistoryError, match="is open for writing in this process"),
    ):
        HistoryFile(path, history())
    HistoryFile(path, history()).close()
    command = [sys.executable, "-c", LOCK, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"locked\n"
        with pytest.raises(HistoryError, match="is open for writing in another process"):
            HistoryFile(path, history())
        other.communicate()
    HistoryFile(path, history()).close()


def test_a_space_with_functions_must_be_given(tmp_path: Path) -> None:
    space = SPACE.where(lambda x: x["depth"] > 1)
    original = History(space, SCORE, (trial(1, score=1.0),))
    original.save(tmp_path / "h.jsonl")
    with pytest.raises(HistoryError, match=r"functions or classes.*space=space"):
        History.load(tmp_path / "h.jsonl")
    assert History.load(tmp_path / "h.jsonl", space).best.number == 1


def saved(tmp_path: Path) -> Path:
    history(trial(0, score=1.0)).save(tmp_path / "h.jsonl")
    return tmp_path / "h.jsonl"


def test_a_file_of_another_experiment_is_not_continued(tmp_path: Path) -> None:
    path = saved(tmp_path)
    for other, message in (
        (History(SPACE, SCORE, seed=8, strategy="RandomSearch()"), "seed 7, not 8"),
        (History(SPACE, SCORE, seed=7, strategy="Other()"), "with strategy "),
        (History(SPACE, BOTH, seed=7, strategy="RandomSearch()"), "with objectives "),
    ):
        before = path.read_bytes()
        with pytest.raises(HistoryError, match=message):
            HistoryFile(path, other)
        assert path.read_bytes() == before


def test_numpy_and_non_finite_values_are_serialized(tmp_path: Path) -> None:
    odd = Trial(
        0,
        trial(0).architecture,
        "complete",
        cast(dict[str, float], {"score": numpy.float32(0.5), "other": math.inf}),
        notes={"array": numpy.int64(3), "thing": object, "nan": math.nan},
    )
    history(odd).save(tmp_path / "h.jsonl")
    (loaded,) = History.load(tmp_path / "h.jsonl")
    assert loaded.values == {"score": 0.5, "other": math.inf}
    assert loaded.notes["array"] == 3
