"""`Template`: a Weisfeiler-Lehman graph with slots for the operations that choices select."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ..decisions.domains import Label
from .graph import Graph, OptionSpan, Vertex
from .tokens import is_identity
from .wl_features import Flow, WLGraph

__all__ = ["Fillings", "Place", "Slot", "Template", "UnknownFilling", "template_of"]

NOTHING, ENTERING = 0, 1
"""The flows before the first step: nothing at all, and what enters a slot."""


class WLStep(NamedTuple):
    """An operation or a sum.

    Attributes:
        label: The operation's label; None for a sum.
        key: The choice that it belongs to, whose operations count as one; empty outside a choice.
        sources: Which flows are summed; none for an input.
    """

    label: str | None
    key: str
    sources: tuple[int, ...]


class Slot(NamedTuple):
    """A place that a choice fills with operations.

    Attributes:
        decision: Name of the choice.
        source: Which flow enters.
        fillings: The known fillings by the label of the option.
    """

    decision: str
    source: int
    fillings: "Fillings"


Fillings = dict[Label, "Template"]
Place = tuple[str, tuple[tuple[str, int], ...], tuple[str, ...]]
"""A choice, the strides there, and the labels of the choices around.

A filling depends on nothing else: spans are recorded only where no other decision is read.
"""


class UnknownFilling(Exception):
    """A slot has no known filling for a label."""


class Template:
    """Steps in topological order, each of which results in a flow.

    Args:
        steps: The steps.
        result: Which flow is the result.
    """

    def __init__(self, steps: Sequence[WLStep | Slot], result: int) -> None:
        self.steps = tuple(steps)
        self.result = result

    @property
    def is_fixed(self) -> bool:
        """Whether no step depends on a choice."""
        return not any(isinstance(step, Slot) for step in self.steps)

    def fill(self, graph: WLGraph, choices: Mapping[str, Label], entering: Flow) -> Flow:
        """Add the operations to a graph and return the resulting flow.

        Raises:
            UnknownFilling: The filling of a slot is unknown.
        """
        if not self.steps:  # the result is nothing, or what enters
            return entering if self.result == ENTERING else {}
        flows: list[Flow] = [{}, entering]
        merged: dict[str, int] = {}
        for step in self.steps:
            if isinstance(step, Slot):
                filling = step.fillings.get(choices[step.decision])
                if filling is None:
                    raise UnknownFilling
                flows.append(filling.fill(graph, choices, flows[step.source]))
            else:
                flows.append(_flow(step, [flows[k] for k in step.sources], graph, merged))
        return flows[self.result]


def _flow(step: WLStep, sources: Sequence[Flow], graph: WLGraph, merged: dict[str, int]) -> Flow:
    """Add the operation of a step to a graph and return its flow."""
    flow = _sum(sources)
    if sources and not flow:
        return {}
    own = merged.get(step.key)
    if own is not None and all(k <= own for k in flow):
        for source in sources:  # a later part of the same choice
            graph.join(own, source)
        return {own: 1}
    if step.label is None:
        return flow
    added = graph.append(step.label, flow)
    if step.key:
        merged[step.key] = added
    return {added: 1}


def _sum(flows: Sequence[Flow]) -> Flow:
    if len(flows) == 1:
        return flows[0]
    total: dict[int, int] = {}
    for flow in flows:
        for position, times in flow.items():
            total[position] = total.get(position, 0) + times
    return total


class _Composer:
    """Converts vertices to steps, without those that never change the flow.

    Args:
        graph: The graph.
        spans: The spans that become slots, by the first vertex.
        known: The fillings of each place; new ones are added.
        flows: Which flow a vertex results in, for vertices before the first one.
    """

    def __init__(
        self,
        graph: Graph,
        spans: Mapping[int, OptionSpan],
        known: dict[Place, Fillings],
        flows: dict[int, int],
    ) -> None:
        self._graph = graph
        self._spans = spans
        self._known = known
        self._flows = flows
        self._steps: list[WLStep | Slot] = []
        self._latest: dict[str, int] = {}  # flow of the latest operation of each choice

    def compose(self, start: int, end: int, result: int) -> Template:
        """Return the template of a range of vertices, one of which is the result."""
        position = start
        while position < end:
            span = self._spans.get(position)
            if span is None:
                vertex = self._graph.vertices[position]
                self._flows[position] = self._convert(position, vertex)
                position += 1
            else:
                slot = Slot(span.decision, self._flows[span.source], self._fillings(span))
                self._flows[span.result] = self._add(slot)
                position = span.end
        return Template(self._steps, self._flows[result])

    def _fillings(self, span: OptionSpan) -> Fillings:
        """Return the known fillings of a place, including this one."""
        blocks = self._graph.vertices[span.start].blocks
        around = tuple(block.label for block in blocks if block.kind == "choice")[:-1]
        fillings = self._known.setdefault((span.decision, span.bound, around), {})
        if span.label not in fillings:
            inner = _Composer(self._graph, {}, {}, {span.source: ENTERING})
            fillings[span.label] = inner.compose(span.start, span.end, span.result)
        return fillings

    def _convert(self, position: int, vertex: Vertex) -> int:
        """Return which flow a vertex results in, after adding a step if it needs one."""
        operation = vertex.operation
        if operation.name == "input":
            return self._add(WLStep(self._graph.input_label(position), "", ()))
        flows = (self._flows[k] for k in vertex.inputs)
        sources = tuple(source for source in flows if source != NOTHING)
        if operation.name == "zero" or not sources:
            return NOTHING
        choices = [block for block in vertex.blocks if block.kind == "choice"]
        key = choices[-1].path if choices else ""
        begun = self._latest.get(key)
        is_sum = operation.name == "add" or is_identity(operation)
        if len(sources) == 1 and (sources[0] == begun or (is_sum and begun is None)):
            return sources[0]
        if is_sum:
            return self._add(WLStep(None, key, sources))
        label = "/".join(block.label for block in choices) or operation.name
        added = self._add(WLStep(label, key, sources))
        if key:
            self._latest[key] = added
        return added

    def _add(self, step: WLStep | Slot) -> int:
        self._steps.append(step)
        return ENTERING + len(self._steps)


def template_of(
    graph: Graph, open_choices: frozenset[str], known: dict[Place, Fillings]
) -> Template:
    """Return the template of a graph.

    Args:
        graph: A graph that was recorded from a space.
        open_choices: The choices that become slots.
        known: The fillings of each place; new ones are added.
    """
    spans = {span.start: span for span in graph.spans if span.decision in open_choices}
    return _Composer(graph, spans, known, {}).compose(0, len(graph.vertices), graph.output)
