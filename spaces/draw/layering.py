"""Layering: the row of each item of a diagram, and the order within each row.

Follows Sugiyama et al. 1981, Methods for Visual Understanding of Hierarchical System Structures:
items are assigned to layers so that every line runs downwards, a line that crosses a layer gets a
place in it, and sweeps over the layers reduce the number of crossings.
"""

from bisect import bisect_right, insort
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

__all__ = ["LayeredGraph", "assign_layers"]

WIDEST = 640.0  # width of a layer, unless a single item is wider
SWEEPS = 12

Edge = tuple[int, int]


@dataclass(frozen=True)
class LayeredGraph:
    """Vertices in layers, from top to bottom. Numbers beyond the items are places of lines.

    Attributes:
        layers: Vertices of each layer, from left to right.
        paths: Vertices of each edge, one in every layer from source to target.
    """

    layers: list[list[int]]
    paths: list[list[int]]

    @cached_property
    def links(self) -> list[Edge]:
        """Pairs of vertices in successive layers that a line connects."""
        return [link for path in self.paths for link in pairwise(path)]

    @cached_property
    def above(self) -> Mapping[int, list[int]]:
        """Neighbours of each vertex in the layer above."""
        near: dict[int, list[int]] = {vertex: [] for vertex in self.ranks}
        for upper, lower in self.links:
            near[lower].append(upper)
        return near

    @cached_property
    def below(self) -> Mapping[int, list[int]]:
        """Neighbours of each vertex in the layer below."""
        near: dict[int, list[int]] = {vertex: [] for vertex in self.ranks}
        for upper, lower in self.links:
            near[upper].append(lower)
        return near

    @cached_property
    def ranks(self) -> Mapping[int, int]:
        """Layer of each vertex."""
        return {vertex: k for k, layer in enumerate(self.layers) for vertex in layer}

    @cached_property
    def places(self) -> Mapping[int, int]:
        """Place of each vertex in its layer."""
        return {vertex: k for layer in self.layers for k, vertex in enumerate(layer)}


def assign_layers(widths: Sequence[float], edges: Sequence[Edge]) -> LayeredGraph:
    """Assign items to layers and order each layer. The result is deterministic.

    Args:
        widths: Width of each item; zero for an item that is only a place of a line.
        edges: Pairs of items, source first; sources have the smaller number.
    """
    ranks = _ranks(widths, edges)
    layers: list[list[int]] = [[] for _ in range(max(ranks, default=-1) + 1)]
    for item, rank in enumerate(ranks):
        layers[rank].append(item)
    paths: list[list[int]] = []
    count = len(ranks)
    for source, target in edges:
        crossed = range(ranks[source] + 1, ranks[target])
        paths.append([source, *range(count, count + len(crossed)), target])
        for rank in crossed:
            layers[rank].append(count)
            count += 1
    aside = {
        v
        for (_, target), path in zip(edges, paths, strict=True)
        if not widths[target]
        for v in path[1:]
    }
    return LayeredGraph(_ordered(LayeredGraph(layers, paths), aside), paths)


def _ranks(widths: Sequence[float], edges: Sequence[Edge]) -> list[int]:
    """Return the layer of each item: as low as possible, in layers of at most `WIDEST`.

    Sources are in the first layer. Items far from the sources are placed first, so that the
    limited width does not lengthen the longest path.
    """
    items = range(len(widths))
    after: list[list[int]] = [[] for _ in items]
    depth = [0 for _ in items]
    for source, target in sorted(edges):
        after[source].append(target)
        depth[target] = max(depth[target], depth[source] + 1)
    height = dict[int, int]()
    waiting = sorted((k for k in items if depth[k]), key=lambda k: (-depth[k], k))
    level = 0
    while waiting:
        room = WIDEST
        for item in list(waiting):
            fits = room == WIDEST or widths[item] <= room
            if fits and all(height.get(k, level) < level for k in after[item]):
                height[item] = level
                room -= widths[item]
                waiting.remove(item)
        level += 1
    return [level - height.get(k, level) for k in items]


def _ordered(arranged: LayeredGraph, aside: set[int]) -> list[list[int]]:
    """Order the layers so that few lines cross; put shortcuts at the side if possible."""
    layers = _first_order(arranged, aside)
    best, fewest = layers, _crossings(layers, arranged.below)
    for sweep in range(SWEEPS):
        layers = _sweep(layers, arranged, down=sweep % 2 == 0)
        crossings = _crossings(layers, arranged.below)
        if crossings < fewest:
            best, fewest = layers, crossings
    return _switched(best, arranged.below)


def _first_order(arranged: LayeredGraph, aside: set[int]) -> list[list[int]]:
    """Order the layers by a depth-first search from the sources."""
    met: dict[int, int] = {}
    waiting = [vertex for layer in reversed(arranged.layers) for vertex in reversed(layer)]
    while waiting:
        vertex = waiting.pop()
        if vertex not in met:
            met[vertex] = len(met)
            following = reversed(arranged.below[vertex])
            waiting.extend(sorted(following, key=aside.__contains__, reverse=True))
    return [sorted(layer, key=met.__getitem__) for layer in arranged.layers]


def _sweep(layers: list[list[int]], arranged: LayeredGraph, down: bool) -> list[list[int]]:
    """Order each layer by the mean place of its neighbours in the previous layer."""
    near = arranged.above if down else arranged.below
    result = [list(layer) for layer in (layers if down else layers[::-1])]
    for rank in range(1, len(result)):
        places = {vertex: k for k, vertex in enumerate(result[rank - 1])}
        middles = {
            vertex: sum(places[v] for v in near[vertex]) / len(near[vertex]) if near[vertex] else k
            for k, vertex in enumerate(result[rank])
        }
        result[rank].sort(key=middles.__getitem__)
    return result if down else result[::-1]


def _switched(layers: list[list[int]], below: Mapping[int, list[int]]) -> list[list[int]]:
    """Swap adjacent vertices of a layer while that reduces the number of crossings."""
    result = [list(layer) for layer in layers]
    improved = True
    while improved:
        improved = False
        for rank, layer in enumerate(result):
            around = result[max(rank - 1, 0) : rank + 2]
            for k in range(len(layer) - 1):
                before = _crossings(around, below)
                layer[k], layer[k + 1] = layer[k + 1], layer[k]
                if _crossings(around, below) < before:
                    improved = True
                else:
                    layer[k], layer[k + 1] = layer[k + 1], layer[k]
    return result


def _crossings(layers: Sequence[list[int]], below: Mapping[int, list[int]]) -> int:
    """Count the crossings of lines between successive layers."""
    total = 0
    for upper, lower in pairwise(layers):
        places = {vertex: k for k, vertex in enumerate(lower)}
        seen: list[int] = []
        for vertex in upper:
            ends = [places[v] for v in below[vertex]]
            total += sum(len(seen) - bisect_right(seen, end) for end in ends)
            for end in ends:
                insort(seen, end)
    return total
