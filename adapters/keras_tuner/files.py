# pyright: basic
# Keras Tuner ships no types.
"""An oracle whose files survive a crash, and whose lock an error does not leave held."""

import os
import threading
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import keras_tuner
from keras_tuner import HyperParameters
from keras_tuner.engine.trial import Trial as Row
from keras_tuner.engine.trial import TrialStatus
from keras_tuner.src.distribute.utils import is_chief_oracle
from keras_tuner.src.engine.metrics_tracking import MetricsTracker
from keras_tuner.src.engine.oracle import LOCKS, THREADS

from ...spaces import SearchSpace
from ...strategies import Strategy, objectives_from
from ...strategies.default import with_original_strategy
from .history import check_same, describe, objectives_in
from .space import settle
from .trials import NOTE, Noted, read_json, read_rows, write_json

__all__ = ["DurableOracle"]

PAUSE = 0.5  # seconds between two looks at running trials


class DurableOracle(keras_tuner.Oracle):
    """An oracle that goes on after a kill at any moment, in a project that says what it is of.

    Args:
        strategy: The search method.
        space: What is searched; None where it grows with what models declare.
        seed: Fixes every proposal.
        **settings: As for every oracle.
    """

    def __init__(
        self, strategy: Strategy[Any], space: SearchSpace | None, seed: int, **settings: Any
    ) -> None:
        super().__init__(
            seed=seed or 1,  # 0 would be drawn at random; nothing of ours depends on it
            **settings,
        )
        self.objectives = objectives_from(objectives_in(self))
        self.strategy, self.space, self.nas_seed = strategy, space, seed
        self._is_fixed = space is not None
        self._is_told = not self._is_fixed and settings.get("hyperparameters") is not None
        self.notes: dict[str, dict[str, Any]] = {}  # by the id of the trial
        self._shown = 0.0  # when a running trial was written last
        self._is_described = False  # in the project's own file
        self._is_held = False  # nothing is written just now
        self._is_changed = True  # since oracle.json was written

    def description(self) -> dict[str, Any]:
        """Say what the search is of, for the project's own file."""
        space = self.space if self._is_fixed else None
        return describe(space, self.objectives, self.strategy, self.nas_seed)

    @contextmanager
    def _alone(self) -> Generator[None]:
        """Hold the lock that Keras Tuner's own methods take; an error does not leave it held."""
        name = threading.current_thread().name
        if THREADS[self] == name:
            yield
            return
        with LOCKS[self]:
            cast(dict[Any, Any], THREADS)[self] = name
            try:
                yield
            finally:
                THREADS[self] = None

    @contextmanager
    def _held(self) -> Generator[None]:
        """Write nothing while the context lasts: it is written once, when all of it is known."""
        before, self._is_held = self._is_held, True
        try:
            yield
        finally:
            self._is_held = before

    def _written(self, row: Row) -> None:
        self._is_changed = True
        if not self._is_described:
            own = Path(self._project_dir) / f"{NOTE}.json"
            if not own.exists():
                write_json(own, self.description())
            self._is_described = True
        self._save_trial(row)
        self.save()

    def _record_values(self, trial: Row) -> None:
        """Record what was asked for, as it was asked for."""
        settle(trial.hyperparameters)
        self._tried_so_far.add(self._compute_values_hash(trial.hyperparameters.values))

    def _check_objective_found(self, metrics: Mapping[str, float]) -> None:
        """Refuse what has no objective; of several, some may come at the trial's end."""
        if not any(objective.metric in metrics for objective in self.objectives):
            super()._check_objective_found(metrics)

    def _check_consecutive_failures(self) -> None:
        """Do nothing: Keras Tuner would go through all trials each time one ends."""

    def _save_now_and_then(self, row: Row) -> None:
        """Write what a trial reports: for those who look on, and for a chief after this one."""
        if time.monotonic() - self._shown > PAUSE or is_chief_oracle():
            self._shown = time.monotonic()
            self._save_trial(row)

    def _save_trial(self, trial: Row) -> None:
        if not self._is_held:
            file = Path(self._get_trial_dir(trial.trial_id)) / "trial.json"
            write_json(file, {**trial.get_state(), NOTE: self.notes[trial.trial_id]})

    def save(self) -> None:
        """Write `oracle.json`, if anything has changed since."""
        if self._is_changed and not self._is_held:
            write_json(Path(self._get_oracle_fname()), self.get_state())
            self._is_changed = False

    def _set_project_dir(self, directory: Any, project_name: str) -> None:
        """Go to a project; what a crash has left there is made whole, so that it is continued.

        Keras Tuner continues where there is a file of its own, and else begins with a model that it
        builds to see what there is to search: where that is told, the file is there at once.
        """
        super()._set_project_dir(directory, project_name)
        project = Path(str(directory)) / project_name
        own = f"{os.environ.get('KERASTUNER_TUNER_ID', 'tuner0')}.json"
        if next(project.glob("trial_*/trial.json"), None) is None:
            if self._is_told and not _is_whole(project / own):
                project.mkdir(parents=True, exist_ok=True)
                write_json(project / own, {})
            return
        for file in {project / "tuner0.json", project / own, *project.glob("*.json")}:
            if file.name not in ("oracle.json", f"{NOTE}.json") and not _is_whole(file):
                write_json(file, {})

    def reload(self) -> None:
        """Read what is there: trials from their files, the rest from `oracle.json`."""
        project = Path(self._project_dir)
        before = read_json(project / f"{NOTE}.json")
        now = {name: value for name, value in self.description().items() if name != "strategy"}
        check_same(before, now, str(project))
        self.strategy = with_original_strategy(self.strategy, before.get("strategy", ""))
        state = read_json(project / "oracle.json")
        rows = read_rows(project)
        self._reload_space(state, rows)
        if "display" in state:
            self._display.set_state(state["display"])
        self.ongoing_trials.clear()  # of a search that was interrupted in this process
        self._retry_queue.clear()
        for row, note in rows:
            self.trials[row.trial_id], self.notes[row.trial_id] = row, note
            if "ended" not in note:
                row.status = TrialStatus.RUNNING
                self._interrupted(row)
            elif row.hyperparameters.values:
                self._tried_so_far.add(self._compute_values_hash(row.hyperparameters.values))
        ended = [noted for noted in rows if "ended" in noted.note]
        self.start_order = [noted.row.trial_id for noted in rows]
        ended.sort(key=lambda noted: noted.note["ended"])
        self.end_order = [noted.row.trial_id for noted in ended]
        self._run_times.update(dict.fromkeys(self.end_order, 1))

    def _interrupted(self, row: Row) -> None:
        """Let a trial be repeated that was running."""
        self._restart(row)
        self._retry_queue.append(row.trial_id)

    def _restart(self, row: Row) -> None:
        """Forget what an interrupted trial has reported: it begins anew."""
        row.metrics, row.score, row.best_step = MetricsTracker(), None, 0
        self.notes[row.trial_id] = {}

    def _reload_space(self, state: Mapping[str, Any], rows: Sequence[Noted]) -> None:
        if "hyperparameters" in state:
            known = [HyperParameters.from_config(state["hyperparameters"])]
        else:
            known = [noted.row.hyperparameters for noted in rows]
        for hps in known:
            self.hyperparameters.merge(hps, overwrite=False)


def _is_whole(file: Path) -> bool:
    return file.exists() and file.read_text("utf-8").strip().startswith("{")
