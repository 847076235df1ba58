"""Value nodes: open values, which may stand anywhere in a layer's settings."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy

from ._domains import Categorical, Domain, IntegerRange, RealRange
from ._errors import SpaceError
from ._graph import Operation
from ._node import Node
from ._walk import Ref, Walk

__all__ = [
    "STRIDE",
    "WIDTH",
    "Choice",
    "Integer",
    "Placeholder",
    "Real",
    "check_name",
    "evaluate",
    "settings",
]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_\-]*")


def check_name(name: str | None, shared: bool = False) -> None:
    """Raise `SpaceError` unless the name can be part of a dotted path."""
    if name is not None and not (isinstance(name, str) and _NAME.fullmatch(name)):
        raise SpaceError(
            f"the name {name!r} cannot be used: take letters, digits, '_' and '-', "
            "a letter first (dots separate the parts of a path)"
        )
    if shared and name is None:
        raise SpaceError(
            "shared=True needs a name=: one name is one decision everywhere"
        )


@dataclass(frozen=True, slots=True)
class Placeholder:
    """A number that the surrounding cell or stack gives, times a constant factor.

    Attributes:
        name: "width" or "stride".
        factor: Multiplies the number.

    Example:
        >>> WIDTH * 4
        Placeholder(name='width', factor=4)
    """

    name: str
    factor: int = 1

    def __mul__(self, factor: int) -> "Placeholder":
        return Placeholder(self.name, self.factor * factor)


WIDTH = Placeholder("width")
"""The number of channels at this depth of a stack of cells."""

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
        self.domain  # noqa: B018  (a bad range is an error here, not later)

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
        self.domain  # noqa: B018  (a bad range is an error here, not later)

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

    @property
    def domain(self) -> Categorical:
        """What can be chosen."""
        return Categorical(tuple(self.options))

    @property
    def structural(self) -> bool:
        """Whether the options are sub-trees."""
        return all(isinstance(option, Node) for option in self.options.values())

    def expand(self, walk: Walk, x: Ref) -> Ref:
        if not self.structural:
            odd = next(o for o in self.options.values() if not isinstance(o, Node))
            raise SpaceError(
                f"a choice stands where a layer is expected, but its option {odd!r} is none: "
                "write it as layer(...), or move the choice into a layer's settings"
            )
        result, path = x, walk.here or "choice"
        for label, option in decide(walk, self, path):
            with walk.inside(label), walk.block(path, str(label), "choice"):
                result = cast(Node, option).expand(walk, x)
        return result


def _labelled(options: Mapping[str, object] | Sequence[object]) -> dict[str, object]:
    """Give every option its label; numpy scalars become plain Python values."""
    if isinstance(options, Mapping):
        odd = [key for key in options if not isinstance(key, str) or not key]
        if odd:
            raise SpaceError(
                f"the label {odd[0]!r} of a choice is not a text: use strings"
            )
        plain = {label: _plain(option) for label, option in options.items()}
    else:
        if isinstance(options, str) or not isinstance(
            options, Sequence | numpy.ndarray
        ):
            raise SpaceError(
                f"a choice takes a list or a dict of options, not {options!r}"
            )
        plain = {}
        for option in map(_plain, options):
            label = _label(option)
            if label in plain:
                raise SpaceError(
                    f"two options of a choice have the label {label!r}: leave one out, or give "
                    "the options as a dict whose keys tell them apart"
                )
            plain[label] = option
    Categorical(tuple(plain))
    return plain


def _plain(option: object) -> object:
    return option.item() if isinstance(option, numpy.generic) else option


def _label(option: object) -> str:
    if isinstance(option, Node):
        return option.label
    if isinstance(option, str):
        return option or repr(option)
    if isinstance(option, type) or callable(option):
        return str(getattr(option, "__name__", option))
    return repr(option)


ValueNode = Integer | Real | Choice


def decide(walk: Walk, node: ValueNode, path: str) -> Iterator[tuple[Any, object]]:
    """Ask the walk which options of a value node to follow."""
    options = tuple(node.options.values()) if isinstance(node, Choice) else ()
    yield from walk.decide(path, cast(Domain, node.domain), options, id(node))


def evaluate(walk: Walk, value: object, key: str | int) -> object:
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
    if isinstance(value, Placeholder):
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
            parts = [
                evaluate(walk, part, k)
                for k, part in enumerate(cast(list[object], value))
            ]
            return tuple(parts) if isinstance(value, tuple) else parts
    return value


def settings(walk: Walk, config: Mapping[str, object]) -> dict[str, object]:
    """Evaluate all settings of a layer."""
    return {name: evaluate(walk, value, name) for name, value in config.items()}
