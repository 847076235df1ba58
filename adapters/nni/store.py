"""An experiment under NNI as the driver sees it.

What has happened is in a history file, which knows what NNI has no column for (errors, seconds,
steps); NNI is told all that it can show. A trial that was begun there is begun in NNI, too, and is
evaluated as the record says that NNI has stored for its process, not as we remember it.
"""

import math
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import final

from ...engine.driver import ExperimentSpec
from ...engine.errors import BackendError
from ...engine.history_store import HistoryStore
from ...spaces import Architecture, NasbridgeError
from ...strategies import History, Objective, Step, Trial
from .architecture import architecture_from
from .manager import Manager
from .relay import FAILED, Link, Relay, patiently
from .reporting import Assessment
from .webui import parameters_of

__all__ = ["Lost", "NNIStore", "shown_metrics"]

SETTLE = 10  # seconds that NNI has to note how the last trials ended
PATIENCE = 180  # seconds until the process of a trial must be there, on the busiest machine
HEAL = 60  # seconds that NNI may take to begin trials again that have ended
ENDED = ("complete", "pruned", "failed")
TICK = 0.02  # seconds between two looks at NNI's word


class Lost(Exception):
    """The process of a trial has ended before it could begin; says how."""


def shown_metrics(
    metrics: Mapping[str, float], objectives: tuple[Objective, ...], taken: frozenset[str]
) -> dict[str, float] | None:
    """Return metrics as NNI shows them; None if it could not.

    NNI wants the first objective as "default", takes no NaN, and lets a metric that bears the
    name of a parameter replace it.

    Args:
        metrics: What was reported.
        objectives: The experiment's.
        taken: Names of parameters.
    """
    first = objectives[0].metric
    known = {name: value for name, value in metrics.items() if math.isfinite(value)}
    if first not in known:
        return None
    others = {name: value for name, value in known.items() if name != first or len(known) > 1}
    taken = taken | {"default"}
    named = {f"{n} (metric)" if n in taken else n: v for n, v in others.items()}
    return {"default": known[first], **{n: v for n, v in named.items() if n != first}}


