"""Templates: sketches of many architectures, of which few are walked.

Most decisions only say which operation stands in a place: with another option, other operations
flow into the same sums. Architectures that differ in nothing else share a template, a graph with
gaps, and their sketches are drawn from it. A gap's fillings become known as walks come upon them.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from ..decisions.domains import Label
from .canonical import is_identity
from .graph import Graph, Slot, Vertex
from .sketch import Flow, Sketch
from .walk import Asked, HierarchicalGraph

__all__ = ["Templates"]

MOST = 500  # walks after which a space forgets its templates

NOTHING, ENTERING = 0, 1
"""What flows before the first step: nothing at all, and what enters a filling."""


class Step(NamedTuple):
    """An operation or a sum.

    Attributes:
        label: The operation's; None for a sum.
        key: The choice that it belongs to, whose operations count as one; empty without.
        sources: Which flows are summed up; none at an input.
    """

    label: str | None
    key: str
    sources: tuple[int, ...]


class Gap(NamedTuple):
    """A place where a choice puts operations.

    Attributes:
        decision: Name of the choice.
        source: Which flow enters.
        fillings: What is put there, by the option's label, as far as it is known.
    """

    decision: str
    source: int
    fillings: "Fillings"


Fillings = dict[Label, "Drawing"]
Place = tuple[str, tuple[tuple[str, int], ...], tuple[str, ...]]
"""A choice, the strides there, and the labels of the choices around.

