"""`Node`: base class of the parts from which networks are assembled."""

from abc import abstractmethod
from collections.abc import Mapping

from ..decisions.domains import Label
from ..errors import SpaceError
from ..graph.builder import GraphBuilder
from ..graph.graph import HierarchicalGraph, Operation
from ..graph.visitor import Ref, SpaceVisitor
from .architecture import Architecture
from .search_space import SearchSpace

__all__ = ["Node"]


class Node(SearchSpace):
    """A part of a network with open points; every node is a space."""

    @abstractmethod
    def expand(self, walk: SpaceVisitor, x: Ref) -> Ref:
        """Describe how this part is assembled, as calls of a visitor.

        Args:
            walk: The visitor that interprets the description, for example by recording a graph.
            x: Reference to what flows in.

        Returns:
            Reference to what flows out.
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
            return {"network": walk.finish(self.expand(walk, source))}

    def is_feasible(self, architecture: Architecture) -> bool:
        return True

    @property
    def label(self) -> str:
        """Default label of this node as an option of a choice."""
        return getattr(self, "name", None) or type(self).__name__.lower()

    def as_setting(self, walk: SpaceVisitor) -> Operation:
        """Return this part as a setting of another layer, for wrapper layers.

        Raises:
            SpaceError: The part is not a single layer.
        """
        raise SpaceError(
            f"a {type(self).__name__} is a setting of a layer at {walk.place}: use a layer(...) or "
            "a value there"
        )
