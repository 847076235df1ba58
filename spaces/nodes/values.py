"""Value nodes: open values, which may stand anywhere in a layer's settings."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import numpy

from ..decisions.domains import Categorical, IntegerRange, Label, RealRange
from ..errors import SpaceError
from ..graph.walk import Ref, SpaceVisitor
from .node import Node

__all__ = [
    "STRIDE",
    "WIDTH",
    "Choice",
    "Integer",
    "Placeholder",
    "Real",
    "WIDEST",
    "When",
    "check_count",
    "check_counts",
    "check_name",
    "evaluate",
    "is_open",
]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_\-]*")


def check_name(name: str | None, shared: bool = False) -> None:
    """Raise `SpaceError` unless the name can be part of a dotted path."""
    if name is not None and not (isinstance(cast(object, name), str) and _NAME.fullmatch(name)):
        raise SpaceError(
            f"the name {name!r} cannot be used: take letters, digits, '_' and '-', "
            "a letter first (dots separate the parts of a path)"
        )
    if shared and name is None:
        raise SpaceError("shared=True needs a name=: one name is one decision everywhere")


MOST = 1000
"""Largest number of nodes, stages or repetitions; a typing error should not run for an hour."""

WIDEST = 2**20
"""Largest width."""


def check_count(value: object, what: str, least: int = 1, most: int = MOST) -> None:
    """Raise `SpaceError` unless the value is an int within the bounds."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise SpaceError(f"{what} is {value!r}: give an int from {least} to {most}")


@dataclass(frozen=True, slots=True)
class Placeholder:
    """A number that the surrounding cell, stack or scope gives, times a constant factor.

    Attributes:
        name: "width" or "stride".
        factor: Multiplies the number.

    Example:
        >>> WIDTH * 4
        Placeholder(name='width', factor=4)
    """

    name: str
    factor: int = 1

    def __post_init__(self) -> None:
        if self.name not in ("width", "stride"):
            raise SpaceError(f"there is no placeholder {self.name!r}: take WIDTH or STRIDE")
        check_count(self.factor, f"the factor of {self.name.upper()}", most=WIDEST)

    def __mul__(self, factor: int) -> "Placeholder":
        return Placeholder(self.name, self.factor * factor)

    __rmul__ = __mul__


WIDTH = Placeholder("width")
"""The number of channels that a scope gives, or a stack of cells at this depth."""

STRIDE = Placeholder("stride")
"""2 on the edges that leave a reduction cell's inputs, 1 elsewhere."""


@dataclass(frozen=True)
class Integer:
    """An integer to be chosen.

    Args:
        low: Smallest value.
        high: Largest value.
        step: Distance of two values, at least 1.
        log: Draw log-uniformly.
        name: The decision's name; without one, its path in the tree.
        shared: One decision in all repetitions, instead of one in each.

    Raises:
        SpaceError: The range is empty or not of integers.

    Example:
        >>> from nasbridge.spaces import Integer, Space
        >>> Space({"layers": Integer(1, 4)}).count()
        4
    """

    low: int
    high: int
    step: int = 1
    log: bool = False
    name: str | None = None
    shared: bool = False

    def __post_init__(self) -> None:
        check_name(self.name, self.shared)
        for field in ("low", "high", "step"):  # plain numbers, whatever they were given as
            object.__setattr__(self, field, getattr(self.domain, field))

    @property
    def domain(self) -> IntegerRange:
        """What can be chosen."""
        return IntegerRange(self.low, self.high, self.step, self.log)


@dataclass(frozen=True)
class Real:
    """A real number to be chosen.

    Args:
        low: Smallest value.
        high: Largest value.
        log: Draw log-uniformly.
        name: The decision's name; without one, its path in the tree.
        shared: One decision in all repetitions, instead of one in each.

    Raises:
        SpaceError: The range is empty or not of numbers.

    Example:
        >>> from nasbridge.spaces import Real, Space
        >>> Space({"learning_rate": Real(1e-4, 1e-1, log=True)}).count()
        inf
    """

    low: float
    high: float
    log: bool = False
    name: str | None = None
    shared: bool = False

    def __post_init__(self) -> None:
        check_name(self.name, self.shared)
        for field in ("low", "high"):  # plain numbers, whatever they were given as
            object.__setattr__(self, field, getattr(self.domain, field))

    @property
    def domain(self) -> RealRange:
        """What can be chosen."""
        return RealRange(self.low, self.high, self.log)


@dataclass(frozen=True, init=False)
class Choice(Node):
    """One of several options: values, or whole sub-trees with decisions of their own.

    Every option has a label, a string; only labels travel to a framework. The labels of values
    are their text, those of a dict are its keys.

    Args:
        options: Values or sub-trees, or a dict of labels to them.
        name: The decision's name; without one, its path in the tree.
        shared: One decision in all repetitions, instead of one in each.

    Raises:
        SpaceError: There is no option, or two have one label.

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
        self.domain  # noqa: B018  (bad labels are an error here, not later)

    @cached_property
    def domain(self) -> Categorical:
        """What can be chosen."""
        return Categorical(tuple(self.options))

    @cached_property
    def meanings(self) -> tuple[object, ...]:
        """What an architecture gives for each label: the option, or its label if it is open."""
        return tuple(label if is_open(option) else option for label, option in self.options.items())

    @property
    def structural(self) -> bool:
        """Whether the options are sub-trees."""
        return all(map(_is_subtree, self.options.values()))

    def expand(self, walk: SpaceVisitor, x: Ref) -> Ref:
        if not self.structural:
            odd = next(o for o in self.options.values() if not _is_subtree(o))
            raise SpaceError(
                f"a choice stands where a layer is expected, but its option {odd!r} is none: "
                "write it as layer(...), or move the choice into a layer's settings"
            )
        result, path = x, walk.here or "choice"
        for label, option in decide(walk, self, path):
            result = walk.option(path, str(label), cast(Node, option), x)
        return result


@dataclass(frozen=True)
class When:
    """A value of a `Space` that is open only where others have certain values, as in Keras Tuner.

    Args:
        value: A `Choice` of plain values, an `Integer` or a `Real`.
        conditions: Names of other decisions to the labels or numbers that each must have; of
            several such dicts one must hold.

    Raises:
        SpaceError: The value is none, or there is no condition.

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
            raise SpaceError(f"When holds {self.value!r}: give a Choice, an Integer or a Real")
        if not self.conditions or not all(self.conditions):
            raise SpaceError("When has no condition: give one, or leave When out")

    def evaluate(self, walk: SpaceVisitor, key: str | int) -> object:
        """Return the value at this point of a walk; None where no condition holds."""
        result: object = None
        for condition in self.conditions:
            with ExitStack() as stack:
                parts = [stack.enter_context(walk.when(*clause)) for clause in condition.items()]
                if all(parts):
                    result = evaluate(walk, self.value, key)
        return result


