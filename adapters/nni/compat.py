# pyright: basic
# NNI ships no types that can be relied on.
"""Mends of NNI's dispatcher, the process in which tuners and assessors work in their door.

No installed file of NNI's is changed: NNI makes its dispatcher after the tuner, and the tuner calls
`mend_dispatcher` before.
"""

import traceback
from collections.abc import Callable
from functools import wraps
from typing import Any, NamedTuple

from nni.runtime.msg_dispatcher import MsgDispatcher
from nni.runtime.tuner_command_channel import CommandType

__all__ = ["mend_dispatcher"]


class Later(NamedTuple):
    """A command of ours: something of the tuner's to be done in the tuner's own thread."""

    done: Callable[[], None]


def mend_dispatcher() -> None:
    """Mend NNI's dispatcher, in this process; once is enough.

    NNI's own keeps an error of a tuner or an assessor for itself and ends: the experiment stayed at
    RUNNING for ever, with nothing in its errors.

    It also tells the ends of trials in the assessor's thread, and results in the tuner's. While the
    tuner proposed, the end of a trial that an assessor had stopped overtook its last value. So a
    tuner that has `later` can put off what it does of an end, behind all values that came before;
    its `event` is NNI's word for the end, for NNI itself says "not succeeded" of a crash, too.
    """
    theirs: Any = MsgDispatcher.process_command
    if hasattr(theirs, "__wrapped__"):
        return

    @wraps(theirs)
    def process_command(self: MsgDispatcher, command: Any, data: Any) -> None:
        try:
            if isinstance(command, Later):
                command.done()
                return
            tuner: Any = self.tuner
            if command is CommandType.TrialEnd and hasattr(tuner, "later"):
                tuner.later = lambda done: self.default_command_queue.put((Later(done), None))
                tuner.event = data["event"]
            theirs(self, command, data)
        except Exception:
            self.report_error(traceback.format_exc())
            raise

    MsgDispatcher.process_command = process_command
