"""`ModelVariants`: the space of the variants of an existing model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

from ..decisions.counting import enumerate_choices
from ..errors import SpaceError
from ..graph.visitor import Refs, SpaceVisitor
from .architecture import Architecture
from .composition import Chain
from .node import Node

__all__ = ["ModelVariants"]


@dataclass(frozen=True, init=False)
class ModelVariants(Chain):
    """A chain whose first architecture is an existing model; `variants_of` makes it.

    Args:
        *parts: Structure nodes, in the order of the data flow.
        layer_names: The names of the model's layers, by path.
        ordered: Which of "inputs" and "outputs" are sequences in the data instead of dicts.
        starts: Whether a search proposes the model first.
        name: Restarts the path of the decisions inside.

    Attributes:
        input_shape: Shape of one example of the model's data, or a dict of shapes.
        input_name: Name of the model's only input.
        compiling: The arguments that the model was compiled with.
    """

    layer_names: Mapping[str, str] = field(default_factory=dict[str, str])
    ordered: tuple[str, ...] = ()  # type: ignore[misc]  # differs between instances
    starts: bool = True

    input_shape: ClassVar[Any] = None  # these are not part of documents
    input_name: ClassVar[str | None] = None
    compiling: ClassVar[Mapping[str, object]] = {}

    def __init__(
        self,
        *parts: Node,
        layer_names: Mapping[str, str] | None = None,
        ordered: Sequence[str] = (),
        starts: bool = True,
        name: str | None = None,
    ) -> None:
        super().__init__(*parts, name=name)
        if not set(ordered) <= {"inputs", "outputs"}:
            raise SpaceError(f'ordered={ordered!r} is unknown: use "inputs", "outputs" or both')
        object.__setattr__(self, "layer_names", dict(layer_names or {}))
        object.__setattr__(self, "ordered", tuple(ordered))
        object.__setattr__(self, "starts", starts)

    def expand(self, visitor: SpaceVisitor, x: Refs) -> Refs:
        with visitor.layer_names(self.layer_names):
            return super().expand(visitor, x)

    def __getstate__(self) -> dict[str, object]:
        """Omit `compiling`, which another process may be unable to read."""
        return {name: part for name, part in vars(self).items() if name != "compiling"}

    @property
    def baseline(self) -> Architecture | None:
        return self.model_itself if self.starts else None

    @cached_property
    def model_itself(self) -> Architecture:
        """The first architecture, which is the model."""
        return Architecture(self, next(enumerate_choices(self.decisions)))
