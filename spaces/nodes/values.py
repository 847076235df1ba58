"""Value nodes: open values, which may be anywhere in a layer's settings."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from typing import cast

import numpy

from ..decisions.decisions import Role
from ..decisions.domains import Categorical, Label
from ..errors import SpaceError
from ..graph.visitor import OpenPoint, Refs, SpaceVisitor
from .checks import MOST, WIDEST, check_count, check_name
from .node import Node
from .ranges import Integer, Real

__all__ = [
    "STRIDE",
    "WIDTH",
    "Choice",
    "Placeholder",
    "When",
    "check_counts",
    "evaluate",
    "is_open",
    "option_label",
    "plain",
]


@dataclass(frozen=True, slots=True)
class Placeholder:
    """A number defined by the surrounding cell, stack or scope, times a constant factor.

    Attributes:
        name: "width" or "stride".
        factor: The constant factor.

    Example:
        >>> WIDTH * 4
        Placeholder(name='width', factor=4)
    """

    name: str
    factor: int = 1

    def __post_init__(self) -> None:
        if self.name not in ("width", "stride"):
            raise SpaceError(f"unknown placeholder {self.name!r}: use WIDTH or STRIDE")
        check_count(self.factor, f"the factor of {self.name.upper()}", most=WIDEST)

    def __mul__(self, factor: int) -> "Placeholder":
        return Placeholder(self.name, self.factor * factor)

    __rmul__ = __mul__


WIDTH = Placeholder("width")
"""Number of channels of the surrounding scope, or of the stack at this depth."""

STRIDE = Placeholder("stride")
"""2 on the edges from a reduction cell's inputs, 1 elsewhere."""


@dataclass(frozen=True, init=False)
class Choice(Node):
    """A choice between values, or between sub-trees, which may contain further decisions.

    Every option has a label, a string; frameworks receive labels only. The label of an option in a
    list is its text, that of an option in a dict is its key.

    Args:
        options: Values or sub-trees, as a list or as a dict from labels.
        name: Name of the decision; by default, its path in the tree.
        shared: Whether all repetitions have one decision in common.

    Raises:
        SpaceError: There is no option, or two options have the same label.

    Example:
        >>> from nasbridge.spaces import Choice, Space
        >>> space = Space({"kernel": Choice([(3, 3), (5, 5)])})
        >>> space.architecture({"kernel": "(5, 5)"})["kernel"]
        (5, 5)
    """

    options: Mapping[str, object]
    name: str | None = None
    shared: bool = False

    def __init__(
        self,
        options: Mapping[str, object] | Sequence[object],
        name: str | None = None,
        shared: bool = False,
    ) -> None:
        check_name(name, shared)
        object.__setattr__(self, "options", _labelled(options))
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "shared", shared)
        self.domain  # noqa: B018  (raises for invalid labels)

    @cached_property
    def domain(self) -> Categorical:
        """The values to choose from."""
        return Categorical(tuple(self.options))

    @cached_property
    def meanings(self) -> tuple[object, ...]:
        """What an architecture returns for each label: the option, or the label if it is open."""
        return tuple(label if is_open(option) else option for label, option in self.options.items())

    @property
    def structural(self) -> bool:
        """Whether the options are sub-trees."""
        return all(map(_is_subtree, self.options.values()))

    @property
    def input_names(self) -> tuple[str, ...]:
        found = {option.input_names for option in self.options.values() if isinstance(option, Node)}
        if len(found) > 1:
            raise SpaceError(
                f"the options {', '.join(self.options)} of a choice have different inputs: "
                f"{' and '.join(map(str, sorted(found)))}; give all of them the same inputs"
            )
        return next(iter(found), ())

    def expand(self, visitor: SpaceVisitor, x: Refs) -> Refs:
        if not self.structural:
            odd = next(o for o in self.options.values() if not _is_subtree(o))
            raise SpaceError(
                f"a choice is used as a layer, but its option {odd!r} is not a layer: write it as "
                "layer(...), or move the choice into a layer's settings"
            )
        path = visitor.here or "choice"

        def follow(label: Label) -> Refs:
            return visitor.option(path, str(label), cast(Node, self.options[str(label)]), x)

        point = OpenPoint(path, self.domain, self.meanings, id(self), "operation")
        return visitor.choose(point, follow)


@dataclass(frozen=True)
class When:
    """A value of a `Space` that is active only for certain values of others, as in Keras Tuner.

    Args:
        value: A `Choice` of plain values, an `Integer` or a `Real`.
        conditions: Dicts from the names of other decisions to the labels or numbers that they may
            have. The value is active if one of the dicts holds.

    Raises:
        SpaceError: The value is of another kind, or there is no condition.

    Example:
        >>> from nasbridge.spaces import Choice, Integer, Space, When
        >>> units = When(Integer(1, 3), ({"kind": ("dense",)},))
        >>> Space({"kind": Choice(["dense", "none"]), "units": units}).count()
        4
    """

    value: "Integer | Real | Choice"
    conditions: tuple[Mapping[str, tuple[Label, ...]], ...]

    def __post_init__(self) -> None:
        if not isinstance(self.value, Integer | Real | Choice):
            raise SpaceError(f"When contains {self.value!r}: give a Choice, an Integer or a Real")
        if not self.conditions or not all(self.conditions):
            raise SpaceError("When has no condition: add one, or use the value without When")

    def evaluate(self, visitor: SpaceVisitor, key: str | int) -> object:
        """Return the value here; None if no condition holds."""
        result: object = None
        for condition in self.conditions:
            with ExitStack() as stack:
                parts = [stack.enter_context(visitor.when(*clause)) for clause in condition.items()]
                if all(parts):
                    result = evaluate(visitor, self.value, key)
        return result


