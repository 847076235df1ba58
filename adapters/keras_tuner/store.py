# pyright: basic
# Keras Tuner ships no types.
"""A project of Keras Tuner as the engine sees it: the trials of a managed run.

`files` describes what is stored in which order. AutoKeras stores its managed runs in the same way.
"""

import math
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import final

from keras_tuner.engine.trial import Trial as Row
from keras_tuner.engine.trial import TrialStatus

from ...engine.driver import ExperimentSpec, Observer, Silent, drive, executor_for
from ...engine.errors import BackendError
from ...engine.locks import lock_in
from ...strategies import History, SpaceExhausted, Step, Trial
from ...strategies.lock import try_lock
from .files import read_identity, write_json
from .history import check_same, describe, history_of
from .oracle import NASOracle
from .protocol import is_stop
from .trials import Noted, record_end, trial_of

__all__ = ["ProjectStore", "run_project"]


@final
class ProjectStore:
    """A project as the store of an experiment's trials.

    Each running trial belongs to a worker of the oracle, as under a tuner of Keras Tuner.

    Args:
        experiment: The experiment.
        oracle: Its oracle, which has read the project.
    """

    def __init__(self, experiment: ExperimentSpec, oracle: NASOracle) -> None:
        self._experiment = experiment
        self._oracle = oracle
        self._rows: dict[int, Row] = {}

    def history(self) -> History:
        experiment = self._experiment
        identity = {"seed": experiment.seed, "strategy": repr(experiment.strategy)}
        return history_of(self._oracle.rows, experiment.space, experiment.objectives, identity)

    def begin(self, limit: float) -> Trial | None:
        oracle = self._oracle
        oracle.max_trials = None if limit == math.inf else int(limit)
        workers = (f"tuner{k}" for k in range(len(oracle.ongoing_trials) + 1))
        row = oracle.create_trial(next(w for w in workers if w not in oracle.ongoing_trials))
        if row.status != TrialStatus.RUNNING:
            if oracle.is_exhausted:
                raise SpaceExhausted("every architecture of the space has been proposed")
            return None
        trial = trial_of(Noted(row, oracle.notes[row.trial_id]), self._experiment.space)
        assert trial is not None, f"{row.hyperparameters.values} is not in the space"
        self._rows[trial.number] = row
        return trial

    def report(self, trial: Trial, step: Step) -> bool:
        row = self._rows[trial.number]
        return is_stop(self._oracle.update_trial(row.trial_id, step.metrics, step.step))

    def finish(self, trial: Trial) -> None:
        row = self._rows.pop(trial.number)
        record_end(Noted(row, self._oracle.notes[row.trial_id]), trial)
        self._oracle.end_trial(row)


def run_project(
    experiment: ExperimentSpec,
    directory: Path | None,
    jobs: int,
    observer: Observer | None,
    project_name: str,
) -> History:
    """Run an experiment as a project, or resume it.

    Args:
        experiment: What to run.
        directory: Where the project and the trials' files are; None keeps nothing.
        jobs: Number of worker processes; 0 evaluates in this process.
        observer: Is called on every event.
        project_name: The project's name, as for a tuner.

    Raises:
        BackendError: The project belongs to another experiment, or is in use.
    """
    executor = executor_for(experiment, jobs)
    with ExitStack() as stack:
        if directory is None:
            place = Path(stack.enter_context(TemporaryDirectory(prefix="nasbridge-")))
        else:
            place = directory
            if not try_lock(stack.enter_context(lock_in(directory))):
                raise BackendError(
                    f"another process runs in {directory}: wait for it, or use another directory"
                )
        before = read_identity(place / project_name)
        experiment = experiment.with_original_strategy(before.get("strategy", ""))
        now = describe(
            experiment.space, experiment.objectives, experiment.strategy, experiment.seed
        )
        check_same(before, now, str(place / project_name))
        oracle = _oracle(experiment, place, project_name)
        stack.callback(oracle.write_summary)
        return drive(
            experiment, ProjectStore(experiment, oracle), executor, directory, observer or Silent()
        )


def _oracle(experiment: ExperimentSpec, place: Path, project_name: str) -> NASOracle:
    """Return an oracle that has read the project of an experiment."""
    oracle = NASOracle(
        {objective.metric: objective.direction for objective in experiment.objectives},
        None,
        strategy=experiment.strategy,
        space=experiment.space,
        seed=experiment.seed,
        pruner=experiment.pruner,
        max_consecutive_failed_trials=None,  # the driver counts
    )
    oracle.verbose = 0
    oracle._set_project_dir(place, project_name)
    write_json(Path(oracle._project_dir) / "tuner0.json", {})  # so that tuners resume the project
    oracle.reload()
    return oracle
