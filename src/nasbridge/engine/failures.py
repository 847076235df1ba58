"""Failed trials that end a search: too many in a row, or all of them."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Protocol, final

from .errors import TooManyFailures

__all__ = ["ConsecutiveFailures", "check_any_succeeded"]


class Ended(Protocol):
    """A trial that has ended; it may have no architecture."""

    @property
    def number(self) -> int: ...
    @property
    def state(self) -> str: ...
    @property
    def notes(self) -> Mapping[str, Any]: ...


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
        self._last: Ended | None = None

    def record(self, trial: Ended) -> None:
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


def check_any_succeeded(trials: Iterable[Ended], fix: str) -> None:
    """Raise an error if trials have ended and all of them failed; call it when a search ends.

    Args:
        trials: All trials of the search; running ones are ignored.
        fix: What the user can do, for the message.

    Raises:
        TooManyFailures: All trials failed.
    """
    ended = [trial for trial in trials if trial.state != "running"]
    if not ended or any(trial.state != "failed" for trial in ended):
        return
    errors = Counter(str(trial.notes.get("error", "an unknown error")) for trial in ended)
    error, times = errors.most_common(1)[0]
    all_of_them = "the only trial" if len(ended) == 1 else f"all {len(ended)} trials"
    share = "" if times == len(ended) else f"{times} of them "
    raise TooManyFailures(f"{all_of_them} failed, {share}with {error}; {fix}")
