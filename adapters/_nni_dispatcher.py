# pyright: basic
# NNI ships no types that can be relied on.
"""Mends of NNI's dispatcher, the process in which tuners and assessors work in their door.

No installed file of NNI's is changed: NNI makes its dispatcher after the tuner, and the tuner calls
`mend_dispatcher` before.
"""

import traceback
from functools import wraps
from typing import Any

from nni.runtime.msg_dispatcher import MsgDispatcher

__all__ = ["mend_dispatcher"]


def mend_dispatcher() -> None:
    """Let NNI's dispatcher say its errors, in this process; once is enough.

    NNI's own keeps an error of a tuner or an assessor for itself and ends: the experiment stayed at
    RUNNING for ever, with nothing in its errors.
    """
    theirs: Any = MsgDispatcher.process_command
    if hasattr(theirs, "__wrapped__"):
        return

    @wraps(theirs)
    def process_command(self: MsgDispatcher, command: Any, data: Any) -> None:
        try:
            theirs(self, command, data)
        except Exception:
            self.report_error(traceback.format_exc())
            raise

    MsgDispatcher.process_command = process_command
