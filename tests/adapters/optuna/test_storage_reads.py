"""How often a trial reads the whole study: before its proposal, and once after it if shared."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.storages import BaseStorage, InMemoryStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend

from nasbridge import Choice, Experiment, RandomSearch, Space
from nasbridge import testing as material
from nasbridge.adapters.optuna import NASSampler, suggest
from nasbridge.engine.driver import Silent

TRIALS = 12
PER_RUN = 4  # reads that a managed run makes once, at its beginning and end
LARGE = Space({f"part{k}": Choice([0, 1, 2, 3]) for k in range(6)})
SMALL = material.chain()  # is listed to find out when it is exhausted


def memory(directory: Path) -> BaseStorage:
    return InMemoryStorage()


def journal(directory: Path) -> BaseStorage:
    return JournalStorage(JournalFileBackend(str(directory / "journal.log")))


Make = Callable[[Path], BaseStorage]
STORAGES = [pytest.param(memory, 1, id="memory"), pytest.param(journal, 2, id="journal")]


def counted(storage: BaseStorage, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count the calls of a storage by which rows are read."""
    calls: Counter[str] = Counter()

    def count(name: str) -> None:
        method = getattr(storage, name)

        def counting(*arguments: Any, **settings: Any) -> Any:
            calls[name] += 1
            return method(*arguments, **settings)

        monkeypatch.setattr(storage, name, counting)

    for name in ("get_all_trials", "get_trial", "get_n_trials", "get_best_trial"):
        count(name)
    return calls


def experiment(space: Space = LARGE, **settings: Any) -> Experiment:
    return Experiment(space, material.evaluate, {"score": "max"}, RandomSearch(), **settings)


@pytest.mark.parametrize(("make", "reads"), STORAGES)
def test_a_managed_run_reads_the_study_at_most_twice_per_trial(
    make: Make, reads: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = make(tmp_path)
    calls = counted(storage, monkeypatch)
    assert (
        len(experiment(trials=TRIALS).run("optuna", observer=Silent(), storage=storage)) == TRIALS
    )
    assert calls["get_all_trials"] <= reads * TRIALS + PER_RUN
    assert calls["get_trial"] <= 3 * TRIALS  # single rows, read by Optuna's own objects
    assert not calls["get_n_trials"] + calls["get_best_trial"]


@pytest.mark.parametrize(("make", "reads"), STORAGES)
def test_enqueued_and_interrupted_trials_read_the_study_no_more_often(
    make: Make, reads: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A repeat reads the study after its row was made, but its proposal is known already."""
    storage = make(tmp_path)

    def interrupted(architecture: Any, trial: Any) -> dict[str, float]:
        raise KeyboardInterrupt

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            Experiment(LARGE, interrupted, {"score": "max"}, RandomSearch(), trials=TRIALS).run(
                "optuna", observer=Silent(), storage=storage
            )
    study = optuna.load_study(study_name="nasbridge", storage=storage)
    study.enqueue_trial({"part0": "1"})
    study.enqueue_trial({})
    calls = counted(storage, monkeypatch)
    history = experiment(trials=TRIALS).run("optuna", observer=Silent(), storage=storage)
    assert sorted(trial.number for trial in history) == list(range(TRIALS))
    assert calls["get_all_trials"] <= 2 * TRIALS + PER_RUN


@pytest.mark.parametrize(("make", "reads"), STORAGES)
@pytest.mark.parametrize(("space", "more"), [(LARGE, 0), (SMALL, 1)], ids=["large", "small"])
def test_a_sampler_reads_the_study_as_often_and_once_more_in_a_small_space(
    make: Make,
    reads: int,
    space: Space,
    more: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Optuna itself reads it once per trial, for enqueued trials."""
    sampler = NASSampler(space, strategy=RandomSearch(), seed=1)
    study = optuna.create_study(storage=make(tmp_path), sampler=sampler)
    calls = counted(study._storage, monkeypatch)  # pyright: ignore[reportPrivateUsage]
    study.optimize(lambda trial: material.score(suggest(trial, space))["score"], n_trials=TRIALS)
    assert calls["get_all_trials"] <= (1 + reads + more) * TRIALS


def test_ask_and_tell_needs_no_read_to_end_a_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    study = optuna.create_study(sampler=NASSampler(SMALL, strategy=RandomSearch(), seed=1))
    calls = counted(study._storage, monkeypatch)  # pyright: ignore[reportPrivateUsage]
    for _ in range(TRIALS):
        trial = study.ask()
        study.tell(trial, material.score(suggest(trial, SMALL))["score"])
    assert calls["get_all_trials"] <= 2 * TRIALS
