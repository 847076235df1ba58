"""What all structure nodes are: parts that a network is assembled from."""

from abc import abstractmethod
from collections.abc import Mapping

from ..decisions.domains import Label
from ..errors import SpaceError
from ..graph.graph import Operation
from ..graph.walk import GraphBuilder, HierarchicalGraph, Ref, SpaceVisitor
from .architecture import Architecture
from .search_space import SearchSpace

__all__ = ["Node"]


class Node(SearchSpace):
    """A part of a network with open points; every one is a space of its own."""

    @abstractmethod
    def expand(self, walk: SpaceVisitor, x: Ref) -> Ref:
        """Say how this part is put together.

        Args:
            walk: Decides what saying so means: listing decisions, or recording a graph.
            x: What flows in.

        Returns:
            What flows out.
        """

    def discover(self, walk: SpaceVisitor) -> None:
        with walk.inside(None, self):
            self.expand(walk, 0)

    def resolve(
        self, choices: Mapping[str, Label], compact: bool = False
    ) -> Mapping[str, HierarchicalGraph | object]:
        walk = GraphBuilder(choices, compact)
        source = walk.emit(Operation("input"), (), "input")
        with walk.inside(None, self):
            return {"network": walk.outline(self.expand(walk, source))}

    def is_feasible(self, architecture: Architecture) -> bool:
        return True

    @property
    def label(self) -> str:
        """What this node is called as an option of a choice that gives no labels."""
        return getattr(self, "name", None) or type(self).__name__.lower()

    def as_setting(self, walk: SpaceVisitor) -> Operation:
        """Return this part as a setting of another layer, as wrappers need it.

        Raises:
            SpaceError: The part is not a single layer.
        """
        raise SpaceError(
            f"a {type(self).__name__} stands in a layer's settings at {walk.place}: only a "
            "layer(...) or a value can stand there"
        )
