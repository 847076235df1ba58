"""Splitting a graph of layers into chains, branches, and parts that are wired by name."""

from collections.abc import Callable, Mapping, Sequence

from ..nodes.layer import Layer
from .calls import Call
from .parts import Branches, Part, Wire, Wired

__all__ = ["ENTRANCE", "ONLY", "GraphReader"]

ENTRANCE, ONLY = "input", "output"
"""Names of an only input and an only output of wired parts."""

EXIT = ""
"""Stands for what uses the outputs."""

Describe = Callable[[str], Layer]
DescribeMerge = Callable[[str, tuple[str, ...]], "str | Layer"]


class GraphReader:
    """Splits a graph of layers, from output to input.

    A merge belongs to the region from the nearest layer on all paths to it. If its branches have no
    layer in common, they are `Branches`; otherwise the region is `Wired`.

    Args:
        calls: What flows into each layer, by name.
        outputs: Names of the output layers.
        describe: Describes a layer of one input.
        describe_merge: Describes a layer of several inputs.

    Attributes:
        names: For the id of each layer and merge that was read, the name of the Keras layer.
    """

    def __init__(
        self,
        calls: Mapping[str, Call],
        outputs: Sequence[str],
        describe: Describe,
        describe_merge: DescribeMerge,
    ) -> None:
        self._calls, self._describe, self._describe_merge = calls, describe, describe_merge
        self._order = _topological(calls, outputs)
        self._users: dict[str, set[str]] = {name: set() for name in calls}
        for name, call in calls.items():
            for source in call.sources:
                self._users[source].add(name)
        for name in outputs:
            self._users[name].add(EXIT)
        self._nearest = self._immediate_dominators()
        self.names: dict[int, str] = {}

    def chain(self, last: str, before: str) -> tuple[Part, ...]:
        """Return the parts after one layer up to another, which is included."""
        parts: list[Part] = []
        here = last
        while here != before:
            part, here = self._step(here)
            parts.append(part)
        return tuple(reversed(parts))

    def wired(self, ends: Mapping[str, str], inputs: Mapping[str, str]) -> Wired:
        """Return all layers between inputs and ends, wired by name.

        Args:
            ends: The last layers by the names of the outputs.
            inputs: For each layer where the parts begin, the name of the input.
        """
        wires: dict[str, Wire] = {}
        names = {layer: name for name, layer in ends.items()}
        waiting = [layer for layer in ends.values() if layer not in inputs]
        while waiting:
            end = waiting.pop()
            if end in wires:
                continue
            wires[end] = self._wire(end, set(inputs), set(ends.values()))
            waiting += [source for source in wires[end].sources if source not in inputs]
        ordered = sorted(wires, key=lambda layer: self._order[layer])
        used = set(names.values()) | set(inputs.values())
        free = (f"part_{k}" for k in range(1, len(ordered) + len(used) + 1))
        called = dict(inputs)
        for layer in ordered:
            called[layer] = names.get(layer) or next(name for name in free if name not in used)
        renamed = [self._renamed(wires[layer], called[layer], called) for layer in ordered]
        return Wired(
            tuple(inputs.values()), tuple(renamed), tuple(called[k] for k in ends.values())
        )

    def _renamed(self, wire: Wire, name: str, called: Mapping[str, str]) -> Wire:
        """Return a wire with names that do not depend on those of the layers."""
        sources = tuple(called[source] for source in wire.sources)
        made = Wire(name, sources, wire.arguments, wire.merge, wire.parts)
        if wire.merge is not None:
            self.names[id(made)] = self.names.pop(id(wire))
        return made

    def _wire(self, end: str, starts: set[str], ends: set[str]) -> Wire:
        """Return the parts in a row that lead to a layer, back to a merge or a fork."""
        parts: list[Part] = []
        here = end
        while True:
            call = self._calls[here]
            start = self._nearest[here]
            is_plain = len(call.sources) == 1 and not call.arguments
            is_region = here == end and here in ends and start in starts  # the one being read
            if not is_plain and (start is None or is_region or not self._is_closed(here, start)):
                wire = Wire(
                    end,
                    call.sources,
                    call.arguments,
                    self._describe_merge(here, call.arguments),
                    tuple(reversed(parts)),
                )
                self.names[id(wire)] = here
                return wire
            part, before = self._step(here)
            parts.append(part)
            inside = {here} if is_plain else self._between(here, before)
            if before in starts or before in ends or self._users[before] - inside:
                return Wire(end, (before,), (), None, tuple(reversed(parts)))
            here = before

    def _step(self, here: str) -> tuple[Part, str]:
        """Return the part that ends at a layer, and the layer before it."""
        call = self._calls[here]
        if len(call.sources) == 1 and not call.arguments:
            made = self._describe(here)
            self.names[id(made)] = here
            return made, call.sources[0]
        start = self._nearest[here]
        assert start is not None  # a model with several inputs is wired as a whole
        branches = [self._between(source, start) for source in call.sources]
        if call.arguments or _overlap(branches):
            return self.wired({ONLY: here}, {start: ENTRANCE}), start
        read = tuple(self.chain(source, start) for source in call.sources)
        part = Branches(read, self._describe_merge(here, ()))
        self.names[id(part)] = here
        return part, start

    def _between(self, last: str, start: str) -> set[str]:
        """Return the layers on the paths from one layer, which is excluded, to another."""
        found: set[str] = set()
        waiting = [last]
        while waiting:
            name = waiting.pop()
            if name != start and name not in found:
                found.add(name)
                waiting += self._calls[name].sources
        return found

    def _is_closed(self, here: str, start: str) -> bool:
        """Return whether no layer outside a region uses a layer within it."""
        region = self._between(here, start)
        return all(self._users[name] <= region for name in region - {here})

    def _immediate_dominators(self) -> dict[str, str | None]:
        """Return the nearest layer on every path from the inputs to each layer, if any."""
        nearest: dict[str, str | None] = {}
        for name in sorted(self._order, key=lambda layer: self._order[layer]):
            common: str | None = None
            for k, source in enumerate(self._calls[name].sources):
                common = self._common(common, source, nearest) if k else source
            nearest[name] = common
        return nearest

    def _common(
        self, one: str | None, other: str | None, nearest: Mapping[str, str | None]
    ) -> str | None:
        while one != other:
            if one is None or other is None:
                return None
            if self._order[one] > self._order[other]:
                one = nearest[one]
            else:
                other = nearest[other]
        return one


def _overlap(branches: Sequence[set[str]]) -> bool:
    return sum(map(len, branches)) > len(set[str]().union(*branches))


def _topological(calls: Mapping[str, Call], outputs: Sequence[str]) -> dict[str, int]:
    """Return the position of each layer in an order in which sources come first."""
    order: dict[str, int] = {}
    waiting = [(name, False) for name in reversed(outputs)]
    while waiting:
        name, is_done = waiting.pop()
        if name in order:
            continue
        if is_done:
            order[name] = len(order)
            continue
        waiting.append((name, True))
        waiting += [(source, False) for source in reversed(calls[name].sources)]
    return order
