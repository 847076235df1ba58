"""The canonical form of a network: equal for networks that are equal weight for weight.

Two networks have equal forms if a one-to-one map between their layers keeps settings, inputs and
output. Sums are flattened where no term is fitted, so neither their nesting nor the order of their
terms counts; identities are skipped; zeros are removed from sums with everything that depends on
zeros alone, and so are layers that the output does not depend on. Sharing counts: one convolution
used twice is not two convolutions. The 15,625 cells of NAS-Bench-201 have 5,483 forms.

A sum of terms whose shapes may differ is one operation, because shape fitting adds layers to it
(see `planning.fit`). Shapes are therefore followed symbolically: a token is equal only for equal
sizes or numbers of channels. An unknown layer results in a new token.

The cost is linear in the graph, up to sorting. Values are integers modulo a prime: the value of a
sum is the sum of the values of its terms, so that a chain of n blocks `x + x` is 2**n times its
input and not a list of 2**n terms. Layers are numbered in an order that depends on the network
alone. Networks with symmetries that this order does not see through may have two forms; they count
as different, which is safe.
"""

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from heapq import heappop, heappush
from typing import NamedTuple

from ..hashing import digest
from .graph import Graph, HierarchicalGraph, Operation
from .tokens import ShapeToken, concatenated, is_identity, result_shape, sum_shape, zero_shape

__all__ = ["canonical_form"]

PRIME = 2**255 - 19


def canonical_form(network: HierarchicalGraph) -> str:
    """Return a digest that is equal for networks that are equal weight for weight."""
    subgraphs = {name: _form(graph, {}) for name, graph in network.subgraphs.items()}
    return _form(network.graph, subgraphs)


class Value(NamedTuple):
    """The result of a layer, or a sum of results.

    Attributes:
        name: Digest of the operation; empty for a sum.
        sources: Positions of the values that flow in.
        is_ordered: Whether the order of the sources counts.
        tree: Hash of the expression, in which sharing does not count.
    """

    name: str
    sources: tuple[int, ...]
    is_ordered: bool
    tree: int


class Flow(NamedTuple):
    """What a vertex results in.

    Attributes:
        value: Position of the value.
        shape: Its shape.
        origin: If it is zero, what the plan makes the zeros from; it stays in the network where
            zeros do, in concatenations and as the output.
    """

    value: int
    shape: ShapeToken
    origin: "Flow | None" = None


def _form(graph: Graph, subgraphs: Mapping[str, str]) -> str:
    values, output = _values(graph, subgraphs)
    return _numbered(values, output.value)


def _hash(*parts: object) -> int:
    """Return a hash of integers and strings, below `PRIME`."""
    text = "\x1f".join(map(str, parts))
    return int.from_bytes(blake2b(text.encode(), digest_size=32).digest()) % PRIME


class _Values:
    """Collects the values of a graph."""

    def __init__(self) -> None:
        self.known: list[Value] = []

    def operation(self, name: str, sources: Sequence[int], is_ordered: bool = True) -> int:
        trees = [self.known[source].tree for source in sources]
        tree = _hash("operation", name, *(trees if is_ordered else sorted(trees)))
        self.known.append(Value(name, tuple(sources), is_ordered, tree))
        return len(self.known) - 1

    def sum(self, sources: Sequence[int]) -> int:
        if len(sources) == 1:
            return sources[0]
        tree = sum(self.known[source].tree for source in sources) % PRIME
        self.known.append(Value("", tuple(sources), False, tree))
        return len(self.known) - 1


def _values(graph: Graph, subgraphs: Mapping[str, str]) -> tuple[list[Value], Flow]:
    """Return the values of the live vertices, and what the output results in."""
    values, flows = _Values(), dict[int, Flow]()
    inputs = set(graph.inputs)
    for position in sorted(graph.live()):
        vertex = graph.vertices[position]
        if position in inputs:
            name = graph.input_label(position)
            channels = vertex.operation.config.get("channels", name)
            shape = ShapeToken(name, channels if isinstance(channels, int) else name)
            flows[position] = Flow(values.operation(name, ()), shape)
            continue
        sources = [flows[source] for source in vertex.inputs]
        operation = vertex.operation
        match operation.name:
            case "add":
                flows[position] = _sum(values, sources)
            case "concatenate":
                flows[position] = _concatenation(values, sources)
            case "zero":
                flows[position] = _zeros(values, operation, sources[0])
            case _ if is_identity(operation):
                flows[position] = sources[0]
            case kind:
                name = digest([operation, subgraphs] if kind == "stack" else operation)
                shape = result_shape(operation, name, [source.shape for source in sources])
                flows[position] = _operation(values, name, sources, shape)
    return values.known, flows[graph.output]