def _is_subtree(option: object) -> bool:
    return option.structural if isinstance(option, Choice) else isinstance(option, Node)


def _labelled(options: Mapping[str, object] | Sequence[object]) -> dict[str, object]:
    """Give every option its label; numpy scalars become plain Python values."""
    if isinstance(options, Mapping):
        made = {label: plain(option) for label, option in options.items()}
        _check_labels(made)
        return made
    if isinstance(options, str) or not isinstance(cast(object, options), Sequence | numpy.ndarray):
        raise SpaceError(f"a choice takes a list or a dict of options, not {options!r}")
    values = list(map(plain, options))
    labels = Categorical(tuple(map(_label, values))).labels
    return dict(zip(labels, values, strict=True))


def _check_labels(options: Mapping[str, object]) -> None:
    for label, option in options.items():
        if isinstance(option, str) and option != label and option in options:
            raise SpaceError(
                f"the option {option!r} of a choice has the label {label!r}, but {option!r} is the "
                "label of another option: which one is meant could not be told; use other labels"
            )


def plain(value: object) -> object:
    """Return a value with numpy's scalars as Python's own, in containers too."""
    if isinstance(value, numpy.generic):
        return cast(object, value.item())
    if type(value) in (list, tuple):
        items = map(plain, cast(Sequence[object], value))
        return tuple(items) if isinstance(value, tuple) else list(items)
    if type(value) is dict:
        return {key: plain(part) for key, part in cast(dict[object, object], value).items()}
    return value


def _label(option: object) -> str:
    if isinstance(option, Node):
        return option.label
    if isinstance(option, str):
        return option or repr(option)
    if isinstance(option, type) or callable(option):
        return str(getattr(option, "__name__", option))
    if " at 0x" in repr(option):
        raise SpaceError(
            f"the option {option!r} has no text of its own to be its label, which has to be the "
            'same in every process: give the options as a dict, as {"small": ..., "large": ...}'
        )
    return repr(option)


def check_counts(value: object, what: str, least: int = 1, most: int = MOST) -> None:
    """Raise `SpaceError` unless all that an int, `Integer` or `Choice` can be is within bounds."""
    if isinstance(value, Integer):
        possible: tuple[object, ...] = (value.low, value.high)
    else:
        possible = tuple(value.options.values()) if isinstance(value, Choice) else (value,)
    for number in possible:
        check_count(number, what, least, most)


ValueNode = Integer | Real | Choice


def decide(walk: SpaceVisitor, node: ValueNode, path: str) -> Iterator[tuple[Any, object]]:
    """Ask the walk which options of a value node to follow."""
    if not isinstance(node, Choice):
        yield from walk.decide(path, node.domain, (), id(node))
        return
    for label, _ in walk.decide(path, node.domain, node.meanings, id(node)):
        yield label, node.options[str(label)]


def is_open(option: object) -> bool:
    """Tell whether an option is a description, for which its label stands, and not a value."""
    if isinstance(option, Mapping):
        return any(map(is_open, cast(Mapping[str, object], option).values()))
    if isinstance(option, list | tuple):
        return any(map(is_open, cast(Sequence[object], option)))
    return isinstance(option, Node | Integer | Real | When | Placeholder)


def evaluate(walk: SpaceVisitor, value: object, key: str | int) -> object:
    """Return what a setting is at this point of a walk; open values are decided.

    Args:
        walk: The walk.
        value: A value node, a placeholder, a layer, a container of such, or a plain value.
        key: Where the value stands, as "filters".

    Returns:
        A plain value or an `Operation`; while discovering, that of the last option.
    """
    if isinstance(value, Choice | Integer | Real):
        result: object = None
        with walk.inside(key, value):
            for label, option in decide(walk, value, walk.here):
                result = evaluate(walk, option, str(label))
        return result
    if isinstance(value, When):
        return value.evaluate(walk, key)
    if isinstance(value, Placeholder):
        with walk.inside(key):
            return walk.bound(value.name, value.factor)
    if isinstance(value, Node):
        with walk.inside(key, value):
            return value.as_setting(walk)
    if isinstance(value, Mapping):
        with walk.inside(key):
            items = cast(Mapping[str, object], value)
            return {name: evaluate(walk, part, name) for name, part in items.items()}
    if isinstance(value, list | tuple):
        with walk.inside(key):
            parts = [evaluate(walk, part, k) for k, part in enumerate(cast(list[object], value))]
            return tuple(parts) if isinstance(value, tuple) else parts
    return value
