# pyright: basic
# NNI ships no types that can be relied on.
"""`NASTuner`: our strategies as a tuner in an NNI experiment of a user's own; and its trials."""

import json
import logging
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, final

import nni
import nni.runtime.msg_dispatcher as md
import nni.trial
from nni import NoMoreTrialError
from nni.runtime.env_vars import dispatcher_env_vars, trial_env_vars
from nni.tuner import Tuner

from ...engine.errors import BackendError
from ...spaces import Architecture, NasbridgeError
from ...strategies import Objective, Search, SpaceExhausted, Step, Trial
from ...strategies.trial import TrialState
from .architecture import architecture_from
from .class_args import (
    check_direction,
    direction_of,
    experiment_in,
    refuse_beside_experiment,
    refuse_unknown,
    strategy_of,
)
from .compat import mend_dispatcher
from .history import STATES, metrics_from, without_number
from .space import NAME, STEPPED, from_native
from .webui import parameters_of

__all__ = ["NASTuner", "next_parameter"]

LOG = logging.getLogger("nni.nasbridge")  # NNI writes it to the experiment's dispatcher.log
PATIENCE = 60  # seconds until NNI has stored a trial's parameters


@final
class NASTuner(Tuner):
    """Lets a strategy of nasbridge propose the parameters of an NNI experiment.

    In NNI's own configuration: `className: nasbridge.adapters.nni.NASTuner`, and as `classArgs`
    what stands here. With `experiment`, trials are given a few numbers for the web UI and the
    architecture below `arch`, which `architecture_from(parameters, space)` reads; without, the
    parameters of the `searchSpace` that stands in the configuration, flat or nested.

    Args:
        experiment: A Python file with an `Experiment`; its space, objectives, strategy and seed
            are taken.
        name: The variable in there; None for `experiment`, or the only one.
        strategy: Without `experiment`: a strategy's name, as "RegularizedEvolution"; that of
            `default_strategy` if None.
        settings: Without `experiment`: the strategy's settings.
        optimize_mode: "maximize" or "minimize" what trials report; "maximize" if None. NNI's web
            UI and `load` read it here, so an experiment whose first objective is minimised
            needs it, too.
        seed: Without `experiment`: fixes every proposal; 0 if None.
        **unknown: Refused, with the name that may have been meant.

    Raises:
        ExperimentError: The file holds no experiment, or several.
        BackendError: There is no such argument, strategy, setting or mode, or the experiment says
            another.

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
        # A trial that an assessor stops would else end without any value.
        told = dispatcher_env_vars._replace(NNI_INCLUDE_INTERMEDIATE_RESULTS="true")
        md.dispatcher_env_vars = told
        mend_dispatcher()
        self._lock = threading.RLock()  # NNI calls in two threads, and in either order
        self._native: Mapping[str, Any] | None = None
        self._search: Search | None = None
        self._next = 0
        self._numbers: dict[int, int] = {}  # of our trials, by NNI's ids
        self._values: dict[int, Any] = {}  # what trials have reported as their results
        self._ended: dict[int, TrialState] = {}
        self.later: Callable[[Callable[[], None]], None] = lambda done: done()
        self.event: str | None = None  # NNI's word for the end that is told next
        direction = direction_of(optimize_mode)
        if experiment is not None:
            refuse_beside_experiment(strategy=strategy, settings=settings, seed=seed)
            found = experiment_in(Path(experiment), name)
            check_direction(direction, found.objectives[0], experiment)
            self._objectives: Sequence[Objective] = found.objectives
            self._strategy, self._seed = found.strategy, found.seed
            self._search = Search(found.strategy, found.space, found.objectives, found.seed)
        else:
            self._objectives = (Objective("default", direction or "max"),)
            self._strategy, self._seed = strategy_of(strategy, settings), seed or 0

    # ------------------------------------------------------------------ what NNI asks

    def update_search_space(self, search_space: Mapping[str, Any]) -> None:
        """Take NNI's search space, unless an experiment has brought one."""
        if self._search is None:
            self._native = search_space
            space = from_native(search_space)
            self._search = Search(self._strategy, space, self._objectives, self._seed)

    def generate_parameters(self, parameter_id: int, **_: Any) -> dict[str, Any]:
        """Propose the parameters of a new trial."""
        with self._lock:
            try:
                architecture = self._known.ask(self._next)
            except SpaceExhausted as error:
                raise NoMoreTrialError(str(error)) from error
            self._numbers[parameter_id] = self._next
            self._next += 1
        if self._native is None:
            return parameters_of(architecture)
        return _native_parameters(architecture, self._native, "")

    def receive_trial_result(
        self, parameter_id: int, parameters: Mapping[str, Any], value: Any, **_: Any
    ) -> None:
        """Take note of a result; of a trial that was stopped early, the last that it reported."""
        with self._lock:
            if parameter_id in self._numbers:
                self._values[parameter_id] = value
                self._tell(parameter_id)

    def trial_end(self, parameter_id: int, success: bool, **_: Any) -> None:
        """Take note of a trial's end, when all that was reported before has been heard."""
        state = STATES.get(self.event or ("SUCCEEDED" if success else "EARLY_STOPPED"), "failed")
        self.event = None
        self.later(lambda: self._end(parameter_id, state))

    def _end(self, parameter_id: int, state: TrialState) -> None:
        with self._lock:
            if parameter_id in self._numbers:
                self._ended[parameter_id] = state
                self._tell(parameter_id)

    def import_data(self, data: Sequence[Mapping[str, Any]]) -> None:
        """Take note of what has finished before, as when NNI resumes an experiment.

        What is outside of the space cannot be learned from, and is left out with a warning.
        """
        with self._lock:
            for entry in data:
                try:
                    architecture = architecture_from(entry["parameter"], self._known.problem.space)
                except (NasbridgeError, KeyError, TypeError) as error:
                    LOG.warning("nasbridge leaves out imported data %s: %s", entry, error)
                    continue
                self._known.tell(self._complete(self._next, architecture, entry.get("value")))
                self._next += 1

    # ------------------------------------------------------------------ telling

    @property
    def _known(self) -> Search:
        if self._search is None:
            raise BackendError(
                "the tuner has no search space: give experiment= in classArgs, or a searchSpace"
            )
        return self._search

    def _tell(self, parameter_id: int) -> None:
        """Tell a trial when its result and its end are known; a crash has no result."""
        state, is_known = self._ended.get(parameter_id), parameter_id in self._values
        if state is None or (state == "complete" and not is_known):
            return
        number, value = self._numbers.pop(parameter_id), self._values.pop(parameter_id, None)
        del self._ended[parameter_id]
        architecture = self._known.running[number]
        values = metrics_from(value, self._objectives)
        if state == "complete":
            trial = self._complete(number, architecture, value)
        elif state == "pruned" and values:
            trial = Trial(number, architecture, "pruned", values, (Step(0, values),))
        else:
            trial = Trial(number, architecture, "failed", values)
        self._known.tell(trial)

    def _complete(self, number: int, architecture: Architecture, value: Any) -> Trial:
        """Return a trial that ran to its end; without numbers it has failed, as `load` says."""
        values = metrics_from(value, self._objectives)
        if missing := without_number(values, self._objectives):
            LOG.warning(
                "trial %d has failed: %r has no finite number for %s", number, value, missing
            )
            return Trial(number, architecture, "failed", values)
        return Trial(number, architecture, "complete", values)


