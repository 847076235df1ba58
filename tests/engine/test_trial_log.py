"""`TrialLog`: numbers, states, and the search that observes the trials."""

import pytest

from nasbridge import Choice, RandomSearch, RegularizedEvolution, Space
from nasbridge.engine import TrialLog
from nasbridge.strategies import History, HistoryError, SpaceExhausted, Trial

SPACE = Space({f"d{k}": Choice([1, 2, 3]) for k in range(3)})


def new_log(space: Space = SPACE) -> TrialLog:
    return TrialLog(RegularizedEvolution(population=4), space, {"loss": "min"}, 5)


def complete(trial: Trial) -> Trial:
    loss = float(sum(map(int, trial.architecture.choices.values())))
    return Trial(trial.number, trial.architecture, "complete", {"loss": loss})


def run(log: TrialLog, trials: int) -> None:
    for _ in range(trials):
        log.finish(complete(log.begin()))


def test_a_replayed_log_continues_identically() -> None:
    whole, half = new_log(), new_log()
    run(whole, 12)
    run(half, 6)
    resumed = new_log()
    resumed.replay(half.history({}))
    run(resumed, 6)
    assert resumed.finished == whole.finished


def test_trials_move_from_running_to_finished() -> None:
    log = new_log()
    first, second = log.begin({"process": "a"}), log.begin()
    assert first.notes == {"process": "a"}
    assert list(log.running) == [0, 1]
    log.finish(complete(second))
    assert (list(log.running), list(log.finished)) == ([0], [1])
    assert [trial.number for trial in log.others(0)] == [1]
    assert [trial.number for trial in log.history({})] == [1, 0]


def test_the_next_number_is_the_lowest_free_one() -> None:
    log = new_log()
    run(log, 2)
    log.skip([2, 4])
    assert log.next_number == 3
    run(log, 1)
    assert log.next_number == 5
    log.begin()
    log.drop(5)
    assert log.next_number == 5


def test_a_skipped_trial_is_no_longer_running() -> None:
    log = new_log()
    log.begin()
    log.skip([0])
    assert (log.skipped, dict(log.running), log.search.running) == ((0,), {}, {})


def test_a_number_has_one_state() -> None:
    log = new_log()
    trial = log.begin()
    log.finish(complete(trial))
    with pytest.raises(HistoryError, match="trial 0 has finished"):
        log.skip([0])
    log.skip([1])
    other = Trial(1, trial.architecture)
    with pytest.raises(HistoryError, match="trial 1 was skipped"):
        log.adopt(other)
    with pytest.raises(HistoryError, match="trial 1 was skipped"):
        log.finish(complete(other))
    assert (list(log.finished), dict(log.running), log.skipped) == ([0], {}, (1,))


def test_skipped_numbers_are_part_of_the_history() -> None:
    log, other = new_log(), new_log()
    log.skip([0, 1])
    run(log, 1)
    other.replay(log.history({"backend": "local"}))
    assert (other.skipped, list(other.finished), other.next_number) == ((0, 1), [2], 3)


def test_an_adopted_trial_is_not_proposed_again() -> None:
    space = Space({"d": Choice([1, 2])})
    log = new_log(space)
    log.adopt(Trial(7, space.architecture({"d": 1})))
    assert log.begin().architecture["d"] == 2
    with pytest.raises(SpaceExhausted):
        log.begin()


def test_a_revised_trial_replaces_its_first_end() -> None:
    log = new_log()
    first = log.begin()
    log.finish(Trial(0, first.architecture, "failed"))
    run(log, 5)
    running = log.begin()
    log.revise(complete(first))
    assert [*log.finished] == [1, 2, 3, 4, 5, 0]
    assert log.finished[0].state == "complete"
    assert log.search.running == {6: running.architecture}
    expected = new_log()
    expected.replay([*log.finished.values(), running])
    assert log.begin().architecture == expected.begin().architecture


def test_a_trial_finishes_once() -> None:
    log = new_log()
    trial = complete(log.begin())
    log.finish(trial)
    with pytest.raises(HistoryError):
        log.finish(trial)


def test_the_history_has_the_settings_of_the_search() -> None:
    log = TrialLog(RandomSearch(), SPACE, {"loss": "min"}, 3)
    history = log.history({"backend": "local"})
    assert isinstance(history, History)
    assert (history.strategy, history.seed) == ("RandomSearch()", 3)
    assert history.metadata == {"backend": "local"}
