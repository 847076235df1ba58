"""`WLCache`: Weisfeiler-Lehman graphs without a traversal of the space for each architecture.

Most decisions only select the operations in one place: with another option, other operations flow
into the same sums. Architectures that differ only in such decisions share templates, graphs with
slots, from which their Weisfeiler-Lehman graphs are filled in. What fills a slot is recorded when a
traversal meets it for the first time.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from ..decisions.domains import Label
from .graph import Asked, HierarchicalGraph
from .template import Fillings, Place, Template, UnknownFilling, template_of
from .wl_features import WLGraph

__all__ = ["TemplateSet", "WLCache"]

MOST = 500  # traversals after which a cache starts over


class TemplateSet:
    """The templates of all graphs of an architecture.

    Args:
        templates: The template of each graph by name.
    """

    def __init__(self, templates: Mapping[str, Template]) -> None:
        self._templates = templates
        self._fixed = {
            name: _filled(template, {}) for name, template in templates.items() if template.is_fixed
        }

    def wl_graphs(self, choices: Mapping[str, Label]) -> Mapping[str, WLGraph] | None:
        """Return the graphs of an architecture; None if the filling of a slot is unknown."""
        try:
            return {
                name: self._fixed.get(name) or _filled(template, choices)
                for name, template in self._templates.items()
            }
        except UnknownFilling:
            return None


def _filled(template: Template, choices: Mapping[str, Label]) -> WLGraph:
    graph = WLGraph()
    graph.finish(template.fill(graph, choices, {}))
    return graph


class _Branch(NamedTuple):
    """A decision that the templates depend on, and what follows each of its values."""

    decision: str
    after: dict[Label | None, "_Branch | TemplateSet"]


class WLCache:
    """The templates of one space, as a tree over the decisions that templates depend on.

    Invariants:
        A decision is *open* in a template if it does nothing but fill slots. All other decisions
        that a traversal reads are branches of the tree, in the order in which it reads them.
        A decision that opens others (`_branching`) is never open. When one is found, templates that
        were made before may have treated it as a slot, so the cache starts over.

    Args:
        parents: For each decision, the decisions that its conditions depend on.
    """

    def __init__(self, parents: Mapping[str, Sequence[str]]) -> None:
        self._parents = parents
        self._branching = frozenset[str]()
        self._clear()

    def _clear(self) -> None:
        self._root = _Branch("", {})  # no decision has an empty name
        self._fillings = dict[Place, Fillings]()
        self._count = 0

    def __reduce__(self) -> tuple[type["WLCache"], tuple[Mapping[str, Sequence[str]]]]:
        return WLCache, (self._parents,)  # pickled without its content

    def wl_graphs(self, choices: Mapping[str, Label]) -> Mapping[str, WLGraph] | None:
        """Return the graphs of an architecture; None if it must be traversed first."""
        node: _Branch | TemplateSet | None = self._root
        while isinstance(node, _Branch):
            node = node.after.get(choices.get(node.decision))
        return None if node is None else node.wl_graphs(choices)

    def learn(self, networks: Mapping[str, HierarchicalGraph]) -> TemplateSet:
        """Store and return the templates of a traversed architecture.

        Args:
            networks: Its networks, by the prefix of the names of their graphs.
        """
        asked = [one for network in networks.values() for one in network.asked]
        open_choices = self._open(asked, networks.values())
        if self._count >= MOST:
            self._clear()
        self._count += 1
        templates = TemplateSet(
            {
                f"{prefix}{name}": template_of(graph, open_choices, self._fillings)
                for prefix, network in networks.items()
                for name, graph in network.graphs.items()
            }
        )
        self._store({n: v for n, v in asked if n not in open_choices}, templates)
        return templates

    def _open(
        self, asked: Iterable[Asked], networks: Iterable[HierarchicalGraph]
    ) -> frozenset[str]:
        """Return the decisions that do nothing but fill slots."""
        times = Counter(name for name, _ in asked)
        branching = self._branching.union(*(self._parents.get(name, ()) for name in times))
        if branching != self._branching:
            self._branching = branching
            self._clear()
        for network in networks:
            for graph in network.graphs.values():
                times.subtract(span.decision for span in graph.spans)
        return frozenset(n for n, left in times.items() if not left and n not in branching)

    def _store(self, asked: Mapping[str, Label | None], templates: TemplateSet) -> None:
        node, value = self._root, None
        for name, chosen in asked.items():
            child = node.after.setdefault(value, _Branch(name, {}))
            if not isinstance(child, _Branch) or child.decision != name:
                return  # hidden before by an option without operations: not cached
            node, value = child, chosen
        node.after.setdefault(value, templates)
