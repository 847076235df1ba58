"""Features: architectures as a model sees them, derived from any space."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy
from numpy.typing import NDArray

from ..spaces import Architecture, Decision, Searchable, sketches
from ._gaussian_process import View

__all__ = ["Features", "Row"]

Array = NDArray[numpy.float64]

HEIGHT = 1  # of the words: an operation, and an operation with its inputs
PARTS = 24  # decisions up to which each has a length-scale of its own
DRAWS = 64  # architectures that tell which decisions the words cover
KEPT = 20_000  # rows that are remembered


@dataclass(frozen=True, slots=True)
class Row:
    """One architecture.

    Attributes:
        words: Its words by height, all its graphs taken together.
        numbers: The decisions that words do not cover, encoded.
    """

    words: tuple[Counter[str], ...]
    numbers: Array


@dataclass(frozen=True)
class Features:
    """What of a space's architectures is compared.

    Networks are compared by their words (see `spaces._words`), one view for each height; decisions
    that are no choice between operations, such as widths and rates, by their encoding, each with
    a length-scale of its own. A space of plain values has the latter view only.

    Args:
        space: The space.
    """

    space: Searchable
    _known: dict[Architecture, Row] = field(default_factory=dict[Architecture, Row], compare=False)

    def row(self, architecture: Architecture) -> Row:
        """Return the features of an architecture; they follow from it alone, and are kept."""
        row = self._known.get(architecture)
        if row is None:
            if len(self._known) >= KEPT:
                self._known.clear()
            row = self._known[architecture] = self._row(architecture)
        return row

    def _row(self, architecture: Architecture) -> Row:
        words = tuple(Counter[str]() for _ in range(HEIGHT + 1))
        if self._has_graph:
            for name, sketch in sketches(architecture).items():
                for known, counted in zip(words, sketch.words(HEIGHT), strict=True):
                    known.update({f"{name} {word}": n for word, n in counted.items()})
        return Row(words, self.numbers(architecture))

    def numbers(self, architecture: Architecture) -> Array:
        """Return the encoding of the decisions that words do not cover."""
        return self.space.encode(architecture)[self._uncovered]

    @cached_property
    def _groups(self) -> tuple[tuple[int, int, bool], ...]:
        """For each decision its first entry in the encoding, the one after, and if it is open."""
        covered = self._covered
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
        return frozenset(name for one in drawn for name in choices_of(one))

    @cached_property
    def _has_graph(self) -> bool:
        rng = numpy.random.Generator(numpy.random.Philox(0))
        return bool(sketches(self.space.unconstrained().sample(rng)))

    def views(self, rows: Sequence[Row], others: Sequence[Row]) -> tuple[View, ...]:
        """Return the squared distances between rows and others, a view for each kind of features.

        Args:
            rows: n rows.
            others: m rows.

        Returns:
            Views with parts of shape (n, m).
        """
        views: list[View] = []
        if self._has_graph:
            for height in range(HEIGHT + 1):
                ours, theirs = _counts(
                    [r.words[height] for r in rows], [r.words[height] for r in others]
                )
                views.append(View((_distances(ours, theirs),)))
        if len(self._uncovered):
            views.append(View(self._number_parts(rows, others)))
        return tuple(views)

    def _number_parts(self, rows: Sequence[Row], others: Sequence[Row]) -> tuple[Array, ...]:
        width = len(self._uncovered)
        ours = numpy.array([row.numbers for row in rows]).reshape(len(rows), width)
        theirs = numpy.array([row.numbers for row in others]).reshape(len(others), width)
        widths = [end - start for start, end, is_open in self._groups if is_open]
        if len(widths) > PARTS:
            return (_distances(ours, theirs),)
        ends = numpy.cumsum(widths)
        return tuple(
            _distances(ours[:, end - width : end], theirs[:, end - width : end])
            for width, end in zip(widths, ends, strict=True)
        )


def entries(decision: Decision) -> int:
    """Return how many entries of the encoding a decision has."""
    return decision.domain.width + (decision.domain.width == 1 and () not in decision.conditions)


def choices_of(architecture: Architecture) -> set[str]:
    """Return the names of the decisions whose labels are operations of the graph."""
    return {path for sketch in sketches(architecture).values() for path in sketch.choices}


def _counts(ours: Sequence[Counter[str]], theirs: Sequence[Counter[str]]) -> tuple[Array, Array]:
    """Return log(1 + count) of every word, for both in the same columns."""
    columns: dict[str, int] = {}
    for counted in (*theirs, *ours):
        for word in counted:
            columns.setdefault(word, len(columns))
    return _table(ours, columns), _table(theirs, columns)


def _table(counted: Sequence[Counter[str]], columns: dict[str, int]) -> Array:
    table = numpy.zeros((len(counted), len(columns)))
    for row, words in zip(table, counted, strict=True):
        row[[columns[word] for word in words]] = list(words.values())
    return numpy.log1p(table)


def _distances(ours: Array, theirs: Array) -> Array:
    squares = (ours**2).sum(1)[:, None] + (theirs**2).sum(1)[None, :]
    distances: Array = numpy.maximum(squares - 2 * ours @ theirs.T, 0.0)
    return distances
