"""Counting consecutive failures, which end a search."""

from typing import final

from ..strategies import Trial
from .errors import TooManyFailures

__all__ = ["ConsecutiveFailures"]


@final
class ConsecutiveFailures:
    """Counts how many trials in a row have failed.

    Args:
        limit: The number that ends the search, at least 1; None for no limit.
        fix: What the user can do, for the message.
    """

    def __init__(self, limit: int | None, fix: str) -> None:
        self.limit = limit
        self._fix = fix
        self._count = 0
        self._last: Trial | None = None

    def record(self, trial: Trial) -> None:
        """Count a finished trial; one that has not failed resets the count."""
        self._count = self._count + 1 if trial.state == "failed" else 0
        self._last = trial

    def reset(self) -> None:
        """Begin to count again, as for a search that continues."""
        self._count = 0

    @property
    def error(self) -> TooManyFailures | None:
        """The error that ends the search; None below the limit."""
        if self.limit is None or self._last is None or self._count < self.limit:
            return None
        return TooManyFailures(
            f"the last {self._count} trials failed, trial {self._last.number} with "
            f"{self._last.notes.get('error')}; {self._fix}"
        )

    def check(self) -> None:
        """Raise the error that ends the search, at the limit.

        Raises:
            TooManyFailures: As many trials in a row failed as allowed.
        """
        error = self.error
        if error is not None:
            raise error
