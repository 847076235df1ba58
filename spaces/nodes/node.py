"""What all structure nodes are: parts that a network is assembled from."""

from abc import abstractmethod
from collections.abc import Mapping

from ..decisions.domains import Label
from ..errors import SpaceError
from ..graph.graph import Operation
from ..graph.walk import Outline, Ref, Resolution, Walk
from .architecture import Architecture
from .searchable import Searchable

__all__ = ["Node"]


class Node(Searchable):
    """A part of a network with open points; every one is a space of its own."""

    @abstractmethod
    def expand(self, walk: Walk, x: Ref) -> Ref:
        """Say how this part is put together.

        Args:
            walk: Decides what saying so means: listing decisions, or recording a graph.
            x: What flows in.

        Returns:
            What flows out.
        """

    def discover(self, walk: Walk) -> None:
        with walk.inside(None, self):
            self.expand(walk, 0)

    def resolve(
        self, choices: Mapping[str, Label], brief: bool = False
    ) -> Mapping[str, Outline | object]:
        walk = Resolution(choices, brief)
        source = walk.emit(Operation("input"), (), "input")
        with walk.inside(None, self):
            return {"network": walk.outline(self.expand(walk, source))}

    def allows(self, architecture: Architecture) -> bool:
        return True

    @property
    def label(self) -> str:
        """What this node is called as an option of a choice that gives no labels."""
        return getattr(self, "name", None) or type(self).__name__.lower()

    def as_setting(self, walk: Walk) -> Operation:
        """Return this part as a setting of another layer, as wrappers need it.

        Raises:
            SpaceError: The part is not a single layer.
        """
        raise SpaceError(
            f"a {type(self).__name__} stands in a layer's settings at {walk.place}: only a "
            "layer(...) or a value can stand there"
        )