def _is_subtree(option: object) -> bool:
    return option.structural if isinstance(option, Choice) else isinstance(option, Node)


def _labelled(options: Mapping[str, object] | Sequence[object]) -> dict[str, object]:
    """Return the options by their labels; numpy scalars become plain Python values."""
    if isinstance(options, Mapping):
        made = {label: plain(option) for label, option in options.items()}
        _check_labels(made)
        return made
    if isinstance(options, str) or not isinstance(cast(object, options), Sequence | numpy.ndarray):
        raise SpaceError(f"the options of a choice must be a list or a dict, not {options!r}")
    values = list(map(plain, options))
    labels = Categorical(tuple(map(option_label, values))).labels
    return dict(zip(labels, values, strict=True))


def _check_labels(options: Mapping[str, object]) -> None:
    for label, option in options.items():
        if isinstance(option, str) and option != label and option in options:
            raise SpaceError(
                f"the option {option!r} of a choice has the label {label!r}, and {option!r} is the "
                "label of another option, which is ambiguous: use other labels"
            )


def plain(value: object) -> object:
    """Return a value with numpy scalars converted to Python scalars, also in containers."""
    if isinstance(value, numpy.generic):
        return cast(object, value.item())
    if type(value) in (list, tuple):
        items = map(plain, cast(Sequence[object], value))
        return tuple(items) if isinstance(value, tuple) else list(items)
    if type(value) is dict:
        return {key: plain(part) for key, part in cast(dict[object, object], value).items()}
    return value


def option_label(option: object) -> str:
    """Return the label of an option of a list."""
    if isinstance(option, Node):
        return option.label
    if isinstance(option, str):
        return option or repr(option)
    if isinstance(option, type) or callable(option):
        return str(getattr(option, "__name__", option))
    if " at 0x" in repr(option):
        raise SpaceError(
            f"the option {option!r} has no label, because its text is different in every process: "
            'give the options as a dict, as {"small": ..., "large": ...}'
        )
    return repr(option)


def check_counts(value: object, what: str, least: int = 1, most: int = MOST) -> None:
    """Raise `SpaceError` unless all values of an int, `Integer` or `Choice` are within bounds."""
    if isinstance(value, Integer):
        possible: tuple[object, ...] = (value.low, value.high)
    else:
        possible = tuple(value.options.values()) if isinstance(value, Choice) else (value,)
    for number in possible:
        check_count(number, what, least, most)


def is_open(option: object) -> bool:
    """Return whether an option is a description with open points instead of a value."""
    if isinstance(option, Mapping):
        return any(map(is_open, cast(Mapping[str, object], option).values()))
    if isinstance(option, list | tuple):
        return any(map(is_open, cast(Sequence[object], option)))
    return isinstance(option, Node | Integer | Real | When | Placeholder)


def evaluate(
    visitor: SpaceVisitor, value: object, key: str | int, role: Role = "setting"
) -> object:
    """Return the value of a setting at this point of a traversal; open values are decided.

    Args:
        visitor: The traversal.
        value: A value node, a placeholder, a layer, a container of these, or a plain value.
        key: Key of the value, such as "filters".
        role: Role of the decisions in it.

    Returns:
        A plain value or an `Operation`; that of the last option if the visitor follows several.
    """
    if isinstance(value, Choice | Integer | Real):
        return _decided(visitor, value, key, role)
    if isinstance(value, When):
        return value.evaluate(visitor, key)
    if isinstance(value, Placeholder):
        with visitor.inside(key):
            return visitor.bound(value.name, value.factor)
    if isinstance(value, Node):
        with visitor.inside(key, value):
            return value.as_setting(visitor)
    if isinstance(value, Mapping):
        with visitor.inside(key):
            items = cast(Mapping[str, object], value)
            return {name: evaluate(visitor, part, name, role) for name, part in items.items()}
    if isinstance(value, list | tuple):
        with visitor.inside(key):
            listed = cast(Sequence[object], value)
            parts = [evaluate(visitor, part, k, role) for k, part in enumerate(listed)]
            return tuple(parts) if isinstance(value, tuple) else parts
    return value


def _decided(
    visitor: SpaceVisitor, value: Choice | Integer | Real, key: str | int, role: Role
) -> object:
    """Return the value of a value node."""

    def follow(label: Label) -> object:
        option = value.options[str(label)] if isinstance(value, Choice) else label
        return evaluate(visitor, option, str(label), role)

    options = value.meanings if isinstance(value, Choice) else value.options
    with visitor.inside(key, value):
        point = OpenPoint(visitor.here, value.domain, options, id(value), role)
        return visitor.vary(point, follow)
