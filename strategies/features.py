"""Features of architectures for a Gaussian process, derived from any space."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import cast

import numpy
from numpy.typing import NDArray

from ..spaces import Architecture, Categorical, Decision, SearchSpace, operation_choices, wl_graphs
from .gaussian_process import KernelView

__all__ = ["Features", "Row"]

Array = NDArray[numpy.float64]

HEIGHT = 1  # iterations of Weisfeiler-Lehman labels: operations, and operations with their inputs
GROUPS = 24  # maximum number of decisions with separate length-scales
DRAWS = 64  # random architectures that show which decisions choose an operation
CACHED = 20_000  # rows

_EMPTY: Array = numpy.zeros(0)


@dataclass(frozen=True, slots=True)
class WLCounts:
    """Counts of the Weisfeiler-Lehman labels of one height, sparse.

    Attributes:
        labels: The labels that occur, as integers, shape (w,).
        log_counts: log(1 + count) of each, shape (w,).
    """

    labels: NDArray[numpy.intp]
    log_counts: Array


@dataclass(frozen=True, slots=True)
class Row:
    """The features of one architecture.

    Attributes:
        counts: Weisfeiler-Lehman label counts by height, over all its graphs.
        encoding: The encoding of the decisions that do not choose an operation.
        sizes: The logarithms of total numbers; empty without `Features.with_sizes`.
    """

    counts: tuple[WLCounts, ...]
    encoding: Array
    sizes: Array


@dataclass(frozen=True)
class Features:
    """The features of the architectures of a space.

    Graphs are compared by the counts of their Weisfeiler-Lehman labels, with a kernel for each
    height. Decisions that do not choose an operation, such as widths and rates, are compared by
    their encoding, with a length-scale for each decision. A space of plain values has the kernel
    of the encoding only.

    Args:
        space: The space.
        allow_equivalent: Whether equivalent architectures may have different values. Then the
            encoding contains all decisions.
        with_sizes: Whether there is a view of sizes: the logarithm of the number of operations, and
            of the sum of all active numbers of one name, such as all "filters". What a network
            costs follows from such totals rather than from single decisions.
    """

    space: SearchSpace
    allow_equivalent: bool = False
    with_sizes: bool = False
    _known: dict[Architecture, Row] = field(default_factory=dict[Architecture, Row], compare=False)
    _vocabulary: dict[tuple[str, str], int] = field(
        default_factory=dict[tuple[str, str], int], compare=False
    )

    def row(self, architecture: Architecture) -> Row:
        """Return the features of an architecture, cached."""
        row = self._known.get(architecture)
        if row is None:
            if len(self._known) >= CACHED:
                self._known.clear()
            row = self._known[architecture] = self._row(architecture)
        return row

    def _row(self, architecture: Architecture) -> Row:
        if not self._has_graph:
            return Row((), self.encoding(architecture), self._sizes(architecture, ()))
        drawn = wl_graphs(architecture)
        by_height = zip(*(graph.wl_features(HEIGHT) for graph in drawn.values()), strict=True)
        counts = tuple(self._counts(dict(zip(drawn, height, strict=True))) for height in by_height)
        return Row(counts, self.encoding(architecture), self._sizes(architecture, counts))

    def _counts(self, counts: Mapping[str, Mapping[str, int]]) -> WLCounts:
        """Return the label counts of several graphs, given by the name of the graph."""
        known = self._vocabulary
        labels = [
            known.setdefault((name, label), len(known))
            for name, of_graph in counts.items()
            for label in of_graph
        ]
        numbers = [number for of_graph in counts.values() for number in of_graph.values()]
        log_counts = numpy.array([log_count(number) for number in numbers])
        return WLCounts(numpy.array(labels, dtype=numpy.intp), log_counts)

    def encoding(self, architecture: Architecture) -> Array:
        """Return the encoding of the decisions that the label counts do not cover."""
        if not len(self._uncovered):
            return _EMPTY
        return self.space.encode(architecture)[self._uncovered]

    def _sizes(self, architecture: Architecture, counts: Sequence[WLCounts]) -> Array:
        """Return the logarithms of total numbers."""
        if not self.with_sizes:
            return _EMPTY
        totals = dict.fromkeys(self._sized.values(), 0.0)
        for name, key in self._sized.items():
            if name in architecture:
                totals[key] += abs(float(cast(float, architecture[name])))
        operations = [float(numpy.logaddexp.reduce(counts[0].log_counts))] if counts else []
        return numpy.array([*operations, *map(math.log1p, totals.values())])

    @cached_property
    def _sized(self) -> dict[str, str]:
        """The decisions between numbers, each with the last part of its name."""
        return {
            decision.name: decision.name.rpartition(".")[2]
            for decision in self.space.decisions
            if (decision.domain.width == 1 and not isinstance(decision.domain, Categorical))
            or (
                decision.options
                and all(
                    isinstance(o, int | float) and not isinstance(o, bool) for o in decision.options
                )
            )
        }

    @property
    def covers_decisions(self) -> bool:
        """Whether some decisions are compared by label counts alone."""
        return not self.allow_equivalent and self._has_graph and bool(self._covered)

    @cached_property
    def _slices(self) -> tuple[tuple[int, int, bool], ...]:
        """The slice of each decision in the encoding, and whether the decision is used."""
        covered = frozenset[str]() if self.allow_equivalent else self._covered
        slices: list[tuple[int, int, bool]] = []
        start = 0
        for decision in self.space.decisions:
            width = entries(decision)
            slices.append((start, start + width, decision.name not in covered))
            start += width
        return tuple(slices)

    @cached_property
    def _uncovered(self) -> NDArray[numpy.intp]:
        kept = [k for start, end, is_used in self._slices if is_used for k in range(start, end)]
        return numpy.array(kept, dtype=numpy.intp)

    @cached_property
    def _covered(self) -> frozenset[str]:
        """Names of the decisions that choose an operation, which the label counts cover."""
        rng = numpy.random.Generator(numpy.random.Philox(0))
        drawn = (self.space.unconstrained().sample(rng) for _ in range(DRAWS))
        return frozenset(name for one in drawn for name in operation_choices(one))

    @cached_property
    def _has_graph(self) -> bool:
        rng = numpy.random.Generator(numpy.random.Philox(0))
        return bool(wl_graphs(self.space.unconstrained().sample(rng)))

    def views(self, rows: Sequence[Row], others: Sequence[Row]) -> tuple[KernelView, ...]:
        """Return the views of n rows with m others: one for each height, encoding and sizes."""
        views: list[KernelView] = []
        both = rows if rows is others else (*rows, *others)
        if self._has_graph:
            for height in range(HEIGHT + 1):
                table = _table([row.counts[height] for row in both])
                groups = numpy.zeros(table.shape[1], dtype=numpy.intp)
                views.append(_view(table, len(rows), len(others), groups))
        if len(self._uncovered):
            table = numpy.array([row.encoding for row in both])
            views.append(_view(table, len(rows), len(others), self._groups))
        if self.with_sizes and len(both[0].sizes):
            table = numpy.array([row.sizes for row in both])
            groups = _own_groups(table.shape[1])
            views.append(_view(table, len(rows), len(others), groups))
        return tuple(views)

    @cached_property
    def _groups(self) -> NDArray[numpy.intp]:
        """The group of each entry: one per decision, or a single one for many decisions."""
        widths = [end - start for start, end, is_used in self._slices if is_used]
        return numpy.repeat(_own_groups(len(widths)), widths)


def _own_groups(number: int) -> NDArray[numpy.intp]:
    """Return a group for each of a few features, or a single one for many."""
    own: NDArray[numpy.intp] = numpy.arange(number, dtype=numpy.intp)
    return own if number <= GROUPS else numpy.zeros_like(own)


def log_count(number: int) -> float:
    """Return log(1 + n); path counts of deep networks exceed the range of floats."""
    return math.log1p(number) if number < 2**53 else math.log(number)


def entries(decision: Decision) -> int:
    """Return the number of entries of a decision in the encoding."""
    return decision.domain.width + (decision.domain.width == 1 and () not in decision.conditions)


def _table(counts: Sequence[WLCounts]) -> Array:
    """Return a dense table of log counts, with a column for each label that occurs."""
    lengths = [len(one.labels) for one in counts]
    labels = numpy.concatenate([one.labels for one in counts])
    column = _columns(labels)
    table = numpy.zeros((len(counts), int(column[-1]) + 1))
    table[numpy.repeat(numpy.arange(len(counts)), lengths), column[labels]] = numpy.concatenate(
        [one.log_counts for one in counts]
    )
    return table


def _columns(labels: NDArray[numpy.intp]) -> NDArray[numpy.intp]:
    """Return the column of each label: its rank among the labels that occur."""
    occurs = numpy.zeros(int(labels.max()) + 1, dtype=numpy.bool_)
    occurs[labels] = True
    ranks: NDArray[numpy.intp] = numpy.cumsum(occurs, dtype=numpy.intp) - 1
    return ranks


def _view(table: Array, rows: int, others: int, groups: NDArray[numpy.intp]) -> KernelView:
    """Return the view of the first rows of a table with its last rows, or with themselves."""
    left = table[:rows]
    right = left if len(table) == rows == others else table[len(table) - others :]
    return KernelView(left, right, groups)
