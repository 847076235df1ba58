"""Several processes on one study: no architecture twice, no trial lost, and no lock error."""

import json
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path

import optuna
import pytest
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from nasbridge import Choice, Experiment, History, RandomSearch, RegularizedEvolution, Space
from nasbridge import testing as material
from nasbridge.adapters.optuna import NASSampler, load, suggest
from nasbridge.engine import Evaluate, Silent
from nasbridge.spaces import SearchSpace

PROCESSES = 3
TRIALS_WAITING = 16
NAME = "nasbridge"

processes = multiprocessing.get_context("forkserver")

# Each test keeps all cores busy.
pytestmark = pytest.mark.xdist_group("processes")


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let processes find the functions of this file, however pytest was started."""
    root = str(Path(__file__).resolve().parents[3])
    monkeypatch.setattr(sys, "path", [root, *sys.path])


def url(directory: Path) -> str:
    return f"sqlite:///{directory}/study.db"


def patient(directory: Path) -> RDBStorage:
    """SQLite as Optuna's documentation has it for several processes."""
    return RDBStorage(url(directory), engine_kwargs={"connect_args": {"timeout": 60}})


def in_directory(directory: Path) -> None:
    """The default: a database in the directory of the run."""


def journal(directory: Path) -> JournalStorage:
    return JournalStorage(JournalFileBackend(str(directory / "journal.log")))


Kind = Callable[[Path], str | BaseStorage | None]


def wide() -> Space:
    """A flat space of 3,125 architectures."""
    return Space({f"part{k}": Choice([0, 1, 2, 3, 4]) for k in range(5)})


def narrow() -> Space:
    """A flat space of 16 architectures."""
    return Space({f"part{k}": Choice([0, 1, 2, 3]) for k in range(2)})


def optimize(storage: Kind, directory: Path, space: SearchSpace, trials: int) -> None:
    """Run a share of the trials, as a user writes it."""
    sampler = NASSampler(space, strategy=RegularizedEvolution(10, 5), seed=0)
    study = study_in(storage(directory))
    study.sampler = sampler
    study.optimize(lambda trial: material.score(suggest(trial, space))["score"], n_trials=trials)


def run(storage: Kind, directory: Path, space: SearchSpace, trials: int) -> None:
    """Run the whole experiment, as all processes do."""
    place = directory if storage is in_directory else None
    experiment_of(space, trials).run("optuna", place, observer=Silent(), storage=storage(directory))


def run_waiting(directory: Path) -> None:
    experiment = experiment_of(wide(), TRIALS_WAITING, material.evaluate_waiting)
    experiment.run("optuna", directory, observer=Silent(), storage=url(directory))


def stored(storage: Kind, directory: Path) -> History:
    return load(directory if storage is in_directory else study_in(storage(directory)))


def study_in(storage: str | BaseStorage | None) -> optuna.Study:
    assert storage is not None
    return optuna.load_study(study_name=NAME, storage=storage)


def experiment_of(
    space: SearchSpace, trials: int, evaluate: Evaluate = material.evaluate
) -> Experiment:
    evolution = RegularizedEvolution(10, 5)
    return Experiment(space, evaluate, {"score": "max"}, evolution, trials=trials)


def start(target: Callable[..., None], *arguments: object) -> list[BaseProcess]:
    started = [processes.Process(target=target, args=arguments) for _ in range(PROCESSES)]
    for process in started:
        process.start()
    return list(started)


def wait(started: Sequence[BaseProcess], seconds: float = 300) -> list[int | None]:
    """Return the exit codes; None for a process that took too long, which is killed."""
    deadline = time.monotonic() + seconds
    for process in started:
        process.join(max(deadline - time.monotonic(), 0))
    codes = [process.exitcode for process in started]
    for process in started:
        process.kill()
    return codes


@pytest.mark.parametrize(("storage", "trials"), [(patient, 4), (journal, 20)])
def test_optimizers_share_a_study(storage: Kind, trials: int, tmp_path: Path) -> None:
    optuna.create_study(study_name=NAME, storage=storage(tmp_path), direction="maximize")
    assert wait(start(optimize, storage, tmp_path, wide(), trials)) == [0] * PROCESSES
    rows = study_in(storage(tmp_path)).get_trials(deepcopy=False)
    assert [row.state for row in rows] == [TrialState.COMPLETE] * trials * PROCESSES
    assert len({json.dumps(row.params) for row in rows}) == trials * PROCESSES


@pytest.mark.parametrize("storage", [journal])
def test_optimizers_end_quietly_when_the_space_is_exhausted(storage: Kind, tmp_path: Path) -> None:
    optuna.create_study(study_name=NAME, storage=storage(tmp_path), direction="maximize")
    assert wait(start(optimize, storage, tmp_path, narrow(), 100)) == [0] * PROCESSES
    states = [row.state for row in study_in(storage(tmp_path)).get_trials(deepcopy=False)]
    assert states.count(TrialState.COMPLETE) == 16
    assert set(states) <= {TrialState.COMPLETE, TrialState.PRUNED}
    assert len(states) <= 16 + 2 * PROCESSES


@pytest.mark.parametrize("storage", [in_directory, journal])
def test_runs_share_a_study_that_one_of_them_creates(storage: Kind, tmp_path: Path) -> None:
    assert wait(start(run, storage, tmp_path, wide(), 60)) == [0] * PROCESSES
    history = stored(storage, tmp_path)
    assert sorted(trial.number for trial in history) == list(range(60))
    assert {trial.state for trial in history} == {"complete"}
    assert len({trial.architecture.canonical for trial in history}) == 60


@pytest.mark.parametrize("storage", [url, journal])
def test_runs_exhaust_a_small_space_exactly(storage: Kind, tmp_path: Path) -> None:
    """Towards the end, all processes propose the same architectures."""
    assert wait(start(run, storage, tmp_path, narrow(), 1000)) == [0] * PROCESSES
    history = stored(storage, tmp_path)
    assert {trial.state for trial in history} == {"complete"}
    keys = sorted(trial.architecture.key for trial in history)
    assert keys == sorted(architecture.key for architecture in narrow().enumerate())


def test_the_other_processes_repeat_the_trial_of_a_killed_one(tmp_path: Path) -> None:
    started = start(run_waiting, tmp_path)
    deadline = time.monotonic() + 120
    while not (reached := list(tmp_path.rglob("reached"))) or not reached[0].read_text():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(int(reached[0].read_text()), signal.SIGKILL)
    codes = sorted(map(str, wait(started)))
    assert codes == sorted(["-9", *["0"] * (PROCESSES - 1)])
    history = load(url(tmp_path))
    assert sorted(trial.number for trial in history) == list(range(TRIALS_WAITING))
    assert {trial.state for trial in history} == {"complete"}


def test_a_run_does_not_repeat_the_running_trials_of_a_user(tmp_path: Path) -> None:
    storage = url(tmp_path)
    sampler = NASSampler(wide(), strategy=RandomSearch(), seed=0)
    study = optuna.create_study(
        study_name=NAME, storage=storage, direction="maximize", sampler=sampler
    )
    native = study.ask()
    suggest(native, wide())
    experiment = Experiment(
        wide(), material.evaluate, {"score": "max"}, RandomSearch(), trials=5, seed=0
    )
    history = experiment.run("optuna", observer=Silent(), storage=storage)
    assert [trial.state for trial in history].count("running") == 1
    study.tell(native, 1.0)
    assert {trial.state for trial in load(storage)} == {"complete"}
    assert sorted(trial.number for trial in load(storage)) == list(range(5))
