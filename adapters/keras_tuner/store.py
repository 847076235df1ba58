# pyright: basic
# Keras Tuner ships no types.
"""A project of Keras Tuner as the engine sees it: the trials of a managed run.

`files` describes what is stored in which order. AutoKeras stores its managed runs in the same way.
"""

import math
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import final

from keras_tuner.engine.trial import Trial as Row
from keras_tuner.engine.trial import TrialStatus

from ...engine.driver import ExperimentSpec
from ...engine.errors import BackendError
from ...engine.locks import lock_in
from ...engine.run import OpenStore
from ...strategies import History, SpaceExhausted, Step, Trial
from ...strategies.lock import try_lock
from .files import ANOTHER_PROJECT, read_identity, write_json
from .history import history_of
from .oracle import NASOracle
from .protocol import is_stop
from .trials import Record, record_end, trial_of

__all__ = ["ProjectStore", "open_store"]


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
        return history_of(
            self._oracle.rows,
            experiment.space,
            experiment.objectives,
            experiment.seed,
            repr(experiment.strategy),
        )

    def begin(self, limit: float) -> Trial | None:
        oracle = self._oracle
        oracle.max_trials = None if limit == math.inf else int(limit)
        workers = (f"tuner{k}" for k in range(len(oracle.ongoing_trials) + 1))
        row = oracle.create_trial(next(w for w in workers if w not in oracle.ongoing_trials))
        if row.status != TrialStatus.RUNNING:
            if oracle.is_exhausted:
                raise SpaceExhausted("every architecture of the space has been proposed")
            return None
        trial = trial_of(Record(row, oracle.notes[row.trial_id]), self._experiment.space)
        assert trial is not None, f"{row.hyperparameters.values} is not in the space"
        self._rows[trial.number] = row
        return trial

    def report(self, trial: Trial, step: Step) -> bool:
        row = self._rows[trial.number]
        return is_stop(self._oracle.update_trial(row.trial_id, step.metrics, step.step))

    def finish(self, trial: Trial) -> None:
        row = self._rows.pop(trial.number)
        record_end(Record(row, self._oracle.notes[row.trial_id]), trial)
        self._oracle.end_trial(row)


@contextmanager
def open_store(
    experiment: ExperimentSpec, directory: Path | None, project_name: str
) -> Generator[OpenStore]:
    """Open the project of an experiment, or create it; see `run_managed`.

    Args:
        experiment: The experiment.
        directory: The run's directory; None for a temporary one.
        project_name: The project's name.

    Raises:
        BackendError: The project belongs to another experiment, or is in use.
    """
    with ExitStack() as stack:
        if directory is None:
            place = Path(stack.enter_context(TemporaryDirectory(prefix="nasbridge-")))
        else:
            place = directory
            if not try_lock(stack.enter_context(lock_in(directory))):
                raise BackendError(
                    f"another process runs in {directory}: wait for it, or use another directory"
                )
        stored = read_identity(place / project_name)
        if stored is not None:
            where = f"the project {place / project_name}"
            experiment = stored.resume(experiment, where, ANOTHER_PROJECT)
        oracle = _oracle(experiment, place, project_name)
        stack.callback(oracle.write_summary)
        yield OpenStore(ProjectStore(experiment, oracle))


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