@final
class NNIStore:
    """The trials of an experiment, in its history file and in NNI.

    Args:
        experiment: The experiment.
        journal: Its history file.
        start: Starts NNI's manager; called when the first trial begins.
        relay: Where trials' processes call.
        resumed: Numbers of trials that NNI itself begins again when it is resumed.
        assessor: Stops trials early, or None.
    """

    def __init__(
        self,
        experiment: ExperimentSpec,
        journal: HistoryStore,
        start: Callable[[], Manager],
        relay: Relay,
        resumed: frozenset[int],
        assessor: Assessment | None,
    ) -> None:
        self._experiment, self._journal = experiment, journal
        self._begin, self._relay = start, relay
        self._resumed = set(resumed)
        self._assessor = assessor
        self._manager: Manager | None = None
        self._links: dict[int, Link] = {}
        self._settling: set[int] = set()  # NNI has yet to note how they ended
        self._taken = frozenset[str]()

    def history(self) -> History:
        return self._journal.history()

    def start(self) -> Manager:
        """Start NNI, unless it is at work."""
        if self._manager is None:
            self._manager = self._begin()
        return self._manager

    @property
    def is_at_work(self) -> bool:
        """Whether NNI has been started, and is there."""
        return self._manager is not None and self._manager.is_alive

    def begin(self, limit: float) -> Trial | None:
        trial = self._journal.begin(limit)
        if trial is None:
            return None
        manager = self.start()
        parameters = parameters_of(trial.architecture)
        self._taken = frozenset(parameters)
        if trial.number not in self._resumed:
            manager.begin(trial.number, parameters)
        self._resumed.discard(trial.number)
        return trial

    def take(self, number: int, expected: Architecture) -> Architecture:
        """Wait for the process that NNI starts for a trial.

        Args:
            number: The trial's number.
            expected: What NNI was told to give to it.

        Returns:
            What the record says that NNI has stored for the process.

        Raises:
            Lost: The process has ended before it could begin.
            BackendError: It does not come, NNI has ended, or the record is of something else.
        """
        link = self._links[number] = self._arrived(number)
        given = architecture_from(link.record["parameters"], self._experiment.space)
        if given.choices != expected.choices:
            raise BackendError(
                f"NNI has stored another architecture for trial {number} than it was given "
                f"({given} instead of {expected}): use another directory"
            )
        _draw(given, link)
        return given

    def _arrived(self, number: int) -> Link:
        manager, deadline = self.start(), time.monotonic() + PATIENCE

        def check() -> None:
            manager.check()
            ended = manager.ended(number)
            if ended is not None:
                raise Lost(
                    f"ProcessError: NNI's process of the trial has ended ({ended}) before it could "
                    "begin; its trial.stderr, which the web UI shows as its log, says why"
                )
            if time.monotonic() > deadline:
                raise BackendError(
                    f"NNI has not begun trial {number} within {PATIENCE} s, and says that it is "
                    f"{manager.status()}: is the machine out of memory or of processes, or was "
                    f"the experiment changed in the web UI? Its logs are in {manager.log}; resume "
                    "to go on"
                )

        return self._relay.take(lambda one: one == number, check)

    def heal(self) -> None:
        """Let NNI know how trials ended of which a run that was killed did not tell it.

        NNI begins them again when it is resumed; their processes are ended as the trials were.
        """
        ended = {trial.number: trial for trial in self._journal.history().of_state(*ENDED)}
        untold = sorted(self._resumed & ended.keys())
        if not untold:
            return
        self._resumed.difference_update(untold)
        manager, deadline = self.start(), time.monotonic() + HEAL

        def wait_for(number: int) -> Link:
            def check() -> None:
                manager.check()
                if manager.ended(number) is not None or time.monotonic() > deadline:
                    raise Lost

            return self._relay.take(lambda one: one == number, check)

        for number in untold:
            with suppress(Lost):  # NNI has its own word, or shows it as running until a resume
                self._tell(ended[number], wait_for(number))

    def is_lost(self, number: int) -> bool:
        """Tell whether the process of a running trial has ended, which nobody here has wanted."""
        link = self._links.get(number)
        return link is not None and link.is_lost

    def word(self, number: int) -> str:
        """Return NNI's word for how a trial has ended whose process is lost.

        Raises:
            BackendError: NNI itself has ended, and the trial with it; a resume begins it again.
        """
        manager, deadline = self.start(), time.monotonic() + PATIENCE
        while (ended := manager.ended(number)) is None and time.monotonic() < deadline:
            manager.check()
            time.sleep(TICK)
        return ended or "UNKNOWN"

    def report(self, trial: Trial, step: Step) -> bool:
        shown = shown_metrics(step.metrics, self._experiment.objectives, self._taken)
        if shown is not None:
            self._links[trial.number].report(shown)
        is_bad = self._assessor is not None and self._assessor.reported(trial.number, step)
        return self._journal.report(trial, step) or is_bad

    def finish(self, trial: Trial) -> None:
        self._journal.finish(trial)
        if self._assessor is not None:
            self._assessor.ended(trial)
        link = self._links.pop(trial.number, None)
        if link is not None and not link.is_lost:
            self._tell(trial, link)

    def _tell(self, trial: Trial, link: Link) -> None:
        """Let NNI know how a trial ended."""
        self._settling.add(trial.number)
        if trial.state == "pruned" and self._manager is not None:
            link.sync()  # for NNI ends the process at once
            self._manager.stop_early(link.job)
        elif trial.state == "complete":
            link.end(0, shown_metrics(trial.values, self._experiment.objectives, self._taken))
        else:
            said = trial.notes.get("traceback") or trial.notes.get("error", "")
            link.end(FAILED, say=str(said))

    def settle(self) -> None:
        """Wait until NNI has noted how all trials ended."""
        manager = self._manager
        if manager is not None:
            patiently(lambda: all(manager.ended(n) for n in self._settling), SETTLE)


def _draw(architecture: Architecture, link: Link) -> None:
    """Put the architecture's picture among the trial's files, if it can be drawn."""
    picture = link.folder / "architecture.svg"
    with suppress(NasbridgeError):  # it is a set of plain values
        architecture.draw(picture)
        link.say(f"{architecture}\nIts picture: {picture}")
