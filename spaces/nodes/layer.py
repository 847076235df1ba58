"""Layers with open settings."""

import re
import sys
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import cast

from ..errors import SpaceError
from ..graph.graph import Operation
from ..graph.tokens import SOMETIMES_IDENTITY
from ..graph.visitor import Refs, SpaceVisitor
from .checks import check_name
from .node import Node
from .values import evaluate, is_open, plain

__all__ = ["Layer", "layer"]

_KIND = re.compile(r"([\w.]+:)?[A-Za-z_][\w.<>]*")  # Layer, or module:Outer.Inner
_WIDTHS = ("filters", "units")  # settings that are a number of channels


@dataclass(frozen=True)
class Layer(Node):
    """One layer; make it with `layer`.

    Attributes:
        operation: Name of a Keras layer, or `module:Class` of a user's layer.
        config: The layer's settings; any value may be a value node.
        cls: The user's layer class, if given.
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
                f'{self.operation!r} is not the name of a layer: write layer("Conv2D", ...) for '
                "a Keras layer, or layer(MyLayer, ...) for your own"
            )
        if not isinstance(cast(object, self.config), Mapping):
            raise SpaceError(f"the settings of a layer must be a dict, not {self.config!r}")
        object.__setattr__(self, "config", plain(dict(self.config)))

    @property
    def label(self) -> str:
        return self.name or self.operation.rpartition(":")[2]

    def expand(self, visitor: SpaceVisitor, x: Refs) -> Refs:
        operation = self.as_setting(visitor)
        if isinstance(x, int):
            return visitor.emit(operation, (x,))
        if isinstance(x, tuple):
            return visitor.emit(operation, x)
        return visitor.emit(replace(operation, names=tuple(x)), tuple(x.values()))

    def as_setting(self, visitor: SpaceVisitor) -> Operation:
        if self._fixed is not None:
            return self._fixed
        with nullcontext() if self.operation in SOMETIMES_IDENTITY else visitor.topology_neutral():
            found = {
                name: evaluate(visitor, value, name, "width" if name in _WIDTHS else "setting")
                for name, value in self._open.items()
            }
        return Operation(self.operation, {**self.config, **found}, self.cls)

    @cached_property
    def _open(self) -> Mapping[str, object]:
        """The settings that are not plain values."""
        return {name: value for name, value in self.config.items() if is_open(value)}

    @cached_property
    def _fixed(self) -> Operation | None:
        """The operation, if none of its settings is open."""
        return None if self._open else Operation(self.operation, self.config, self.cls)


def layer(kind: str | type, /, *, name: str | None = None, **config: object) -> Layer:
    """Describe a layer of Keras or your own layer.

    Args:
        kind: A name in `keras.layers`, such as "Conv2D", or a layer class.
        name: Restarts the path of the decisions inside.
        **config: The layer's settings. Any of them, or any part of them, may be a `Choice`, an
            `Integer` or a `Real`.

    Returns:
        A space with one layer.

    Raises:
        SpaceError: `kind` is neither the name of a layer nor a class.

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
