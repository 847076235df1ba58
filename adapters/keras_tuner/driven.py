# pyright: basic
# Keras and Keras Tuner ship no types.
"""The base class of the tuners in which a `NASOracle` proposes, including that of AutoKeras."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import keras
import keras_tuner
from keras_tuner.engine.trial import Trial as Row

from ...engine.evaluation import trial_seed
from ...engine.failures import check_any_succeeded
from ...spaces import SearchSpace
from ...spaces.keras import flops
from ...strategies import History, Strategy, Trial
from .files import read_json, write_json
from .history import history_in
from .oracle import FIX, NASOracle
from .reporting import CompletedFit, EpochReporter, has_own_fit, has_own_run, run_and_report
from .results import UnknownObjective

__all__ = ["DrivenTuner"]


class DrivenTuner(keras_tuner.Tuner):
    """A tuner of Keras Tuner in which a `NASOracle` proposes.

    Invariants: `oracle` is the oracle or, in a worker, a client that passes calls to the chief's;
    `nas_oracle` is always the oracle of this process. Each execution of a trial has its own seed
    and `EpochReporter`, and once an execution is pruned, the trial has no further ones.

    Args:
        oracle: The oracle.
        hypermodel: As for every tuner.
        **kwargs: As for every tuner.
    """

    hypermodel: Any

    def __init__(self, oracle: NASOracle, hypermodel: Any, **kwargs: Any) -> None:
        self.nas_oracle = oracle
        self._is_pruned = False
        self._saved: Mapping[str, Any] | None = None  # as in the tuner's file
        self._execution = 0
        self._epochs: EpochReporter | None = None  # of the current execution
        self._results: Any = None
        self._size: dict[str, float] = {}  # of the current network
        self._validates = True  # after each epoch
        super().__init__(oracle=oracle, hypermodel=hypermodel, **kwargs)

    def search(self, *fit_args: Any, **fit_kwargs: Any) -> Any:
        """Search; takes the arguments of `model.fit`.

        Raises:
            TooManyFailures: Too many trials in a row failed, or all trials of the project.
        """
        self.nas_oracle.begin()
        best = super().search(*fit_args, **fit_kwargs)
        if not self._is_worker():
            check_any_succeeded(self.nas_oracle.rows, FIX)
        return best

    @property
    def space(self) -> SearchSpace | None:
        """The space that is searched; None until a function has declared hyperparameters."""
        return self.nas_oracle.space

    @property
    def strategy(self) -> Strategy[Any]:
        """The search method."""
        return self.nas_oracle.strategy

    @property
    def seed(self) -> int:
        """The seed of the search."""
        return self.nas_oracle.seed

    @property
    def history(self) -> History:
        """All trials as a history of nasbridge."""
        if self._is_worker():  # the chief has the trials, and writes them
            return history_in(Path(self.project_dir), self.nas_oracle.space)
        return self.nas_oracle.history

    def pareto(self) -> tuple[Trial, ...]:
        """Return the complete trials that no other one dominates; see `History.pareto`."""
        return self.history.pareto

    def search_space_summary(self, extended: bool = False) -> None:
        """Print what is searched, as far as it is known."""
        super().search_space_summary(extended)
        if not self.oracle.get_space().space:
            print("The first trial declares the hyperparameters of a function")

    def results_summary(self, num_trials: int = 10) -> None:
        """Print the best trials, the failed ones, and those that were stopped early."""
        super().results_summary(num_trials)
        if self._is_worker():
            return
        for key, note in self.nas_oracle.notes.items():
            if note.get("state") == "pruned":
                print(f"\nTrial {int(key)} was stopped early at step {note['pruned']}")
            elif note.get("state") == "failed":
                print(f"\nTrial {int(key)} failed: {note['notes']['error']}")

    def sizes(self, trial: Row) -> Mapping[str, float]:
        """Return the sizes of a trial's network that objectives may name, if they are known."""
        return {}

    def _populate_initial_space(self) -> None:
        """Build no model: hyperparameters that are not declared here join with the trials."""
        if self.hypermodel is not None:
            hp = self.nas_oracle.get_space()
            self.hypermodel.declare_hyperparameters(hp)
            self.nas_oracle.update_space(hp)

    def _configure_tensorboard_dir(
        self, callbacks: list[Any], trial: Row, execution: int = 0
    ) -> None:
        boards: list[Any] = [c for c in callbacks if type(c).__name__ == "TensorBoard"]
        if boards and find_spec("tensorflow") is None:
            raise keras_tuner.errors.FatalError(
                "the callback TensorBoard writes with TensorFlow, under every Keras backend, and "
                "that is not installed: leave the callback out, or pip install tensorflow"
            )
        if boards and keras.backend.backend() == "tensorflow":  # Keras Tuner imports TensorBoard
            super()._configure_tensorboard_dir(callbacks, trial, execution)
            return
        for board in boards:  # Keras Tuner would give all trials the same directory
            board.log_dir = self._get_tensorboard_dir(board.log_dir, trial.trial_id, execution)

    def on_trial_begin(self, trial: Row) -> None:
        self._is_pruned, self._execution, self._epochs, self._size = False, 0, None, {}
        self._results = None  # release the previous model before building the next
        super().on_trial_begin(trial)

    def _build_and_fit_model(self, trial: Row, *args: Any, **kwargs: Any) -> Any:
        if self._is_pruned:
            return self._results
        seed = trial_seed(self.seed, int(trial.trial_id))
        keras.utils.set_random_seed((seed + self._execution) % 2**32)
        self._execution += 1
        self._epochs = EpochReporter(self, trial)
        self._size = dict(self.sizes(trial))
        self._validates = kwargs.get("validation_freq", 1) == 1
        with self._completing():
            self._results = super()._build_and_fit_model(trial, *args, **kwargs)
        return self._results

    @contextmanager
    def _completing(self) -> Generator[None]:
        """Complete what a user's `fit` returns."""
        hypermodel = self.hypermodel
        if has_own_fit(hypermodel):
            self.hypermodel = CompletedFit(hypermodel, self.oracle.objective, self._sizes_of)
        try:
            yield
        finally:
            self.hypermodel = hypermodel

    def _sizes_of(self, model: Any) -> Mapping[str, float]:
        if not self._size and model.built:
            self._size = {"parameters": float(model.count_params())}
            if any(objective.metric == "flops" for objective in self.nas_oracle.objectives):
                self._size |= {"flops": float(flops(model))}
        return self._size

    def on_epoch_end(
        self, trial: Row, model: Any, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        super().on_epoch_end(trial, model, epoch, logs)
        metrics = {} if logs is None else logs
        for name, value in self._sizes_of(model).items():
            metrics.setdefault(name, value)  # also for later callbacks, which save the best epoch
        wanted = [objective.metric for objective in self.nas_oracle.objectives]
        missing = [name for name in wanted if name not in metrics]
        is_own = has_own_fit(self.hypermodel) or has_own_run(self)
        if missing and self._validates and not is_own:
            raise UnknownObjective(
                f"no epoch reports {missing}, only {sorted(metrics)}: fix the objective, or the "
                'metrics, as metrics=["accuracy"]; "val_" needs validation_data'
            )
        if missing == wanted:
            return  # a later epoch, or the result of `fit` or `run_trial`, has the objectives
        if self._epochs is None:  # in a user's `run_trial`
            self._epochs = EpochReporter(self, trial)
        if self._epochs.should_stop(epoch, metrics):
            self._is_pruned = True
            model.stop_training = True

    def _run_and_update_trial(self, trial: Row, *fit_args: Any, **fit_kwargs: Any) -> None:
        run_and_report(self, trial, *fit_args, **fit_kwargs)

    def save(self) -> None:
        """Save the tuner's own state, if it has changed; the oracle writes its files itself."""
        state = self.get_state()
        if state != self._saved:
            write_json(Path(self._get_tuner_fname()), state)
            self._saved = state

    def reload(self) -> None:
        """Read what is stored, also after a crash."""
        if not self._is_worker():
            self.oracle.reload()
        self._populate_initial_space()  # the stored hyperparameters may be older
        self.set_state(read_json(Path(self._get_tuner_fname())))
