"""Nodes that combine others: chains, branches, repetitions and scopes."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Literal, cast

from ..decisions.domains import Label
from ..errors import SpaceError
from ..graph.graph import Operation
from ..graph.visitor import Ref, Refs, SpaceVisitor
from .checks import WIDEST, check_name
from .layer import Layer, layer
from .node import Node, one
from .ranges import Integer
from .values import Choice, check_counts, evaluate

__all__ = ["Chain", "Merge", "Parallel", "Repeat", "Scope", "check_merge", "residual"]


@dataclass(frozen=True, init=False)
class Chain(Node):
    """Parts in sequence.

    Args:
        *parts: Structure nodes, in the order of the data flow.
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

    @property
    def input_names(self) -> tuple[str, ...]:
        return self.parts[0].input_names

    def expand(self, visitor: SpaceVisitor, x: Refs) -> Refs:
        for key, part in enumerate(self.parts):
            with visitor.inside(key, part):
                x = part.expand(visitor, x)
        return x


@dataclass(frozen=True, init=False)
class Parallel(Node):
    """Parallel branches of one input, which are summed or concatenated.

    If the shapes in a sum differ, branches are projected to the smallest size and to the width of
    the last branch by 1x1 convolutions, strided where necessary.

    Args:
        *branches: Structure nodes.
        merge: "add", "concatenate" (along the channels), or a layer of several inputs, such as
            `layer("Multiply")`, which merges them as they are.
        name: Restarts the path of the decisions inside.

    Raises:
        SpaceError: There is no branch, or `merge` is unknown.

    References:
        He et al. 2015, Deep Residual Learning, arXiv:1512.03385, section 3.3, option B.
    """

    branches: tuple[Node, ...]
    merge: Literal["add", "concatenate"] | Layer = "add"
    name: str | None = None

    def __init__(
        self,
        *branches: Node,
        merge: Literal["add", "concatenate"] | Layer = "add",
        name: str | None = None,
    ) -> None:
        check_name(name)
        _check_parts(branches, "Parallel")
        check_merge(merge, "merge=")
        object.__setattr__(self, "branches", branches)
        object.__setattr__(self, "merge", merge)
        object.__setattr__(self, "name", name)

    def expand(self, visitor: SpaceVisitor, x: Refs) -> Refs:
        ends: list[Ref] = []
        for key, branch in enumerate(self.branches):
            with visitor.inside(key, branch):
                ends.append(one(visitor, branch.expand(visitor, x)))
        if isinstance(self.merge, Layer):
            with visitor.inside("merge", self.merge):
                return self.merge.expand(visitor, tuple(ends))
        return visitor.emit(Operation(self.merge), ends, self.merge)


@dataclass(frozen=True)
class Merge(Node):
    """Merges the tensors that flow in, with the rules of `Parallel` for their shapes.

    Args:
        how: "add" or "concatenate" (along the channels). `layer("Add")` and `layer("Concatenate")`
            merge tensors as they are instead.
        name: Restarts the path of the decisions inside.

    Raises:
        SpaceError: `how` is unknown.

    Example:
        >>> from nasbridge.spaces import Merge, Network, layer
        >>> joined = Network(
        ...     {
        ...         "wide": (layer("Dense", units=8), "input"),
        ...         "both": (Merge("concatenate"), ("input", "wide")),
        ...     }
        ... )
        >>> next(joined.enumerate()).build((4,)).output_shape
        (None, 12)
    """

    how: Literal["add", "concatenate"]
    name: str | None = None

    def __post_init__(self) -> None:
        check_name(self.name)
        if isinstance(self.how, Layer):
            raise SpaceError("a Merge has a layer as how=: use the layer itself instead")
        check_merge(self.how, "how=")

    @property
    def label(self) -> str:
        return self.name or self.how

    def expand(self, visitor: SpaceVisitor, x: Refs) -> Refs:
        sources = (x,) if isinstance(x, int) else x if isinstance(x, tuple) else tuple(x.values())
        return visitor.emit(Operation(self.how), sources, self.how)


