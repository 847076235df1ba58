"""NNI and the history file as the storage of a managed run.

`history.jsonl` is the source of truth, because NNI has no column for errors, seconds and steps.
NNI stores and shows what it can. Writes of one trial, in order:

| # | event  | `history.jsonl`      | NNI                        | a kill before the next write |
|---|--------|----------------------|----------------------------|------------------------------|
| 1 | begin  | the architecture     |                            | repeat; new to NNI           |
| 2 | begin  |                      | the record of a new trial  | repeat; restarted by NNI     |
| 3 | report |                      | an intermediate result     | repeat                       |
| 4 | report | the step             |                            | repeat                       |
| 5 | finish | state, values, notes |                            | missed end; sent on resume   |
| 6 | finish |                      | final result and exit code | nothing to repair            |

A repeated trial keeps its number and architecture; its steps start again.

When NNI is resumed, it restarts the processes of its unfinished trials with the same records:
`resumed` holds their numbers. Such a trial is not sent again (2). If it has finished in the
history, `report_missed_ends` sends its end to the restarted process. A trial is evaluated as the
record of its process states, which must equal the proposal.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import final

from ...engine.errors import BackendError
from ...engine.history_store import HistoryStore
from ...spaces import Architecture, NasbridgeError
from ...strategies import History, Step, Trial
from .manager import Manager
from .relay import FAILED, Link, Relay, wait_until
from .reporting import Assessment
from .space import architecture_from
from .webui import parameters_of, shown_metrics, shown_space

__all__ = ["NNIStore", "TrialProcessEnded"]

FINISHED = ("complete", "pruned", "failed")
PROCESS_TIMEOUT = 180  # seconds until the process of a trial must have connected
RESTART_TIMEOUT = 60  # seconds until NNI must have restarted the processes of finished trials
END_TIMEOUT = 10  # seconds until NNI must have stored how the last trials ended
POLL_SECONDS = 0.02


class TrialProcessEnded(Exception):
    """The process of a trial has ended before its evaluation began."""


@final
class NNIStore:
    """The trials of a managed run, in its history file and in NNI.

    Args:
        history_store: The history file.
        start: Starts NNI's manager; called when it is first needed.
        relay: Accepts the connections of trials' processes.
        resumed: Numbers of the trials whose processes NNI restarts.
        assessor: An assessor of NNI, or None.
    """

    def __init__(
        self,
        history_store: HistoryStore,
        start: Callable[[], Manager],
        relay: Relay,
        resumed: frozenset[int],
        assessor: Assessment | None,
    ) -> None:
        self._experiment, self._history_store = history_store.experiment, history_store
        self._start, self._relay = start, relay
        self._resumed = set(resumed)
        self._assessor = assessor
        self._manager: Manager | None = None
        self._links: dict[int, Link] = {}
        self._ending: set[int] = set()  # trials whose end was sent to NNI
        self._parameters = frozenset(shown_space(self._experiment.space))

    def history(self) -> History:
        return self._history_store.history()

    @property
    def manager(self) -> Manager:
        """NNI's manager, started if necessary."""
        if self._manager is None:
            self._manager = self._start()
        return self._manager

    @property
    def is_running(self) -> bool:
        """Whether NNI's manager was started and is alive."""
        return self._manager is not None and self._manager.is_alive

    def begin(self, limit: float) -> Trial | None:
        trial = self._history_store.begin(limit)
        if trial is None:
            return None
        manager = self.manager
        if trial.number not in self._resumed:
            manager.dispatcher.begin(trial.number, parameters_of(trial.architecture))
        self._resumed.discard(trial.number)
        return trial

    def take(self, number: int, expected: Architecture) -> Architecture:
        """Wait for the process that NNI starts for a trial.

        Args:
            number: The trial's number.
            expected: The proposed architecture.

        Returns:
            The architecture in the record of the process.

        Raises:
            TrialProcessEnded: The process has ended.
            BackendError: It does not connect, NNI has ended, or the record differs.
        """
        link = self._links[number] = self._connected(number)
        stored = architecture_from(link.record["parameters"], self._experiment.space)
        if stored.choices != expected.choices:
            raise BackendError(
                f"NNI has stored another architecture for trial {number} than was proposed "
                f"({stored} instead of {expected}): use another directory"
            )
        _draw(stored, link)
        return stored

    def _connected(self, number: int) -> Link:
        manager, deadline = self.manager, time.monotonic() + PROCESS_TIMEOUT

        def check() -> None:
            manager.check()
            status = manager.end_status(number)
            if status is not None:
                raise TrialProcessEnded(
                    f"ProcessError: NNI's process of the trial ended ({status}) before the "
                    "evaluation began: see its trial.stderr, which the web UI shows as its log"
                )
            if time.monotonic() > deadline:
                raise BackendError(
                    f"NNI has not started trial {number} within {PROCESS_TIMEOUT} s; its status is "
                    f"{manager.status()}: check that memory and processes are available and that "
                    f"the experiment was not changed in the web UI, see the logs in {manager.log}, "
                    "then resume"
                )

        return self._relay.take(number, check)

    def report_missed_ends(self) -> None:
        """Send NNI the ends of trials that finished in the history, but not in NNI."""
        finished = {
            trial.number: trial for trial in self._history_store.history().of_state(*FINISHED)
        }
        missed = sorted(self._resumed & finished.keys())
        if not missed:
            return
        self._resumed.difference_update(missed)
        manager, deadline = self.manager, time.monotonic() + RESTART_TIMEOUT

        def wait_for(number: int) -> Link:
            def check() -> None:
                manager.check()
                if manager.end_status(number) is not None or time.monotonic() > deadline:
                    raise TrialProcessEnded

            return self._relay.take(number, check)

        for number in missed:
            with suppress(TrialProcessEnded):  # NNI has its own status, or the next resume sends it
                self._send_end(finished[number], wait_for(number))

    def is_lost(self, number: int) -> bool:
        """Return whether the process of a running trial has ended."""
        link = self._links.get(number)
        return link is not None and link.is_lost

    def end_status(self, number: int) -> str:
        """Return NNI's final status of a trial whose process has ended.

        Raises:
            BackendError: NNI has ended, and the process with it; a resume repeats the trial.
        """
        manager, deadline = self.manager, time.monotonic() + PROCESS_TIMEOUT
        while (status := manager.end_status(number)) is None and time.monotonic() < deadline:
            manager.check()
            time.sleep(POLL_SECONDS)
        return status or "UNKNOWN"

    def report(self, trial: Trial, step: Step) -> bool:
        shown = shown_metrics(step.metrics, self._experiment.objectives, self._parameters)
        if shown is not None:
            self._links[trial.number].report(shown)
        is_bad = self._assessor is not None and self._assessor.report(trial.number, step)
        return self._history_store.report(trial, step) or is_bad

    def finish(self, trial: Trial) -> None:
        self._history_store.finish(trial)
        if self._assessor is not None:
            self._assessor.end(trial)
        link = self._links.pop(trial.number, None)
        if link is not None and not link.is_lost:
            self._send_end(trial, link)

    def _send_end(self, trial: Trial, link: Link) -> None:
        self._ending.add(trial.number)
        if trial.state == "pruned" and self._manager is not None:
            link.sync()  # NNI kills the process at once
            self._manager.dispatcher.stop_early(link.job)
        elif trial.state == "complete":
            link.end(0, shown_metrics(trial.values, self._experiment.objectives, self._parameters))
        else:
            error = trial.notes.get("traceback") or trial.notes.get("error", "")
            link.end(FAILED, log=str(error))

    def wait_for_ends(self) -> None:
        """Wait until NNI has stored how all trials ended."""
        manager = self._manager
        if manager is not None:
            wait_until(lambda: all(manager.end_status(n) for n in self._ending), END_TIMEOUT)


def _draw(architecture: Architecture, link: Link) -> None:
    """Write the architecture's picture to the trial's files, if it can be drawn."""
    picture = link.folder / "architecture.svg"
    with suppress(NasbridgeError):  # a space of plain values has no picture
        architecture.draw(picture)
        link.log(f"{architecture}\nIts picture: {picture}")
