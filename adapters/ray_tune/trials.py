# pyright: basic
# Ray's types are of little use from outside.
"""Conversion of trials to Ray's trials, which its directory, `ResultGrid` and analysis show."""

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, final

from ray import tune
from ray.train._internal.storage import StorageContext
from ray.tune import ResultGrid
from ray.tune.error import TuneError
from ray.tune.execution.placement_groups import PlacementGroupFactory, resource_dict_to_pg_factory
from ray.tune.experiment import Trial as RayTrial
from ray.tune.logger import JsonLoggerCallback

from ...engine.driver import ExperimentSpec
from ...engine.errors import BackendError
from ...engine.evaluation import trial_seed
from ...strategies import Trial
from .worker import KEY, NAME, shown

__all__ = ["FOLDER", "Trials", "results"]

FOLDER = "ray"  # Ray's experiment directory, in that of the run


@final
class Trials:
    """Makes Ray's trials.

    Args:
        experiment: The experiment.
        directory: The run's directory, which holds Ray's experiment directory.
        resources: What each trial needs.
        retries: How often a trial is repeated after its worker was lost.
    """

    def __init__(
        self,
        experiment: ExperimentSpec,
        directory: Path,
        resources: Mapping[str, float],
        retries: int,
    ) -> None:
        self._experiment, self._retries = experiment, retries
        self.place = directory.absolute() / FOLDER
        self.storage = StorageContext(str(directory.absolute()), FOLDER)
        self._resources: PlacementGroupFactory = resource_dict_to_pg_factory(dict(resources))
        first = experiment.objectives[0]
        settings = tune.TuneConfig(metric=first.metric, mode=first.direction)
        place = tune.RunConfig(name=FOLDER, storage_path=str(directory.absolute()))
        tune.Tuner(NAME, tune_config=settings, run_config=place)  # writes what Tuner.restore reads

    @property
    def needs(self) -> dict[str, float]:
        """What a node must have for a trial, by Ray's names."""
        return dict(self._resources.required_resources)

    def begin(self, trial: Trial) -> RayTrial:
        """Return a new trial of Ray; the files of an earlier attempt are removed."""
        made = self._made(trial)
        shutil.rmtree(self.place / made.trial_id, ignore_errors=True)
        return made

    def finished(
        self, trials: tuple[Trial, ...], logger: JsonLoggerCallback
    ) -> Iterator[tuple[Trial, RayTrial]]:
        """Yield the finished trials of earlier runs, under any backend, with those of Ray.

        Args:
            trials: The trials.
            logger: Writes the results of trials that Ray's directory lacks.
        """
        for trial in trials:
            made = self._made(trial)
            made.status = RayTrial.ERROR if trial.state == "failed" else RayTrial.TERMINATED
            made.init_local_path()
            rows = _results_of(trial, made.config)
            if not (self.place / made.trial_id / "result.json").is_file():
                logger.log_trial_start(made)
                for row in rows:
                    logger.log_trial_result(0, made, row)
                logger.log_trial_end(made)
            for row in rows:
                made.update_last_result(row)
            if trial.started is not None:
                metadata: Any = made.run_metadata
                metadata.start_time = trial.started
            if trial.state == "failed":
                note_failure(made, trial.notes)
            yield trial, made

    def _made(self, trial: Trial) -> RayTrial:
        made = RayTrial(
            NAME,
            trial_id=f"{trial.number:05d}",
            config={
                "arch": dict(trial.architecture.choices),
                "number": trial.number,
                "seed": trial_seed(self._experiment.seed, trial.number),
            },
            storage=self.storage,
            placement_group_factory=self._resources,
            max_failures=self._retries,
        )
        made.custom_dirname = made.trial_id
        return made


def note_failure(trial: RayTrial, notes: Mapping[str, Any]) -> None:
    """Let Ray show the error in the notes of a failed trial."""
    trial.handle_error(TuneError(str(notes.get("traceback") or notes.get("error", ""))))


def _results_of(trial: Trial, config: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the results that Ray would have of a trial."""
    steps = [({**shown(step.metrics)}, {"step": step.step}) for step in trial.curve]
    last = (shown(trial.values), {"number": trial.number, "state": trial.state})
    seconds = trial.seconds or 0.0
    return [
        {
            **metrics,
            KEY: json.dumps(message),
            "training_iteration": number,
            "time_total_s": seconds * number / (len(steps) + 1),
            "trial_id": f"{trial.number:05d}",
            "done": number > len(steps),
            "config": dict(config),
        }
        for number, (metrics, message) in enumerate([*steps, last], start=1)
    ]


def results(location: Path | str) -> ResultGrid:
    """Return the trials of a run as Ray's `ResultGrid`.

    Args:
        location: The run's directory.

    Raises:
        BackendError: The run has no trial under Ray.

    Example:
        `results("runs/first").get_best_result().config["arch"]`
    """
    place = Path(location).absolute() / FOLDER
    if not any(place.glob("experiment_state-*.json")):
        raise BackendError(f"no trial has run in {location} under Ray: give a run's directory")
    return tune.Tuner.restore(str(place), trainable=NAME).get_results()