def residual(*parts: Node, name: str | None = None) -> Parallel:
    """Add a shortcut around parts: x + parts(x).

    Args:
        *parts: Structure nodes, in the order of the data flow.
        name: Restarts the path of the decisions inside.

    Returns:
        A `Parallel` of the identity and the chain. The shortcut becomes a 1x1 convolution if the
        shapes differ.

    Raises:
        SpaceError: There is no part.

    References:
        He et al. 2015, Deep Residual Learning, arXiv:1512.03385.
    """
    return Parallel(layer("Identity"), Chain(*parts), name=name)


@dataclass(frozen=True)
class Repeat(Node):
    """A fixed or open number of repetitions of a part.

    Each repetition has separate decisions, whose names contain its number, unless they are tied.

    Args:
        part: The part to repeat.
        times: Number of repetitions: an int, an `Integer`, or a `Choice` of ints; at least 0.
        tied: Whether all repetitions share their decisions. They never share weights.
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
        check_counts(self.times, "times= of a Repeat", least=0)

    @cached_property
    def numbers(self) -> Mapping[Label, int]:
        """The number of repetitions for each label of `times`."""
        if isinstance(self.times, Integer):
            return {number: int(number) for number in self.times.domain.values()}
        if isinstance(self.times, Choice):
            return cast(Mapping[Label, int], self.times.options)
        return {"": self.times}

    def expand(self, visitor: SpaceVisitor, x: Refs) -> Refs:
        x = one(visitor, x)
        evaluate(visitor, self.times, "times", "depth")
        with visitor.inside("times", self.times):
            decision = visitor.here
        for number in range(max(self.numbers.values())):
            enough = tuple(label for label, times in self.numbers.items() if times > number)
            if len(enough) == len(self.numbers):
                x = self._repetition(visitor, x, number)
                continue
            x = visitor.perhaps(decision, enough, x, partial(self._repetition, visitor, x, number))
        return x

    def _repetition(self, visitor: SpaceVisitor, x: Ref, number: int) -> Ref:
        again = visitor.copy(f"copy_{number}") if self.tied else visitor.repetition(number)
        key = "part" if self.tied else number
        path = f"{visitor.here}.{number}"
        with (
            again,
            visitor.block(path, f"repetition {number}", "repeat"),
            visitor.inside(key, self.part),
        ):
            return one(visitor, self.part.expand(visitor, x))


@dataclass(frozen=True)
class Scope(Node):
    """A part with a fixed or open width, for which `WIDTH` in its settings stands.

    Args:
        part: A part whose settings contain `WIDTH`, or multiples such as `WIDTH * 4`.
        width: Number of channels: an int, an `Integer` or a `Choice` of ints.
        name: Restarts the path of the decisions inside.

    Raises:
        SpaceError: `width` is not a number of channels.

    Example:
        >>> from nasbridge.spaces import WIDTH, Chain, Choice, Scope, layer
        >>> hidden = layer("Dense", units=Choice({"2x": WIDTH * 2, "4x": WIDTH * 4}))
        >>> block = Scope(Chain(hidden, layer("Dense", units=WIDTH)), width=Choice([64, 128]))
        >>> block.count()
        4
    """

    part: Node
    width: int | Integer | Choice
    name: str | None = None

    def __post_init__(self) -> None:
        check_name(self.name)
        _check_parts((self.part,), "Scope")
        check_counts(self.width, "width= of a Scope", most=WIDEST)

    @property
    def input_names(self) -> tuple[str, ...]:
        return self.part.input_names

    def expand(self, visitor: SpaceVisitor, x: Refs) -> Refs:
        with visitor.topology_neutral():
            width = cast(int, evaluate(visitor, self.width, "width", "width"))
        with visitor.bind(width=width), visitor.inside("part", self.part):
            return self.part.expand(visitor, x)


def check_merge(how: object, what: str) -> None:
    """Raise `SpaceError` unless this is a way to merge tensors."""
    if not isinstance(how, Layer) and how not in ("add", "concatenate"):
        raise SpaceError(
            f'{what}{how!r} is unknown: use "add", "concatenate", or a layer of several inputs, as '
            'layer("Multiply")'
        )


def _check_parts(parts: tuple[object, ...], what: str) -> None:
    if not parts:
        raise SpaceError(f"a {what} has no parts: add at least one")
    for position, part in enumerate(parts):
        if not isinstance(part, Node):
            raise SpaceError(
                f"part {position} of a {what} is {part!r}, not a part of a network: write it as "
                "layer(...)"
            )
