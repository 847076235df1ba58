# pyright: basic
# Keras and Keras Tuner ship no types.
"""What tuners with our oracle share, AutoKeras' included, and `Reporter` for all other tuners."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast, final

import keras
import keras_tuner
from keras_tuner.engine.trial import Trial as Row

from ...engine.evaluation import trial_seed
from ...spaces import SearchSpace
from ...spaces.keras import flops
from ...strategies import History, Trial
from .history import history_in, history_of
from .oracle import NASOracle
from .reporting import (
    Completed,
    Epochs,
    UnknownObjective,
    has_own_fit,
    has_own_run,
    run_and_tell,
)
from .space import from_native
from .trials import Noted, read_json, write_json

__all__ = ["DrivenTuner", "Reporter", "history_of_oracle"]


def history_of_oracle(oracle: NASOracle, space: SearchSpace | None = None) -> History:
    """Read what an oracle knows.

    Args:
        oracle: The oracle.
        space: The space, where it shall be another than the oracle's.
    """
    rows = [Noted(row, oracle.notes[key]) for key, row in oracle.trials.items()]
    known = space or oracle.space or from_native(oracle.get_space())
    return history_of(rows, known, oracle.objectives, oracle.description())


@final
class Reporter(keras.callbacks.Callback):
    """Reports every epoch to the `NASOracle` of a tuner, whose pruner may end the training.

    For tuners other than `NASTuner`, which does this by itself. With it trials keep whole learning
    curves, and are scored as without it. Give it to `search(callbacks=[...])`, also where a chief
    and workers share the search.

    Args:
        tuner: The tuner.
    """

    def __init__(self, tuner: keras_tuner.Tuner) -> None:
        super().__init__()
        self._tuner: Any = tuner
        self._epochs: Epochs | None = None
        # By itself a tuner ignores what a trial returns, once epochs have told the objective.
        self._tuner._run_and_update_trial = partial(run_and_tell, tuner)

    def __deepcopy__(self, memo: object) -> "Reporter":
        return Reporter(self._tuner)  # Keras Tuner copies callbacks for each training

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        if self._epochs is None:  # another training of the same execution goes on counting
            # A worker that has a trial is given the same again.
            trial = self._tuner.oracle.create_trial(self._tuner.tuner_id)
            self._epochs = Epochs(self._tuner, trial)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        assert self._epochs is not None
        if self._epochs.end_training(epoch, logs or {}):
            cast(Any, self.model).stop_training = True


class DrivenTuner(keras_tuner.Tuner):
    """A tuner of Keras Tuner in which a `NASOracle` proposes; what its kinds have in common.

    Args:
        oracle: The oracle.
        hypermodel: As for every tuner.
        **kwargs: As for every tuner.
    """

    hypermodel: Any

    def __init__(self, oracle: NASOracle, hypermodel: Any, **kwargs: Any) -> None:
        self.nas_oracle = oracle
        self._pruned: Row | None = None
        self._saved: Mapping[str, Any] | None = None  # as it is in its file
        self._execution = 0
        self._epochs: Epochs | None = None  # of the execution that runs
        self._results: Any = None
        self._size: dict[str, float] = {}  # of the network that is trained
        self._validates = True  # after each epoch
        super().__init__(oracle=oracle, hypermodel=hypermodel, **kwargs)

    def search(self, *fit_args: Any, **fit_kwargs: Any) -> Any:
        """Search; takes what `model.fit` takes."""
        self.nas_oracle.begin()
        return super().search(*fit_args, **fit_kwargs)

    # ------------------------------------------------------------------ what came out

    @property
    def history(self) -> History:
        """All trials, as nasbridge has them."""
        if self._is_worker():  # the chief knows, and writes
            return history_in(Path(self.project_dir), self.nas_oracle.space, None)
        return history_of_oracle(self.nas_oracle)

    def pareto(self) -> tuple[Trial, ...]:
        """Return the complete trials that no other one dominates; see `History.pareto`."""
        return self.history.pareto

    def search_space_summary(self, extended: bool = False) -> None:
        """Print what is searched, as far as it is known."""
        super().search_space_summary(extended)
        if not self.oracle.get_space().space:
            print("A function tells what it declares when the first trial calls it")

    def results_summary(self, num_trials: int = 10) -> None:
        """Print the best trials, and which failed or were stopped early."""
        super().results_summary(num_trials)
        if self._is_worker():
            return
        for key, note in self.nas_oracle.notes.items():
            if note.get("state") == "pruned":
                print(f"\nTrial {int(key)} was stopped early at step {note['pruned']}")
            elif note.get("state") == "failed":
                print(f"\nTrial {int(key)} failed: {note['notes']['error']}")

    # ------------------------------------------------------------------ what differs

    def sizes(self, trial: Row) -> Mapping[str, float]:
        """Return the sizes of a trial's network that objectives may name, where they are known."""
        return {}

    def _populate_initial_space(self) -> None:
        """Build nothing: what is not declared before comes to be known by trials."""
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
        if boards and keras.backend.backend() == "tensorflow":  # without, it is not asked for
            super()._configure_tensorboard_dir(callbacks, trial, execution)
            return
        for board in boards:  # Keras Tuner lets all trials write into one place
            board.log_dir = self._get_tensorboard_dir(board.log_dir, trial.trial_id, execution)

    def on_trial_begin(self, trial: Row) -> None:
        self._pruned, self._execution, self._epochs, self._size = None, 0, None, {}
        self._results = None  # with it goes the network before, ere the next one is built
        super().on_trial_begin(trial)

    def _build_and_fit_model(self, trial: Row, *args: Any, **kwargs: Any) -> Any:
        if self._pruned is not None:  # by an execution before this one
            return self._results
        seed = trial_seed(self.nas_oracle.nas_seed, int(trial.trial_id))
        keras.utils.set_random_seed((seed + self._execution) % 2**32)
        self._execution += 1
        self._epochs = Epochs(self, trial)
        self._size = dict(self.sizes(trial))
        self._validates = kwargs.get("validation_freq", 1) == 1
        with self._completing():
            self._results = super()._build_and_fit_model(trial, *args, **kwargs)
        return self._results

    @contextmanager
    def _completing(self) -> Generator[None]:
        """Let a `fit` of the user's own return what it knows; the rest is added."""
        theirs = self.hypermodel
        if has_own_fit(theirs):
            self.hypermodel = Completed(theirs, self.oracle.objective, self._sizes_of)
        try:
            yield
        finally:
            self.hypermodel = theirs

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
        told = {} if logs is None else logs
        for name, value in self._sizes_of(model).items():
            told.setdefault(name, value)  # for the callbacks after this one, which save the best
        wanted = [objective.metric for objective in self.nas_oracle.objectives]
        missing = [name for name in wanted if name not in told]
        is_own = has_own_fit(self.hypermodel) or has_own_run(self)
        if missing and self._validates and not is_own:
            raise UnknownObjective(
                f"no epoch tells of {missing}, only of {sorted(told)}: mend the objective, or the "
                'metrics, as metrics=["accuracy"]; "val_" is there with validation_data'
            )
        if missing == wanted:
            return  # a later epoch will tell, or what `fit` or `run_trial` returns
        if self._epochs is None:  # of a `run_trial` of the user's own
            self._epochs = Epochs(self, trial)
        if self._epochs.end_training(epoch, told):
            self._pruned = trial
            model.stop_training = True

    def _run_and_update_trial(self, trial: Row, *fit_args: Any, **fit_kwargs: Any) -> None:
        run_and_tell(self, trial, *fit_args, **fit_kwargs)

    def save(self) -> None:
        """Save the tuner; a crash leaves the old file or the new one."""
        if not self._is_worker():
            self.oracle.save()
        state = self.get_state()
        if state != self._saved:
            write_json(Path(self._get_tuner_fname()), state)
            self._saved = state

    def reload(self) -> None:
        """Read what is there, also after a crash."""
        if not self._is_worker():
            self.oracle.reload()
        self._populate_initial_space()  # what is there may be of a time before
        self.set_state(read_json(Path(self._get_tuner_fname())))