A filling depends on nothing else, for a slot is one only if no decision was asked within it.
"""


class _Unknown(Exception):
    """A filling has not been come upon yet."""


class Drawing:
    """Steps in topological order, each of which gives a flow.

    Args:
        steps: The steps.
        result: Which flow is the result.
    """

    def __init__(self, steps: Sequence[Step | Gap], result: int) -> None:
        self.steps = tuple(steps)
        self.result = result

    @property
    def is_fixed(self) -> bool:
        """Whether no step depends on a choice."""
        return not any(isinstance(step, Gap) for step in self.steps)

    def draw(self, sketch: Sketch, choices: Mapping[str, Label], entering: Flow) -> Flow:
        """Add the operations to a sketch, and return what flows out.

        Raises:
            _Unknown: A filling is not known.
        """
        if not self.steps:  # nothing, or what enters
            return entering if self.result == ENTERING else {}
        flows: list[Flow] = [{}, entering]
        merged: dict[str, int] = {}
        for step in self.steps:
            if isinstance(step, Gap):
                filling = step.fillings.get(choices[step.decision])
                if filling is None:
                    raise _Unknown
                flows.append(filling.draw(sketch, choices, flows[step.source]))
            else:
                flows.append(_flow(step, [flows[k] for k in step.sources], sketch, merged))
        return flows[self.result]


def _flow(step: Step, sources: Sequence[Flow], sketch: Sketch, merged: dict[str, int]) -> Flow:
    """Follow one step: what it gives, as a sum of operations of the sketch."""
    flow = _sum(sources)
    if sources and not flow:
        return {}
    own = merged.get(step.key)
    if own is not None and all(k <= own for k in flow):
        for source in sources:  # a later part of an operation that has begun
            sketch.join(own, source)
        return {own: 1}
    if step.label is None:
        return flow
    made = sketch.append(step.label, flow)
    if step.key:
        merged[step.key] = made
    return {made: 1}


def _sum(flows: Sequence[Flow]) -> Flow:
    if len(flows) == 1:
        return flows[0]
    total: dict[int, int] = {}
    for flow in flows:
        for position, times in flow.items():
            total[position] = total.get(position, 0) + times
    return total


# ---------------------------------------------------------------------- from a graph


class _Composer:
    """Turns vertices into steps, leaving out those that change nothing whatever flows in.

    Args:
        graph: The graph.
        slots: What is left open, by the first vertex.
        known: The fillings of each place, to be added to.
        places: Which flow each vertex gives that is there already.
    """

    def __init__(
        self,
        graph: Graph,
        slots: Mapping[int, Slot],
        known: dict[Place, Fillings],
        places: dict[int, int],
    ) -> None:
        self._graph = graph
        self._slots = slots
        self._known = known
        self._places = places
        self._steps: list[Step | Gap] = []
        self._latest: dict[str, int] = {}  # operation of each choice

    def compose(self, start: int, end: int, result: int) -> Drawing:
        """Return the steps for a run of vertices, one of which gives the result."""
        position = start
        while position < end:
            slot = self._slots.get(position)
            if slot is None:
                vertex = self._graph.vertices[position]
                self._places[position] = self._place(position, vertex)
                position += 1
            else:
                gap = Gap(slot.decision, self._places[slot.source], self._fillings(slot))
                self._places[slot.result] = self._add(gap)
                position = slot.end
        return Drawing(self._steps, self._places[result])

    def _fillings(self, slot: Slot) -> Fillings:
        """Return what is known of a place, with what is there now."""
        blocks = self._graph.vertices[slot.start].blocks
        around = tuple(block.label for block in blocks if block.kind == "choice")[:-1]
        fillings = self._known.setdefault((slot.decision, slot.bound, around), {})
        if slot.label not in fillings:
            inner = _Composer(self._graph, {}, {}, {slot.source: ENTERING})
            fillings[slot.label] = inner.compose(slot.start, slot.end, slot.result)
        return fillings

    def _place(self, position: int, vertex: Vertex) -> int:
        """Return which flow a vertex gives, after a step of its own if it needs one."""
        operation = vertex.operation
        if operation.name == "input":
            return self._add(Step(f"input {self._graph.inputs.index(position)}", "", ()))
        there = (self._places[k] for k in vertex.inputs)
        sources = tuple(source for source in there if source != NOTHING)
        if operation.name == "zero" or not sources:
            return NOTHING
        choices = [block for block in vertex.blocks if block.kind == "choice"]
        key = choices[-1].path if choices else ""
        begun = self._latest.get(key)
        is_sum = operation.name == "add" or is_identity(operation)
        if len(sources) == 1 and (sources[0] == begun or (is_sum and begun is None)):
            return sources[0]
        if is_sum:
            return self._add(Step(None, key, sources))
        label = "/".join(block.label for block in choices) or operation.name
        made = self._add(Step(label, key, sources))
        if key:
            self._latest[key] = made
        return made

    def _add(self, step: Step | Gap) -> int:
        self._steps.append(step)
        return ENTERING + len(self._steps)


def _compose(graph: Graph, open_choices: frozenset[str], known: dict[Place, Fillings]) -> Drawing:
    slots = {slot.start: slot for slot in graph.slots if slot.decision in open_choices}
    return _Composer(graph, slots, known, {}).compose(0, len(graph.vertices), graph.output)


# ---------------------------------------------------------------------- of a space


class Template:
    """What the sketches of some architectures have in common.

    Args:
        drawings: How each graph is drawn, by name.
    """

    def __init__(self, drawings: Mapping[str, Drawing]) -> None:
        self._drawings = drawings
        self._fixed = {
            name: _sketch(drawing, {}) for name, drawing in drawings.items() if drawing.is_fixed
        }

    def sketches(self, choices: Mapping[str, Label]) -> Mapping[str, Sketch] | None:
        """Draw the sketches of an architecture; None where a filling is not known yet."""
        try:
            return {
                name: self._fixed.get(name) or _sketch(drawing, choices)
                for name, drawing in self._drawings.items()
            }
        except _Unknown:
            return None


def _sketch(drawing: Drawing, choices: Mapping[str, Label]) -> Sketch:
    sketch = Sketch()
    sketch.finish(drawing.draw(sketch, choices, {}))
    return sketch


class _Branch(NamedTuple):
    """A decision that templates depend on, and what comes after each of its values."""

    decision: str
    after: dict[Label | None, "_Branch | Template"]


class Templates:
    """The templates of one space: a tree of the decisions that more than a filling depends on.

    Args:
        parents: The decisions that each one depends on.
    """

    def __init__(self, parents: Mapping[str, Sequence[str]]) -> None:
        self._parents = parents
        self._branching = frozenset[str]()  # decisions that open others
        self._forget()

    def _forget(self) -> None:
        self._root = _Branch("", {})  # no decision has this name
        self._fillings = dict[Place, Fillings]()
        self._count = 0

    def __reduce__(self) -> tuple[type["Templates"], tuple[Mapping[str, Sequence[str]]]]:
        return Templates, (self._parents,)  # what it knows is learnt again

    def sketches(self, choices: Mapping[str, Label]) -> Mapping[str, Sketch] | None:
        """Draw the sketches of an architecture; None if it has to be walked first."""
        node: _Branch | Template | None = self._root
        while isinstance(node, _Branch):
            node = node.after.get(choices.get(node.decision))
        return None if node is None else node.sketches(choices)

    def learn(self, outlines: Mapping[str, HierarchicalGraph]) -> Template:
        """Return the template of what was walked, and keep it.

        Args:
            outlines: The networks of an architecture, by what their sketches' names begin with.
        """
        asked = [one for outline in outlines.values() for one in outline.asked]
        open_choices = self._open(asked, outlines.values())
        if self._count >= MOST:
            self._forget()
        self._count += 1
        template = Template(
            {
                f"{prefix}{name}": _compose(graph, open_choices, self._fillings)
                for prefix, outline in outlines.items()
                for name, graph in outline.graphs.items()
            }
        )
        self._keep({n: v for n, v in asked if n not in open_choices}, template)
        return template

    def _open(
        self, asked: Iterable[Asked], outlines: Iterable[HierarchicalGraph]
    ) -> frozenset[str]:
        """Return the decisions that do nothing but fill a gap."""
        times = Counter(name for name, _ in asked)
        branching = self._branching.union(*(self._parents.get(name, ()) for name in times))
        if branching != self._branching:  # what was kept may have taken these for gaps
            self._branching = branching
            self._forget()
        for outline in outlines:
            for graph in outline.graphs.values():
                times.subtract(slot.decision for slot in graph.slots)
        return frozenset(n for n, left in times.items() if not left and n not in branching)

    def _keep(self, asked: Mapping[str, Label | None], template: Template) -> None:
        node, value = self._root, None
        for name, chosen in asked.items():
            child = node.after.setdefault(value, _Branch(name, {}))
            if not isinstance(child, _Branch) or child.decision != name:
                return  # an option that puts nothing there has hidden this decision before
            node, value = child, chosen
        node.after.setdefault(value, template)
