"""Structure nodes: layers, chains, branches and repetitions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, cast

from ._domains import Label
from ._errors import SpaceError
from ._graph import Operation
from ._node import Node
from ._values import Choice, Integer, check_name, evaluate, settings
from ._walk import Ref, Walk

__all__ = ["Chain", "Layer", "Parallel", "Repeat", "Zero", "layer", "residual"]


@dataclass(frozen=True)
class Layer(Node):
    """One layer; make it with `layer`.

    Attributes:
        operation: A Keras layer's name, or `module:Class` of a user's own.
        config: The layer's settings; any value may be a value node.
        cls: The user's class, if one was given.
        name: Restarts the path of the decisions inside.
    """

    operation: str
    config: Mapping[str, object] = field(default_factory=dict[str, object])
    cls: type | None = field(default=None, compare=False)
    name: str | None = None

    def __post_init__(self) -> None:
        check_name(self.name)

    @property
    def label(self) -> str:
        return self.name or self.operation.rpartition(":")[2]

    def expand(self, walk: Walk, x: Ref) -> Ref:
        return walk.emit(self.as_setting(walk), (x,))

    def as_setting(self, walk: Walk) -> Operation:
        return Operation(self.operation, settings(walk, self.config), self.cls)


def layer(kind: str | type, /, *, name: str | None = None, **config: object) -> Layer:
    """Describe a layer of Keras or of your own.

    Args:
        kind: A name in `keras.layers`, as "Conv2D", or a layer class.
        name: Restarts the path of the decisions inside.
        **config: The layer's settings; any of them, or any part of them, may be a `Choice`,
            an `Integer` or a `Real`.

    Returns:
        A space of one layer.

    Raises:
        SpaceError: `kind` is neither a name nor a class.

    Example:
        >>> from nasbridge.spaces import Choice, layer
        >>> layer("Dense", units=Choice([16, 32]), activation=Choice(["relu", "gelu"])).count()
        4
    """
    if isinstance(kind, type):
        if kind.__module__.split(".")[0] == "keras":
            return Layer(kind.__name__, config, name=name)
        return Layer(f"{kind.__module__}:{kind.__qualname__}", config, kind, name)
    if not isinstance(kind, str) or not kind.rpartition(":")[2].isidentifier():
        raise SpaceError(
            f"layer() takes a Keras layer's name or a layer class, not {kind!r}: "
            'write layer("Conv2D", ...) or layer(MyLayer, ...)'
        )
    return Layer(kind, config, name=name)


def _check_parts(parts: tuple[object, ...], what: str) -> None:
    if not parts:
        raise SpaceError(f"a {what} has no parts: give it at least one")
    for position, part in enumerate(parts):
        if not isinstance(part, Node):
            raise SpaceError(
                f"part {position} of a {what} is {part!r}, which is no part of a network: "
                "write it as layer(...)"
            )


@dataclass(frozen=True, init=False)
class Chain(Node):
    """Parts one after the other.

    Args:
        *parts: Structure nodes, in the order of the data.
        name: Restarts the path of the decisions inside.

    Raises:
        SpaceError: There is no part, or one is not a structure node.

    Example:
        >>> from nasbridge.spaces import Chain, Choice, layer
        >>> Chain(layer("Flatten"), layer("Dense", units=Choice([8, 16, 32]))).count()
        3
    """

    parts: tuple[Node, ...]
    name: str | None = None

    def __init__(self, *parts: Node, name: str | None = None) -> None:
        check_name(name)
        _check_parts(parts, "Chain")
        object.__setattr__(self, "parts", parts)
        object.__setattr__(self, "name", name)

    def expand(self, walk: Walk, x: Ref) -> Ref:
        for key, part in enumerate(self.parts):
            with walk.inside(key, part):
                x = part.expand(walk, x)
        return x


@dataclass(frozen=True, init=False)
class Parallel(Node):
    """Branches that start from the same point and are merged.

    Where shapes differ at a sum, smaller branches are fitted to the largest stride and the last
    branch's width: by a 1x1 convolution, strided if need be (He et al. 2015, option B).

    Args:
        *branches: Structure nodes.
        merge: "add" or "concatenate" (along the channels).
        name: Restarts the path of the decisions inside.

    Raises:
        SpaceError: There is no branch, or `merge` is unknown.
    """

    branches: tuple[Node, ...]
    merge: Literal["add", "concatenate"] = "add"
    name: str | None = None

    def __init__(
        self,
        *branches: Node,
        merge: Literal["add", "concatenate"] = "add",
        name: str | None = None,
    ) -> None:
        check_name(name)
        _check_parts(branches, "Parallel")
        if merge not in ("add", "concatenate"):
            raise SpaceError(f'merge={merge!r} is unknown: take "add" or "concatenate"')
        object.__setattr__(self, "branches", branches)
        object.__setattr__(self, "merge", merge)
        object.__setattr__(self, "name", name)

    def expand(self, walk: Walk, x: Ref) -> Ref:
        ends: list[Ref] = []
        for key, branch in enumerate(self.branches):
            with walk.inside(key, branch):
                ends.append(branch.expand(walk, x))
        return walk.emit(Operation(self.merge), ends, self.merge)


def residual(*parts: Node, name: str | None = None) -> Parallel:
    """Parts with a shortcut around them: x + parts(x).

    Args:
        *parts: Structure nodes, in the order of the data.
        name: Restarts the path of the decisions inside.

    Returns:
        A `Parallel` of the identity and the chain; the shortcut becomes a 1x1 convolution where
        the shapes differ.

    Raises:
        SpaceError: There is no part.

    References:
        He et al. 2015, Deep Residual Learning, arXiv:1512.03385.
    """
    return Parallel(layer("Identity"), Chain(*parts), name=name)


@dataclass(frozen=True)
class Repeat(Node):
    """A part repeated a fixed or open number of times.

    Each repetition has decisions of its own, whose names end in its number; or all have the same.

    Args:
        part: What is repeated.
        times: How often: an int, an `Integer`, or a `Choice` of ints; at least 0.
        tied: All repetitions have the same decisions (never the same weights).
        name: Restarts the path of the decisions inside.

    Raises:
        SpaceError: `times` is not a number of repetitions.

    Example:
        >>> from nasbridge.spaces import Choice, Integer, Repeat, layer
        >>> block = layer("Dense", units=Choice([8, 16]))
        >>> Repeat(block, times=Integer(1, 3)).count()  # 2 + 4 + 8
        14
        >>> Repeat(block, times=Integer(1, 3), tied=True).count()  # 3 x 2
        6
    """

    part: Node
    times: int | Integer | Choice
    tied: bool = False
    name: str | None = None

    def __post_init__(self) -> None:
        check_name(self.name)
        _check_parts((self.part,), "Repeat")
        for times in self.numbers:
            if isinstance(times, bool) or not isinstance(times, int) or times < 0:
                raise SpaceError(
                    f"times={self.times!r} of a Repeat gives {times!r} repetitions: "
                    "give an int of at least 0, an Integer, or a Choice of ints"
                )

    @cached_property
    def numbers(self) -> dict[int, Label]:
        """Each possible number of repetitions, with the label it travels as."""
        if isinstance(self.times, Integer):
            return {number: number for number in self.times.domain.values()}
        if isinstance(self.times, Choice):
            return {
                cast(int, times): label for label, times in self.times.options.items()
            }
        return {self.times: ""}

    def expand(self, walk: Walk, x: Ref) -> Ref:
        evaluate(walk, self.times, "times")
        with walk.inside("times", self.times):
            decision = walk.here
        for number in range(max(self.numbers)):
            enough = tuple(
                label for times, label in self.numbers.items() if times > number
            )
            if len(enough) == len(self.numbers):
                x = self._repetition(walk, x, number)
                continue
            with walk.when(decision, enough) as there:
                x = self._repetition(walk, x, number) if there else x
        return x

    def _repetition(self, walk: Walk, x: Ref, number: int) -> Ref:
        again = walk.copy(f"copy_{number}") if self.tied else walk.repetition(number)
        key = "part" if self.tied else number
        mark = walk.block(f"{walk.here}.{number}", f"repetition {number}", "repeat")
        with again, mark, walk.inside(key, self.part):
            return self.part.expand(walk, x)


@dataclass(frozen=True)
class Zero(Node):
    """No connection: what NAS-Bench-201 and DARTS call `none`.

    Adds nothing to a sum, and what hangs on it alone vanishes with it.
    """

    name: str | None = None

    def __post_init__(self) -> None:
        check_name(self.name)

    @property
    def label(self) -> str:
        return self.name or "none"

    def expand(self, walk: Walk, x: Ref) -> Ref:
        return walk.emit(Operation("zero"), (x,), "zero")
