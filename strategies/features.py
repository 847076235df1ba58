"""Features: architectures as a model sees them, derived from any space."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy
from numpy.typing import NDArray

from ..spaces import Architecture, Decision, SearchSpace, operation_choices, wl_graphs
from .gaussian_process import View

__all__ = ["Features", "Row"]

Array = NDArray[numpy.float64]

HEIGHT = 1  # of the words: an operation, and an operation with its inputs
PARTS = 24  # decisions up to which each has a length-scale of its own
DRAWS = 64  # architectures that tell which decisions the words cover
KEPT = 20_000  # rows that are remembered

_NOTHING: Array = numpy.zeros(0)


@dataclass(frozen=True, slots=True)
class Words:
    """The words of one height.

    Attributes:
        numbers: Which words, shape (w,).
        logs: log(1 + how often), shape (w,).
    """

    numbers: NDArray[numpy.intp]
    logs: Array


@dataclass(frozen=True, slots=True)
class Row:
    """One architecture.

    Attributes:
        words: Its words by height, all its graphs taken together.
        numbers: The decisions that words do not cover, encoded.
    """

    words: tuple[Words, ...]
    numbers: Array


@dataclass(frozen=True)
class Features:
    """What of a space's architectures is compared.

    Networks are compared by their words (see `spaces._sketch`), one view for each height; decisions
    that are no choice between operations, such as widths and rates, by their encoding, each with
    a length-scale of its own. A space of plain values has the latter view only.

    Args:
        space: The space.
        twins: Whether equal networks may have different values, as where a device was measured
            that runs what a network does not use: then the encoding has all decisions.
    """

    space: SearchSpace
    allow_equivalent: bool = False
    _known: dict[Architecture, Row] = field(default_factory=dict[Architecture, Row], compare=False)
    _vocabulary: dict[tuple[str, str], int] = field(
        default_factory=dict[tuple[str, str], int], compare=False
    )

    def row(self, architecture: Architecture) -> Row:
        """Return the features of an architecture; they follow from it alone, and are kept."""
        row = self._known.get(architecture)
        if row is None:
            if len(self._known) >= KEPT:
                self._known.clear()
            row = self._known[architecture] = self._row(architecture)
        return row

    def _row(self, architecture: Architecture) -> Row:
        if not self._has_graph:
            return Row((), self.numbers(architecture))
        drawn = wl_graphs(architecture)
        by_height = zip(*(sketch.wl_features(HEIGHT) for sketch in drawn.values()), strict=True)
        words = tuple(self._words(dict(zip(drawn, counts, strict=True))) for counts in by_height)
        return Row(words, self.numbers(architecture))

    def _words(self, counts: Mapping[str, Mapping[str, int]]) -> Words:
        """Return the words of some sketches, given by their names."""
        known = self._vocabulary
        numbers = [
            known.setdefault((name, word), len(known))
            for name, words in counts.items()
            for word in words
        ]
        times = [number for words in counts.values() for number in words.values()]
        logs = numpy.log1p(numpy.array(times, dtype=float))
        return Words(numpy.array(numbers, dtype=numpy.intp), logs)

    def numbers(self, architecture: Architecture) -> Array:
        """Return the encoding of the decisions that words do not cover."""
        if not len(self._uncovered):
            return _NOTHING
        return self.space.encode(architecture)[self._uncovered]

    @cached_property
    def _groups(self) -> tuple[tuple[int, int, bool], ...]:
        """For each decision its first entry in the encoding, the one after, and if it is open."""
        covered = frozenset[str]() if self.allow_equivalent else self._covered
        groups: list[tuple[int, int, bool]] = []
        start = 0
        for decision in self.space.decisions:
            width = entries(decision)
            groups.append((start, start + width, decision.name not in covered))
            start += width
        return tuple(groups)

    @cached_property
    def _uncovered(self) -> NDArray[numpy.intp]:
        kept = [k for start, end, is_open in self._groups if is_open for k in range(start, end)]
        return numpy.array(kept, dtype=numpy.intp)

    @cached_property
    def _covered(self) -> frozenset[str]:
        """Names of the decisions that choose an operation, which is a word."""
        rng = numpy.random.Generator(numpy.random.Philox(0))
        drawn = (self.space.unconstrained().sample(rng) for _ in range(DRAWS))
        return frozenset(name for one in drawn for name in operation_choices(one))

    @cached_property
    def _has_graph(self) -> bool:
        rng = numpy.random.Generator(numpy.random.Philox(0))
        return bool(wl_graphs(self.space.unconstrained().sample(rng)))

    def views(self, rows: Sequence[Row], others: Sequence[Row]) -> tuple[View, ...]:
        """Return rows beside others under a view for each kind of features.

        Args:
            rows: n rows.
            others: m rows.
        """
        views: list[View] = []
        both = rows if rows is others else (*rows, *others)
        if self._has_graph:
            for height in range(HEIGHT + 1):
                table = _table([row.words[height] for row in both])
                parts = numpy.zeros(table.shape[1], dtype=numpy.intp)
                views.append(_view(table, len(rows), len(others), parts))
        if len(self._uncovered):
            table = numpy.array([row.numbers for row in both])
            views.append(_view(table, len(rows), len(others), self._parts))
        return tuple(views)

    @cached_property
    def _parts(self) -> NDArray[numpy.intp]:
        """To which part each entry belongs: one a decision, or one in all where these are many."""
        widths = [end - start for start, end, is_open in self._groups if is_open]
        own = range(len(widths)) if len(widths) <= PARTS else [0] * len(widths)
        parts = [part for part, width in zip(own, widths, strict=True) for _ in range(width)]
        return numpy.array(parts, dtype=numpy.intp)


def entries(decision: Decision) -> int:
    """Return how many entries of the encoding a decision has."""
    return decision.domain.width + (decision.domain.width == 1 and () not in decision.conditions)


def _table(words: Sequence[Words]) -> Array:
    """Return log(1 + count) of every word that any of them has, in the same columns for all."""
    lengths = [len(one.numbers) for one in words]
    numbers = numpy.concatenate([one.numbers for one in words])
    column = _columns(numbers)
    table = numpy.zeros((len(words), int(column[-1]) + 1))
    table[numpy.repeat(numpy.arange(len(words)), lengths), column[numbers]] = numpy.concatenate(
        [one.logs for one in words]
    )
    return table


def _columns(numbers: NDArray[numpy.intp]) -> NDArray[numpy.intp]:
    """Return for each number up to the largest its rank among those that are there."""
    there = numpy.zeros(int(numbers.max()) + 1, dtype=numpy.bool_)
    there[numbers] = True
    ranks: NDArray[numpy.intp] = numpy.cumsum(there, dtype=numpy.intp) - 1
    return ranks


def _view(table: Array, rows: int, others: int, parts: NDArray[numpy.intp]) -> View:
    """Return the first rows of a table beside the last ones, which may be the same."""
    ours = table[:rows]
    theirs = ours if len(table) == rows == others else table[len(table) - others :]
    return View(ours, theirs, parts)