def _operation(values: _Values, name: str, sources: Sequence[Flow], shape: ShapeToken) -> Flow:
    """Apply an operation; of zeros alone it results in zeros."""
    last = sources[-1]
    is_zero = all(source.origin is not None for source in sources)
    if is_zero and last.shape == shape:
        return last
    origin = last.origin if is_zero else None
    if origin is not None and origin.shape == shape:
        return _zeros_from(values, origin, shape)
    return Flow(values.operation(name, [source.value for source in sources]), shape, origin)


def _zeros(values: _Values, operation: Operation, source: Flow) -> Flow:
    """Return zeros, made from what the source was made from if that has as many channels."""
    shape = zero_shape(operation, source.shape)
    origin = source.origin or source
    if origin.shape.channels != shape.channels:
        origin = source
    return _zeros_from(values, origin, shape)


def _zeros_from(values: _Values, origin: Flow, shape: ShapeToken) -> Flow:
    return Flow(values.operation(f"zeros {digest(shape)}", [origin.value]), shape, origin)


def _sum(values: _Values, sources: Sequence[Flow]) -> Flow:
    """Add terms; if their shapes may differ, layers are added to the sum, which is an operation."""
    nonzero = [source for source in sources if source.origin is None]
    if not nonzero:
        return sources[-1]
    terms = [source.value for source in nonzero]
    shapes = [source.shape for source in nonzero]
    shape = sum_shape(shapes)
    if len(set(shapes)) == 1:
        return Flow(values.sum(terms), shape)
    return Flow(values.operation(f"fitted sum {shape.channels}", terms, is_ordered=False), shape)


def _concatenation(values: _Values, sources: Sequence[Flow]) -> Flow:
    """Keep the order and the zeros, whose width shifts the channels after them."""
    if len(sources) == 1:
        return sources[0]
    shape = concatenated([source.shape for source in sources])
    return _operation(values, "concatenate", sources, shape)


def _numbered(values: Sequence[Value], output: int) -> str:
    """Number the operations in an order that depends on the network alone; return the digest.

    An operation is numbered after its inputs. Among those that are ready, the least comes first by
    its expression, by what depends on it, and by the numbers of its inputs.
    """
    users, uses = _uses(values, output)
    waits = {k: len(set(values[k].sources)) for k in users}
    identities = dict[int, int]()  # hash of an operation's number; of a sum, the sum of these
    ready = list[tuple[int, int, int]]()
    lines = list[int]()

    def offer(position: int) -> None:
        value = values[position]
        found = [identities[source] for source in value.sources]
        line = _hash("line", value.name, *(found if value.is_ordered else sorted(found)))
        heappush(ready, (_hash(value.tree, uses[position], line), position, line))

    def settle(position: int, identity: int) -> None:
        settled = [(position, identity)]
        while settled:
            here, identities[here] = settled.pop()
            for user in users[here]:
                waits[user] -= 1
                if waits[user]:
                    continue
                if values[user].name:
                    offer(user)
                else:
                    terms = (identities[source] for source in values[user].sources)
                    settled.append((user, sum(terms) % PRIME))

    for position, count in waits.items():
        if not count:
            offer(position)
    while ready:
        _, position, line = heappop(ready)
        lines.append(line)
        settle(position, _hash("number", len(lines)))
    return digest([lines, identities[output]])


def _uses(values: Sequence[Value], output: int) -> tuple[dict[int, list[int]], dict[int, int]]:
    """Return the users of each value that the output depends on, and a hash of its uses."""
    users, uses = {output: list[int]()}, {output: _hash("output")}
    for position in range(output, -1, -1):
        if position not in users:
            continue
        value = values[position]
        context = _hash("uses", value.tree, uses[position])
        for slot, source in enumerate(value.sources):
            known = users.setdefault(source, [])
            if position not in known[-1:]:
                known.append(position)
            here = _hash(context, slot * value.is_ordered) if value.name else uses[position]
            uses[source] = (uses.get(source, 0) + here) % PRIME
    return users, uses
