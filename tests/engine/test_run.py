"""The skeleton of a managed run: opening, accepting, closing; and consecutive failures."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from nasbridge import Choice, Experiment, RandomSearch, Space
from nasbridge.engine import (
    BackendError,
    ConsecutiveFailures,
    ExperimentError,
    OpenStore,
    TooManyFailures,
    run_managed,
)
from nasbridge.engine.history_store import HISTORY_FILE, HistoryStore, open_history_store
from nasbridge.engine.run_note import RUN_NOTE, Origin, find_note, note_of, read_note, write_note
from nasbridge.strategies import History, Trial

SPACE = Space({"units": Choice([1, 2, 3, 4])})


def evaluate(architecture: Any, trial: Any) -> dict[str, float]:
    return {"loss": float(architecture["units"])}


def experiment(**changes: Any) -> Experiment:
    given: dict[str, Any] = {"trials": 3, **changes}
    return Experiment(
        SPACE, given.pop("evaluate", evaluate), {"loss": "min"}, RandomSearch(), **given
    )


class Recorder:
    """Records events in their order."""

    def __init__(self) -> None:
        self.events: list[str] = []

    @contextmanager
    def opening(self) -> Generator[OpenStore]:
        self.events.append("open")
        try:
            yield OpenStore(HistoryStore(experiment(), "test"))
        finally:
            self.events.append("close")

    def accept(self) -> None:
        self.events.append("accepted")

    def begun(self, history: History) -> None:
        self.events.append("begun")

    def finished(self, trial: Trial) -> None:
        self.events.append(f"trial {trial.number}")


def test_an_evaluate_that_workers_cannot_receive_opens_no_storage() -> None:
    def local(architecture: Any, trial: Any) -> dict[str, float]:
        return {"loss": 1.0}

    seen = Recorder()
    with pytest.raises(ExperimentError, match="evaluate"):
        run_managed(experiment(evaluate=local), None, 1, seen, seen.accept, seen.opening())
    assert seen.events == []


def test_a_promised_executor_must_be_supplied() -> None:
    seen = Recorder()
    with pytest.raises(TypeError, match="has no executor"):
        run_managed(
            experiment(), None, 0, seen, seen.accept, seen.opening(), supplies_executor=True
        )
    assert seen.events == ["open", "close"]


def test_a_run_is_accepted_before_its_first_trial_and_closed_after_its_last() -> None:
    seen = Recorder()
    history = run_managed(experiment(), None, 0, seen, seen.accept, seen.opening())
    assert len(history) == 3
    trials = ["trial 0", "trial 1", "trial 2"]
    assert seen.events == ["open", "accepted", "begun", *trials, "close"]


def test_a_refused_run_is_not_accepted() -> None:
    @contextmanager
    def refuse() -> Generator[OpenStore]:
        raise BackendError("of another experiment")
        yield

    seen = Recorder()
    with pytest.raises(BackendError):
        run_managed(experiment(), None, 0, seen, seen.accept, refuse())
    assert seen.events == []


def test_a_refused_run_leaves_the_note_unchanged(tmp_path: Path) -> None:
    experiment().run(directory=tmp_path)
    before = (tmp_path / RUN_NOTE).read_bytes()
    with pytest.raises(Exception, match="another experiment"):
        experiment(seed=1).run(directory=tmp_path, jobs=1)
    assert (tmp_path / RUN_NOTE).read_bytes() == before


def test_interrupted_trials_are_repeated_first(tmp_path: Path) -> None:
    with open_history_store(experiment(), tmp_path, "local") as store:
        first, second = store.begin(3), store.begin(3)
    assert first is not None
    assert second is not None
    with open_history_store(experiment(), tmp_path, "local") as store:
        assert [trial.number for trial in store.history()] == [0, 1]
        again = store.begin(3)
        assert again is not None
        assert (again.number, again.architecture) == (0, first.architecture)
    assert (tmp_path / HISTORY_FILE).exists()


def test_notes_contain_the_options_that_json_can_represent(tmp_path: Path) -> None:
    options = {"resources": {"cpu": 2}, "host": "::1", "storage": object(), "keep": True}
    write_note(tmp_path, note_of("local", 2, options, Origin(script="a.py")))
    note = read_note(tmp_path)
    assert note == find_note(tmp_path)
    assert note.options == {"resources": {"cpu": 2}, "host": "::1"}
    assert note.left_out == ["storage"]
    assert find_note(tmp_path / "elsewhere") is None


def trial(number: int, state: Any) -> Trial:
    return Trial(number, SPACE.architecture({"units": 1}), state, notes={"error": "OSError: x"})


def test_failures_in_a_row_are_counted() -> None:
    failures = ConsecutiveFailures(2, "fix it")
    for number, state in enumerate(["failed", "complete", "failed"]):
        failures.record(trial(number, state))
        failures.check()
    failures.record(trial(3, "failed"))
    with pytest.raises(
        TooManyFailures, match="the last 2 trials failed, trial 3 with OSError: x; f"
    ):
        failures.check()
    failures.reset()
    assert failures.error is None


def test_the_number_of_failures_may_be_unlimited() -> None:
    failures = ConsecutiveFailures(None, "fix it")
    for number in range(50):
        failures.record(trial(number, "failed"))
    failures.check()
