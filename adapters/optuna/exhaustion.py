"""Whether a finite space still holds an architecture that has not been tried."""

import math
from collections.abc import Iterator
from typing import final

from ...spaces import Architecture
from ...strategies import Search

__all__ = ["Remaining"]

LISTING_FACTOR = 100  # a space is listed once it has at most this many architectures per trial


@final
class Remaining:
    """What a search has left to propose in a finite space, found by listing the space once.

    Args:
        search: The search.
    """

    def __init__(self, search: Search) -> None:
        self._search = search
        self._size = search.problem.space.count()
        self._is_listable = True
        self._listing: Iterator[Architecture] | None = None
        self._spare: Architecture | None = None  # was new when it was found

    def is_of(self, search: Search) -> bool:
        """Return whether it is of this search."""
        return self._search is search

    def is_large(self, trials: int) -> bool:
        """Return whether a space is too large to be exhausted, or to be listed.

        With constraints, listing a large space could take for ever to find a new architecture.
        """
        is_large = math.isfinite(self._size) and self._size > LISTING_FACTOR * trials
        return is_large or not self._is_listable

    def is_empty(self) -> bool:
        """Return whether the space holds nothing new; cheap as long as it does."""
        if self._spare is not None and self._search.is_new(self._spare):
            return False
        for _ in range(2):  # from the current position, then from the start: trials were dropped
            if self._listing is None:
                self._listing = self._search.strategy.listing(self._search.problem)
            if self._listing is None:
                self._is_listable = False
                return False
            self._spare = next((a for a in self._listing if self._search.is_new(a)), None)
            if self._spare is not None:
                return False
            self._listing = None
        return True
