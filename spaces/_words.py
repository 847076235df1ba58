"""Words: what an architecture is made of, as counts that models of quality can learn from.

An architecture's graph is read as its author thinks of it: what was chosen counts as one operation
under its label, skips vanish into sums, and `none` vanishes with what hangs on it. Each operation
is a word of height 0, its label; of height 1, its label with those of its inputs; and so on, as in
the Weisfeiler-Lehman kernel of graphs. A word counts as often as there are ways from its operation
to the output.

References:
    Shervashidze et al. 2011, Weisfeiler-Lehman Graph Kernels, JMLR 12; Ru et al. 2021,
    Interpretable Neural Architecture Search via Bayesian Optimisation with Weisfeiler-Lehman
    Kernels, arXiv:2006.07556.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ._architecture import Architecture
from ._canonical import is_identity
from ._graph import Graph, Vertex
from ._walk import Outline

__all__ = ["Sketch", "sketches"]

Flow = Mapping[int, int]
"""Positions of the operations whose results are summed up, with how often."""

OUTPUT = "output"


@dataclass
class Sketch:
    """A graph with one vertex for each choice: labels, and what flows into each.

    Attributes:
        labels: The operations in topological order, inputs first, the output last.
        sources: For each, the operations before it and how often each is summed up.
        choices: Names of the decisions that chose an operation.
    """

    labels: list[str] = field(default_factory=list[str])
    sources: list[Flow] = field(default_factory=list[Flow])
    choices: set[str] = field(default_factory=set[str])

    def append(self, label: str, sources: Flow) -> int:
        """Add an operation; return its position."""
        self.labels.append(label)
        self.sources.append(sources)
        return len(self.labels) - 1

    def join(self, position: int, source: Flow) -> None:
        """Let something else flow into an operation that is there, if it does not yet."""
        known = self.sources[position]
        into = dict(known)
        for k, times in source.items():
            if k != position:
                into[k] = max(times, known.get(k, 0))
        self.sources[position] = into

    def ways(self) -> list[int]:
        """Count for each operation the ways from it to the output; 0 if there is none."""
        ways = [0] * len(self.labels)
        ways[-1] = 1
        for position in reversed(range(len(ways))):
            for source, times in self.sources[position].items():
                ways[source] += ways[position] * times
        return ways

    def words(self, height: int) -> Iterator[Counter[str]]:
        """Yield the words of heights 0, 1, ... up to and with the given one.

        The output's word is one step ahead, so that each height says what is summed up there.

        Args:
            height: The largest height, at least 0.
        """
        ways, words = self.ways(), list(self.labels)
        for _ in range(height + 1):
            counted = Counter[str]()
            for word, times in zip(words[:-1], ways, strict=False):
                if times:
                    counted[word] += times
            counted[_spell(OUTPUT, self.sources[-1], words)] += 1
            yield counted
            words = [_spell(label, self.sources[k], words) for k, label in enumerate(self.labels)]

    def paths(self, most: int = 10_000) -> Counter[tuple[str, ...]]:
        """Count the paths from an input to the output, each as the operations that it passes.

        Args:
            most: Above so many different paths into one operation, the longest are left out.
        """
        known: list[Counter[tuple[str, ...]]] = []
        last = len(self.labels) - 1
        for position, (label, sources) in enumerate(zip(self.labels, self.sources, strict=True)):
            if not sources and position != last:  # an input
                known.append(Counter({(): 1}))
                continue
            own = (label,) if position != last else ()
            into = Counter[tuple[str, ...]]()
            for source, times in sorted(sources.items()):
                for path, count in known[source].items():
                    into[*path, *own] += count * times
            shortest = sorted(into.items(), key=lambda item: (len(item[0]), item[0]))
            known.append(Counter(dict(shortest[:most])))
        return known[-1]


def _spell(label: str, sources: Flow, words: list[str]) -> str:
    inside = sorted(words[k] if n == 1 else f"{n}*{words[k]}" for k, n in sources.items())
    return f"{label}({','.join(inside)})" if inside else label


def sketches(architecture: Architecture) -> Mapping[str, Sketch]:
    """Sketch the networks of an architecture and each of their cells.

    Args:
        architecture: Any architecture; one of plain values has no sketch.

    Returns:
        Sketches by name: that of the network as a whole, and those of its cells.

    Example:
        >>> import numpy
        >>> from nasbridge import library
        >>> space = library.nas_bench_201()
        >>> drawn = sketches(space.sample(numpy.random.default_rng(0)))
        >>> list(drawn)
        ['network', 'normal', 'reduction']
        >>> drawn["normal"].labels
        ['input 0', 'avg_pool_3x3', 'nor_conv_3x3', 'nor_conv_1x1', 'output']
    """
    parts = architecture.space.resolve(architecture.choices, brief=True)
    drawn: dict[str, Sketch] = {}
    for part, outline in parts.items():
        if isinstance(outline, Outline):
            graphs = {"network": outline.graph, **outline.panels}
            prefix = f"{part}." if len(parts) > 1 else ""
            drawn |= {f"{prefix}{name}": _sketch(graph) for name, graph in graphs.items()}
    return drawn


def _sketch(graph: Graph) -> Sketch:
    sketch, flows, merged = Sketch(), list[Flow](), dict[str, int]()
    inputs = graph.inputs
    for position, vertex in enumerate(graph.vertices):
        if position in inputs:
            flows.append({sketch.append(f"input {inputs.index(position)}", {}): 1})
        else:
            flows.append(_flow(vertex, [flows[k] for k in vertex.inputs], sketch, merged))
    sketch.append(OUTPUT, flows[graph.output])
    return sketch


def _flow(vertex: Vertex, sources: list[Flow], sketch: Sketch, merged: dict[str, int]) -> Flow:
    """Follow one vertex: what it gives, as a sum of operations of the sketch."""
    choices = [block for block in vertex.blocks if block.kind == "choice"]
    sketch.choices.update(block.path for block in choices)
    own = merged.get(choices[-1].path) if choices else None
    if vertex.operation.name == "zero" or not any(sources):
        return {}
    if own is not None and all(k <= own for source in sources for k in source):
        for source in sources:  # a later part of an operation that has begun
            sketch.join(own, source)
        return {own: 1}
    if vertex.operation.name == "add":
        return _sum(sources)
    if is_identity(vertex.operation):
        return sources[0]
    label = "/".join(block.label for block in choices) or vertex.operation.name
    made = sketch.append(label, _sum(sources))
    if choices:
        merged[choices[-1].path] = made
    return {made: 1}


def _sum(flows: Sequence[Flow]) -> Flow:
    if len(flows) == 1:
        return flows[0]
    total: dict[int, int] = {}
    for flow in flows:
        for position, times in flow.items():
            total[position] = total.get(position, 0) + times
    return total
