"""Tabular benchmarks: the training results of every architecture of a space."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import final

import numpy
from numpy.typing import NDArray

from ..spaces import Label, SearchSpace
from ..strategies import Objective
from .errors import BenchError
from .hypervolume import front_of, hypervolume

__all__ = ["Column", "Table"]

Column = NDArray[numpy.float64]


@final
@dataclass(frozen=True, eq=False)
class Table:
    """A table of metrics for every architecture of a finite space.

    Attributes:
        name: Name of the table on the command line.
        space: A space of independent decisions with finitely many values.
        objectives: One or two objectives.
        columns: Metrics by name, shape (space.count(),), in the order of `space.enumerate()`.
        cost: The column of seconds per evaluation; empty if the budget is in evaluations.
        shown: Columns that are hidden from methods, and reported for the incumbent.
        scales: For each of two objectives, the values that map to 0 and 1 in the hypervolume.

    Raises:
        BenchError: The space or the columns are invalid.

    Example:
        >>> from nasbridge.spaces import Choice, Space
        >>> from nasbridge.strategies import Objective
        >>> space = Space({"a": Choice(["x", "y"]), "b": Choice(["x", "y", "z"])})
        >>> loss = numpy.array([5.0, 4.0, 3.0, 2.0, 1.0, 0.0])
        >>> table = Table("toy", space, (Objective("loss", "min"),), {"loss": loss})
        >>> table.values(table.row({"a": "y", "b": "x"})), table.optimum
        ({'loss': 2.0}, 0.0)
    """

    name: str
    space: SearchSpace
    objectives: tuple[Objective, ...]
    columns: Mapping[str, Column]
    cost: str = ""
    shown: tuple[str, ...] = ()
    scales: tuple[tuple[float, float], ...] = ()
    _places: tuple[tuple[str, dict[Label, int]], ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        decisions = self.space.decisions
        if any(() not in d.conditions for d in decisions) or math.isinf(self.space.count()):
            raise BenchError(
                f"the space of the table {self.name!r} has conditional or real decisions: use "
                "independent decisions with finitely many values"
            )
        places = ((d.name, {v: k for k, v in enumerate(d.domain.values())}) for d in decisions)
        object.__setattr__(self, "_places", tuple(places))
        needed = [o.metric for o in self.objectives] + [c for c in (self.cost, *self.shown) if c]
        wrong = [n for n in needed if n not in self.columns or len(self.columns[n]) != len(self)]
        if wrong or len(self.objectives) not in (1, 2):
            raise BenchError(
                f"the table {self.name!r} needs one or two objectives and {len(self)} values per "
                f"column: check {wrong or self.objectives}"
            )

    def __len__(self) -> int:
        return math.prod(len(values) for _, values in self._places)

    def row(self, choices: Mapping[str, Label]) -> int:
        """Return the row of an architecture.

        Args:
            choices: A label or number for each decision.
        """
        row = 0
        for name, places in self._places:
            row = row * len(places) + places[choices[name]]
        return row

    def values(self, row: int) -> dict[str, float]:
        """Return the objectives of a row."""
        return {o.metric: float(self.columns[o.metric][row]) for o in self.objectives}

    def scores(self, rows: Sequence[int]) -> Column:
        """Return the single objective of some rows as scores, larger is better."""
        (objective,) = self.objectives
        chosen = self.columns[objective.metric][numpy.asarray(rows, dtype=int)]
        return numpy.asarray(objective.sign * chosen)

    @cached_property
    def optimum(self) -> float:
        """The best value of the single objective."""
        (objective,) = self.objectives
        return objective.sign * float(self.scores(range(len(self))).max())

    def points(self, rows: Sequence[int]) -> NDArray[numpy.float64]:
        """Return the two objectives of some rows, scaled to 0 (best) and 1 (reference point)."""
        chosen = numpy.asarray(rows, dtype=int)
        scaled = [
            (self.columns[objective.metric][chosen] - best) / (worst - best)
            for objective, (best, worst) in zip(self.objectives, self.scales, strict=True)
        ]
        return numpy.stack(scaled, axis=1)

    @cached_property
    def front_size(self) -> int:
        """The number of points on the exact Pareto front."""
        return len(front_of(self.points(range(len(self)))))

    @cached_property
    def hypervolume(self) -> float:
        """The hypervolume of the exact Pareto front."""
        return hypervolume(self.points(range(len(self))))
