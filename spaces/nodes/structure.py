"""Structure nodes: layers, chains, branches and repetitions."""

import re
import sys
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar, Literal, cast

from ..decisions.domains import Label
from ..errors import SpaceError
from ..graph.canonical import SOMETIMES_IDENTITY
from ..graph.graph import Operation
from ..graph.walk import Ref, SpaceVisitor
from .node import Node
from .values import WIDEST, Choice, Integer, check_counts, check_name, evaluate, is_open, plain

__all__ = [
    "NORMALIZATION",
    "Chain",
    "Layer",
    "Parallel",
    "Repeat",
    "Scope",
    "Skip",
    "Zero",
    "layer",
    "project",
    "residual",
]

_KIND = re.compile(r"([\w.]+:)?[A-Za-z_][\w.<>]*")  # Layer, or module:Outer.Inner


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
        if not isinstance(cast(object, self.operation), str) or not _KIND.fullmatch(self.operation):
            raise SpaceError(
                f'{self.operation!r} is no layer: write layer("Conv2D", ...) for one of Keras, '
                "or layer(MyLayer, ...) for one of your own"
            )
        if not isinstance(cast(object, self.config), Mapping):
            raise SpaceError(f"the settings of a layer are {self.config!r}: give a dict")
        object.__setattr__(self, "config", plain(dict(self.config)))

    @property
    def label(self) -> str:
        return self.name or self.operation.rpartition(":")[2]

    def expand(self, walk: SpaceVisitor, x: Ref) -> Ref:
        return walk.emit(self.as_setting(walk), (x,))

    def as_setting(self, walk: SpaceVisitor) -> Operation:
        if self._fixed is not None:
            return self._fixed
        with nullcontext() if self.operation in SOMETIMES_IDENTITY else walk.topology_neutral():
            found = {name: evaluate(walk, value, name) for name, value in self._open.items()}
        return Operation(self.operation, {**self.config, **found}, self.cls)

    @cached_property
    def _open(self) -> Mapping[str, object]:
        """The settings that a walk has to look at."""
        return {name: value for name, value in self.config.items() if is_open(value)}

    @cached_property
    def _fixed(self) -> Operation | None:
        """The operation where nothing about it is open, made once."""
        return None if self._open else Operation(self.operation, self.config, self.cls)


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
        if kind is getattr(sys.modules.get("keras.layers"), kind.__name__, None):
            return Layer(kind.__name__, config, name=name)
        return Layer(f"{kind.__module__}:{kind.__qualname__}", config, kind, name)
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
    compiling: ClassVar[Mapping[str, object]] = {}  # what `around` has found; of no document

    def __init__(self, *parts: Node, name: str | None = None) -> None:
        check_name(name)
        _check_parts(parts, "Chain")
        object.__setattr__(self, "parts", parts)
        object.__setattr__(self, "name", name)

    def __getstate__(self) -> dict[str, object]:
        """Leave out what no other process may be able to read."""
        return {name: part for name, part in vars(self).items() if name != "compiling"}

    def expand(self, walk: SpaceVisitor, x: Ref) -> Ref:
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

    def expand(self, walk: SpaceVisitor, x: Ref) -> Ref:
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
        check_counts(self.times, "times= of a Repeat", least=0)

    @cached_property
    def numbers(self) -> Mapping[Label, int]:
        """The number of repetitions under each label that `times` can have."""
        if isinstance(self.times, Integer):
            return {number: number for number in self.times.domain.values()}
        if isinstance(self.times, Choice):
            return cast(Mapping[Label, int], self.times.options)
        return {"": self.times}

    def expand(self, walk: SpaceVisitor, x: Ref) -> Ref:
        evaluate(walk, self.times, "times")
        with walk.inside("times", self.times):
            decision = walk.here
        for number in range(max(self.numbers.values())):
            enough = tuple(label for label, times in self.numbers.items() if times > number)
            if len(enough) == len(self.numbers):
                x = self._repetition(walk, x, number)
                continue
            with walk.when(decision, enough) as there:
                x = self._repetition(walk, x, number) if there else x
        return x

    def _repetition(self, walk: SpaceVisitor, x: Ref, number: int) -> Ref:
        again = walk.copy(f"copy_{number}") if self.tied else walk.repetition(number)
        key = "part" if self.tied else number
        path = f"{walk.here}.{number}"
        with again, walk.block(path, f"repetition {number}", "repeat"), walk.inside(key, self.part):
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

    def expand(self, walk: SpaceVisitor, x: Ref) -> Ref:
        stride = walk.bound("stride", 1, default=1)  # where a whole sum is zero, its size counts
        return walk.emit(Operation("zero", {"stride": stride}), (x,), "zero")


@dataclass(frozen=True)
class Scope(Node):
    """A part with a width of its own, open or not: what `WIDTH` in its settings stands for.

    Args:
        part: A part whose settings say `WIDTH`, or multiples as `WIDTH * 4`.
        width: An int, an `Integer` or a `Choice` of ints.
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

    def expand(self, walk: SpaceVisitor, x: Ref) -> Ref:
        with walk.topology_neutral():
            width = cast(int, evaluate(walk, self.width, "width"))
        with walk.bind(width=width), walk.inside("part", self.part):
            return self.part.expand(walk, x)


NORMALIZATION = layer("BatchNormalization", momentum=0.9, epsilon=1e-5)
"""Batch normalization as the papers' networks have it; Keras's own momentum is too slow for
the few epochs of a search."""


@dataclass(frozen=True)
class Skip(Node):
    """A skip connection in a cell: the identity, or a factorized reduction where it halves.

    DARTS, NASNet and ENAS call it `skip_connect` or `identity`. On the edges that leave the inputs
    of a reduction cell it is ReLU, two 1x1 convolutions of stride 2 whose results are joined, and
    batch normalization.

    References:
        Liu et al. 2019, DARTS, arXiv:1806.09055.
    """

    name: str | None = None

    def __post_init__(self) -> None:
        check_name(self.name)

    @property
    def label(self) -> str:
        return self.name or "skip"

    def expand(self, walk: SpaceVisitor, x: Ref) -> Ref:
        if walk.bound("stride", 1, default=1) == 1:
            return walk.emit(Operation("Identity"), (x,), "identity")
        return project(walk, x, "skip", halvings=1)


def project(walk: SpaceVisitor, x: Ref, key: str, halvings: int) -> Ref:
    """Bring data to the width that holds here, and to half its size so many times.

    Args:
        walk: The walk.
        x: What flows in.
        key: What the layers are called.
        halvings: By factorized reductions; without any, by a 1x1 convolution.

    Returns:
        ReLU, the convolution or reductions, and batch normalization of x.
    """
    filters = walk.bound("width", 1)
    x = walk.emit(Operation("ReLU"), (x,), f"{key}_relu")
    for time in range(halvings):
        reduction = Operation("factorized_reduction", {"filters": filters})
        x = walk.emit(reduction, (x,), f"{key}_reduce_{time}")
    if not halvings:
        config = {"filters": filters, "kernel_size": 1, "use_bias": False}
        x = walk.emit(Operation("Conv2D", config), (x,), f"{key}_conv")
    return walk.emit(NORMALIZATION.as_setting(walk), (x,), f"{key}_bn")
