"""`Node`: base class of the parts from which networks are assembled."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from ..decisions.domains import Label
from ..errors import SpaceError
from ..graph.builder import GraphBuilder
from ..graph.graph import HierarchicalGraph, Operation
from ..graph.visitor import Ref, Refs, SpaceVisitor
from .architecture import Architecture
from .search_space import SearchSpace

__all__ = ["Node", "network_of", "one"]


class Node(SearchSpace):
    """A part of a network with open points; every node is a space."""

    @abstractmethod
    def expand(self, visitor: SpaceVisitor, x: Refs) -> Refs:
        """Describe how this part is assembled, as calls of a visitor.

        Args:
            visitor: The visitor that interprets the description, for example by recording a graph.
            x: Reference to what flows in; several references, in order or by name, for a part with
                several inputs.

        Returns:
            Reference to what flows out; several by name for a part with several outputs.
        """

    @property
    def input_names(self) -> tuple[str, ...]:
        """Names of the inputs; empty for a part with one input."""
        return ()

    ordered: ClassVar[tuple[str, ...]] = ()
    """Which of "inputs" and "outputs" with names are sequences in the data instead of dicts."""

    def discover(self, visitor: SpaceVisitor) -> None:
        network_of(visitor, self)

    def resolve(
        self, choices: Mapping[str, Label], compact: bool = False
    ) -> Mapping[str, HierarchicalGraph | object]:
        visitor = GraphBuilder(choices, compact)
        return {"network": visitor.finish(network_of(visitor, self))}

    def is_feasible(self, architecture: Architecture) -> bool:
        return True

    @property
    def label(self) -> str:
        """Default label of this node as an option of a choice."""
        return getattr(self, "name", None) or type(self).__name__.lower()

    def as_setting(self, visitor: SpaceVisitor) -> Operation:
        """Return this part as a setting of another layer, for wrapper layers.

        Raises:
            SpaceError: The part is not a single layer.
        """
        raise SpaceError(
            f"a {type(self).__name__} is a setting of a layer at {visitor.place}: use a layer(...) "
            "or a value there"
        )


def network_of(visitor: SpaceVisitor, part: Node, key: str | None = None) -> Ref:
    """Expand a part as a whole network, with its inputs and outputs.

    Args:
        visitor: The visitor.
        part: The part.
        key: Name of the part among several.

    Returns:
        Reference to the output; for several outputs, to an operation that collects them.
    """
    names = part.input_names
    form = {"ordered": True} if "inputs" in part.ordered else {}
    x: Refs = {
        name: visitor.emit(Operation("input", {"name": name, **form}), (), name) for name in names
    }
    if not names:
        x = visitor.emit(Operation("input"), (), "input")
    with visitor.inside(key, part):
        found = part.expand(visitor, x)
    if isinstance(found, int):
        return found
    if isinstance(found, tuple):
        return one(visitor, found)
    form = {"ordered": True} if "outputs" in part.ordered else {}
    collected = Operation("outputs", form, names=tuple(found))
    return visitor.emit(collected, tuple(found.values()), "outputs")


def one(visitor: SpaceVisitor, x: Refs) -> Ref:
    """Return the only reference.

    Raises:
        SpaceError: There are several.
    """
    if isinstance(x, int):
        return x
    names = "" if isinstance(x, tuple) else f" ({', '.join(x)})"
    raise SpaceError(
        f"{len(x)} tensors{names} flow into a part for one tensor at {visitor.place}: merge them "
        'with Merge("concatenate"), or connect them in a Network'
    )
