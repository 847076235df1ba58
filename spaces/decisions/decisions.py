"""Decisions: the open points of a space, and when each of them is active."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

import numpy

from ..errors import SpaceError
from .domains import Categorical, Domain, Label

__all__ = ["Clause", "Condition", "Decision", "in_order"]


@dataclass(frozen=True, slots=True)
class Clause:
    """One requirement: a decision is active and has one of the given values.

    Attributes:
        decision: Name of the decision that is asked.
        values: The values that meet the requirement.
    """

    decision: str
    values: tuple[Label, ...]
    _lookup: frozenset[Label] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_lookup", frozenset(self.values))

    def holds(self, choices: Mapping[str, Label]) -> bool:
        """Tell whether the choices meet the requirement; a missing one does not."""
        return choices.get(self.decision) in self._lookup

    def __str__(self) -> str:
        shown = ", ".join(map(repr, self.values[:4])) + (", ..." if len(self.values) > 4 else "")
        return f"{self.decision} in ({shown})"


Condition = tuple[Clause, ...]
"""Clauses that must all hold; the empty condition always does."""


@dataclass(frozen=True, slots=True)
class Decision:
    """One open point of a space.

    Attributes:
        name: Stable dotted path, or the name that the user gave.
        domain: What can be chosen.
        conditions: The decision is active when one of these holds.
        options: What the labels of a categorical domain stand for, in their order; a sub-tree,
            or a value with open points, is represented by its label.
        place: Where in the tree it stands, for messages.
    """

    name: str
    domain: Domain
    conditions: tuple[Condition, ...] = ((),)
    options: tuple[object, ...] = ()
    place: str = ""

    @property
    def parents(self) -> tuple[str, ...]:
        """Names of the decisions that its conditions ask, each once."""
        asked = (clause.decision for condition in self.conditions for clause in condition)
        return tuple(dict.fromkeys(asked))

    def is_active(self, choices: Mapping[str, Label]) -> bool:
        """Tell whether the decision is open when the earlier ones are as given."""
        for condition in self.conditions:
            if all(clause.holds(choices) for clause in condition):
                return True
        return False

    def meaning(self, label: Label) -> object:
        """Return what a label stands for; numbers stand for themselves."""
        if self.options and isinstance(self.domain, Categorical):
            return self.options[self.domain.labels.index(str(label))]
        return label

    def label_of(self, value: object) -> object:
        """Return the label of an option given as itself; anything else as it is."""
        if isinstance(value, numpy.generic):
            value = cast(object, value.item())
        if isinstance(self.domain, Categorical) and not (
            isinstance(value, str) and value in self.domain.labels
        ):
            for label, option in zip(self.domain.labels, self.options, strict=False):
                if type(option) is type(value) and option == value:
                    return label
        return value


def in_order(decisions: Mapping[str, Decision]) -> tuple[Decision, ...]:
    """Put parents before the decisions that ask them, and leave the order as it is otherwise.

    A decision that stands in several places may ask one that was found after it.

    Raises:
        SpaceError: Two decisions ask each other.
    """
    placed: dict[str, Decision] = {}

    def place(name: str, asking: tuple[str, ...]) -> None:
        if name in asking:
            raise SpaceError(
                f"whether {name!r} is open depends on {asking[-1]!r}, and that on {name!r}: use "
                "different decisions in the places where they stand"
            )
        if name not in placed:
            for parent in decisions[name].parents:
                place(parent, (*asking, name))
            placed[name] = decisions[name]

    for name in decisions:
        place(name, ())
    return tuple(placed.values())