def _native_parameters(
    architecture: Architecture, native: Mapping[str, Any], path: str
) -> dict[str, Any]:
    """Return an architecture as NNI's own tuners would give it for a search space."""
    made: dict[str, Any] = {}
    for name, parameter in native.items():
        options = parameter["_value"]
        if parameter["_type"] == "choice" and isinstance(options[0], Mapping):
            label = architecture.choices[f"{path}{name}"]
            option = next(option for option in options if option[NAME] == label)
            inner = {key: value for key, value in option.items() if key != NAME}
            below = _native_parameters(architecture, inner, f"{path}{name}.{label}.")
            made[name] = {NAME: label, **below}
            continue
        value = architecture[f"{path}{name}"]
        made[name] = float(value) if parameter["_type"] in STEPPED else value
    return made


# ---------------------------------------------------------------------- in a trial


def next_parameter() -> dict[str, Any]:
    """Return the parameters that NNI stores for this trial; instead of `nni.get_next_parameter`.

    NNI 3.0 itself returns those that are next in a queue, which may be another trial's. Where they
    are, 1.0 has become 1 in those that are returned here.

    Returns:
        The parameters; outside of an experiment an empty dict, as NNI's own function.
    """
    given = nni.get_next_parameter()
    url, trial = trial_env_vars.NNI_TRIAL_COMMAND_CHANNEL, trial_env_vars.NNI_TRIAL_JOB_ID
    if not url or not str(url).startswith("http"):
        return dict(given or {})
    address = f"{str(url).split('/env/')[0]}/api/v1/nni/trial-jobs/{trial}"
    deadline = time.monotonic() + PATIENCE
    while True:
        with urllib.request.urlopen(address, timeout=PATIENCE) as answer:
            stored = json.loads(answer.read() or b"{}").get("hyperParameters")
        if stored:
            break
        if time.monotonic() > deadline:
            raise BackendError(f"NNI has stored no parameters for the trial {trial}")
        time.sleep(0.05)
    record = json.loads(stored[0])
    if record["parameters"] == given:  # NNI's server, JavaScript, tells of 1.0 as 1
        record["parameters"] = given
    nni.trial._params = record  # what it reports is then counted for these parameters
    return dict(record["parameters"])
