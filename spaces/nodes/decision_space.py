"""`DecisionSpace`: the decisions of a space, and what they mean for its parts."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from difflib import get_close_matches
from functools import cached_property

from ..decisions.decisions import Decision, in_order
from ..decisions.domains import Label
from ..decisions.moves import Moves
from ..errors import InvalidArchitecture
from ..graph.collector import DecisionCollector
from ..graph.graph import HierarchicalGraph
from ..graph.visitor import SpaceVisitor
from ..graph.wl_cache import WLCache
from ..hashing import digest, plain_data

__all__ = ["DecisionSpace"]


class DecisionSpace(ABC):
    """The decisions of a space, and the networks and values that result from choices.

    This is the part of `SearchSpace` that architectures need, and that needs no architectures.
    """

    @abstractmethod
    def discover(self, visitor: SpaceVisitor) -> None:
        """Present every decision to a visitor."""

    @abstractmethod
    def resolve(
        self, choices: Mapping[str, Label], compact: bool = False
    ) -> Mapping[str, HierarchicalGraph | object]:
        """Return the networks and values under the given choices, by name.

        Args:
            choices: The value of each active decision.
            compact: Whether networks contain each distinct cell once, as a subgraph.
        """

    @cached_property
    def decisions(self) -> tuple[Decision, ...]:
        """All decisions, parents before those that depend on them.

        Raises:
            NameClash: Two different decisions have the same name.
        """
        visitor = DecisionCollector()
        self.discover(visitor)
        return in_order(visitor.decisions)

    @cached_property
    def _by_name(self) -> dict[str, Decision]:
        return {decision.name: decision for decision in self.decisions}

    @cached_property
    def moves(self) -> Moves:
        """Sampling and mutation of choices, without constraints."""
        return Moves(self.decisions)

    @cached_property
    def wl_cache(self) -> WLCache:
        """Cache of the Weisfeiler-Lehman graphs of its architectures."""
        return WLCache({decision.name: decision.parents for decision in self.decisions})

    def decision(self, name: str) -> Decision:
        """Return a decision by its name.

        Raises:
            InvalidArchitecture: The space has no decision of this name.
        """
        try:
            return self._by_name[name]
        except KeyError:
            close = get_close_matches(str(name), self._by_name, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"it has {list(self._by_name)}"
            raise InvalidArchitecture(f"the space has no decision {name!r}: {hint}") from None

    @cached_property
    def is_flat(self) -> bool:
        """Whether it is a mapping of plain values, without equivalent architectures."""
        return False

    @property
    def description(self) -> object:
        """The described tree, without constraints."""
        return self

    @cached_property
    def fingerprint(self) -> str:
        """Short stable hash of the decisions and all settings, without constraints."""
        decisions = [
            [d.name, repr(d.domain), [[[c.decision, c.values] for c in k] for k in d.conditions]]
            for d in self.decisions
        ]
        return digest([decisions, plain_data(self.description)])

    def unconstrained(self) -> "DecisionSpace":
        """Return the space without its constraints; its decisions are the same."""
        return self
