"""Decisions: the open points of a space and their conditions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, cast

import numpy

from ..errors import SpaceError
from .domains import Categorical, Domain, Label

__all__ = ["ROLES", "Clause", "Condition", "Decision", "Role", "in_order"]

Role = Literal["operation", "inputs", "depth", "width", "setting"]
"""What a decision determines: which operation or sub-tree, what it is connected to, the number of
repetitions, the number of channels or units, or another setting of a layer or of training."""

ROLES: tuple[Role, ...] = ("operation", "inputs", "depth", "width", "setting")
"""All roles. A decision that stands in several places has the first of their roles."""


@dataclass(frozen=True, slots=True)
class Clause:
    """A requirement: a decision is active and has one of the given values.

    Attributes:
        decision: Name of the decision.
        values: The values that satisfy the requirement.
    """

    decision: str
    values: tuple[Label, ...]
    _lookup: frozenset[Label] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_lookup", frozenset(self.values))

    def holds(self, choices: Mapping[str, Label]) -> bool:
        """Return whether the choices satisfy the requirement; a missing decision does not."""
        return choices.get(self.decision) in self._lookup

    def __str__(self) -> str:
        shown = ", ".join(map(repr, self.values[:4])) + (", ..." if len(self.values) > 4 else "")
        return f"{self.decision} in ({shown})"


Condition = tuple[Clause, ...]
"""A conjunction of clauses; the empty condition always holds."""


@dataclass(frozen=True, slots=True)
class Decision:
    """One open point of a space.

    Attributes:
        name: Stable dotted path, or the name given by the user.
        domain: The values to choose from.
        conditions: The decision is active if one of these holds.
        options: What the labels of a categorical domain stand for, in their order; the values of a
            real range with steps; otherwise empty. A sub-tree, or a value with open points, is
            represented by its label.
        place: Its position in the tree, for messages.
        role: What it determines.
    """

    name: str
    domain: Domain
    conditions: tuple[Condition, ...] = ((),)
    options: Sequence[object] = ()
    place: str = ""
    role: Role = "setting"

    @property
    def parents(self) -> tuple[str, ...]:
        """Names of the decisions that its conditions depend on, each once."""
        asked = (clause.decision for condition in self.conditions for clause in condition)
        return tuple(dict.fromkeys(asked))

    def is_active(self, choices: Mapping[str, Label]) -> bool:
        """Return whether the decision is active, given the earlier choices."""
        for condition in self.conditions:
            if all(clause.holds(choices) for clause in condition):
                return True
        return False

    def meaning(self, label: Label) -> object:
        """Return the option that a label stands for; numbers stand for themselves."""
        if self.options and isinstance(self.domain, Categorical):
            return self.options[self.domain.labels.index(str(label))]
        return label

    def label_of(self, value: object) -> object:
        """Return the label of an option; any other value unchanged.

        Of equal options, such as (1, 2) and (1.0, 2.0), the one of the same text is taken.
        """
        if isinstance(value, numpy.generic):
            value = cast(object, value.item())
        if isinstance(self.domain, Categorical) and not (
            isinstance(value, str) and value in self.domain.labels
        ):
            equal = [
                (repr(option) != repr(value), label)
                for label, option in zip(self.domain.labels, self.options, strict=False)
                if type(option) is type(value) and _is_equal(option, value)
            ]
            if equal:
                return min(equal, key=lambda one: one[0])[1]
        return value


def _is_equal(option: object, value: object) -> bool:
    try:
        return bool(option == value)
    except ValueError:  # arrays have no truth value
        return repr(option) == repr(value)


def in_order(decisions: Mapping[str, Decision]) -> tuple[Decision, ...]:
    """Return the decisions with parents before their children, otherwise in the given order.

    A decision that stands in several places may depend on one that was found after it.

    Raises:
        SpaceError: Two decisions depend on each other.
    """
    placed: dict[str, Decision] = {}

    def place(name: str, asking: tuple[str, ...]) -> None:
        if name in asking:
            raise SpaceError(
                f"the decisions {name!r} and {asking[-1]!r} depend on each other: use different "
                "decisions in the places where they stand"
            )
        if name not in placed:
            for parent in decisions[name].parents:
                place(parent, (*asking, name))
            placed[name] = decisions[name]

    for name in decisions:
        place(name, ())
    return tuple(placed.values())
