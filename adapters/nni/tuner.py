# pyright: basic
# NNI ships no types that can be relied on.
"""`NASTuner`: our strategies as the tuner of your own NNI experiment."""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, final

import nni.runtime.msg_dispatcher as md
from nni import NoMoreTrialError
from nni.runtime.env_vars import dispatcher_env_vars
from nni.tuner import Tuner

from ...engine.errors import BackendError
from ...engine.trial_log import TrialLog
from ...spaces import NasbridgeError, SearchSpace
from ...strategies import History, Objective, SpaceExhausted, Step, Strategy, Trial
from ...strategies.trial import TrialState
from .class_args import (
    check_direction,
    direction_of,
    experiment_from,
    refuse_beside_experiment,
    refuse_unknown,
    strategy_of,
)
from .compat import patch_dispatcher
from .nested import parameters_from
from .space import architecture_from, from_native
from .trials import STATES, metrics_from, objectives_without_number
from .webui import DEFAULT, parameters_of

__all__ = ["NASTuner"]

LOG = logging.getLogger("nni.nasbridge")  # written to the experiment's dispatcher.log


@final
class NASTuner(Tuner):
    """An NNI tuner that proposes by a strategy of nasbridge.

    In NNI's configuration: `className: nasbridge.adapters.nni.NASTuner`, and these arguments as
    `classArgs`. With `experiment`, a trial receives a few scalars for the web UI and the
    architecture below `arch`, which `architecture_from(parameters, space)` reads. Without it, a
    trial receives the parameters of the configured `searchSpace`, flat or nested.

    NNI calls the tuner in two threads and passes the end and the result of a trial in either order.
    A trial is observed when both are known, or when it has ended without success.

    Args:
        experiment: Path of a Python file with an `Experiment`, which supplies space, objectives,
            strategy and seed.
        name: The variable in that file; None for `experiment`, or the only experiment.
        strategy: Without `experiment`: the class name of a strategy, as "RegularizedEvolution";
            None for `default_strategy`.
        settings: Without `experiment`: the strategy's settings.
        optimize_mode: "maximize" or "minimize"; None for "maximize". NNI's web UI and `load` read
            it from the configuration, so it is also required if the first objective of an
            experiment is minimised.
        seed: Without `experiment`: seed of the proposals; None for 0.
        **unknown: Refused with an error.

    Raises:
        ExperimentError: The file holds no experiment, or several.
        BackendError: An argument, strategy, setting or mode is unknown, or `optimize_mode`
            contradicts the experiment.

    Example:
        >>> from nasbridge.adapters.nni import NASTuner
        >>> tuner = NASTuner(strategy="RandomSearch")
        >>> tuner.update_search_space({"units": {"_type": "choice", "_value": [16, 32]}})
        >>> tuner.generate_parameters(0)["units"] in (16, 32)
        True
    """

    def __init__(
        self,
        experiment: str | None = None,
        name: str | None = None,
        strategy: str | None = None,
        settings: Mapping[str, Any] | None = None,
        optimize_mode: str | None = None,
        seed: int | None = None,
        **unknown: Any,
    ) -> None:
        refuse_unknown(unknown)
        # Otherwise a trial that an assessor stops ends without any value.
        variables = dispatcher_env_vars._replace(NNI_INCLUDE_INTERMEDIATE_RESULTS="true")
        md.dispatcher_env_vars = variables
        patch_dispatcher()
        self._lock = threading.RLock()
        self._native: Mapping[str, Any] | None = None
        self._log: TrialLog | None = None
        self._numbers: dict[int, int] = {}  # our trial numbers, by NNI's parameter ids
        self._values: dict[int, Any] = {}  # results of trials that have not ended
        self._ended: dict[int, TrialState] = {}  # states of trials without a result so far
        self.defer: Callable[[Callable[[], None]], None] = lambda call: call()
        self.event: str | None = None  # NNI's status of the trial that ends next
        direction = direction_of(optimize_mode)
        if experiment is not None:
            refuse_beside_experiment(strategy=strategy, settings=settings, seed=seed)
            found = experiment_from(Path(experiment), name)
            check_direction(direction, found.objectives[0], experiment)
            self._objectives: tuple[Objective, ...] = tuple(found.objectives)
            self._strategy, self._seed = found.strategy, found.seed
            self._log = TrialLog(found.strategy, found.space, found.objectives, found.seed)
        else:
            self._objectives = (Objective(DEFAULT, direction or "max"),)
            self._strategy, self._seed = strategy_of(strategy, settings), seed or 0

    @property
    def space(self) -> SearchSpace:
        """The space, of the experiment or of NNI's configuration."""
        return self._trials.space

    @property
    def strategy(self) -> Strategy[Any]:
        """The strategy."""
        return self._strategy

    @property
    def seed(self) -> int:
        """The seed of the proposals."""
        return self._seed

    @property
    def history(self) -> History:
        """The trials that the strategy has observed, and those that are running."""
        with self._lock:
            return self._trials.history({"backend": "nni"})

    def update_search_space(self, search_space: Mapping[str, Any]) -> None:
        """Search NNI's search space, unless an experiment supplies the space."""
        if self._log is None:
            self._native = search_space
            space = from_native(search_space)
            self._log = TrialLog(self._strategy, space, self._objectives, self._seed)

    def generate_parameters(self, parameter_id: int, **_: Any) -> dict[str, Any]:
        """Propose the parameters of a new trial."""
        with self._lock:
            try:
                trial = self._trials.begin()
            except SpaceExhausted as error:
                raise NoMoreTrialError(str(error)) from error
            self._numbers[parameter_id] = trial.number
        if self._native is None:
            return parameters_of(trial.architecture)
        return parameters_from(trial.architecture, self._native)

    def receive_trial_result(
        self, parameter_id: int, parameters: Mapping[str, Any], value: Any, **_: Any
    ) -> None:
        """Receive a result; for a trial that was stopped early, the last value it reported."""
        with self._lock:
            if parameter_id in self._numbers:
                self._values[parameter_id] = value
                self._observe_if_known(parameter_id)

    def trial_end(self, parameter_id: int, success: bool, **_: Any) -> None:
        """Receive the end of a trial; handled after all values reported before it."""
        state = STATES.get(self.event or ("SUCCEEDED" if success else "EARLY_STOPPED"), "failed")
        self.event = None
        self.defer(lambda: self._end(parameter_id, state))

    def _end(self, parameter_id: int, state: TrialState) -> None:
        with self._lock:
            if parameter_id in self._numbers:
                self._ended[parameter_id] = state
                self._observe_if_known(parameter_id)

    def import_data(self, data: Sequence[Mapping[str, Any]]) -> None:
        """Observe finished trials, as NNI passes them when it resumes an experiment.

        Trials outside the space are left out with a warning in the log.
        """
        with self._lock:
            for entry in data:
                try:
                    architecture = architecture_from(entry["parameter"], self.space)
                except (NasbridgeError, KeyError, TypeError) as error:
                    LOG.warning("nasbridge leaves out imported data %s: %s", entry, error)
                    continue
                value = entry.get("value")
                values = metrics_from(value, self._objectives)
                trial = Trial(self._trials.next_number, architecture, values=values)
                self._trials.finish(self._completed(trial, value))

    @property
    def _trials(self) -> TrialLog:
        if self._log is None:
            raise BackendError(
                "the tuner has no search space: give experiment= in classArgs, or a searchSpace"
            )
        return self._log

    def _observe_if_known(self, parameter_id: int) -> None:
        """Observe a trial once its end and, for a complete one, its result are known."""
        state, has_result = self._ended.get(parameter_id), parameter_id in self._values
        if state is None or (state == "complete" and not has_result):
            return
        number, value = self._numbers.pop(parameter_id), self._values.pop(parameter_id, None)
        del self._ended[parameter_id]
        trial = replace(
            self._trials.running[number],
            values=metrics_from(value, self._objectives),
            finished=time.time(),
        )
        if state == "complete":
            trial = self._completed(trial, value)
        elif state == "pruned" and trial.values:
            trial = replace(trial, state="pruned", curve=(Step(0, trial.values),))
        else:
            end = "failed" if state == "failed" else "was stopped before its first report"
            trial = _failed(trial, f"the trial {end}; see its trial.stderr")
        self._trials.finish(trial)

    def _completed(self, trial: Trial, value: Any) -> Trial:
        """Return a trial that succeeded in NNI; without finite objectives it is a failed one."""
        if missing := objectives_without_number(trial.values, self._objectives):
            reason = f"its result {value!r} has no finite number for {missing}"
            LOG.warning("trial %d has failed: %s", trial.number, reason)
            return _failed(trial, reason)
        return replace(trial, state="complete")


def _failed(trial: Trial, reason: str) -> Trial:
    return replace(trial, state="failed", notes={**trial.notes, "error": reason})
